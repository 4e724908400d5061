"""Lines of CSV files: the first rows of the table, and lines as pyarrow can read them."""

from __future__ import annotations

import io
import re
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAX_LINE = 2**20


def first_rows(file: IO[bytes], skip: int, comment: str) -> tuple[bytes, bytes, int]:
    """The first row of the table, a header included, the next row that is not empty, and the number of lines before.

    Args:
        file: The file at its start; it is closed.
        skip: Lines to skip.
        comment: First character of comments; empty if there are none.
    """
    first, before, number = b"", 0, 0
    with io.TextIOWrapper(file, encoding="latin-1", newline="") as lines:  # which also end in CR alone
        while text := lines.readline(MAX_LINE):
            line = text.encode("latin-1")
            if number >= skip and not (comment and line.removeprefix(b"\xef\xbb\xbf").startswith(comment.encode())):
                if first and line.strip():
                    return first, line, before
                if not first:
                    first, before = line, number
            number += 1
    return first, b"", before if first else number


class CleanLines(io.RawIOBase):
    """A file whose comments are empty lines and whose bytes that are no UTF-8 are replaced.

    The numbers of its rows do not change, and pyarrow, which stops at a broken row that is no UTF-8, can skip it.

    Args:
        file: The file at its start.
        comment: First character of comments; empty if there are none.
        block: Bytes that are read at once.
    """

    def __init__(self, file: IO[bytes], comment: str, block: int) -> None:
        self._file, self._block = file, block
        start = rb"(?:^|(?<=\r))(\xef\xbb\xbf)?"
        self._comment = re.compile(start + re.escape(comment.encode()) + rb"[^\r\n]*", re.M) if comment else None
        self._left = self._rest = b""

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Reads at most as many bytes as the buffer holds; 0 at the end."""
        view = memoryview(buffer)
        if not self._left:
            self._left = self._clean(self._lines())
        count = min(len(view), len(self._left))
        view[:count], self._left = self._left[:count], self._left[count:]
        return count

    def _lines(self) -> bytes:
        """The next whole lines."""
        content, end = self._rest, 0
        while not end and (more := self._file.read(self._block)):
            content += more
            end = 1 + content.rfind(b"\n") or 1 + content.rfind(b"\r")
        end = end or len(content)
        self._rest = content[end:]
        return content[:end]

    def _clean(self, lines: bytes) -> bytes:
        lines = self._comment.sub(b"", lines) if self._comment else lines
        try:
            lines.decode()
        except UnicodeDecodeError:
            return lines.decode(errors="replace").encode()
        return lines
