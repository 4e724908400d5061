"""LightningModules: the two stages of Cosmo."""

from cosmo_pl.modules.base import BaseModule, ClassifierModule
from cosmo_pl.modules.contrastive_fusion import ContrastiveFusionModule
from cosmo_pl.modules.iterative_fusion import IterativeFusionModule

__all__ = ["BaseModule", "ClassifierModule", "ContrastiveFusionModule", "IterativeFusionModule"]
