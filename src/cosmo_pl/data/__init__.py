"""Datasets: from raw recordings to batches.

The names below are imported when they are first used: what reads streams of samples needs no PyTorch.
"""

from typing import TYPE_CHECKING

from cosmo_pl.lazy import lazily

if TYPE_CHECKING:
    from cosmo_pl.data.datasets import (
        DATASETS,
        JointDataModule,
        MExDataModule,
        MultimodalDataModule,
        SelfCollectedDataModule,
        StreamsDataModule,
        USCDataModule,
        UTDDataModule,
    )

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

if not TYPE_CHECKING:  # a type checker would take any attribute for known
    __getattr__, __dir__ = lazily(__name__, {"datasets": " ".join(__all__)})
