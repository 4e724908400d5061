"""A client's datamodule with nothing but its own samples, as a simulation has many clients in one process."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import torch
from torch import Tensor

from cosmo_pl.data import MultimodalDataModule


def keep_training_samples(data: MultimodalDataModule) -> None:
    """Leaves a datamodule only the samples that it trains on, and lets it read no recordings again.

    Batches and their order stay the same. Samples on disk stay as they are, since they take no memory.

    Args:
        data: The datamodule after its setup, for pretraining.
    """
    data.prepare_data = lambda: None  # type: ignore[method-assign]  # Lightning calls it before each of many trainings
    inputs = {name: values for name, values in data.inputs.items() if isinstance(values, Tensor)}
    if len(inputs) < len(data.inputs):
        return
    rows = data.training_rows
    position = np.full(len(data.samples), -1)
    position[rows] = np.arange(len(rows))
    moved = {part.name: position[getattr(data.split, part.name)] for part in fields(data.split)}
    data.inputs = {name: values[torch.from_numpy(rows).to(values.device)] for name, values in inputs.items()}
    own = data.samples.some(rows)  # whose windows are views of all recordings, which would stay in memory
    data.samples = replace(own, inputs={name: values[np.arange(len(rows))] for name, values in own.inputs.items()})
    data.split = replace(data.split, **{name: indices[indices >= 0] for name, indices in moved.items()})
