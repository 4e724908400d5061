"""Losses, one per file."""

from cosmo_pl.losses.cocoa import COCOALoss
from cosmo_pl.losses.contrastive_fusion import ContrastiveFusionLoss
from cosmo_pl.losses.cross_view import CrossViewLoss
from cosmo_pl.losses.focal import FOCALLoss
from cosmo_pl.losses.knowledge_mining import KnowledgeMiningLoss
from cosmo_pl.losses.predictive_coding import PredictiveCodingLoss

__all__ = [
    "COCOALoss",
    "ContrastiveFusionLoss",
    "CrossViewLoss",
    "FOCALLoss",
    "KnowledgeMiningLoss",
    "PredictiveCodingLoss",
]
