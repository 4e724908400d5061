"""Reading, resampling and windowing, against closed forms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from cosmo_pl.data.recordings import read_mat, resample, window_starts
from cosmo_pl.errors import RecordingError

RAMP = np.arange(240.0).reshape(40, 6)


def read(path: Path) -> np.ndarray:
    return read_mat(path, "readings", (None, 6))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    savemat(tmp_path / "a1t1.mat", {"title": "before", "readings": RAMP, "trailer": "after"})
    return tmp_path / "a1t1.mat"


# Files


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int16, np.uint8])
@pytest.mark.parametrize("compressed", [False, True])
def test_values_are_read_as_they_are(path: Path, kind: type, compressed: bool) -> None:
    savemat(path, {"readings": RAMP.astype(kind)}, do_compression=compressed)
    assert read(path).dtype == np.float32
    np.testing.assert_array_equal(read(path), RAMP)


@pytest.mark.parametrize("compressed", [False, True])
def test_a_file_cut_anywhere_is_refused_or_read_whole(path: Path, compressed: bool) -> None:
    savemat(path, {"title": "before", "readings": RAMP}, do_compression=compressed)
    whole, refused = path.read_bytes(), 0
    for length in range(0, len(whole), 23):
        path.write_bytes(whole[:length])
        try:
            np.testing.assert_array_equal(read(path), RAMP)
        except RecordingError as error:
            assert str(path) in str(error) and "Download the file again" in str(error)
            refused += 1
    assert refused > len(whole) // 23 * 0.9


@pytest.mark.parametrize("content", [b"", b"\0", b"garbage" * 100, b"\x89HDF\r\n\x1a\n" + bytes(600), bytes(4000)])
def test_what_is_not_matlabs_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(RecordingError, match=r"a1t1\.mat"):
        read(path)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_a_value_that_is_no_number_is_refused(path: Path, value: float) -> None:
    broken = RAMP.copy()
    broken[3, 2] = value
    savemat(path, {"readings": broken})
    with pytest.raises(RecordingError, match=r"a1t1\.mat: 'readings' holds 1 NaN or infinite"):
        read(path)


@pytest.mark.parametrize("shape", [(6, 40), (40, 5), (40, 7), (40, 6, 1, 2), (0, 6), (240, 1)])
def test_another_shape_is_refused(path: Path, shape: tuple[int, ...]) -> None:
    savemat(path, {"readings": np.zeros(shape)})
    with pytest.raises(RecordingError, match=r"a1t1\.mat: 'readings' has shape .*T.6"):
        read(path)


def test_a_variable_of_another_name_is_refused(path: Path) -> None:
    savemat(path, {"reading": RAMP})
    with pytest.raises(RecordingError, match=r"a1t1\.mat.*no variable 'readings'"):
        read(path)


@pytest.mark.parametrize("values", [np.full((3, 6), "x", dtype=object), np.full((3, 6), 1 + 2j), np.array(["abcdef"])])
def test_values_that_are_not_real_numbers_are_refused(path: Path, values: np.ndarray) -> None:
    savemat(path, {"readings": values})
    with pytest.raises(RecordingError, match=r"a1t1\.mat"):
        read(path)


# Resampling


@pytest.mark.parametrize(("length", "steps"), [(2, 40), (67, 40), (40, 67), (10, 10), (326, 120), (5, 9), (9, 5)])
def test_a_ramp_stays_a_ramp(length: int, steps: int) -> None:
    ramp = np.linspace([0.0, -3.0], [1.0, 5.0], length).astype(np.float32)
    expected = np.linspace([0.0, -3.0], [1.0, 5.0], steps)
    np.testing.assert_allclose(resample(ramp, steps), expected, atol=2e-6)


@pytest.mark.parametrize(("length", "steps"), [(41, 40), (125, 40), (107, 120), (12, 10)])
def test_resampling_agrees_with_interpolation_in_float64(length: int, steps: int) -> None:
    values = np.random.default_rng(0).normal(size=(length, 2, 3)).astype(np.float32)
    out = resample(values, steps)
    assert out.shape == (steps, 2, 3) and out.dtype == np.float32
    where = np.linspace(0, length - 1, steps)
    for joint in range(2):
        for axis in range(3):
            expected = np.interp(where, np.arange(length), values[:, joint, axis])
            np.testing.assert_allclose(out[:, joint, axis], expected, atol=1e-6)
    np.testing.assert_array_equal(out[[0, -1]], values[[0, -1]])


def test_the_same_length_is_the_identity_and_a_constant_stays() -> None:
    values = np.random.default_rng(1).normal(size=(123, 6)).astype(np.float32)
    np.testing.assert_array_equal(resample(values, 123), values)
    np.testing.assert_allclose(resample(np.full((77, 3), 0.3, np.float32), 40), np.float32(0.3), rtol=1e-6)
    np.testing.assert_array_equal(resample(values[:1], 12), np.repeat(values[:1], 12, axis=0))


# Windows


@pytest.mark.parametrize("length", [1, 9, 10, 11, 37, 100])
@pytest.mark.parametrize("stride", [1, 3, 10, 25])
def test_windows_are_all_whole_ones_a_stride_apart(length: int, stride: int) -> None:
    naive = [start for start in range(0, length, stride) if start + 10 <= length]
    assert window_starts(length, 10, stride).tolist() == naive
