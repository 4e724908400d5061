"""Arrays of NPZ files in blocks of rows. Memory does not depend on the length of an array."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

MAX_BY_COLUMN = 64  # columns of an array in column order, each of which is read by a pass over the file


class ArrayHeader(NamedTuple):
    """What stands before the values of an array.

    Attributes:
        shape: Its shape.
        by_column: Whether its values are in column order, which is that of Fortran.
        dtype: Type of its values.
    """

    shape: tuple[int, ...]
    by_column: bool
    dtype: np.dtype[Any]

    @property
    def unreadable(self) -> str:
        """Why its rows cannot be read; empty if they can."""
        if self.dtype.hasobject:
            return "holds Python objects, not numbers"
        if not self.shape:
            return "is a single value"
        if self.by_column and (len(self.shape) > 2 or self.width > MAX_BY_COLUMN):
            return f"is an array {self.shape} in column order"
        return ""

    @property
    def width(self) -> int:
        """Values of a row."""
        return math.prod(self.shape[1:])


def array_header(file: IO[bytes]) -> ArrayHeader:
    """The header of an array.

    Raises:
        ValueError: The file holds no array.
    """
    old = np.lib.format.read_magic(file) == (1, 0)
    read: Any = np.lib.format.read_array_header_1_0 if old else np.lib.format.read_array_header_2_0
    return ArrayHeader(*read(file))


def open_array(archive: zipfile.ZipFile, member: str) -> IO[bytes]:
    """Opens the file of an array.

    Raises:
        ValueError: It is encrypted, or compressed in an unknown way.
    """
    try:
        return archive.open(member)
    except (RuntimeError, NotImplementedError) as error:
        raise ValueError(str(error)) from error


def row_blocks(archive: zipfile.ZipFile, member: str, rows: int, most: int | None = None) -> Iterator[NDArray[Any]]:
    """Rows of an array whose rows can be read.

    Args:
        archive: The NPZ.
        member: Name of the array's file in it.
        rows: Rows of a block.
        most: Rows that are read; None for all.

    Raises:
        EOFError: The file ends before the array does.
    """
    with ExitStack() as stack:
        first = stack.enter_context(open_array(archive, member))
        header = array_header(first)
        columns = max(1, header.width) if header.by_column and len(header.shape) == 2 else 1
        files = [first, *(stack.enter_context(open_array(archive, member)) for _ in range(columns - 1))]
        start, size = first.tell(), header.dtype.itemsize
        for number, file in enumerate(files[1:], 1):
            file.seek(start + number * header.shape[0] * size)
        stop = header.shape[0] if most is None else min(most, header.shape[0])
        width = header.width // columns  # values of a row that each file holds; 0 for arrays without columns
        for at in range(0, stop, rows):
            count = min(rows, stop - at)
            parts = [_exactly(file, count * width, header.dtype) for file in files]
            block = parts[0] if columns == 1 else np.stack(parts, axis=1)
            yield block.reshape(count, *header.shape[1:])


def _exactly(file: IO[bytes], count: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    content = file.read(count * dtype.itemsize)
    if len(content) != count * dtype.itemsize:
        raise EOFError
    return np.frombuffer(content, dtype)
