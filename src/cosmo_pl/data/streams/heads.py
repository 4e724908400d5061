"""First rows of files of recordings, as text, and the last time in them."""

from __future__ import annotations

import csv
import io
import math
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.data.streams.csv_format import COMMA, COMMON, CsvFormat, csv_format
from cosmo_pl.data.streams.description import FORMATS
from cosmo_pl.data.streams.encodings import REPLACED, SAVE, other_encoding
from cosmo_pl.data.streams.header_units import are_units
from cosmo_pl.data.streams.npz_arrays import ArrayHeader, array_header, open_array, row_blocks
from cosmo_pl.data.streams.parquet_files import first_rows, last_row, open_parquet
from cosmo_pl.data.streams.source import FolderSource, Source, readable
from cosmo_pl.errors import RecordingError

ROWS = 200
BYTES = 2**19  # of the start of a text file, 200 rows of up to 2,600 characters
TAIL = 2**16
ZONE_APART = re.compile(r" +(Z|[+-]\d\d(:?\d\d)?)$")  # "10:00 +0200", which the import reads
DATED = re.compile(r"\d{4}-|\d{8}T\d{4}")  # 2024-05-06T10:00, or 20240506T1000
MAX_COLUMNS = 10_000  # of an array of NPZ whose columns are listed


@dataclass(frozen=True)
class Head:
    """First rows of a file.

    Args:
        path: The file.
        columns: Names of its columns; their positions if it has no header.
        rows: Texts of the first rows (N, columns).
        last: Texts of the last row; None if it is not read.
        format: How CSV is written; decimal commas are points in `rows` and `last`.
        left_out: Arrays of NPZ that are no columns, with the reason.
        header_lines: Lines of CSV up to the header, with it and a row of units; 0 without one.
        units: Units of the columns, if a row of their own below the names has them; empty without one.
    """

    path: Path
    columns: tuple[str, ...] | tuple[int, ...]
    rows: tuple[tuple[str, ...], ...]
    last: tuple[str, ...] | None = None
    format: CsvFormat = COMMON
    left_out: Mapping[str, str] = field(default_factory=dict)
    header_lines: int = 0
    units: tuple[str, ...] = ()

    @property
    def header(self) -> bool:
        """Whether the columns have names."""
        return isinstance(self.columns[0], str)

    @cached_property
    def _by_column(self) -> dict[str | int, tuple[str, ...]]:
        return dict(zip(self.columns, zip(*self.rows, strict=True), strict=True))

    @cached_property
    def _numbers(self) -> dict[str | int, NDArray[np.float64]]:
        return {}

    def by_position(self) -> Head:
        """The same of CSV with a header, whose columns are named by their positions, and its header skipped."""
        written = self.format._replace(skip=self.header_lines)
        return replace(self, columns=tuple(range(len(self.columns))), format=written, header_lines=0)

    def texts(self, column: str | int) -> tuple[str, ...]:
        """Texts of a column in the first rows (N,)."""
        return self._by_column[column]

    def filled(self, column: str | int) -> tuple[str, ...]:
        """Texts of a column in the first rows, but for empty ones."""
        return tuple(text for text in self.texts(column) if text.strip())

    def numbers(self, column: str | int) -> NDArray[np.float64]:
        """Numbers of a column in the first rows (N,); NaN for what is empty or no number."""
        if column not in self._numbers:
            texts = self.texts(column)
            try:
                self._numbers[column] = np.array(texts, dtype=np.float64)
            except ValueError:
                self._numbers[column] = np.array([number(text) for text in texts])
        return self._numbers[column]


def number(text: str) -> float:
    """The number that a text is, else NaN."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def moment(text: str) -> datetime | None:
    """The time of ISO 8601 that a text is, with a date; else None."""
    if len(text) < 13 or not DATED.match(text):
        return None
    try:
        return datetime.fromisoformat(ZONE_APART.sub(r"\1", text.strip()))
    except ValueError:
        return None


def seconds(text: str, unit: float | None) -> float:
    """A time in seconds since 1970, or since the start of the device; NaN for another text.

    Args:
        text: The time as it is written.
        unit: Nanoseconds of its unit; None for ISO 8601, in UTC if it has no zone.
    """
    if unit is not None:
        return number(text) * unit / 1e9
    found = moment(text)
    return math.nan if found is None else (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def read_head(source: Source, name: str) -> Head:
    """Reads the first rows of a file, and the last row of CSV and Parquet in a folder.

    Args:
        source: Folder or archive.
        name: The file.

    Raises:
        RecordingError: It cannot be read, or holds no row of numbers.
    """
    path = source.shown(name)
    readers: dict[str, Callable[[Path, IO[bytes], bool], Head]] = {".parquet": _parquet, ".npz": _npz}
    # in an archive, the end of a file takes as long as all of it
    tail = isinstance(source, FolderSource)
    try:
        with source.open(name) as file, readable(path):
            head = readers.get(path.suffix.lower(), _text)(path, file, tail)
    except (
        OSError,
        ValueError,
        KeyError,
        EOFError,
        csv.Error,
    ) as error:  # pyarrow's errors are ValueErrors and OSErrors
        raise RecordingError(path, f"cannot be read ({error})", "Write it again, or move it elsewhere") from error
    if not head.columns or not head.rows:
        raise RecordingError(path, "holds no rows", "Remove it, or record it again")
    return head


def files_of(source: Source, endings: tuple[str, ...] = FORMATS) -> list[str]:
    """Files with these endings."""
    return [name for name in source.names if name.lower().endswith(endings)]


def _text(path: Path, file: IO[bytes], tail: bool) -> Head:
    head = text_head(path, file)
    last = _rows(_end(file).splitlines()[-1:], head.format) if tail and head.columns else []
    whole = bool(last) and len(last[0]) == len(head.columns)
    return replace(head, last=last[0]) if whole else head


def text_head(path: Path, file: IO[bytes], size: int = BYTES) -> Head:
    """First rows of a file of CSV; no columns if it has none.

    Args:
        path: The file.
        file: The same, at its start.
        size: Bytes to read.

    Raises:
        RecordingError: Its first row is not in UTF-8.
    """
    start = file.read(size)
    encoding = other_encoding(start)
    if encoding.startswith("UTF"):
        raise RecordingError(path, f"is {encoding}, not UTF-8", SAVE)
    lines = start.decode("utf-8-sig", errors="replace").splitlines()
    if len(start) == size:
        lines = lines[:-1]  # which may be cut
    found = csv_format(lines[:ROWS], "\t" if path.suffix.lower() == ".tsv" else None)
    places = [n for n in range(found.skip, len(lines)) if not (found.comment and lines[n].startswith(found.comment))]
    rows = _rows([lines[n] for n in places[: ROWS + 1]], found)
    if not rows:
        return Head(path, (), ())
    if encoding and any(REPLACED in cell for cell in rows[0]):  # in later rows, the import replaces it as well
        raise RecordingError(path, f"has a first row that is not UTF-8, but {encoding}", SAVE)
    header = not any(is_value(cell) for cell in rows[0])
    columns: tuple[Any, ...] = rows[0] if header else tuple(range(len(rows[0])))
    units = rows[1] if header and _has_units(rows) else ()
    before = 0 if not header else 2 if units else 1
    body = [row for row in rows[before:] if len(row) == len(columns)]
    filled = [n for n in places if lines[n].strip()]
    return Head(path, columns, tuple(body), None, found, header_lines=before and filled[before - 1] + 1, units=units)


def _has_units(rows: Sequence[tuple[str, ...]]) -> bool:
    """Whether a row of units follows the names of the columns, before the first row of values."""
    if len(rows) < 3 or len(rows[1]) != len(rows[0]) or any(map(is_value, rows[1])):
        return False
    return are_units(rows[1]) and any(map(is_value, rows[2]))


def _end(file: IO[bytes]) -> str:
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - TAIL))
    return file.read().decode("utf-8", errors="replace")


def is_value(cell: str) -> bool:
    """Whether a cell is a number or a time, not the name of a column."""
    return not math.isnan(number(cell)) or cell.strip().lower() == "nan" or moment(cell) is not None


def _rows(lines: list[str], written: CsvFormat) -> list[tuple[str, ...]]:
    reader = csv.reader(io.StringIO("\n".join(lines)), delimiter=written.delimiter)
    comma = written.decimal == ","
    return [
        tuple(text.replace(",", ".") if comma and COMMA.fullmatch(text) else text for text in map(str.strip, row))
        for row in reader
        if row
    ]


def _parquet(path: Path, stream: IO[bytes], tail: bool) -> Head:
    file = open_parquet(stream)
    names = tuple(field.name for field in file.schema_arrow)
    if not file.metadata.num_rows:
        return Head(path, names, ())
    rows = [tuple(_written(row[name]) for name in names) for row in first_rows(file, ROWS)]
    last = last_row(file) if tail else None
    return Head(path, names, tuple(rows), None if last is None else tuple(_written(last[name]) for name in names))


def _written(value: Any) -> str:
    """A value of Parquet as text."""
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    return "" if value is None else str(value)


def _npz(path: Path, stream: IO[bytes], tail: bool) -> Head:
    arrays, left_out = dict[str, ArrayHeader](), dict[str, str]()
    columns = dict[str, NDArray[Any]]()
    with zipfile.ZipFile(stream) as archive:
        for member in archive.namelist():
            with open_array(archive, member) as file:
                header = array_header(file)
            wide = header.width == 0 or header.width > MAX_COLUMNS
            reason = header.unreadable or f"has {header.width} values in a row" * wide
            if reason:
                left_out[member.removesuffix(".npy")] = f"it {reason}"
            else:
                arrays[member] = header
        usual = Counter(header.shape[0] for header in arrays.values() for _ in range(header.width)).most_common(1)
        for member, header in arrays.items():
            name, (length, _) = member.removesuffix(".npy"), usual[0]
            if header.shape[0] != length:
                left_out[name] = f"it has {header.shape[0]} rows, not {length}"
            else:
                for rows in row_blocks(archive, member, ROWS, most=ROWS):
                    columns |= _array_columns(name, rows)
    texts = [[str(value) for value in values] for values in columns.values()]
    return Head(path, tuple(columns), tuple(zip(*texts, strict=True)), left_out=left_out)


def _array_columns(name: str, rows: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Columns of rows of an array, each with its name."""
    if rows.ndim == 1:
        return {name: rows}
    return {f"{name}.{number}": column for number, column in enumerate(rows.reshape(len(rows), -1).T)}
