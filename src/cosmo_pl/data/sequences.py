"""Sequences of neighbouring samples of a recording, which a batch keeps together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Sampler


def sequences_of(recording: NDArray[Any], start: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """Sequence of each sample: consecutive samples of one recording, in pieces of `length` from its first.

    The last piece of a recording may be shorter.

    Args:
        recording: Recording of each sample (N,).
        start: First step of each sample in its recording (N,).
        length: Largest number of samples in a sequence.

    Returns:
        Number of each sample's sequence (N,), from 0 without gaps.
    """
    _, member = np.unique(recording, return_inverse=True)
    order = np.lexsort((start, member))
    sorted_members = member[order]
    first = np.searchsorted(sorted_members, sorted_members)  # where the recording of each begins
    piece = (np.arange(len(order)) - first) // length
    new = np.r_[True, (np.diff(sorted_members) != 0) | (np.diff(piece) != 0)][: len(order)]
    found = np.empty(len(order), dtype=np.int64)
    found[order] = np.cumsum(new) - 1
    return found


class SequenceSampler(Sampler[int]):
    """Positions of all samples, sequence after sequence in a random order.

    Args:
        sequence: Sequence of each position (n,), from 0 without gaps.
    """

    def __init__(self, sequence: Tensor) -> None:
        self.sequence = sequence

    def __len__(self) -> int:
        return len(self.sequence)

    def __iter__(self) -> Iterator[int]:
        rank = torch.randperm(int(self.sequence.max()) + 1)[self.sequence]
        return iter(torch.argsort(rank, stable=True).tolist())
