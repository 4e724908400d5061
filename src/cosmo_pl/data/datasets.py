"""All datasets of this package."""

from cosmo_pl.data.base import MultimodalDataModule
from cosmo_pl.data.joint import JointDataModule
from cosmo_pl.data.mex import MExDataModule
from cosmo_pl.data.registry import DatasetRegistry
from cosmo_pl.data.self_collected import SelfCollectedDataModule
from cosmo_pl.data.streams.datamodule import StreamsDataModule
from cosmo_pl.data.usc import USCDataModule
from cosmo_pl.data.utd import UTDDataModule

DATASETS = DatasetRegistry([UTDDataModule, USCDataModule, SelfCollectedDataModule, MExDataModule, StreamsDataModule])

__all__ = [
    "DATASETS",
    "JointDataModule",
    "MExDataModule",
    "MultimodalDataModule",
    "SelfCollectedDataModule",
    "StreamsDataModule",
    "USCDataModule",
    "UTDDataModule",
]
