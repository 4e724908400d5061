"""Forests that teach themselves: against naive loops, and blind to what they must not see."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.ensemble import RandomForestClassifier

from cosmo_pl.data import USCDataModule
from cosmo_pl.modules import RandomForestModule
from cosmo_pl.modules.base import average_in_context

LIMIT = 150


@pytest.fixture
def make_windows(usc_root):
    def make(**arguments):
        return USCDataModule(root=str(usc_root), label_rate=0.05, test_subjects=[2], **arguments)

    return make


def fitted(data, trainer, **arguments):
    module = RandomForestModule(
        data.modality_shapes, data.num_classes, num_trees=15, max_pseudo_labels=LIMIT, **arguments
    )
    trainer.fit(module, datamodule=data)
    return module


@pytest.mark.parametrize("context", [0, 3, 10**6])
def test_context_is_the_mean_of_a_naive_loop(context):
    draw = np.random.default_rng(0)
    values = draw.random((40, 3)).astype(np.float32)
    recording = draw.choice(["a", "b", "c"], 40)
    start = draw.integers(0, 12, 40)
    means = average_in_context(values, recording, start, context)
    for i in range(40):
        near = [values[j] for j in range(40) if recording[j] == recording[i] and abs(start[j] - start[i]) <= context]
        np.testing.assert_allclose(means[i], np.mean(near, axis=0), rtol=1e-5)


def test_a_round_takes_what_the_forest_thinks_of_a_recording_s_windows(make_windows, make_trainer):
    """Labels by hand: a forest of the labelled windows, its votes averaged over 3 s, the labelled ones as they are."""
    data = make_windows()
    module = fitted(data, make_trainer(1, limit_val_batches=0), self_training_rounds=1, context=300)
    known, samples = data.split.labeled, data.samples
    rows = np.sort(np.concatenate([known, data.split.unlabeled]))
    features = module.features(data.plain_batch(rows)["inputs"]).numpy()
    place = {row: i for i, row in enumerate(rows)}
    truth = [samples.label[row] for row in known]
    teacher = RandomForestClassifier(15, random_state=0).fit([features[place[row]] for row in known], truth)
    votes = teacher.predict_proba(features)
    expected = {}
    for row in rows:
        recording, start = samples.recording[row], samples.start[row]
        near = [
            votes[place[other]]
            for other in rows
            if samples.recording[other] == recording and abs(samples.start[other] - start) <= 300
        ]
        mean = np.mean(near, axis=0)
        best = teacher.classes_[mean > mean.max() - 1e-6].tolist()  # fifteen trees often vote for two classes alike
        expected[row] = [samples.label[row]] if row in known else best
    inputs, label = module.examples
    taken = sorted({*known.tolist(), *rows[np.linspace(0, len(rows) - 1, LIMIT).round().astype(int)].tolist()})
    assert len(known) < LIMIT < len(rows), "windows of all kinds are there"
    assert torch.equal(inputs["acc"], data.inputs["acc"][torch.tensor(taken)])
    assert all(label[i] in expected[row] for i, row in enumerate(taken))
    alone = {row: teacher.classes_[votes[place[row]].argmax()] for row in rows}
    assert any(alone[row] not in expected[row] for row in taken if row not in known), "context has a say"


def test_a_second_round_takes_what_the_first_one_s_forest_thinks(make_windows, make_trainer):
    once, twice = (
        fitted(make_windows(), make_trainer(1, limit_val_batches=0), self_training_rounds=n, context=300)
        for n in (1, 2)
    )
    data = make_windows()
    data.setup()
    rows = np.union1d(data.split.labeled, data.split.unlabeled)
    votes = once(data.plain_batch(rows)["inputs"]).exp().numpy()
    thought = average_in_context(votes, data.samples.recording[rows], data.samples.start[rows], 300).argmax(axis=1)
    label = dict(zip(rows.tolist(), thought.tolist(), strict=True))
    label |= {row: int(data.samples.label[row]) for row in data.split.labeled.tolist()}
    taken = np.union1d(data.split.labeled, rows[np.linspace(0, len(rows) - 1, LIMIT).round().astype(int)])
    assert twice.examples[1].tolist() == [label[row] for row in taken.tolist()]
    assert twice.examples[1].tolist() != once.examples[1].tolist()


def test_nothing_but_the_labelled_windows_labels_and_the_training_windows_is_used(make_windows, make_trainer):
    data, spoiled = make_windows(val_subjects=[3]), make_windows(val_subjects=[3])
    data.setup()
    spoiled.setup()
    spoiled.samples.label[spoiled.split.unlabeled] = 0
    for values in spoiled.inputs.values():
        values[torch.from_numpy(np.union1d(spoiled.split.test, spoiled.split.val))] = torch.nan
    one, other = (
        fitted(d, make_trainer(1, limit_val_batches=0), self_training_rounds=2, context=700) for d in (data, spoiled)
    )
    state, same = one.state_dict(), other.state_dict()
    assert all(torch.equal(value, same[key]) for key, value in state.items())
    assert len(state["example_label"]) > len(data.split.labeled)


def test_rounds_change_the_forest_and_travel_in_the_checkpoint(make_windows, make_trainer, tmp_path):
    data = make_windows()
    plain = fitted(data, make_trainer(1, limit_val_batches=0))
    assert torch.equal(plain.examples[1], torch.from_numpy(data.samples.label[data.split.labeled]))
    trainer = make_trainer(1, limit_val_batches=0)
    module = fitted(data, trainer, self_training_rounds=2, context=700)
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    inputs = next(iter(data.test_dataloader()))["inputs"]
    assert not torch.equal(module(inputs), plain(inputs))
    restored = RandomForestModule.load_from_checkpoint(
        tmp_path / "last.ckpt", modality_shapes=data.modality_shapes, weights_only=True
    )
    assert torch.equal(restored(inputs), module(inputs))
