"""Weights of a module by modality: which a client trains and sends, and their form in Flower's messages."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import torch
from flwr.app import ArrayRecord
from torch import Tensor

from cosmo_pl.stream_names import is_complete

BATCH_STATISTICS = ("running_mean", "running_var")


def stream_of(key: str, streams: Iterable[str]) -> str | None:
    """Stream that a weight belongs to: "acc" for "encoders.acc.0.weight"; None for a weight of all modalities.

    Args:
        key: Name of the weight in the state dict.
        streams: Modalities, or several that are encoded together as "acc+gyro".
    """
    within = key.split(".")[1:-1]
    return next((stream for stream in streams if stream in within), None)


def is_batch_statistic(key: str) -> bool:
    """Whether a weight is a running statistic of batch normalisation."""
    return key.rpartition(".")[2] in BATCH_STATISTICS


def weights_of(
    state: Mapping[str, Tensor], streams: Iterable[str], modalities: Collection[str], batch_statistics: bool = True
) -> dict[str, Tensor]:
    """The weights that a client with some modalities trains; counters, which are whole numbers, are left out.

    Args:
        state: State dict of the module.
        streams: Streams of the module.
        modalities: Modalities that the client has. It trains a stream if it has all of the stream's modalities.
        batch_statistics: Whether the running statistics of batch normalisation belong to them.
    """
    lacking = {stream for stream in streams if not is_complete(stream, modalities)}
    return {
        key: value
        for key, value in state.items()
        if value.is_floating_point()
        and stream_of(key, streams) not in lacking
        and (batch_statistics or not is_batch_statistic(key))
    }


def to_record(weights: Mapping[str, Tensor]) -> ArrayRecord:
    """Weights as a record of Flower, one array per weight."""
    return ArrayRecord({key: value.detach().cpu() for key, value in weights.items()})


def to_weights(record: ArrayRecord) -> dict[str, Tensor]:
    """The weights in a record. A running variance that noise has made negative becomes 0."""
    found = {key: torch.from_numpy(array.numpy().copy()) for key, array in record.items()}
    return {key: value.clamp(min=0) if key.endswith(".running_var") else value for key, value in found.items()}


def num_bytes(record: ArrayRecord) -> int:
    """Bytes of the arrays in a record, which are nearly all that a message sends."""
    return sum(len(array.data) for array in record.values())
