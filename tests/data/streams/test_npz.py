"""NPZ files that no numpy.savez has written, or whose arrays do not belong together."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cosmo_pl.data.streams.description import StreamDescription
from cosmo_pl.data.streams.heads import read_head
from cosmo_pl.data.streams.reading import NPZ_ROWS, FileReader
from cosmo_pl.data.streams.reading_description import parse_description
from cosmo_pl.data.streams.source import FolderSource
from cosmo_pl.data.streams.times import Clock
from cosmo_pl.errors import RecordingError


def stream() -> StreamDescription:
    time = {"column": "t", "unit": "s"}
    wrist = {
        "files": "{subject}.npz",
        "kind": "accelerometer",
        "unit": "g",
        "rate": 10,
        "time": time,
        "values": "v.0:3",
    }
    return parse_description({"title": "Wrist", "sensors": {"wrist": wrist}}).sensors["wrist"]


def read(folder: Path) -> int:
    """Number of rows of the file."""
    described = stream()
    reader = FileReader(FolderSource(folder), "anna.npz", described, Clock(described.time))
    return sum(len(rows.values) for rows in reader.batches())


def write(folder: Path, suffix: str = ".npy", **arrays: Any) -> None:
    """Writes arrays, or bytes in place of an array."""
    with zipfile.ZipFile(folder / "anna.npz", "w") as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            if not isinstance(array, bytes):
                np.save(content, array)
            archive.writestr(f"{name}{suffix}", array if isinstance(array, bytes) else content.getvalue())


def test_blocks_of_rows_are_read(tmp_path: Path) -> None:
    count = NPZ_ROWS + 5
    write(tmp_path, t=np.arange(count) / 10, v=np.ones((count, 3), np.float32))
    assert read(tmp_path) == count


@pytest.mark.parametrize("dtype", [">f8", ">i8", ">M8[ns]"])
def test_bytes_may_be_in_another_order(tmp_path: Path, dtype: str) -> None:
    write(tmp_path, t=np.arange(5).astype(dtype), v=np.arange(15).reshape(5, 3).astype(">f4"))
    assert read(tmp_path) == 5


def test_encrypted_arrays_are_named(tmp_path: Path) -> None:
    write(tmp_path, t=np.arange(5.0), v=np.ones((5, 3)))
    path = tmp_path / "anna.npz"
    content = bytearray(path.read_bytes())
    for sign, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # the flags of each member say that it is encrypted
        at = -1
        while (at := content.find(sign, at + 1)) >= 0:
            content[at + flags] |= 1
    path.write_bytes(content)
    with pytest.raises(RecordingError, match=r"anna\.npz: 't' is no array that can be read \(.*encrypted"):
        read(tmp_path)
    with pytest.raises(RecordingError, match=r"anna\.npz: cannot be read \(.*encrypted"):
        read_head(FolderSource(tmp_path), "anna.npz")


@pytest.mark.parametrize("count", [0, NPZ_ROWS, 2 * NPZ_ROWS + 1])
def test_arrays_of_different_lengths_are_refused(tmp_path: Path, count: int) -> None:
    write(tmp_path, t=np.arange(count) / 10, v=np.ones((2 * NPZ_ROWS, 3), np.float32))
    with pytest.raises(RecordingError, match="arrays of different lengths"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("arrays", "problem"),
    [
        ({"v": b"garbage" * 10}, "'v' is no array"),
        ({"v": np.full((5, 3), "a")}, "has values of type <U1"),
        ({"v": np.ones((5, 3), complex)}, "has values of type complex128"),
        ({"v": np.ones((5, 3)), "suffix": ""}, "has 't' where an NPZ has 't.npy'"),
    ],
)
def test_what_is_no_array_of_numbers_is_named(tmp_path: Path, arrays: dict[str, Any], problem: str) -> None:
    write(tmp_path, **{"t": np.arange(5.0), **arrays})
    with pytest.raises(RecordingError, match=problem):
        read(tmp_path)
