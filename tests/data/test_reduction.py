"""Depth and radar at a smaller size, against plain loops."""

from __future__ import annotations

import numpy as np
import pytest

from cosmo_pl.data.reduction import check_size, reduce_depth, reduce_radar
from cosmo_pl.errors import ConfigurationError


@pytest.mark.parametrize("size", [(6, 8), (5, 7), (12, 16), (1, 1)])
def test_depth_is_the_mean_of_what_is_read_in_each_area(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    clip = (rng.integers(400, 8000, (9, 12, 16)) * (rng.random((9, 12, 16)) > 0.5)).astype(np.uint16)
    clip[:, :6, :8] = 0
    reduced, replaced = reduce_depth(clip, 5, size)
    assert replaced == 0
    assert reduced.shape == (5, *size) and reduced.dtype == np.uint16
    rows, columns = (np.arange(n + 1) * length // n for n, length in zip(size, (12, 16), strict=True))
    for place, frame in enumerate([0, 2, 4, 6, 8]):
        for i, j in np.ndindex(*size):
            area = clip[frame, rows[i] : rows[i + 1], columns[j] : columns[j + 1]]
            read = area[area > 0].astype(float)
            assert reduced[place, i, j] == (round(read.mean()) if len(read) else 0)


def test_a_surface_keeps_its_distance_beside_holes() -> None:
    clip = np.full((2, 4, 4), 3000, dtype=np.uint16)
    clip[:, ::2] = 0
    assert (reduce_depth(clip, 2, (2, 2))[0] == 3000).all()


def test_what_is_no_distance_is_no_reading() -> None:
    clip = np.full((2, 4, 4), 3000, dtype=np.uint16)
    holes, codes = clip.copy(), clip.copy()
    holes[:, ::2, 1:], codes[:, ::2, 1:] = 0, 65535
    codes[1, 0, 1] = 0
    reduced, replaced = reduce_depth(codes, 2, (2, 4), (0, 20_000))
    np.testing.assert_array_equal(reduced, reduce_depth(holes, 2, (2, 4))[0])
    assert replaced == 2 * 6 - 1
    assert reduce_depth(clip, 2, (2, 2), (3001, 4000))[0].max() == 0


def test_more_frames_than_there_are_repeat_some() -> None:
    clip = np.arange(1, 4, dtype=np.uint16).reshape(3, 1, 1) * np.ones((3, 2, 2), dtype=np.uint16)
    assert reduce_depth(clip, 5, (1, 1))[0][:, 0, 0].tolist() == [1, 1, 2, 3, 3]


@pytest.mark.parametrize("frames", [1, 4, 7, 10])
def test_radar_is_the_mean_of_each_stretch(frames: int) -> None:
    clip = np.random.default_rng(0).normal(size=(10, 2, 3, 4, 2)).astype(np.float16)
    reduced = reduce_radar(clip, frames)
    assert reduced.shape == (frames, 2, 3, 4, 2) and reduced.dtype == np.float16
    edges = np.arange(frames + 1) * 10 // frames
    for i in range(frames):
        expected = clip[edges[i] : edges[i + 1]].astype(np.float32).mean(axis=0)
        np.testing.assert_allclose(reduced[i], expected, rtol=2e-3, atol=1e-3)


def test_sizes_beyond_the_recording_are_refused() -> None:
    check_size("depth_size", (240, 320), (240, 320))
    for wanted in ((241, 320), (240, 321)):
        with pytest.raises(ConfigurationError, match="depth_size"):
            check_size("depth_size", wanted, (240, 320))


def test_pixels_without_a_reading_are_not_replaced():
    clip = np.array([[[0, 100], [0, 1000]]], dtype=np.uint16)
    reduced, replaced = reduce_depth(clip, 1, (1, 1), (500, 4000))
    assert reduced.item() == 1000 and replaced == 1
