"""Cosmo (MobiCom 2022) in PyTorch Lightning: contrastive fusion learning with small data.

The names below are imported when they are first used, so that ``import cosmo_pl`` itself costs nothing:

    from cosmo_pl import ContrastiveFusionModule, UTDDataModule, default_callbacks
"""

from typing import TYPE_CHECKING

from cosmo_pl.lazy import lazily
from cosmo_pl.version import __version__ as __version__

if TYPE_CHECKING:
    from cosmo_pl.bundle import Bundle
    from cosmo_pl.callbacks import ModalityDropout, NearestNeighborPositives, default_callbacks
    from cosmo_pl.data import (
        DATASETS,
        JointDataModule,
        MExDataModule,
        MultimodalDataModule,
        SelfCollectedDataModule,
        StreamsDataModule,
        USCDataModule,
        UTDDataModule,
    )
    from cosmo_pl.data.streams.importing import import_streams
    from cosmo_pl.data.streams.sniffing import sniff
    from cosmo_pl.encoders import (
        DepthEncoder,
        Encoder,
        InertialEncoder,
        RadarEncoder,
        SkeletonEncoder,
        StatisticsEncoder,
        TemporalEncoder,
    )
    from cosmo_pl.errors import ConfigurationError, CosmoError
    from cosmo_pl.exported import ExportedRecogniser
    from cosmo_pl.modules import (
        AttnSenseModule,
        BaseModule,
        ClassifierModule,
        CMCModule,
        CMKMModule,
        COCOAModule,
        ContrastiveFusionModule,
        CPCModule,
        DeepSenseModule,
        FeatureForestModule,
        FOCALModule,
        IterativeFusionModule,
        MiniRocketModule,
        MultiRocketHydraModule,
        NearestNeighborModule,
        OptimizerSettings,
        PrototypeModule,
        PseudoLabelModule,
        RandomForestModule,
        SimCLRModule,
        SingleModalModule,
    )
    from cosmo_pl.recogniser import Prediction, Recogniser
    from cosmo_pl.suggestion import Suggestion, suggest


__all__ = [
    "DATASETS",
    "AttnSenseModule",
    "BaseModule",
    "Bundle",
    "CMCModule",
    "CMKMModule",
    "COCOAModule",
    "CPCModule",
    "ClassifierModule",
    "ConfigurationError",
    "ContrastiveFusionModule",
    "CosmoError",
    "DeepSenseModule",
    "DepthEncoder",
    "Encoder",
    "ExportedRecogniser",
    "FOCALModule",
    "FeatureForestModule",
    "InertialEncoder",
    "IterativeFusionModule",
    "JointDataModule",
    "MExDataModule",
    "MiniRocketModule",
    "ModalityDropout",
    "MultiRocketHydraModule",
    "MultimodalDataModule",
    "NearestNeighborModule",
    "NearestNeighborPositives",
    "OptimizerSettings",
    "Prediction",
    "PrototypeModule",
    "PseudoLabelModule",
    "RadarEncoder",
    "RandomForestModule",
    "Recogniser",
    "SelfCollectedDataModule",
    "SimCLRModule",
    "SingleModalModule",
    "SkeletonEncoder",
    "StatisticsEncoder",
    "StreamsDataModule",
    "Suggestion",
    "TemporalEncoder",
    "USCDataModule",
    "UTDDataModule",
    "default_callbacks",
    "import_streams",
    "sniff",
    "suggest",
]

_MODULES = {
    "bundle": "Bundle",
    "callbacks": "ModalityDropout NearestNeighborPositives default_callbacks",
    "data": "DATASETS JointDataModule MExDataModule MultimodalDataModule SelfCollectedDataModule StreamsDataModule "
    "USCDataModule UTDDataModule",
    "data.streams.importing": "import_streams",
    "data.streams.sniffing": "sniff",
    "encoders": "DepthEncoder Encoder InertialEncoder RadarEncoder SkeletonEncoder StatisticsEncoder TemporalEncoder",
    "errors": "ConfigurationError CosmoError",
    "exported": "ExportedRecogniser",
    "modules": "AttnSenseModule BaseModule CMCModule CMKMModule COCOAModule CPCModule ClassifierModule "
    "ContrastiveFusionModule DeepSenseModule FOCALModule FeatureForestModule IterativeFusionModule MiniRocketModule "
    "MultiRocketHydraModule NearestNeighborModule OptimizerSettings PrototypeModule PseudoLabelModule "
    "RandomForestModule SimCLRModule SingleModalModule",
    "recogniser": "Prediction Recogniser",
    "suggestion": "Suggestion suggest",
}
"""Module to its public names: an exported recogniser needs no PyTorch."""

if not TYPE_CHECKING:  # a type checker would take any attribute for known
    __getattr__, __dir__ = lazily(__name__, _MODULES)
