"""The study of calibration, rejection and smoothing: what is measured on streams, and what is rendered."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from cosmo_pl.edge.decision import Decision
from cosmo_pl.edge.transitions import lasting_transitions
from cosmo_pl.event_metrics import Event, events_of
from cosmo_pl.study.measures import decisions
from cosmo_pl.study.rendering import live

from .factory import jobs, record, view

WINDOW, HOP = 2.0, 1.0  # seconds; a step is half a second


def windows(person, recording, label, count):
    return [(person, recording, label, 2 * start) for start in range(count)]


@pytest.fixture
def data():
    """Two test people and one training person, windows of 2 s that start every second."""
    rows = [*windows(1, "a", 0, 9), *windows(1, "b", 1, 6), *windows(2, "c", 1, 5), *windows(3, "d", 0, 4)]
    subject, recording, label, start = map(np.array, zip(*rows, strict=True))
    samples = SimpleNamespace(subject=subject, recording=recording, label=label, start=start)
    split = SimpleNamespace(test=np.flatnonzero(subject < 3)[::3])  # tests may skip windows; a stream does not
    return SimpleNamespace(samples=samples, split=split, window_seconds=WINDOW, span=4, step_seconds=WINDOW / 4)


def test_recordings_of_a_test_person_follow_each_other_without_a_gap(data):
    lines = list(decisions.time_lines(data))
    assert [len(line.rows) for line in lines] == [15, 5]
    for line in lines:
        assert line.start[0] == 0 and np.array_equal(line.start[1:], line.end[:-1])
        assert (np.diff(line.known)[np.diff(data.samples.subject[line.rows]) == 0] > 0).all()
    first = lines[0]
    truth = events_of(data.samples.label[first.rows], first.start, first.end)
    assert sorted((event.end - event.start, event.label) for event in truth) == [(7.0, 1), (10.0, 0)]
    assert events_of(data.samples.label[lines[1].rows], lines[1].start, lines[1].end) == [Event(0.0, 6.0, 1)]
    assert first.known[0] == WINDOW and first.known[-1] == first.end[-1] == 17.0


def test_smoothing_is_measured_against_single_windows(data, monkeypatch):
    """One window of the first recording is wrong, and the smoother corrects it."""
    wrong = 4

    def logits(_, __, rows):
        right = np.eye(2, dtype=np.float32)[data.samples.label[rows]]
        return np.where((rows == wrong)[:, None], 1 - right, right)

    monkeypatch.setattr(decisions, "logits_of", logits)
    transitions = tuple(map(tuple, lasting_transitions(2, HOP, 10.0).tolist()))
    found = decisions.smoothed(None, data, Decision(transitions=transitions))
    assert (found["windows"], found["segments"], found["seconds"]) == (20, 3, 23.0)
    assert found["before"]["correct"] == 19
    # 10 s in pieces of 4.5 s, 1 s of the other activity, and 4.5 s: none overlaps by half
    assert found["before"]["f1"]["0.5"] == [2, 3, 1] and found["before"]["f1"]["0.1"] == [3, 2, 0]
    assert found["before"]["delay"] == 2.0 and found["before"]["missed"] == 0
    after = found["after"]
    assert after["correct"] >= 18 and sum(after["f1"]["0.5"][:2]) == 3, "no segment of the wrong window is left"


def test_streams_of_clips_are_not_smoothed_and_nothing_is_unknown_to_few_activities():
    model = SimpleNamespace(num_classes=3, parameters=lambda: iter(()))
    assert decisions.unknown_activities(model, None, Decision()) == []


QUALITY = {"samples": 9, "accuracy": 0.8, "ece_before": 0.2, "ece_after": 0.05, "accepted": 0.9}
STREAM = {"correct": 60, "f1": {k: [8, 2, 2] for k in ("0.1", "0.25", "0.5")}, "delay": 2.0, "missed": 1}


def result(job, streams):
    by = {"accepted_known": 72, "accepted_unknown": 9, "correct": 60, "auroc": 0.75}
    group = {"known": 80, "unknown": 20, "probability": by, "score": {**by, "accepted_unknown": 3, "auroc": 0.9}}
    quality = {**QUALITY, "accuracy_of_accepted": 0.85 + 0.01 * job.seed}
    report = {"measured_on": "two people", "uncalibrated": None, "held_out": quality, "test": quality}
    found = {"windows": 100, "segments": 10, "seconds": 9.0, "before": STREAM, "after": {**STREAM, "correct": 70}}
    return {
        "temperature": 1.5, "threshold": 0.4, "score_threshold": 0.1, "report": report, "unknown": [group, group],
        "smoothing": found if streams else None,
    }  # fmt: skip


def rendered(keep, streams=True):
    measured = [job for job in jobs("live") if job.kind == "measure" and keep(job)]
    return live.table(view("live", "paper", {job.key: record(job, result=result(job, streams)) for job in measured}))


def test_each_grid_has_its_rows():
    rows = rendered(lambda job: True).rows
    measured = [row for row in rows if row[2] == "measured on"]
    assert len(measured) == 4 and measured[0][3] == "two people"
    of_usc = [row for row in rows if row[0].startswith("usc")]
    assert len(of_usc) == 2 * len([row for row in rows if row[0].startswith("utd")])


def test_values_without_and_with_the_decision():
    cells = {row[1:3]: row[3:] for row in map(tuple, rendered(lambda job: job.dataset == "utd_plus").rows)}
    assert cells["calibration", "temperature"] == ("1.000 ± 0.000 (n=5)", "1.500 ± 0.000 (n=5)")
    assert cells["calibration", "calibration error, test subjects"] == ("0.200 ± 0.000 (n=5)", "0.050 ± 0.000 (n=5)")
    assert cells["rejection", "accuracy of the accepted"] == ("0.800 ± 0.000 (n=5)", "0.870 ± 0.016 (n=5)")
    by, by_score = (f"unknown activities, by {name}" for name in ("probability", "probability and distance"))
    assert cells[by, "known samples accepted"][1] == "0.900 ± 0.000 (n=5)"
    assert cells[by, "unknown samples accepted"][1] == "0.450 ± 0.000 (n=5)"
    assert cells[by_score, "unknown samples accepted"][1] == "0.150 ± 0.000 (n=5)"
    assert cells[by, "accuracy of the accepted"] == ("-", "0.741 ± 0.000 (n=5)")  # 60 / 81
    assert cells[by_score, "area under the ROC curve"] == ("-", "0.900 ± 0.000 (n=5)")
    assert cells["smoothing of streams", "window accuracy"] == ("0.600 ± 0.000 (n=5)", "0.700 ± 0.000 (n=5)")
    assert cells["smoothing of streams", "F1@50 of segments"][0] == "0.800 ± 0.000 (n=5)"
    assert cells["smoothing of streams", "segments never recognised"][0] == "0.100 ± 0.000 (n=5)"


def test_clips_have_no_rows_of_streams_and_nothing_measured_gives_an_empty_table():
    questions = {row[1] for row in rendered(lambda job: job.dataset == "utd_plus", streams=False).rows}
    unknown = {"unknown activities, by probability", "unknown activities, by probability and distance"}
    assert questions == {"calibration", "rejection", *unknown}
    assert rendered(lambda job: False).rows == []
