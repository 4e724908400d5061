"""Checks of a datamodule: which samples are in which part, folds, and what is measured on them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.testing.helpers import (
    MakeData,
    assert_same_split,
    flat,
    indices,
    ready,
    rows_of,
    subjects_in,
    training_subjects,
)
from cosmo_pl.testing.refusals import refuses


def check_subjects_are_disjoint(make: MakeData) -> None:
    """No subject is in two of the training, validation and test parts."""
    a, b, c, *_ = training_subjects(make)
    cases: list[dict[str, Any]] = [{}, {"val_subjects": [b]}, {"train_subjects": [a, b], "val_subjects": [c]}]
    for arguments in cases:
        data = ready(make(labels_per_class=1, **arguments))
        train, val, test = (subjects_in(data, rows) for rows in (data.split.train, data.split.val, data.split.test))
        assert not train & val and not train & test and not val & test
        assert val == set(arguments.get("val_subjects", ()))
        assert train == set(arguments.get("train_subjects", train))
        used = np.concatenate([data.split.labeled, data.split.unlabeled])
        assert set(used.tolist()) <= set(data.split.train.tolist())


def check_all_other_subjects_are_trained_on(make: MakeData) -> None:
    """Without `train_subjects` all subjects that are neither validation nor test subjects are trained on."""
    val = training_subjects(make)[0]
    data = ready(make(val_subjects=[val]))
    assert subjects_in(data, data.split.train) == subjects_in(data) - {val} - set(data.subjects.test)


def check_each_test_sample_comes_exactly_once_and_in_order(make: MakeData) -> None:
    """The test loader has all samples of the test subjects, whatever the batch size."""
    for batch_size in (2, 3, 16):
        data = ready(make(batch_size=batch_size))
        everything = np.flatnonzero(np.isin(data.samples.subject, data.subjects.test)).tolist()
        assert flat(data.test_dataloader()) == flat(data.predict_dataloader()) == everything


def check_finetuning_trains_on_the_labelled_part(make: MakeData) -> None:
    """An epoch of fine-tuning has each labelled sample once."""
    data = ready(make())
    assert sorted(flat(data.train_dataloader())) == data.split.labeled.tolist()
    assert not set(data.split.labeled) & set(data.split.unlabeled)


def check_pretraining_trains_on_whole_batches_of_the_unlabelled_part(make: MakeData) -> None:
    """An epoch of pretraining has whole batches of different unlabelled samples."""
    torch.manual_seed(0)
    for size in (7, 32):
        data = ready(make(phase="pretrain", pretrain_batch_size=size))
        batches = indices(data.train_dataloader())
        assert [len(batch) for batch in batches] == [size] * (len(data.split.unlabeled) // size)
        seen = [index for batch in batches for index in batch]
        assert len(set(seen)) == len(seen) and set(seen) <= set(data.split.unlabeled.tolist())
        # Another epoch leaves out other samples, or some would never be seen.
        assert len(seen) == len(data.split.unlabeled) or set(seen) != set(flat(data.train_dataloader()))


def check_a_training_batch_never_holds_a_single_sample(make: MakeData) -> None:
    """Batch normalisation needs two samples."""
    classes = make().num_classes
    size = next(size for size in range(2, 99) if 2 * classes % size == 1)
    data = ready(make(labels_per_class=2, batch_size=size))
    assert min(len(batch) for batch in indices(data.train_dataloader())) >= 2


def check_include_labeled_adds_the_labelled_part_to_pretraining(make: MakeData) -> None:
    """With `include_labeled` the pretraining has all training samples."""
    data = ready(make(phase="pretrain", include_labeled=True, pretrain_batch_size=2))
    everything = {*data.split.labeled.tolist(), *data.split.unlabeled.tolist()}
    seen = set(flat(data.train_dataloader()))
    assert seen <= everything and len(everything - seen) <= 1


def check_val_parts_name_the_validation_loaders_in_order(make: MakeData) -> None:
    """`val_parts` and `val_dataloader` agree for every phase."""
    val = {"val_subjects": training_subjects(make)[:1]}
    cases: list[tuple[dict[str, Any], dict[str, str]]] = [
        ({"phase": "pretrain"}, {"reference": "labeled", "query": "unlabeled"}),
        ({"phase": "pretrain", **val}, {"reference": "labeled", "query": "val"}),
        ({"phase": "finetune"}, {"test": "test"}),
        ({"phase": "finetune", **val}, {"val": "val", "test": "test"}),
        ({"phase": "finetune", **val, "track_test": False}, {"val": "val"}),
        ({"phase": "finetune", "track_test": False}, {}),
    ]
    for arguments, expected in cases:
        data = ready(make(**arguments))
        assert list(data.val_parts) == list(expected)
        for loader, part in zip(data.val_dataloader(), expected.values(), strict=True):
            assert flat(loader) == getattr(data.split, part).tolist()


def check_all_samples_may_be_labelled(make: MakeData) -> None:
    """With `label_rate` 1 nothing is unlabelled, and no quality can be measured."""
    data = ready(make(label_rate=1.0))
    assert data.split.labeled.tolist() == data.split.train.tolist() and not len(data.split.unlabeled)
    assert sorted(flat(data.train_dataloader())) == data.split.train.tolist()
    empty = {name: (0, *shape) for name, shape in data.modality_shapes.items()}
    assert {name: tuple(x.shape) for name, x in data.quality_inputs().items()} == empty


def check_pretraining_without_samples_is_refused(make: MakeData) -> None:
    """An empty pretraining is refused with the remedy; with `include_labeled` it works."""
    arguments: dict[str, Any] = {"label_rate": 1.0, "phase": "pretrain", "pretrain_batch_size": 2}
    data = ready(make(**arguments))
    with refuses(ConfigurationError, "include_labeled"):
        data.train_dataloader()
    data = ready(make(**arguments, include_labeled=True))
    assert data.training_rows.tolist() == data.split.train.tolist()
    assert set(flat(data.train_dataloader())) <= set(data.split.train.tolist())
    assert data.val_parts == {} and data.val_dataloader() == []  # no sample is left to query a probe with
    rows = rows_of(data, data.quality_inputs())
    assert len(rows) > 20 and set(rows) <= set(data.split.train.tolist())


def check_folds_are_disjoint_and_together_all_subjects(make: MakeData) -> None:
    """Each subject is tested in exactly one fold."""
    present = sorted(subjects_in(ready(make())))
    for count in (2, 3, len(present)):
        tested: list[int] = []
        for fold in range(count):
            data = ready(make(test_subjects=None, folds=count, fold=fold, labels_per_class=1))
            found = sorted(subjects_in(data, data.split.test))
            assert found == sorted(data.subjects.test) == np.array_split(present, count)[fold].tolist()
            assert subjects_in(data, data.split.train) == set(present) - set(found)
            tested += found
        assert tested == present


def check_a_fold_is_the_same_split_as_its_subjects(make: MakeData) -> None:
    """Folds may be given as lists of subjects; a fold equals a split with these test subjects."""
    a, b, c, *_ = training_subjects(make)
    data = ready(make(test_subjects=None, folds=[[c, a], [b]], fold=0, labels_per_class=1))
    assert subjects_in(data, data.split.test) == {a, c}
    assert subjects_in(data, data.split.train) == subjects_in(data) - {a, c}
    named = ready(make(test_subjects=[a, c], labels_per_class=1))
    assert_same_split(data, named)
    assert data.normalization == named.normalization


def check_a_test_subject_of_a_fold_leaves_out_the_others(make: MakeData) -> None:
    """With some subjects of the tested fold as test subjects, the others of the fold are in no part."""
    a, b, c, *_ = training_subjects(make)
    whole = ready(make(test_subjects=None, folds=[[c, a], [b]], fold=0, labels_per_class=1))
    one = ready(make(test_subjects=[a], folds=[[c, a], [b]], fold=0, labels_per_class=1))
    assert subjects_in(one, one.split.test) == {a}
    assert one.split.train.tolist() == whole.split.train.tolist() and one.normalization == whole.normalization


def check_folds_that_cannot_be_are_refused(make: MakeData) -> None:
    """Folds that contradict the test subjects, are too many, or name subjects that do not exist are refused."""
    a, b, c, *_ = training_subjects(make)
    absent = max(subjects_in(ready(make()))) + 1
    cases: list[tuple[str, dict[str, Any]]] = [
        ("test_subjects", {"test_subjects": [c], "folds": [[a, b], [c]], "fold": 0}),
        ("folds", {"test_subjects": None, "folds": 10_000, "fold": 0}),
        ("folds", {"test_subjects": None, "folds": [[a], [absent]], "fold": 0}),
    ]
    for argument, arguments in cases:
        with refuses(ConfigurationError, argument):
            make(**arguments).prepare_data()


def check_limits_keep_every_subject(make: MakeData) -> None:
    """`max_train_samples` and `max_test_samples` keep samples of all subjects."""
    whole = ready(make())
    half = len(whole.split.train) // 2
    data = ready(make(labels_per_class=1, max_test_samples=20, max_train_samples=half))
    assert len(data.split.test) == 20 and set(data.split.test.tolist()) <= set(whole.split.test.tolist())
    used = np.concatenate([data.split.labeled, data.split.unlabeled])
    assert len(used) == half
    assert subjects_in(whole, whole.split.train) == subjects_in(data, used)
    assert subjects_in(whole, whole.split.test) == subjects_in(data, data.split.test)


def check_training_samples_have_mean_zero_and_deviation_one(make: MakeData) -> None:
    """Each group of channels is standardised by the training samples; axes of a group share their statistics."""
    data = ready(make(val_subjects=training_subjects(make)[:1]))
    for name in data.modalities:
        axis = data.channel_axis.get(name, -1)
        whole = data.inputs[name]
        assert isinstance(whole, Tensor), "the checks need samples in memory"
        values = whole[data.split.train]
        channels = values.reshape(-1, 1) if axis is None else values.movedim(axis, -1).reshape(-1, values.shape[axis])
        groups = data.channel_groups[name]
        assert sorted(channel for group in groups for channel in group) == list(range(channels.shape[1]))
        for group in groups:
            pooled = channels[:, list(group)].double()
            assert abs(float(pooled.mean())) < 1e-4 and abs(float(pooled.std()) - 1) < 1e-3
            shared = data.normalization[name]
            assert len({shared.mean[c] for c in group}) == len({shared.std[c] for c in group}) == 1
        others = whole[np.concatenate([data.split.test, data.split.val])]
        assert abs(float(others.double().std()) - 1) > 1e-6, "the statistics are those of all subjects"


def check_sensors_describe_every_channel(make: MakeData) -> None:
    """`sensors` names a kind, and a unit of every channel, before anything is read."""
    data = make()
    assert list(data.sensors) == list(data.modalities)
    for name, sensor in data.sensors.items():
        channels = sum(map(len, data.channel_groups[name]))
        assert sensor.kind and len(sensor.channels) == len(sensor.units) == channels
        assert sensor.rate is None or sensor.rate > 0


def check_each_subject_may_be_standardised_by_itself(make: MakeData) -> None:
    """With `normalization` "adapt", the samples of every subject have mean 0 in each group of channels."""
    data = ready(make(normalization="adapt"))
    assert data.trained_on.adapted
    for name in data.modalities:
        whole, axis = data.inputs[name], data.channel_axis.get(name, -1)
        assert isinstance(whole, Tensor), "the checks need samples in memory"
        for subject in np.unique(data.samples.subject):
            values = whole[np.flatnonzero(data.samples.subject == subject)].double()
            last = values.unsqueeze(-1) if axis is None else values.movedim(axis, -1)
            for group in data.channel_groups[name]:
                assert abs(float(last[..., list(group)].mean())) < 1e-3


def check_quality_is_measured_on_unlabelled_samples_that_do_not_overlap(make: MakeData) -> None:
    """`quality_inputs` has as many unlabelled samples as fit without overlap."""
    data = ready(make())
    rows = rows_of(data, data.quality_inputs())
    assert len(rows) > 20 and set(rows) <= set(data.split.unlabeled.tolist())
    windows = sorted((str(data.samples.recording[row]), int(data.samples.start[row])) for row in rows)
    for (one, start), (other, after) in pairwise(windows):
        assert one != other or after >= start + data.span
    used: dict[str, list[int]] = {}
    for recording, start in windows:
        used.setdefault(recording, []).append(start)
    for row in data.split.unlabeled:  # each one that is left out overlaps with one that is used
        starts = used[str(data.samples.recording[row])]
        assert any(abs(start - int(data.samples.start[row])) < data.span for start in starts)


def check_quality_uses_labelled_samples_only_where_few_are_unlabelled(make: MakeData) -> None:
    """More than half of the samples have to be labelled, and `include_labeled` be set."""
    for rate in (0.4, 0.6):
        data = ready(make(label_rate=rate, include_labeled=True))
        rows = set(rows_of(data, data.quality_inputs()))
        unlabeled, few = set(data.split.unlabeled.tolist()), rate > 0.5
        assert rows and (rows <= unlabeled) != few
        alone = ready(make(label_rate=rate))
        assert set(rows_of(alone, alone.quality_inputs())) <= unlabeled


def check_quality_inputs_keep_to_their_limit(make: MakeData) -> None:
    """A limit takes evenly spaced samples, of several subjects."""
    data = ready(make())
    rows = rows_of(data, data.quality_inputs(limit=10))
    assert len(rows) == 10
    assert len(subjects_in(data, rows)) > 1
