"""Order, pieces and grid, against naive computations on the whole stream, for any division into batches."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from cosmo_pl.data.histogram import LogHistogram
from cosmo_pl.data.streams.ordering import in_order, pieces
from cosmo_pl.data.streams.quality import LONE, SET_BACK, StreamQuality
from cosmo_pl.data.streams.resampling import on_grid

from .recorded import SECOND, START, jittered, signal

GAP = SECOND // 10


def imported(time, values, sizes, rate=50.0, start=START, reach=GAP, average=False):
    """Segments (first tick, frames) and quality of a stream that arrives in batches of the sizes, again and again."""
    quality = StreamQuality(["x", "y", "z"], ["g", "g", "g"], images=False)
    edges = list(itertools.accumulate(itertools.islice(itertools.cycle(sizes), len(time))))
    parts = np.split(np.arange(len(time)), [edge for edge in edges if edge < len(time)])
    batches = (("a.csv", rows + 2, time[rows], values[rows].astype(np.float32)) for rows in parts)
    segments: list[tuple[int, list[np.ndarray]]] = []
    for begins, first, frames in on_grid(pieces(in_order(batches, reach, quality), GAP, quality), rate, start, average):
        if begins:
            segments.append((first, []))
        segments[-1][1].append(frames)
    return [(first, np.concatenate(frames)) for first, frames in segments], quality


def naive(time, values, rate=50.0, start=START):
    """np.interp on the ticks within a piece."""
    ticks = np.arange(10**4)
    at = start + ticks * SECOND / rate
    inside = (at >= time[0]) & (at <= time[-1])
    frames = np.stack([np.interp(at[inside] - start, time - start, column) for column in values.T], axis=1)
    return int(ticks[inside][0]), frames


SIZES = pytest.mark.parametrize("sizes", [[10**6], [1], [7, 1, 64], [500]], ids=str)


@SIZES
def test_jittering_stream_is_interpolated_by_time(sizes) -> None:
    time = jittered(20, 61)
    ((first, frames),), quality = imported(time, signal(time), sizes)
    expected_first, expected = naive(time, signal(time))
    assert first == expected_first
    np.testing.assert_allclose(frames, expected, atol=1e-6)
    facts = quality.facts(len(frames))
    assert (facts.samples, facts.gaps, facts.duplicates, facts.out_of_order) == (len(time), 0, 0, 0)
    assert facts.interval["p50"] == pytest.approx(float(np.median(np.diff(time))) / SECOND, rel=3e-3)


@SIZES
def test_gaps_part_segments(sizes) -> None:
    time = jittered(20, 50)
    lost = (time > START + 5 * SECOND) & (time < START + 7.5 * SECOND)
    kept = time[~lost]
    found, quality = imported(kept, signal(kept), sizes)
    sides = [kept[kept < START + 6 * SECOND], kept[kept > START + 6 * SECOND]]
    assert len(found) == 2
    for (first, frames), side in zip(found, sides, strict=True):
        expected_first, expected = naive(side, signal(side))
        assert first == expected_first
        np.testing.assert_allclose(frames, expected, atol=1e-6)
    facts = quality.facts(0)
    length = (sides[1][0] - sides[0][-1]) / SECOND
    assert (facts.gaps, facts.gap_seconds, facts.longest_gap) == (1, pytest.approx(length), pytest.approx(length))
    assert facts.first_gaps == [pytest.approx(((sides[0][-1] - START) / SECOND, length))]


@SIZES
def test_disorder_and_duplicates_change_nothing_but_counts(sizes) -> None:
    time = jittered(10, 50)
    order = np.arange(len(time))
    for at in range(10, len(order) - 10, 25):
        order[[at, at + 2]] = order[[at + 2, at]]
    order = np.insert(order, 100, [99, 99])
    shuffled = time[order]
    found, quality = imported(shuffled, signal(shuffled), sizes)
    expected = imported(time, signal(time), [10**6])[0]
    assert [first for first, _ in found] == [first for first, _ in expected]
    np.testing.assert_array_equal(found[0][1], expected[0][1])
    facts = quality.facts(0)
    behind = shuffled < np.maximum.accumulate(shuffled)
    assert (facts.duplicates, facts.out_of_order, facts.left_out) == (2, int(behind.sum()), {})


@SIZES
def test_clock_that_is_set_back_loses_the_rows_until_it_has_passed(sizes) -> None:
    time = jittered(20, 50, jitter=0)
    time[600:] -= 3 * SECOND  # rows 600 to 749 repeat times
    found, quality = imported(time, signal(time), sizes)
    kept = np.concatenate([time[:600], time[750:]])
    np.testing.assert_array_equal(found[0][1], imported(kept, signal(kept), [10**6])[0][0][1])
    facts = quality.facts(0)
    assert (facts.set_back, facts.left_out, facts.where) == (1, {SET_BACK: 150}, {SET_BACK: "a.csv row 602"})


@SIZES
def test_a_single_time_that_is_far_ahead_costs_its_row_alone(sizes) -> None:
    time = jittered(20, 50, jitter=0)
    wrong = time.copy()
    wrong[[130, 600]] += [11 * SECOND, 10**7 * SECOND]
    found, quality = imported(wrong, signal(time), sizes)
    kept = np.delete(time, [130, 600])
    expected = imported(kept, signal(kept), [10**6])[0]
    assert [first for first, _ in found] == [first for first, _ in expected]
    np.testing.assert_array_equal(found[0][1], expected[0][1])
    facts = quality.facts(0)
    assert (facts.set_back, facts.left_out, facts.where) == (0, {LONE: 2}, {LONE: "a.csv row 132"})


@SIZES
@pytest.mark.parametrize("count", [2, 3, 1000])
def test_a_first_time_that_is_far_ahead_costs_its_row_alone(sizes, count: int) -> None:
    time = jittered(20, 50, jitter=0)[:count]
    wrong = time.copy()
    wrong[0] += 24 * 3600 * SECOND
    _, quality = imported(wrong, signal(time), sizes)
    facts = quality.facts(0)
    expected = {SET_BACK: 1} if count == 2 else {LONE: 1}  # of two rows nobody knows which is wrong
    assert (facts.samples, facts.left_out) == (count - 1, expected)


@SIZES
def test_rows_after_a_gap_that_change_places_are_sorted(sizes) -> None:
    time = jittered(4, 50, jitter=0)
    time[100:] += 8 * GAP // 10
    order = np.arange(len(time))
    order[[100, 101]] = [101, 100]
    found, quality = imported(time[order], signal(time[order]), sizes)
    np.testing.assert_array_equal(found[0][1], imported(time, signal(time), [10**6])[0][0][1])
    assert quality.facts(0).left_out == {}


@SIZES
def test_downsampling_averages_each_interval(sizes) -> None:
    """From 500 to 50 Hz, interpolation would fold 120 Hz to 20 Hz; the mean of 10 samples nearly removes it."""
    time = START + np.arange(5000) * (SECOND // 500)
    values = np.stack([np.sin(2 * np.pi * f * (time - START) / SECOND) for f in (1, 120, 0)], axis=1)
    ((first, frames),), _ = imported(time, values, sizes, average=True)
    assert first == 0 or first == 1
    assert np.abs(frames[:, 1]).max() < 0.2 < 0.9 < np.abs(imported(time, values, sizes)[0][0][1][:, 1]).max()
    block = values[10 * 30 - 5 : 10 * 30 + 5].mean(axis=0)  # of tick 30, whose mean time is 1 ms before it
    following = values[10 * 31 - 5 : 10 * 31 + 5].mean(axis=0)
    np.testing.assert_allclose(frames[30 - first], block + 0.05 * (following - block), atol=1e-6)


def test_samples_on_the_grid_are_kept_as_they_are() -> None:
    time = START + np.arange(500) * (SECOND // 50)
    ((first, frames),), _ = imported(time, signal(time), [100])
    assert first == 0
    np.testing.assert_array_equal(frames, signal(time).astype(np.float32))


def test_quantiles_of_the_histogram() -> None:
    values = np.random.default_rng(0).lognormal(-4, 1, 10**5)
    histogram = LogHistogram(1e-6, 1e5)
    for part in np.split(values, 10):
        histogram.add(part)
    for share in (0.25, 0.5, 0.99):
        assert histogram.quantile(share) == pytest.approx(np.quantile(values, share), rel=2e-3)


def facts_of(values, unit):
    quality = StreamQuality(["x", "y", "z"], [unit] * 3, images=False)
    quality.values(values.astype(np.float32))
    return quality.facts(0)


def test_units_that_look_wrong() -> None:
    gravity = np.random.default_rng(0).normal([0, 0, 1], 0.1, (1000, 3))
    assert facts_of(gravity, "g").suspicious == facts_of(9.8 * gravity, "m/s2").suspicious == []
    assert facts_of(9.8 * gravity, "g").suspicious[0].endswith("looks like m/s2")
    assert facts_of(gravity, "m/s2").suspicious[0].endswith("looks like g")
    turning = np.random.default_rng(0).normal(0, 1.5, (1000, 3))
    assert facts_of(turning, "rad/s").suspicious == facts_of(57.3 * turning, "deg/s").suspicious == []
    assert "looks like deg/s" in facts_of(57.3 * turning, "rad/s").suspicious[0]
    assert "looks like rad/s" in facts_of(turning, "deg/s").suspicious[0]


def test_constant_and_saturated_channels() -> None:
    values = np.random.default_rng(0).normal(0, 1, (2000, 3))
    assert (facts_of(values, "g").constant, facts_of(values, "g").saturated) == ([], {})
    values[:, 1] = 0.25
    values[:20, 2] = 8
    facts = facts_of(values, "g")
    assert facts.constant == ["y"]
    assert facts.saturated == {"z": pytest.approx(0.01)}
    assert facts_of(values, "deg/s").saturated == {}  # at rest, as no sensor has a range of 8 degrees/s
    assert facts_of(values, "uT").saturated == facts.saturated


def saturated(values, unit="g", sizes=(700,)):
    """Channels at their extreme of a stream that arrives in batches."""
    quality = StreamQuality(["x", "y", "z"], [unit] * 3, images=False)
    for part in np.split(values, range(sizes[0], len(values), sizes[0])):
        quality.values(part.astype(np.float32))
    return quality.facts(0).saturated


@pytest.mark.parametrize("deviation", [0.9, 1.3, 2.0, 3.0])  # 3 % to half of the samples
@pytest.mark.parametrize("bits", [0, 8])
def test_a_channel_is_saturated_however_much_is_cut_off(deviation: float, bits: int) -> None:
    values = np.random.default_rng(0).normal([0, 0, 1], deviation, (6000, 3))
    if bits:
        values = np.round(values * 2**bits / 4) / 2**bits * 4
    assert saturated(values) == {}
    cut = np.clip(values, -2, 2)
    shares = {name: max((cut[:, at] == end).mean() for end in (-2, 2)) for at, name in enumerate("xyz")}
    assert saturated(cut) == {name: pytest.approx(share) for name, share in shares.items()}
    assert saturated(cut[:800], sizes=(1,)) == saturated(cut[:800]) != {}
    assert set(saturated(np.clip(values * 8192, -16384, 16384), "raw")) == set("xyz")


@pytest.mark.parametrize(
    "values",
    [
        np.repeat([[2.0, 0.0, 1.0]], 3000, axis=0),  # constant
        np.random.default_rng(0).integers(0, 2, (3000, 3)) * 4.0 - 2,  # two values
        np.random.default_rng(0).choice([2.0, 3.0], (3000, 3), p=[0.6, 0.4]),
        np.random.default_rng(0).integers(-4, 5, (3000, 3)).astype(float),  # few values
        np.round(3 * np.sin(np.arange(3000) / 7)[:, None] + np.zeros(3), 1),  # more often at its ends than between
        np.round(np.random.default_rng(0).normal(0, 1.5, (3000, 3)), 1),  # a quantised bell
    ],
    ids=["constant", "two", "unequal", "few", "sine", "bell"],
)
def test_few_values_are_not_saturated(values) -> None:
    assert saturated(values) == {}


def test_a_quantity_of_unknown_range_may_rest_at_its_extreme() -> None:
    resting = np.maximum(np.arange(3000) / 100, 12)[:, None] + np.zeros(3)  # a temperature that rises late
    assert saturated(resting, "raw") == {}


def test_times_in_whole_nanoseconds_are_on_their_ticks():
    time = START + np.rint(np.arange(32) * SECOND / 30).astype(np.int64)
    ((first, frames),), _ = imported(time, signal(time), [10**6], rate=30.0)
    assert (first, len(frames)) == (0, 32)
