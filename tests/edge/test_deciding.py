"""The decision of a run: on validation subjects, on folds of training subjects, or stated as uncalibrated."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import numpy as np
import pytest
import torch
from pytorch_lightning import Trainer

from cosmo_pl.data import StreamsDataModule, USCDataModule, UTDDataModule
from cosmo_pl.data.streams.store import LabelInterval
from cosmo_pl.edge.calibration import accepting_score, accepting_threshold, calibration_error, fit_temperature
from cosmo_pl.edge.deciding import FOLDS, HeldOut, decision_of, held_out_logits, measured_decision
from cosmo_pl.edge.decision import Decision, score
from cosmo_pl.edge.neighbors import distances, training_neighbors
from cosmo_pl.edge.refitting import is_quick, logits_of, refitted
from cosmo_pl.edge.transitions import lasting_transitions
from cosmo_pl.encoders import InertialEncoder, SkeletonEncoder
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.modules import IterativeFusionModule, NearestNeighborModule, RandomForestModule
from cosmo_pl.simulation import simulate_usc
from data.streams.written import ACTIVITIES, write_streams

QUICK = {
    "accelerator": "cpu", "max_epochs": 1, "logger": False, "enable_checkpointing": False, "limit_val_batches": 0,
    "enable_progress_bar": False, "enable_model_summary": False, "num_sanity_val_steps": 0,
}  # fmt: skip


def usc(root, **arguments):
    return USCDataModule(root=str(root), **{"label_rate": 0.3, "cache_dir": None, **arguments})


@pytest.fixture(scope="module")
def fitted(usc_root):
    """A small forest of windows, without validation subjects."""
    data = usc(usc_root)
    model = RandomForestModule(data.modality_shapes, data.num_classes, num_trees=10)
    Trainer(**QUICK).fit(model, datamodule=data)
    return model.eval(), data


@pytest.fixture(scope="module")
def validated(usc_root):
    data = usc(usc_root, val_subjects=[8, 9, 10])
    model = RandomForestModule(data.modality_shapes, data.num_classes, num_trees=10)
    Trainer(**QUICK).fit(model, datamodule=data)
    return model.eval(), data


def test_validation_subjects_decide(validated):
    model, data = validated
    decision, report = measured_decision(model, data, accepted=0.8)
    rows, label = data.split.val, data.samples.label
    logits = logits_of(model, data, rows)
    assert report.measured_on == "validation subjects 8, 9, 10" and report.uncalibrated is None
    assert decision.temperature == fit_temperature(logits, label[rows])
    probability = (torch.from_numpy(logits).double() / decision.temperature).softmax(dim=1).numpy()
    assert decision.threshold == pytest.approx(accepting_threshold(probability, 0.8))
    assert decision.score_threshold is None, "the statistics of a forest have different units, and no distance"
    assert report.held_out.samples == len(rows) and report.held_out.accepted >= 0.8
    assert report.held_out.accuracy == pytest.approx((logits.argmax(axis=1) == label[rows]).mean())
    assert report.held_out.ece_after == pytest.approx(calibration_error(probability, label[rows]), abs=1e-3)
    kept = probability.max(axis=1) >= decision.threshold
    right = probability.argmax(axis=1) == label[rows]
    assert report.held_out.accuracy_of_accepted == pytest.approx(right[kept].mean())
    assert Decision.read(json.loads(json.dumps(decision.described()))) == decision
    assert json.loads(json.dumps(report.described()))["test"]["samples"] == len(data.split.test)


def test_test_subjects_decide_nothing(validated):
    model, data = validated
    decision, report = measured_decision(model, data)
    samples = data.samples
    label = samples.label.copy()
    label[data.split.test] = np.roll(label[data.split.test], 5)
    data.samples = replace(samples, label=label)
    other, changed = measured_decision(model, data)
    data.samples = samples
    assert other == decision and changed.held_out == report.held_out and changed.test != report.test


def test_each_fold_is_classified_by_the_labels_and_samples_of_other_people(fitted):
    model, data = fitted
    found = held_out_logits(model, data)
    assert isinstance(found, HeldOut) and found.people == f"labelled samples of training subjects in {FOLDS} folds"
    subject, label = data.samples.subject, data.samples.label
    expected, known = [], []
    for people in ((1, 2), (3, 4), (5, 6), (7, 8), (9, 10)):
        mine = np.isin(subject, people)
        split = data.split
        others = replace(split, labeled=split.labeled[~mine[split.labeled]], unlabeled=split.unlabeled[:0])
        rows = split.labeled[mine[split.labeled]]
        expected.append(logits_of(refitted(model, data, others), data, rows))
        known.append(label[rows])
    np.testing.assert_array_equal(found.label, np.concatenate(known))
    np.testing.assert_allclose(found.logits, np.concatenate(expected), rtol=1e-6)
    assert len(found.label) == len(data.split.labeled)


def test_nobody_trains_the_module_that_classifies_them(fitted, monkeypatch):
    model, data = fitted
    splits = []
    monkeypatch.setattr("cosmo_pl.edge.deciding.refitted", lambda model, _, split: splits.append(split) or model)
    held_out_logits(model, data)
    for number, split in enumerate(splits):
        others = set(range(1, 11)) - {2 * number + 1, 2 * number + 2}
        for rows in (split.labeled, split.unlabeled):
            assert set(data.samples.subject[rows].tolist()) == others
    assert len(splits) == FOLDS


@pytest.mark.parametrize(("label_rate", "measured"), [(0.5, True), (1.0, False)])
def test_columns_of_each_person_are_those_of_the_unlabelled_samples(tmp_path, monkeypatch, label_rate, measured):
    """They are known of the people of a fold as of the person that is recognised later; their labels are not."""
    monkeypatch.setattr("cosmo_pl.edge.deciding.ENOUGH", 1)
    simulate_usc(tmp_path, subjects=range(1, 5), trials=3, seconds=3.0, progress=False)
    data = usc(tmp_path, label_rate=label_rate, test_subjects=[2], person_labels_per_class=0, person_unlabeled="add")
    model = RandomForestModule(data.modality_shapes, data.num_classes, num_trees=5, own_columns="add")
    Trainer(**QUICK).fit(model, datamodule=data)
    found, subject, split = held_out_logits(model.eval(), data), data.samples.subject, data.split
    if not measured:
        assert "3 people have no unlabelled samples" in found
        return
    assert isinstance(found, HeldOut) and len(found.label) == len(split.labeled)
    expected = []
    for person in (1, 3, 4):
        own = subject[split.labeled] == person
        others = refitted(model, data, replace(split, labeled=split.labeled[~own]))
        assert set(others.people.examples.tolist()) == {1, 3, 4} - {person}
        expected.append(logits_of(others, data, split.labeled[own]))
    np.testing.assert_allclose(found.logits, np.concatenate(expected), rtol=1e-6)


def test_the_trained_model_and_its_data_stay_as_they_are(fitted):
    model, data = fitted
    before, split = logits_of(model, data, data.split.test), data.split
    torch.manual_seed(3)
    state = torch.get_rng_state()
    measured_decision(model, data)
    assert np.array_equal(logits_of(model, data, data.split.test), before)
    assert data.split is split and not data.allow_missing_classes
    assert torch.equal(torch.get_rng_state(), state)


def test_windows_of_one_activity_have_the_stated_duration(fitted):
    model, data = fitted
    decision, report = measured_decision(model, data, mean_duration=7.0)
    assert report.hop == pytest.approx(0.7) and report.counted == 0  # 70 of 100 steps a second
    assert np.array(decision.transitions) == pytest.approx(lasting_transitions(12, 0.7, 7.0))
    with pytest.raises(ConfigurationError, match=r"mean_duration: is 0.5 s, and windows start 0.7"):
        measured_decision(model, data, mean_duration=0.5)


def test_recordings_of_several_activities_show_how_long_they_last(tmp_path):
    """Each of three activities lasts 7.3 s; the windows on their borders are no samples."""
    store = write_streams(tmp_path / "day", subjects=(1, 2, 3), labels=["walk"], seconds=60.0)
    labels = tuple(LabelInterval(7.3 * n, 7.3 * (n + 1), ACTIVITIES[n % 3]) for n in range(8))
    replace(store, recordings=tuple(replace(each, labels=labels) for each in store.recordings)).write()
    data = StreamsDataModule(root=str(tmp_path / "day"), window=2.0, hop=0.5, label_rate=1.0, test_subjects=[3])
    model = RandomForestModule(data.modality_shapes, data.num_classes, num_trees=5)
    Trainer(**QUICK).fit(model, datamodule=data)
    decision, report = measured_decision(model.eval(), data)
    assert report.hop == 0.5 and report.counted == 2 * 112, "pairs of two people, from 0 s to the last window at 56 s"
    found = np.array(decision.transitions)
    assert np.diag(found) == pytest.approx(1 - 0.5 / 7.3, abs=0.03), "not nearly 1, as of stays alone"
    following = [found[one, (one + 1) % 3] / (1 - found[one, one]) for one in range(3)]
    assert min(following) > 0.9, "what follows is known"


def test_labels_in_one_fold_leave_a_model_uncalibrated(utd_root):
    data = UTDDataModule(root=str(utd_root), label_rate=1.0, labels_per_class=1)
    model = NearestNeighborModule(data.modality_shapes, data.num_classes)
    Trainer(**QUICK).fit(model, datamodule=data)
    decision, report = measured_decision(model.eval(), data)
    assert decision == Decision() and report.measured_on is None and report.held_out is None
    assert report.uncalibrated == (
        "there are no validation subjects, and 27 activities have labels in one fold only; "
        "train with more data.init_args.val_subjects"
    )
    assert report.test.accepted == 1.0 and report.test.ece_before == pytest.approx(report.test.ece_after)
    assert report.hop is None  # clips of different lengths


def test_a_model_with_trained_weights_is_not_trained_again(utd_root):
    data = UTDDataModule(root=str(utd_root), label_rate=0.3)
    encoders = {
        "inertial": InertialEncoder(channels=(4, 4, 4, 4)),
        "skeleton": SkeletonEncoder(channels=(4, 4, 4, 4), kernels=((5, 5, 2), (5, 5, 2), (5, 5, 1), (5, 2, 1))),
    }
    model = IterativeFusionModule(data.modality_shapes, data.num_classes, encoders=encoders, quality_lambda=0)
    Trainer(**QUICK, limit_train_batches=1).fit(model, datamodule=data)
    assert not is_quick(model)
    assert "the weights of the model are trained" in measured_decision(model.eval(), data)[1].uncalibrated


def test_the_threshold_of_the_score_comes_from_the_same_people(utd_root, monkeypatch):
    monkeypatch.setattr("cosmo_pl.edge.deciding.ENOUGH", 1)
    data = UTDDataModule(root=str(utd_root), label_rate=0.3, val_subjects=[5, 6])
    data.setup()
    encoders = {"inertial": InertialEncoder(channels=(4, 4, 4, 4))}
    shapes = {"inertial": data.modality_shapes["inertial"]}
    model = IterativeFusionModule(shapes, data.num_classes, encoders=encoders, quality_lambda=0).eval()
    decision, report = measured_decision(model, data, accepted=0.8)
    rows, neighbors = data.split.val, training_neighbors(model, data)
    probability = decision.apply(torch.from_numpy(logits_of(model, data, rows)).double().softmax(dim=1).numpy())
    found = score(probability, distances(neighbors, model, data, rows))
    assert decision.score_threshold == pytest.approx(accepting_score(found, 0.8), abs=1e-6)
    assert report.held_out.accepted == pytest.approx((found >= decision.score_threshold).mean()) and len(rows) > 1


@pytest.mark.parametrize("enough", ["validated", "fitted"])
def test_too_few_samples_leave_a_model_uncalibrated(enough, request, monkeypatch):
    monkeypatch.setattr("cosmo_pl.edge.deciding.ENOUGH", 1000)
    decision, report = measured_decision(*request.getfixturevalue(enough))
    assert (decision.temperature, decision.threshold) == (1.0, 0.0) and decision.transitions is not None
    message = "subjects have {} samples, fewer than 1000" if enough == "validated" else "{} labels, fewer than 1000"
    split = request.getfixturevalue(enough)[1].split
    assert message.format(len(split.val) or len(split.labeled)) in report.uncalibrated
    monkeypatch.setattr("cosmo_pl.edge.deciding.ENOUGH", len(split.val) or len(split.labeled))
    assert measured_decision(*request.getfixturevalue(enough))[1].uncalibrated is None


def test_logits_that_are_not_finite_are_refused(validated, monkeypatch):
    model, data = validated
    monkeypatch.setattr(type(model), "classify", lambda self, inputs, present=None: (
        torch.full((len(next(iter(inputs.values()))), 12), torch.nan), None
    ))  # fmt: skip
    with pytest.raises(ConfigurationError, match=r"logits: are NaN or infinite"):
        measured_decision(model, data)


@pytest.mark.parametrize("accepted", [0.0, 1.1, float("nan")])
def test_a_share_out_of_range_is_refused_before_anything_is_computed(accepted, fitted, monkeypatch):
    monkeypatch.setattr("cosmo_pl.edge.deciding.held_out_logits", lambda *_: pytest.fail("computed"))
    with pytest.raises(ConfigurationError, match=r"accepted: is"):
        measured_decision(*fitted, accepted=accepted)


def test_one_fold_is_refused(fitted):
    with pytest.raises(ConfigurationError, match=r"folds: is 1. Use at least 2"):
        measured_decision(*fitted, folds=1)


def test_a_folder_without_a_run_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"has no config\.yaml"):
        decision_of(tmp_path)


@pytest.mark.parametrize("seed", [None, "11"])
def test_a_decision_leaves_the_seed_of_later_trainings_alone(fitted, monkeypatch, seed):
    model, data = fitted
    monkeypatch.delenv("PL_GLOBAL_SEED", raising=False)
    if seed is not None:
        monkeypatch.setenv("PL_GLOBAL_SEED", seed)
    refitted(model, data, data.split)
    assert os.environ.get("PL_GLOBAL_SEED") == seed
