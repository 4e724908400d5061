"""LightningModules: the two stages of Cosmo and its baselines, one file per method."""

from cosmo_pl.modules.attnsense import AttnSenseModule
from cosmo_pl.modules.base import BaseModule, ClassifierModule, OptimizerSettings
from cosmo_pl.modules.cmc import CMCModule
from cosmo_pl.modules.cmkm import CMKMModule
from cosmo_pl.modules.cocoa import COCOAModule
from cosmo_pl.modules.contrastive_fusion import ContrastiveFusionModule
from cosmo_pl.modules.cpc import CPCModule
from cosmo_pl.modules.deepsense import DeepSenseModule
from cosmo_pl.modules.focal import FOCALModule
from cosmo_pl.modules.iterative_fusion import IterativeFusionModule
from cosmo_pl.modules.nearest_neighbor import NearestNeighborModule
from cosmo_pl.modules.prototype import PrototypeModule, PseudoLabelModule
from cosmo_pl.modules.random_forest import FeatureForestModule, RandomForestModule
from cosmo_pl.modules.rocket import MiniRocketModule, MultiRocketHydraModule
from cosmo_pl.modules.simclr import SimCLRModule
from cosmo_pl.modules.single_modal import SingleModalModule

__all__ = [
    "AttnSenseModule",
    "BaseModule",
    "CMCModule",
    "CMKMModule",
    "COCOAModule",
    "CPCModule",
    "ClassifierModule",
    "ContrastiveFusionModule",
    "DeepSenseModule",
    "FOCALModule",
    "FeatureForestModule",
    "IterativeFusionModule",
    "MiniRocketModule",
    "MultiRocketHydraModule",
    "NearestNeighborModule",
    "OptimizerSettings",
    "PrototypeModule",
    "PseudoLabelModule",
    "RandomForestModule",
    "SimCLRModule",
    "SingleModalModule",
]
