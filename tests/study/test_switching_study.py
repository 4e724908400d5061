"""The study of switched sensors: what is measured on a small model, and what is drawn from hand-made measurements."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from cosmo_pl.data import UTDDataModule
from cosmo_pl.encoders import TemporalEncoder
from cosmo_pl.modules import IterativeFusionModule, RandomForestModule
from cosmo_pl.study.functions import measurement
from cosmo_pl.study.measures import latency
from cosmo_pl.study.measures.switching import THRESHOLDS, in_order
from cosmo_pl.study.rendering.formats import png_of
from cosmo_pl.study.rendering.switching import curves

from .factory import jobs, record, view


@pytest.fixture(scope="module")
def data(utd_root):
    data = UTDDataModule(root=str(utd_root), label_rate=0.3)
    data.prepare_data()
    data.setup()
    return data


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(latency, "REPEATS", 1)
    monkeypatch.setattr("cosmo_pl.edge.timing.WARM_UP", 0)


def attending(data):
    """A model whose attention weights are its quality weights, 0.04 for the inertial sensor."""
    torch.manual_seed(0)
    encoders = {
        "inertial": TemporalEncoder(6, channels=(4, 4), strides=(2, 2), segments=4),
        "skeleton": TemporalEncoder(60, channels=(4, 4), strides=(2, 2), segments=4),
    }
    weights = {"inertial": 0.04, "skeleton": 0.96}
    given = {"encoders": encoders, "quality_weights": weights, "quality_lambda": 1.0, "steps": 4}
    return IterativeFusionModule(data.modality_shapes, data.num_classes, **given).eval()


def correct(model, data, names):
    batch = data.plain_batch(data.split.test)
    with torch.inference_mode():
        predicted = model({name: batch["inputs"][name] for name in names}).argmax(dim=1)
    return (predicted == batch["label"]).sum()


def test_attention_under_the_threshold_switches_a_sensor_off(data):
    model = attending(data)
    found = measurement("switching")([(model, data)])
    assert json.loads(json.dumps(found)) == found
    assert found["attention"] and found["worth"] == {"inertial": 0.04, "skeleton": 0.96}
    assert set(found["seconds"]) == {"inertial", "skeleton", "inertial+skeleton"}
    points = {point["threshold"]: point for point in found["curve"]}
    assert list(points) == list(THRESHOLDS)
    for threshold in (0.0, 0.02):
        assert points[threshold]["on"] == {"inertial": 1.0, "skeleton": 1.0} and not points[threshold]["switched"]
        assert points[threshold]["correct"] == correct(model, data, data.modalities)
    # Of the 27 clips of each of two subjects the inertial sensor is on in five, off in 20, checked in one, off in one.
    assert all(points[t]["on"] == {"inertial": round(6 / 27, 4), "skeleton": 1.0} for t in THRESHOLDS[2:])
    assert points[0.1]["switched"] == 2 * 3


def test_without_attention_training_samples_decide_which_sensors_are_off_at_first(data):
    model = RandomForestModule(data.modality_shapes, data.num_classes, num_trees=5, num_frequencies=1)
    model.remember(data.plain_batch(data.split.labeled))
    found = measurement("switching")([(model, data)])
    assert not found["attention"] and set(found["worth"]) == {"inertial", "skeleton"}
    points = {point["threshold"]: point for point in found["curve"]}
    assert points[0.0]["correct"] == correct(model, data, data.modalities) and not points[0.0]["off_at_first"]
    least = min(found["worth"], key=found["worth"].get)
    for threshold, point in points.items():
        assert point["off_at_first"] == ([least] if found["worth"][least] < threshold else [])
    assert points[0.0]["seconds"] == pytest.approx(found["seconds"]["inertial+skeleton"], rel=0.01)


def test_samples_are_in_the_order_of_time():
    names = ["a10_s7_t1", "a2_s7_t1", "a2_s7_t1", "a2_s7_t2", "a1_s8_t1"]
    samples = SimpleNamespace(
        recording=np.array(names), subject=np.array([7, 7, 7, 7, 8]), start=np.array([0, 100, 20, 0, 0])
    )
    assert in_order(samples, np.array([4, 3, 2, 1, 0])).tolist() == [2, 1, 3, 0, 4]


def point(threshold, correct, seconds, acc, gyro, switched=0):
    on = {"acc": acc, "gyro": gyro}
    return {
        "threshold": threshold, "correct": correct, "seconds": seconds, "on": on, "off_at_first": [],
        "switched": switched,
    }  # fmt: skip


def given(**more):
    worth = {"acc": 0.9, "gyro": 0.1}
    result = {"total": 100, "attention": True, "worth": worth, "seconds": {}, "device": "cpu", "threads": 1}
    known = {
        job.key: record(
            job,
            result={
                **result,
                "curve": [point(0.0, 80, 0.02, 1.0, 1.0), point(0.1, 78 + 2 * job.seed, 0.01, 1.0, 0.2, 4)],
            },
            **more,
        )
        for job in jobs("switching")
        if (job.dataset, job.method, job.measure) == ("utd_plus", "plus_alternating", "switching") and job.seed < 2
    }
    assert len(known) == 2
    reasons = dict.fromkeys(("mex_plus", "usc_plus", "self_collected"), "no recordings")
    return view("switching", "paper", known, reasons)


def test_a_row_for_each_threshold():
    rendered = curves(given())
    without, switched = (dict(zip(rendered.header, row, strict=True)) for row in rendered.rows)
    assert (without["threshold"], without["accuracy"], without["n"]) == ("0", "0.8000", "2")
    assert (without["time of a sample, relative"], without["sensors on, mean"]) == ("1.000", "1.000")
    assert (switched["threshold"], switched["accuracy"], switched["correct"]) == ("0.1", "0.7900", "158")
    assert (switched["time of a sample, relative"], switched["sensors on, mean"]) == ("0.500", "0.600")
    assert switched["sensors on"] == "acc 1.00, gyro 0.20" and switched["switched per 100 samples"] == "4.0"
    assert any("mean attention weight on training samples: acc 0.900, gyro 0.100" in note for note in rendered.notes)


def test_three_panels_for_each_dataset():
    rendered = curves(given(simulated=True))
    assert png_of(rendered.figure).startswith(b"\x89PNG")
    assert len(rendered.figure.axes) == 12
    assert rendered.figure.axes[0].get_ylabel().endswith("(simulated)")
    assert rendered.figure.get_figwidth() == 8.0, "readable at the width of a page"
    accuracy, time, on = (axes.lines[0] for axes in rendered.figure.axes[:3])
    assert list(accuracy.get_ydata()) == [0.8, 0.79] and list(accuracy.get_xdata()) == [0.0, 0.1]
    assert list(time.get_ydata()) == [1.0, 0.5] and list(on.get_ydata()) == [1.0, 0.6]


def test_the_spread_is_over_seeds_and_not_over_folds():
    """Folds of 0.7, 0.75, 0.8, 0.85 and 0.9, and a seed that is 0.01 better than the other."""
    known = {}
    for job in jobs("switching"):
        if (job.dataset, job.measure) != ("mex_plus", "switching") or job.method != "cosmo" or job.seed > 1:
            continue
        correct = 70 + 5 * job.factors["fold"] + job.seed
        result = {
            "total": 100,
            "attention": False,
            "worth": {"acc": 1.0},
            "curve": [point(0.0, correct, 0.02, 1.0, 1.0)],
        }
        known[job.key] = record(job, result=result)
    assert len(known) == 10
    (row,) = curves(view("switching", "paper", known, dict.fromkeys(("utd_plus", "usc_plus"), "x"))).rows
    shown = dict(zip(curves(view("switching", "paper", known)).header, row, strict=True))
    assert (shown["accuracy"], shown["std"], shown["n"]) == ("0.8050", "0.0071", "2")
    last = next(job.key for job in jobs("switching") if job.key in known and job.seed and job.factors["fold"] == 4)
    (row,) = curves(view("switching", "paper", {key: its for key, its in known.items() if key != last})).rows
    assert row[3:6] == ["0.8000", "", "1"], "a seed that lacks a fold does not count"
