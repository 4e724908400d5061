"""Losses, one a file."""

from cosmo_pl.losses.contrastive_fusion import ContrastiveFusionLoss
from cosmo_pl.losses.cross_view import CrossViewLoss

__all__ = ["ContrastiveFusionLoss", "CrossViewLoss"]
