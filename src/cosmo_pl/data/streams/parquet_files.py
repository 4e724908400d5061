"""Parquet files whose rows are read in batches. Memory does not depend on the length of a file."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyarrow import RecordBatch
    from pyarrow.parquet import ParquetFile

BUFFER = 4 * 2**20  # bytes


def open_parquet(file: IO[bytes], buffer: int = BUFFER) -> ParquetFile:
    """A file of Parquet.

    Args:
        file: The file at its start.
        buffer: Bytes that are read at once.
    """
    from pyarrow import PythonFile, parquet

    # with pre_buffer, all that was read stays in memory until the file is closed
    return parquet.ParquetFile(PythonFile(file, mode="r"), buffer_size=buffer, pre_buffer=False)


def first_rows(file: ParquetFile, count: int) -> list[dict[str, Any]]:
    """At most so many rows from the start of a file."""
    return _rows(next(file.iter_batches(batch_size=count)))


def last_row(file: ParquetFile) -> dict[str, Any]:
    """The last row of a file that has rows; its last row groups may be empty."""
    metadata = file.metadata
    group = max(each for each in range(metadata.num_row_groups) if metadata.row_group(each).num_rows)
    size = max(1, BUFFER // (8 * max(1, metadata.num_columns)))
    for batch in file.iter_batches(size, row_groups=[group]):
        last = batch
    return _rows(last.slice(last.num_rows - 1))[0]


def _rows(batch: RecordBatch) -> list[dict[str, Any]]:
    """The rows of a batch; nanoseconds are cut, as Python's times have microseconds."""
    from pyarrow import timestamp, types

    columns = [
        column.cast(timestamp("us", column.type.tz), safe=False)
        if types.is_timestamp(column.type) and column.type.unit == "ns"
        else column
        for column in batch.columns
    ]
    names = batch.schema.names
    return [dict(zip(names, row, strict=True)) for row in zip(*(each.to_pylist() for each in columns), strict=True)]
