"""Sequences of neighbouring samples, and the batches that keep them together."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import torch

from cosmo_pl.data import USCDataModule, UTDDataModule
from cosmo_pl.data.sequences import SequenceSampler, sequences_of


def test_pieces_of_recordings_in_the_order_of_time():
    recording = np.array(["b", "a", "b", "a", "b", "b", "b", "c"])
    start = np.array([10, 0, 0, 5, 30, 20, 40, 0])
    found = sequences_of(recording, start, 2)
    #              b 0, 10 | 20, 30 | 40, a 0, 5, c 0
    assert found.tolist() == [1, 0, 1, 0, 2, 2, 3, 4]
    assert sequences_of(recording, start, 1).tolist() == [3, 0, 2, 1, 5, 4, 6, 7]
    assert sequences_of(recording, start, 100).tolist() == [1, 0, 1, 0, 1, 1, 1, 2]
    assert len(sequences_of(recording[:0], start[:0], 2)) == 0


def test_every_sample_once_and_sequences_side_by_side():
    sequence = torch.tensor([0, 1, 0, 2, 1, 1, 3])
    torch.manual_seed(0)
    orders = [list(SequenceSampler(sequence)) for _ in range(4)]
    for order in orders:
        assert sorted(order) == list(range(7))
        met = sequence[order].tolist()
        assert sum(a != b for a, b in pairwise(met)) == 3
    assert len(set(map(tuple, orders))) > 1
    torch.manual_seed(0)
    assert list(SequenceSampler(sequence)) == orders[0]


def batches(data, length):
    data.trainer = SimpleNamespace(
        lightning_module=SimpleNamespace(phase="pretrain", sequence_length=length),
        strategy=SimpleNamespace(root_device=torch.device("cpu")),
        global_rank=0,
        world_size=1,
    )
    data.setup()
    torch.manual_seed(0)
    return [batch["index"].tolist() for batch in data.train_dataloader()]


def test_a_module_with_a_sequence_length_gets_sequences(usc_root):
    windows = {"window_size": 60, "stride": 30, "labels_per_class": 1, "pretrain_batch_size": 32}
    data = USCDataModule(root=str(usc_root), **windows, include_labeled=True)
    for rows in batches(data, 4):
        assert len(rows) == 32
        sizes = np.unique(data.sequences[rows], return_counts=True)[1]
        assert sizes[sizes > 1].sum() > 0.8 * 32 and sizes.max() == 4
    outside = np.setdiff1d(np.arange(len(data.samples)), data.training_rows)
    assert (data.sequences[outside] == -1).all()


def test_clips_have_no_neighbours(utd_root):
    data = UTDDataModule(root=str(utd_root), label_rate=0.2, pretrain_batch_size=16)
    batches(data, 4)
    rows = data.training_rows
    assert len(np.unique(data.sequences[rows])) == len(rows)
