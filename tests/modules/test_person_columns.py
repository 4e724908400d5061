"""Columns of each person: against naive loops, and only for people whose unlabelled samples are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.ensemble import RandomForestClassifier

from cosmo_pl.data import StreamsDataModule, USCDataModule
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.modules import RandomForestModule
from cosmo_pl.modules.base import PersonColumns
from cosmo_pl.simulation import simulate_usc
from data.streams.written import write_streams

ADAPTED = {"person_labels_per_class": 0, "person_unlabeled": "add"}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Three recordings of each activity and person, two of which are known of a tested person."""
    made = tmp_path_factory.mktemp("trials")
    simulate_usc(made, subjects=range(1, 5), trials=3, seconds=3.0, progress=False)
    return made


@pytest.fixture
def make_windows(root):
    def make(**arguments):
        given = {"label_rate": 0.3, "test_subjects": [2], "cache_dir": None, **ADAPTED, **arguments}
        return USCDataModule(root=str(root), **given)

    return make


def forest(data, **arguments):
    return RandomForestModule(data.modality_shapes, data.num_classes, **{"num_trees": 15, **arguments})


def known_rows(data):
    return np.sort(np.concatenate([data.split.labeled, data.split.unlabeled]))


def by_hand(columns, subject, known, mode):
    """Columns of all samples by mean and deviation of the known ones of their person."""
    found = np.empty_like(columns)
    least = 1e-3 * columns[known].std(axis=0)
    for row, person in enumerate(subject):
        own = columns[[other for other in known if subject[other] == person]]
        deviation = np.maximum(own.std(axis=0), least)
        found[row] = (columns[row] - own.mean(axis=0)) / np.where(deviation > 0, deviation, 1)
    return np.concatenate([columns, found], axis=1) if mode == "add" else found


@pytest.mark.parametrize("mode", ["add", "only"])
def test_columns_equal_a_naive_loop(mode):
    draw = np.random.default_rng(0)
    columns, subject, known = draw.normal(3, 2, (40, 5)), draw.choice([7, 3, 12], 40), np.arange(0, 40, 2)
    columns[:, 1], columns[subject == 3, 2] = 4.0, -1.0  # the same for all, and for one person
    people = PersonColumns(mode)
    people.learn(torch.from_numpy(columns[known]), torch.from_numpy(subject[known]))
    found = people(torch.from_numpy(columns), torch.from_numpy(subject)).numpy()
    assert found.shape == (40, 10 if mode == "add" else 5)
    np.testing.assert_allclose(found, by_hand(columns, subject, known.tolist(), mode), rtol=1e-9, atol=1e-9)
    moved = np.where(subject[:, None] == 7, 10 * columns + 3, columns)  # one person's are shifted and stretched
    people.learn(torch.from_numpy(moved[known]), torch.from_numpy(subject[known]))
    own = people(torch.from_numpy(moved), torch.from_numpy(subject)).numpy()[:, -5:]
    np.testing.assert_allclose(np.delete(own, [1, 2], axis=1), np.delete(found[:, -5:], [1, 2], axis=1), atol=1e-9)


@pytest.mark.parametrize("accelerometer", [None, "acc"])
def test_the_forest_is_that_of_columns_by_hand_and_of_a_loaded_checkpoint(
    make_windows, make_trainer, tmp_path, accelerometer
):
    data = make_windows()
    module, trainer = forest(data, own_columns="add", accelerometer=accelerometer), make_trainer(1, limit_val_batches=0)
    trainer.fit(module, datamodule=data)
    rows, split, samples = np.arange(len(data.samples)), data.split, data.samples
    assert set(samples.subject[split.test]) == {2} and (samples.subject[split.unlabeled] == 2).any()
    columns = module.features(data.plain_batch(rows)["inputs"]).numpy()
    expected = by_hand(columns, samples.subject, known_rows(data).tolist(), "add")
    naive = RandomForestClassifier(15, random_state=0).fit(expected[split.labeled], samples.label[split.labeled])
    module.eval()
    probability = module.logits(data.plain_batch(split.test)).exp().numpy()
    np.testing.assert_allclose(probability, naive.predict_proba(expected[split.test]).clip(1e-6), atol=1e-5)
    trainer.save_checkpoint(tmp_path / "forest.ckpt")
    loaded = RandomForestModule.load_from_checkpoint(tmp_path / "forest.ckpt", map_location="cpu").eval()
    assert torch.equal(loaded.logits(data.plain_batch(split.test)).exp(), torch.from_numpy(probability))


def test_no_label_of_a_tested_person_is_used(make_windows, make_trainer):
    found = []
    for shift in (0, 1):
        data = make_windows()
        data.setup("fit")
        tested = data.samples.subject == 2
        data.samples.label[tested] = (data.samples.label[tested] + shift) % data.num_classes
        module = forest(data, own_columns="add", self_training_rounds=1)
        make_trainer(1, limit_val_batches=0).fit(module, datamodule=data)
        found.append(module.eval().logits(data.plain_batch(data.split.test)))
    assert torch.equal(*found)


@pytest.mark.parametrize(
    "changes",
    [{"person_unlabeled": None}, {**dict.fromkeys(ADAPTED), "val_subjects": [2], "test_subjects": []}],
    ids=["test", "val"],
)
def test_people_without_unlabelled_samples_are_refused_before_any_columns(
    make_windows, make_trainer, monkeypatch, changes
):
    data = make_windows(**changes)
    module = forest(data, own_columns="add")
    monkeypatch.setattr(RandomForestModule, "features", lambda *_: pytest.fail("columns are computed"))
    line = r"^own_columns: needs unlabelled samples of each person, and there are none of \[2\]\. Set data"
    with pytest.raises(ConfigurationError, match=line):
        make_trainer(1, limit_val_batches=0).fit(module, datamodule=data)


def test_samples_that_do_not_say_whose_they_are_are_those_of_the_one_tested_person(make_windows, make_trainer):
    for tested in ([2], [2, 3]):
        data = make_windows(test_subjects=tested)
        module = forest(data, own_columns="only", accelerometer="acc")
        make_trainer(1, limit_val_batches=0).fit(module, datamodule=data)
        batch = data.plain_batch(data.split.test)
        if len(tested) == 1:
            assert torch.equal(module.eval()(batch["inputs"]), module.logits(batch))
            assert module.compared_columns() == {}
    for refused in (lambda: module(batch["inputs"]), module.tree_heads):
        with pytest.raises(ConfigurationError, match=r"^own_columns: .*unknown which of \[2, 3\] this is"):
            refused()


def test_another_import_is_that_of_the_one_tested_person_whatever_its_numbers(tmp_path, make_trainer):
    """Subjects 1 to 5 of an import are other people than those of another one."""
    first, other = (write_streams(tmp_path / name, seconds=seconds) for name, seconds in (("a", 30.0), ("b", 36.0)))
    data = StreamsDataModule(root=str(first.folder), test_subjects=(5,), labels_per_class=2, **ADAPTED)
    module = forest(data, own_columns="only")
    make_trainer(1, limit_val_batches=0).fit(module, datamodule=data)
    new = StreamsDataModule(root=str(other.folder), test_subjects=(1,))
    new.adopt(module.trained)
    new.setup("test")
    module.trainer.datamodule = new
    batch = new.plain_batch(new.split.test)
    assert set(batch["subject"].tolist()) == {1}
    assert torch.equal(module.eval().logits(batch), module(batch["inputs"]))
    own = {**batch, "subject": torch.full_like(batch["subject"], 5)}
    module.trainer.datamodule = data
    assert torch.equal(module.logits(own), module(batch["inputs"]))
    assert not torch.equal(module.logits(batch), module.logits(own)), "as if they were of subject 1 of the training"


def test_people_without_samples_samples_without_a_sensor_and_exports_of_several_graphs_are_refused(
    make_windows, make_trainer
):
    data = make_windows()
    module = forest(data, own_columns="only")
    make_trainer(1, limit_val_batches=0).fit(module, datamodule=data)
    batch = data.plain_batch(data.split.test[:4])
    with pytest.raises(ConfigurationError, match=r"^own_columns: needs unlabelled samples of each person.*\[77\]"):
        module.logits({**batch, "subject": torch.full((4,), 77)})
    with pytest.raises(ConfigurationError, match=r"^own_columns: some samples lack modalities"):
        module.logits({**batch, "inputs": {"acc": batch["inputs"]["acc"]}})
    for export in (module.stream_encoders, module.tree_heads):
        with pytest.raises(ConfigurationError, match=r"^own_columns: .*one graph of all sensors"):
            export()


def test_a_column_that_a_person_hardly_varies_is_not_blown_up():
    columns, subject = np.random.default_rng(0).normal(size=(40, 2)), np.arange(40) % 2
    columns[subject == 1, 0] = 5 + 1e-9 * np.arange(20)  # constant up to rounding
    people = PersonColumns("only")
    people.learn(torch.from_numpy(columns), torch.from_numpy(subject))
    found = people(torch.tensor([[6.0, 0.0]], dtype=torch.double), torch.tensor([1]))
    assert found[0, 0].item() == pytest.approx(1 / (1e-3 * columns[:, 0].std()), rel=1e-6)
