"""F1 of segments and delay of detection, against naive counts and cases that can be counted by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.event_metrics import (
    NOTHING,
    OVERLAPS,
    Event,
    SegmentScore,
    detection_delays,
    events_of,
    segment_score,
)


def second_by_second(events, length):
    """Label of each second of a time line; `NOTHING` outside of the events."""
    line = np.full(length, NOTHING)
    for event in events:
        line[int(event.start) : int(event.end)] = event.label
    return line


def naive_events(line):
    """Runs of equal labels, found by walking over the time line."""
    events, begin = [], 0
    for second in range(1, len(line) + 1):
        if second == len(line) or line[second] != line[begin]:
            if line[begin] != NOTHING:
                events.append(Event(float(begin), float(second), int(line[begin])))
            begin = second
    return events


def naive_score(predicted, truth, overlap, length):
    """As the definition says, with sets of seconds."""
    seconds = [{*range(int(e.start), int(e.end))} for e in truth]
    used, found, wrong = [False] * len(truth), 0, 0
    for event in predicted:
        mine = {*range(int(event.start), int(event.end))}
        best, which = 0.0, None
        for number, (true, theirs) in enumerate(zip(truth, seconds, strict=True)):
            iou = len(mine & theirs) / len(mine | theirs)
            if true.label == event.label and iou > best:
                best, which = iou, number
        if which is not None and best >= overlap and not used[which]:
            used[which] = True
            found += 1
        else:
            wrong += 1
    return SegmentScore(found, wrong, used.count(False))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("overlap", OVERLAPS)
def test_scores_are_those_of_the_definition(seed, overlap):
    random = np.random.default_rng(seed)
    true = np.repeat(random.integers(-1, 3, 12), random.integers(3, 12, 12))
    noisy = np.where(random.random(len(true)) < 0.15, random.integers(-1, 3, len(true)), np.roll(true, 2))
    second = np.arange(len(true))
    truth, predicted = (events_of(line, second, second + 1) for line in (true, noisy))
    assert truth == naive_events(true) and predicted == naive_events(noisy)
    assert np.array_equal(second_by_second(truth, len(true)), true)
    assert segment_score(predicted, truth, overlap) == naive_score(predicted, truth, overlap, len(true))


def test_an_activity_in_pieces_counts_once():
    truth = [Event(0, 10, 0), Event(10, 20, 1)]
    pieces = [Event(0, 6, 0), Event(6, 7, 1), Event(7, 10, 0), Event(10, 20, 1)]
    score = segment_score(pieces, truth, 0.5)
    assert score == SegmentScore(found=2, wrong=2, missed=0)
    assert score.f1 == pytest.approx(2 * 2 / (2 * 2 + 2))  # precision 2/4, recall 1
    assert segment_score(truth, truth, 1.0).f1 == 1.0


def test_the_overlap_decides():
    truth, found = [Event(0, 10, 0)], [Event(5, 15, 0)]  # 5 s of 15 s
    assert [segment_score(found, truth, k).found for k in (0.1, 0.25, 1 / 3, 0.5)] == [1, 1, 1, 0]
    assert segment_score([Event(5, 15, 1)], truth, 0.1) == SegmentScore(0, 1, 1)


def test_scores_of_time_lines_are_added_and_empty_ones_are_perfect():
    assert SegmentScore(1, 2, 3) + SegmentScore(4, 0, 1) == SegmentScore(5, 2, 4)
    assert segment_score([], [], 0.5).f1 == 1.0
    assert segment_score([], [Event(0, 1, 0)], 0.5).f1 == 0.0
    assert segment_score([Event(0, 1, 0)], [], 0.5).f1 == 0.0


def test_a_gap_ends_a_segment():
    assert events_of([2, 2, 2], [0, 1, 5], [1, 2, 6]) == [Event(0, 2, 2), Event(5, 6, 2)]
    assert events_of([2, NOTHING, 2], [0, 1, 2], [1, 2, 3]) == [Event(0, 1, 2), Event(2, 3, 2)]
    assert events_of([], [], []) == []
    tenths = np.arange(300) / 10  # 0.1 + 0.2 is not 0.3
    assert events_of([1] * 300, tenths, tenths + 0.1) == [Event(0.0, tenths[-1] + 0.1, 1)]


def test_delays_count_from_the_start_to_the_end_of_the_first_right_window():
    truth = [Event(0, 10, 0), Event(10, 20, 1), Event(20, 30, 2), Event(30, 40, 0)]
    known = [2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22]
    label = [1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 2]
    delays = detection_delays(label, known, truth)
    assert delays[:3].tolist() == [4, 6, 2]
    assert math.isnan(delays[3])
    assert np.isnan(detection_delays([], [], truth)).all()
    assert detection_delays([0], [0.1 + 0.2], [Event(0, 0.3, 0)]) == pytest.approx(0.3)  # a little more than 0.3
    # A window that is over at the start of a segment saw nothing of it.
    assert detection_delays([1, 1], [10, 13], truth)[1] == 3


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Event(2.0, 2.0, 0), "event: lasts from 2.0 s to 2.0 s"),
        (lambda: Event(math.nan, 2.0, 0), "event: lasts from nan s"),
        (lambda: Event(0.0, math.inf, 0), "event: lasts from 0.0 s to inf s"),
        (lambda: events_of([0, 1], [0], [1]), "label: has 2 entries, start 1 and end 1"),
        (lambda: events_of([0, 1], [0, 1], [2, 3]), "begin before the end of the one before"),
        (lambda: segment_score([], [], 0.0), r"overlap: is 0.0. Use a number in \(0, 1\]"),
        (lambda: detection_delays([0], [1, 2], []), "known: has the shape"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ConfigurationError, match=message):
        call()
