"""Losses, one a file."""

from cosmo_pl.losses.contrastive_fusion import ContrastiveFusionLoss

__all__ = ["ContrastiveFusionLoss"]
