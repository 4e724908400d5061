"""Which samples of a batch have which sensor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from cosmo_pl.errors import ConfigurationError

Present = Mapping[str, Tensor]
"""Modality, or stream of several, to whether a sample has it (N,)."""


def presence(streams: Iterable[str], inputs: Mapping[str, Tensor], present: Present | None) -> Present | None:
    """What is there of each stream; a stream of several modalities is there where all of them are.

    Args:
        streams: Names of streams, "acc" or "acc+gyro".
        inputs: Modality to samples (N, *shape); one that is left out is absent from all samples.
        present: Modality to whether a sample has it (N,); one that is left out is there wherever `inputs` has it.

    Returns:
        Stream to bool (N,), None where everything is there.

    Raises:
        ConfigurationError: A sample has none of the streams.
    """
    parts = {stream: stream.split("+") for stream in streams}
    present = present or {}
    if not any(part in present or part not in inputs for names in parts.values() for part in names):
        return None
    known = next(iter({**inputs, **present}.values()), torch.zeros(1))
    whole = known.new_ones(len(known), dtype=torch.bool)
    of = {
        name: present.get(name, whole).bool() if name in inputs else ~whole
        for names in parts.values()
        for name in names
    }
    found = {stream: torch.stack([of[name] for name in names]).all(dim=0) for stream, names in parts.items()}
    empty = int((~torch.stack(list(found.values())).any(dim=0)).sum())
    if empty:
        raise ConfigurationError(
            "present", f"{empty} samples have none of {list(found)}, which the model needs",
            "Leave them out, or use a model of a sensor that they have",
        )  # fmt: skip
    return found
