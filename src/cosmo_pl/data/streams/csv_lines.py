"""Lines of CSV files: the first row of the table, and comments, which become empty lines."""

from __future__ import annotations

import io
import re
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAX_LINE = 2**20


def first_row(file: IO[bytes], skip: int, comment: str) -> tuple[bytes, int]:
    """The first row of the table, a header included, and the number of lines before it.

    Args:
        file: The file at its start.
        skip: Lines to skip.
        comment: First character of comments; empty if there are none.
    """
    number = 0
    while line := file.readline(MAX_LINE):
        if number >= skip and not (comment and line.removeprefix(b"\xef\xbb\xbf").startswith(comment.encode())):
            return line, number
        number += 1
    return b"", number


class WithoutComments(io.RawIOBase):
    """A file whose comments are empty lines, so that the numbers of its rows do not change.

    Args:
        file: The file at its start.
        comment: First character of comments.
        block: Bytes that are read at once.
    """

    def __init__(self, file: IO[bytes], comment: str, block: int) -> None:
        self._file, self._block = file, block
        self._comment = re.compile(rb"^(\xef\xbb\xbf)?" + re.escape(comment.encode()) + rb"[^\r\n]*", re.MULTILINE)
        self._left = b""

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Reads at most as many bytes as the buffer holds; 0 at the end."""
        view = memoryview(buffer)
        if not self._left:
            self._left = self._comment.sub(b"", self._file.read(self._block) + self._file.readline())
        count = min(len(view), len(self._left))
        view[:count], self._left = self._left[:count], self._left[count:]
        return count
