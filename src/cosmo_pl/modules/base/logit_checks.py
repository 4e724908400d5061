"""Logits of which no class can be chosen: the largest of NaN would count as the first class."""

from __future__ import annotations

from torch import Tensor

from cosmo_pl.data import MultimodalDataModule
from cosmo_pl.data.loading import Batch
from cosmo_pl.errors import ConfigurationError


def check_logits(logits: Tensor, batch: Batch, data: MultimodalDataModule | None, method: str) -> None:
    """Checks that the probabilities of all samples are finite; the logit of a class may be minus infinity.

    Args:
        logits: Logits (N, C).
        batch: Their batch.
        data: The datamodule of the batch, which knows the recordings.
        method: Name of the module's class.

    Raises:
        ConfigurationError: Those of a sample are not.
    """
    usable = logits.logsumexp(dim=1).isfinite()
    if bool(usable.all()):
        return
    row, number = int(usable.int().argmin()), int((~usable).sum())
    first = f"row {row} of a batch"
    if data is not None and "index" in batch:
        index = int(batch["index"][row])
        first = f"sample {index}, of recording '{data.samples.recording[index]}'"
    problem = f"gives logits that are not finite for {number} of {len(usable)} samples of a batch, first for {first}"
    raise ConfigurationError(method, problem, "Correct its `classify`, or the encoders that it uses")
