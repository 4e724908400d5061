"""Windows of imported streams."""

from dataclasses import replace

import numpy as np
import pytest

from cosmo_pl.data.streams.description import ClockCorrection
from cosmo_pl.data.streams.store import LabelInterval, Segment, StreamRecording, StreamSensor
from cosmo_pl.data.streams.windows import (
    BORDER,
    GAP,
    OUTSIDE,
    common_start,
    cut_windows,
    joined,
    through_last_frame,
)

from .written import SENSORS

ACTIVITIES = ("walk", "sit")


def recording(
    labels: tuple[LabelInterval, ...] = (),
    wrist: tuple[Segment, ...] = (Segment(0, 200, 0),),
    mat: tuple[Segment, ...] = (Segment(0, 50, 0),),
) -> StreamRecording:
    """Ten seconds."""
    return StreamRecording("a", 1, "2024-05-01T10:00:00", 10.0, labels, {"wrist": wrist, "mat": mat})


def test_windows_are_cut_by_time_at_each_sensors_rate() -> None:
    found = cut_windows(recording(), SENSORS, ACTIVITIES, window=2.0, hop=1.5)
    assert found.start.tolist() == [0.0, 1.5, 3.0, 4.5, 6.0, 7.5]
    assert found.rows["wrist"].tolist() == [0, 30, 60, 90, 120, 150]
    assert found.rows["mat"].tolist() == [0, 8, 15, 22, 30, 38], "the nearest tick of the slower sensor"
    assert found.label.tolist() == [-1] * 6
    assert not found.left_out


def test_a_label_needs_the_whole_window_and_borders_are_left_out() -> None:
    labels = (LabelInterval(0.0, 3.0, "walk"), LabelInterval(3.0, 5.0, "walk"), LabelInterval(6.0, 8.0, "sit"))
    found = cut_windows(recording(labels), SENSORS, ACTIVITIES, window=1.0, hop=0.5)
    expected = {}
    for n in range(19):  # naive: the time of a window against each interval
        begin, end = 0.5 * n, 0.5 * n + 1.0
        touched = {name for a, b, name in joined(labels) if begin < b and end > a}
        whole = {name for a, b, name in joined(labels) if begin >= a and end <= b}
        if touched == whole:
            expected[begin] = ACTIVITIES.index(whole.pop()) if whole else -1
    assert dict(zip(found.start.tolist(), found.label.tolist(), strict=True)) == expected
    assert found.left_out == {BORDER: 19 - len(expected)}
    assert 2.5 in expected, "two intervals of one activity without time between them are one"


def test_intervals_of_an_activity_with_time_between_them_stay_apart() -> None:
    apart = (LabelInterval(0.0, 3.0, "walk"), LabelInterval(3.5, 6.0, "walk"))
    assert joined(apart) == list(apart)
    assert joined((apart[0], LabelInterval(3.0, 6.0, "walk"))) == [LabelInterval(0.0, 6.0, "walk")]
    found = cut_windows(recording(apart), SENSORS, ACTIVITIES, window=1.0, hop=0.5)
    assert found.start.tolist()[:6] == [0.0, 0.5, 1.0, 1.5, 2.0, 3.5]


def test_windows_with_a_gap_or_without_a_sensor_are_counted_by_reason() -> None:
    gap = (Segment(0, 60, 0), Segment(80, 120, 60))  # 3 to 4 s are missing
    late = (Segment(10, 40, 0),)  # the mat starts after 2 s
    found = cut_windows(recording(wrist=gap, mat=late), SENSORS, ACTIVITIES, window=1.0, hop=1.0)
    assert found.start.tolist() == [2.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]
    assert found.rows["wrist"].tolist() == [40, 60, 80, 100, 120, 140, 160]
    assert found.rows["mat"].tolist() == [0, 10, 15, 20, 25, 30, 35]
    assert found.left_out == {GAP.format("wrist"): 1, OUTSIDE.format("mat"): 2}


def test_years_between_two_segments_cost_nothing() -> None:
    """As a single wrong time leaves them."""
    year = 365 * 24 * 3600.0
    wrist = (Segment(0, 200, 0), Segment(int(80 * year * 20), 40, 200))
    long = StreamRecording("a", 1, "", 80 * year + 2.0, (), {"wrist": wrist})
    found = cut_windows(long, {"wrist": SENSORS["wrist"]}, ACTIVITIES, window=1.0, hop=0.5)
    assert found.start.tolist() == [*np.arange(0, 9.5, 0.5), *(80 * year + t for t in (0.0, 0.5, 1.0))]
    assert sum(found.left_out.values()) < 20


def test_incomplete_windows_are_kept_on_request() -> None:
    late = (Segment(10, 40, 0),)
    found = cut_windows(recording(mat=late), SENSORS, ACTIVITIES, window=1.0, hop=1.0, keep_incomplete=True)
    assert found.rows["mat"].tolist() == [-1, -1, 0, 5, 10, 15, 20, 25, 30, 35]
    assert len(found.start) == 10 and not found.left_out


def test_windows_are_aligned_with_the_start_of_the_last_sensor() -> None:
    late = recording(mat=(Segment(6, 44, 0),))  # after 1.2 s
    aligned = common_start(late, SENSORS)
    assert aligned == pytest.approx(1.2)
    for chosen in (SENSORS, {"wrist": SENSORS["wrist"]}):
        found = cut_windows(late, chosen, ACTIVITIES, window=1.0, hop=0.5, aligned=aligned)
        first = 2 if len(chosen) > 1 else 0  # without the mat, the two windows before it starts have all sensors
        assert found.start == pytest.approx(np.arange(0.2, 9.0 + 1e-9, 0.5)[first:])
    assert common_start(recording(), SENSORS) == 0


@pytest.mark.parametrize(("duration", "count"), [(1.9, 0), (2.0, 1), (4.999, 3), (5.0, 4)])
def test_only_complete_windows_count(duration: float, count: int) -> None:
    short = StreamRecording("a", 1, "", duration, (), {"wrist": (Segment(0, 200, 0),)})
    found = cut_windows(short, {"wrist": SENSORS["wrist"]}, ACTIVITIES, window=2.0, hop=1.0)
    assert len(found.start) == count
    assert np.array_equal(found.start, np.arange(count))


@pytest.mark.parametrize(
    ("first", "frames", "starts"), [(0, 100, [0]), (0, 99, []), (50, 100, [1]), (0, 500, [0, 2, 4, 6, 8])]
)
def test_the_last_window_ends_with_the_last_frame(first: int, frames: int, starts: list[int]) -> None:
    """The import writes the time of the last frame, which is 2 s - 1/50 s for 100 frames at 50 Hz."""
    duration = (first + frames - 1) / 50
    labels = (LabelInterval(0.0, duration, "walk"),)
    imported = StreamRecording("a", 1, "", duration, labels, {"wrist": (Segment(first, frames, 0),)})
    sensors = {"wrist": StreamSensor("accelerometer", 50.0, (3,), ("x", "y", "z"), ("g",) * 3)}
    whole = through_last_frame(imported, sensors)
    found = cut_windows(whole, sensors, ("walk",), window=2.0, hop=2.0, aligned=common_start(whole, sensors))
    assert found.start == pytest.approx(np.array(starts)) and (found.label == 0).all() and not found.left_out
    earlier = replace(imported, labels=(LabelInterval(0.0, duration / 2, "walk"),))
    assert through_last_frame(earlier, sensors).labels == earlier.labels


def test_a_clock_that_is_ahead_shows_earlier_frames() -> None:
    """By 0.4 s in the middle of the recording, and by what it has gained since."""
    error = {"wrist": ClockCorrection(0.2, 40_000.0)}
    found = cut_windows(recording(), SENSORS, ACTIVITIES, window=1.0, hop=1.0, errors=error)
    assert found.start.tolist() == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]
    assert found.rows["wrist"].tolist() == [round(20 * (t - 0.2 - 0.04 * t)) for t in range(1, 10)]
    assert found.rows["mat"].tolist() == [5 * t for t in range(1, 10)]
    assert found.left_out == {OUTSIDE.format("wrist"): 1}


@pytest.mark.parametrize(
    ("recorded", "ahead", "starts"),
    [(Segment(0, 60, 0), 3.0, [3, 4, 5]), (Segment(100, 100, 0), -3.0, [2, 3, 4, 5, 6])],
)
def test_an_error_of_a_clock_moves_windows_out_of_the_recorded_time(
    recorded: Segment, ahead: float, starts: list[int]
) -> None:
    """The first three seconds of ten, and the last five: by their clock they are three seconds off."""
    only = {"wrist": SENSORS["wrist"]}
    error = {"wrist": ClockCorrection(ahead)}
    found = cut_windows(recording(wrist=(recorded,)), only, ACTIVITIES, window=1.0, hop=1.0, errors=error)
    assert found.start.tolist() == starts
