"""Batches of rows from CSV, TSV, Parquet and NPZ. Memory does not depend on the length of a file."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.data.streams.csv_lines import CleanLines, first_rows
from cosmo_pl.data.streams.description import StreamDescription
from cosmo_pl.data.streams.npz_arrays import array_header, open_array, row_blocks
from cosmo_pl.data.streams.parquet_files import open_parquet
from cosmo_pl.data.streams.source import Source, readable
from cosmo_pl.data.streams.times import Clock
from cosmo_pl.errors import RecordingError, choices

BLOCK = 4 * 2**20  # bytes of CSV or of values at once
MOST = 32  # bytes of a value: later rows may be longer than the first ones, as of an image that is black at first
NPZ_ROWS = 8192
REMEDY = "Correct the row, or remove it"
NUMBERED = re.compile(r"In CSV column #(\d+)")
DECIMAL_COMMA = re.compile(r"'[-+]?\d*,\d+'")
SAVE = "Save it by numpy.savez"


@dataclass
class Rows:
    """Rows of a file.

    Args:
        row: Number of each row in the file, from 1, a header included (T,).
        time: Nanoseconds, or `times.NONE` (T,).
        values: Values as recorded, NaN where they are missing (T, C).
    """

    row: NDArray[np.int64]
    time: NDArray[np.int64]
    values: NDArray[np.float32]


@dataclass
class FileReader:
    """Reads a file of a stream.

    Args:
        source: Folder or archive.
        name: The file.
        stream: Its description.
        clock: Reads its times; that of the previous file goes on.
        block: Bytes that are read at once.
        broken: Rows that have more or fewer values than the others, which are left out.
        columns: Names of the columns of CSV, for errors.
    """

    source: Source
    name: str
    stream: StreamDescription
    clock: Clock
    block: int = BLOCK
    broken: list[int] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)

    @property
    def path(self) -> Path:
        """The file as it is named in errors."""
        return self.source.shown(self.name)

    def batches(self) -> Iterator[Rows]:
        """All rows.

        Raises:
            RecordingError: The file is damaged, lacks a column, or a value is no number or no time.
        """
        import pyarrow as pa

        read = {".parquet": self._parquet, ".npz": self._npz}.get(Path(self.name).suffix.lower(), self._csv)
        with readable(self.path):
            try:
                for row, time, values in read():
                    yield Rows(row, self.clock.read(time, self._refusal(row)), values)
            except (pa.ArrowException, OSError) as error:  # a damaged page of Parquet is an OSError
                problem = NUMBERED.sub(self._column, " ".join(str(error).split()))
                remedy = REMEDY if isinstance(error, pa.ArrowException) else "Copy the file again, or remove it"
                remedy = (
                    'Add `decimal: ","` to the sensor in the description' if DECIMAL_COMMA.search(problem) else remedy
                )
                raise RecordingError(self.path, f"cannot be read ({problem})", remedy) from error

    def _column(self, found: re.Match[str]) -> str:
        """The name of a column in place of its number, which counts from 0."""
        return f"column '{self.columns[int(found[1])]}'"

    def _refusal(self, row: NDArray[np.int64]) -> Any:
        return lambda at, problem: RecordingError(
            self.path, f"row {row[at]}, column '{self.stream.time.column}': {problem}", REMEDY
        )

    def _csv(self) -> Iterator[tuple[NDArray[np.int64], Any, NDArray[np.float32]]]:
        import pyarrow as pa
        import pyarrow.compute as pc
        from pyarrow import csv as arrow

        columns, width, before, size = self._csv_columns()
        time, *values = columns
        skipped: list[int] = []
        unclosed: list[int] = []

        def report(row: Any) -> str:
            skipped.append(row.number)
            text = row.text.strip()
            if text:  # not an empty line
                self.broken.append(row.number)
            if "\n" in text:
                unclosed.append(row.number)
            return "skip"

        types = {f"c{each}": pa.float32() for each in values} | {f"c{time}": pa.string()}
        options = (
            arrow.ReadOptions(
                use_threads=False,
                block_size=max(self.block, 4 * size, MOST * width),  # a block has to hold each row
                column_names=[f"c{each}" for each in range(width)],
                skip_rows=before,
            ),
            arrow.ParseOptions(delimiter=self.stream.delimiter, ignore_empty_lines=False, invalid_row_handler=report),
            arrow.ConvertOptions(
                include_columns=list(types),
                column_types=types,
                strings_can_be_null=False,
                check_utf8=False,
                decimal_point=self.stream.decimal,
            ),
        )
        first = 1
        with self.source.open(self.name) as file:
            lines = io.BufferedReader(CleanLines(file, self.stream.comment, self.block))
            for batch in arrow.open_csv(pa.PythonFile(lines, mode="r"), *options):
                row, first = _numbered(first, batch.num_rows, skipped, offset=before)
                times = batch.column(f"c{time}")
                if self.stream.decimal == ",":
                    times = pc.replace_substring(times, ",", ".")
                yield row, times, _stacked([batch.column(f"c{each}") for each in values])
        if unclosed:
            problem = f"row {unclosed[0]}: a quotation mark is not closed, and takes in the rows after it"
            raise RecordingError(self.path, problem, "Close it, or remove it")

    def _csv_columns(self) -> tuple[list[int], int, int, int]:
        """Positions of time and values, numbers of columns and of lines before the values, bytes of a row."""
        line, second, before = first_rows(self.source.open(self.name), self.stream.skip, self.stream.comment)
        try:
            text = io.StringIO(line.decode("utf-8-sig"), newline="")
            first = next(csv.reader(text, delimiter=self.stream.delimiter), [])
        except UnicodeDecodeError as error:
            problem = f"row {before + 1}: is not UTF-8 ({error.reason})"
            raise RecordingError(self.path, problem, "Save it as UTF-8") from error
        except csv.Error as error:
            raise RecordingError(self.path, f"row {before + 1}: cannot be read ({error})", REMEDY) from error
        names = [each.strip() for each in first]
        if not any(names):
            raise RecordingError(self.path, "has an empty first row", "Remove the file, or correct `skip`")
        self.columns[:] = names if self.stream.header else map(str, range(len(names)))
        return self._positions(names), len(names), before + int(self.stream.header), max(len(line), len(second))

    def _positions(self, names: list[str]) -> list[int]:
        result = []
        for column in (self.stream.time.column, *self.stream.values):
            known = column in names if isinstance(column, str) else isinstance(column, int) and column < len(names)
            if not known:
                problem = f"has no column {column!r} among its {len(names)}"
                remedy = choices(column, names) if isinstance(column, str) else "Correct `values` or `delimiter`"
                raise RecordingError(self.path, problem, remedy)
            if isinstance(column, str):
                self._check_single(column, names)
            result.append(names.index(column) if isinstance(column, str) else int(column or 0))
        return result

    def _check_single(self, name: str, names: list[str]) -> None:
        if names.count(name) > 1:
            raise RecordingError(self.path, f"has {names.count(name)} columns '{name}'", "Rename one of them")

    def _parquet(self) -> Iterator[tuple[NDArray[np.int64], Any, NDArray[np.float32]]]:
        with self.source.open(self.name) as file:
            found = open_parquet(file, self.block)
            names = found.schema_arrow.names
            time, *values = (names[each] for each in self._positions(names))
            for name in (time, *values):  # also of those that are given by position: they are read by name
                self._check_single(name, names)
            size = max(1, self.block // (8 * len(names)))
            first = 1
            for batch in found.iter_batches(size, columns=[time, *values]):
                row = np.arange(first, first + batch.num_rows)
                first += batch.num_rows
                yield row, batch.column(time), _stacked([batch.column(each) for each in values])

    def _npz(self) -> Iterator[tuple[NDArray[np.int64], Any, NDArray[np.float32]]]:
        import pyarrow as pa

        with self.source.open(self.name) as file:
            try:
                archive = zipfile.ZipFile(file)
            except zipfile.BadZipFile as error:
                raise RecordingError(self.path, f"is no NPZ ({error})", SAVE) from error
            wanted = [str(each) for each in (self.stream.time.column, *self.stream.values)]
            names = [name.removesuffix(".npy") for name in archive.namelist()]
            arrays = {name: name if name in names else name.rpartition(".")[0] for name in wanted}
            for column, name in arrays.items():
                if name not in names:
                    raise RecordingError(self.path, f"has no array '{column}'", choices(column, names))
            readers = {name: _array_blocks(archive, name, self.path) for name in dict.fromkeys(arrays.values())}
            first = 1
            for blocks in zip_longest(*readers.values(), fillvalue=()):
                found = dict(zip(readers, blocks, strict=True))
                if len({len(block) for block in blocks}) > 1:
                    raise RecordingError(self.path, "has arrays of different lengths", "Save one row for each time")
                time, *values = (self._npz_column(found[name], column, name) for column, name in arrays.items())
                row = np.arange(first, first + len(time))
                first += len(time)
                native = time.astype(time.dtype.newbyteorder("="), copy=False)  # pyarrow refuses other orders of bytes
                yield row, pa.array(native), self._floats(np.stack(values, axis=1))

    def _npz_column(self, block: NDArray[Any], column: str, name: str) -> NDArray[Any]:
        if column == name and block.ndim == 1:
            return block
        flat, number = block.reshape(len(block), -1), column.removeprefix(name + ".")
        if column == name or not number.isdecimal() or int(number) >= flat.shape[1]:
            problem = f"has no column '{column}': '{name}' has {flat.shape[1]} values in a row"
            raise RecordingError(self.path, problem, f'Write the columns as a range, "{name}.0:{flat.shape[1]}"')
        return flat[:, int(number)]

    def _floats(self, values: NDArray[Any]) -> NDArray[np.float32]:
        if values.dtype.kind not in "biuf":
            raise RecordingError(self.path, f"has values of type {values.dtype}", "Save arrays of numbers")
        return values.astype(np.float32)


def _numbered(first: int, count: int, skipped: list[int], offset: int) -> tuple[NDArray[np.int64], int]:
    """Numbers of `count` rows of a file from `first` on that are not `skipped`, and the next number."""
    row = np.arange(max(first, 1 + offset), max(first, 1 + offset) + count + len(skipped), dtype=np.int64)
    row = np.setdiff1d(row, np.asarray(skipped, dtype=np.int64))[:count]
    return row, int(row[-1]) + 1 if count else first


def _stacked(columns: list[Any]) -> NDArray[np.float32]:
    """Columns side by side (T, C)."""
    import pyarrow as pa

    result = np.empty((len(columns[0]), len(columns)), dtype=np.float32)
    for at, column in enumerate(columns):
        result[:, at] = column.cast(pa.float32(), safe=False).to_numpy(zero_copy_only=False)
    return result


def _array_blocks(archive: zipfile.ZipFile, name: str, path: Path) -> Iterator[NDArray[Any]]:
    """An array of an NPZ in blocks of rows; all arrays have blocks of equally many rows."""
    if (member := f"{name}.npy") not in archive.namelist():
        raise RecordingError(path, f"has '{name}' where an NPZ has '{member}'", SAVE)
    try:
        with open_array(archive, member) as file:
            header = array_header(file)
    except ValueError as error:
        raise RecordingError(path, f"'{name}' is no array that can be read ({error})", SAVE) from error
    if header.unreadable:
        raise RecordingError(path, f"'{name}' {header.unreadable}", "Save arrays of numbers in row order")
    try:
        yield from row_blocks(archive, member, NPZ_ROWS)
    except EOFError as error:
        raise RecordingError(path, "ends too early") from error
