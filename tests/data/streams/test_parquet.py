"""Files of Parquet: what stays in memory, and files as few programs write them."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from cosmo_pl.data.streams.heads import read_head
from cosmo_pl.data.streams.reading import FileReader
from cosmo_pl.data.streams.source import FolderSource
from cosmo_pl.data.streams.times import Clock
from cosmo_pl.errors import RecordingError

from .recorded import described

GROUP = 50_000  # rows of a row group, 1.8 MB


def table(rows: int) -> pa.Table:
    """Seconds and three columns of noise, which no compression makes smaller."""
    random = np.random.default_rng(0)
    return pa.table({"time": np.arange(rows) / 50, **{name: random.normal(size=rows) for name in "xyz"}})


def write(folder: Path, parts: list[pa.Table]) -> None:
    """Writes each part as a row group."""
    with parquet.ParquetWriter(folder / "wrist.parquet", parts[0].schema) as writer:
        for part in parts:
            writer.write_table(part, row_group_size=GROUP)


def read(folder: Path, block: int = 2**19) -> int:
    """Number of rows that are read."""
    stream = described({"files": "{subject}.parquet", "time": {"column": "time", "unit": "s"}}).sensors["wrist"]
    reader = FileReader(FolderSource(folder), "wrist.parquet", stream, Clock(stream.time), block=block)
    return sum(len(rows.values) for rows in reader.batches())


def head(folder: Path) -> Any:
    return read_head(FolderSource(folder), "wrist.parquet")


def test_a_draft_of_nanoseconds_needs_no_pandas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    times = pa.array([1714989600123456789, 1714989600143456789], type=pa.timestamp("ns", tz="UTC"))
    write(tmp_path, [pa.table({"time": times, "x": [0.5, 0.6]})])
    assert head(tmp_path).rows == (
        ("2024-05-06T10:00:00.123456+00:00", "0.5"),
        ("2024-05-06T10:00:00.143456+00:00", "0.6"),
    )
    assert head(tmp_path).last == ("2024-05-06T10:00:00.143456+00:00", "0.6")


def memory(read: Callable[[Path], Any], folder: Path) -> int:
    """Most bytes of the file's content in memory at once: pyarrow reads it by a Python file."""
    read(folder)  # imports are no part of it
    tracemalloc.start()
    try:
        read(folder)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("read", [read, head])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, read: Callable[[Path], Any]) -> None:
    write(tmp_path, [table(8 * GROUP)])
    assert (tmp_path / "wrist.parquet").stat().st_size > 12e6
    assert memory(read, tmp_path) < 6e6


def test_the_last_row_of_a_group_is_read_without_the_rows_before_it(tmp_path: Path) -> None:
    whole = table(8 * GROUP)
    parquet.write_table(whole, tmp_path / "wrist.parquet", row_group_size=len(whole))
    assert memory(head, tmp_path) < 10e6
    assert head(tmp_path).last[0] == str(whole["time"][-1])


def test_row_groups_may_be_empty(tmp_path: Path) -> None:
    whole = table(500)
    write(tmp_path, [whole.slice(0, 0), whole, whole.slice(0, 0)])
    found = head(tmp_path)
    assert found.last == tuple(str(whole[name][-1]) for name in ("time", "x", "y", "z"))
    assert len(found.rows) == 200 and read(tmp_path) == 500


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    whole = table(500)
    write(tmp_path, [whole.rename_columns(["time", "x", "y", "x"]).append_column("z", whole["z"])])
    with pytest.raises(RecordingError, match=r"wrist\.parquet: has 2 columns 'x'\. Rename one of them"):
        read(tmp_path)


def test_texts_and_values_may_be_categories(tmp_path: Path) -> None:
    whole = table(500)
    for at, name in enumerate(("time", "x")):
        column = whole[name].cast(pa.string()) if name == "time" else whole[name]
        whole = whole.set_column(at, name, column.dictionary_encode())
    write(tmp_path, [whole])
    assert head(tmp_path).rows[1][0] == "0.02" and read(tmp_path) == 500
