"""Callbacks of the Trainer: results, reproducibility, and changes of training batches."""

from pytorch_lightning import Callback

from cosmo_pl.callbacks.modality_dropout import ModalityDropout
from cosmo_pl.callbacks.nearest_neighbors import NearestNeighborPositives
from cosmo_pl.callbacks.reproducibility import EpochSeed, LastCheckpoint
from cosmo_pl.callbacks.results import ResultWriter
from cosmo_pl.callbacks.wandb import WandbResults

__all__ = [
    "EpochSeed",
    "LastCheckpoint",
    "ModalityDropout",
    "NearestNeighborPositives",
    "ResultWriter",
    "WandbResults",
    "default_callbacks",
]


def default_callbacks() -> list[Callback]:
    """The callbacks that the command line gives to every training, for a plain Lightning Trainer.

    They seed each epoch by itself, write ``last.ckpt`` after epochs, and write the results of a test.
    """
    return [EpochSeed(), ResultWriter(), LastCheckpoint()]
