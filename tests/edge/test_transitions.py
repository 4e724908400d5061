"""Transitions that are counted in recordings of several activities, and those of a stated duration."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from cosmo_pl.data.streams.store import LabelInterval, Segment, StreamRecording, StreamSensor
from cosmo_pl.data.streams.windows import cut_windows
from cosmo_pl.edge.transitions import (
    PSEUDO_COUNT,
    consecutive_pairs,
    counted_transitions,
    lasting_transitions,
    usual_hop,
)
from cosmo_pl.errors import ConfigurationError


def test_activities_last_as_long_as_stated():
    found = lasting_transitions(4, hop=0.5, mean_duration=10.0)
    assert found.sum(axis=1) == pytest.approx(1)
    assert found[0] == pytest.approx([0.95, *[0.05 / 3] * 3])
    windows = np.arange(1, 5000)  # of a geometric distribution
    assert 0.5 * (windows * 0.95 ** (windows - 1) * 0.05).sum() == pytest.approx(10.0)


def counted(label, recording, start, hop, expected):
    return counted_transitions(consecutive_pairs(label, recording, start, hop, window=hop), expected)


def test_transitions_are_counted_in_recordings_of_several_activities():
    label = np.array([0, 0, 1, 1, 0, 2, 2, 2, 1])
    recording = np.array(["a"] * 5 + ["b"] * 3 + ["c"])
    start = np.array([0, 10, 20, 30, 90, 0, 10, 20, 0])  # a gap before 90; b and c have one activity
    expected = lasting_transitions(3, 1.0, 5.0)
    pairs = Counter([(0, 0), (0, 1), (1, 1)])
    counts = np.array([[pairs[(i, j)] for j in range(3)] for i in range(3)]) + PSEUDO_COUNT * expected
    found = counted(label, recording, start, 10, expected)
    assert found == pytest.approx(counts / counts.sum(axis=1, keepdims=True))
    assert found[2] == pytest.approx(expected[2])
    order = np.random.default_rng(0).permutation(len(label))
    assert np.array_equal(counted(label[order], recording[order], start[order], 10, expected), found)


@pytest.mark.parametrize("hop", [1 / 3, 5 / 12, 0.5])
def test_starts_in_milliseconds_are_of_any_hop(hop):
    start = np.rint(1000 * hop * np.arange(300)).astype(np.int64)
    label = np.arange(300) % 2
    expected = lasting_transitions(2, hop, 5.0)
    found = counted(label, np.array(["a"] * 300), start, round(1000 * hop), expected)
    counts = np.array([[0.0, 150.0], [149.0, 0.0]]) + PSEUDO_COUNT * expected
    assert found == pytest.approx(counts / counts.sum(axis=1, keepdims=True))


@pytest.mark.parametrize(("window", "hop"), [(2.0, 1.0), (5.0, 1.0), (2.0, 0.5), (2.0, 2.0), (1.0, 3.0), (3.0, 0.7)])
def test_windows_across_a_border_are_part_of_a_change(window, hop):
    times = np.cumsum([0.0, *np.random.default_rng(0).uniform(15, 25, 60)])
    names = [("walk", "sit", "lie")[i % 3] for i in range(60)]
    labels = tuple(LabelInterval(*times[i : i + 2], name) for i, name in enumerate(names))
    recording = StreamRecording(
        "day", 1, "2024-01-01T00:00:00Z", times[-1], labels, {"acc": (Segment(0, int(50 * times[-1]), 0),)}
    )
    sensor = StreamSensor("accelerometer", 50.0, (3,), ("x", "y", "z"), ("g",) * 3)
    cut = cut_windows(recording, {"acc": sensor}, ("walk", "sit", "lie"), window, hop)
    start, name = np.rint(1000 * cut.start).astype(np.int64), np.full(len(cut.start), "day")
    order = np.random.default_rng(1).permutation(len(start))
    pairs = consecutive_pairs(cut.label[order], name[order], start[order], round(1000 * hop), round(1000 * window))
    changes = Counter((one, other) for one, other in pairs.tolist() if one != other)
    assert changes == {(0, 1): 20, (1, 2): 20, (2, 0): 19}
    stays = np.bincount(pairs[pairs[:, 0] == pairs[:, 1], 0])
    lasting = np.array([np.diff(times)[i::3].sum() for i in range(3)])  # seconds
    assert stays == pytest.approx(lasting / hop - 20, abs=12), "half a window at each border"
    assert len(pairs) == pytest.approx((times[-1] - window) / hop, abs=2)


@pytest.mark.parametrize(
    ("second", "window", "expected"),
    [
        (1, 20, {(0, 0): 2, (0, 1): 1, (1, 1): 3}),  # two windows lie across the border
        (1, 10, {(0, 0): 1, (1, 1): 2}),  # a gap: windows of that length would lie in it
        (-1, 20, {(0, 0): 1, (1, 1): 1}),
    ],
)
def test_neither_gaps_nor_unknown_windows_are_part_of_a_change(second, window, expected):
    label, start = np.array([0, 0, second, 1, 1]), np.array([0, 10, 40, 50, 60])
    pairs = consecutive_pairs(label, np.full(5, "a"), start, 10, window)
    assert Counter(map(tuple, pairs.tolist())) == expected


def test_many_windows_outweigh_the_stated_duration():
    random = np.random.default_rng(1)
    true = np.array([[0.7, 0.3], [0.1, 0.9]])
    label = [0]
    for _ in range(20_000):
        label.append(int(random.random() < true[label[-1], 1]))
    row = np.arange(len(label))
    found = counted(np.array(label), np.array(["a"] * len(label)), row, 1, lasting_transitions(2, 1, 100))
    assert found == pytest.approx(true, abs=0.02)


def test_the_usual_hop_is_the_most_frequent_one():
    recording = np.array(["a", "b", "a", "a", "b", "a"])
    assert usual_hop(recording, np.array([0, 5, 70, 140, 75, 280])) == 70
    assert usual_hop(np.array(["a", "b", "c"]), np.array([0, 0, 0])) is None
    assert usual_hop(np.array([], dtype=str), np.array([], dtype=np.int64)) is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1, 1.0, 10.0), "num_classes: is 1"),
        ((3, 1.0, 1.0), "mean_duration: is 1.0 s, and windows start 1.0 s apart. Use a duration longer than the hop"),
        ((3, 1.0, float("inf")), "mean_duration: is inf"),
        ((3, float("nan"), 2.0), "mean_duration"),
    ],
)
def test_bad_input_is_named(arguments, message):
    with pytest.raises(ConfigurationError, match=message):
        lasting_transitions(*arguments)
