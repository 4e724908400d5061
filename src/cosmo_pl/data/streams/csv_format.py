"""How a CSV file is written, judged by its first lines: delimiter, lines before the table, comments, decimal commas."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

DELIMITERS = ";\t|,"  # a comma comes last, as it may be that of decimals
COMMENTS = "#%"
PREAMBLE = 60  # lines that are searched for the first one of the table
COMMA = re.compile(r"[+-]?\d+,\d+([eE][+-]?\d+)?")
POINT = re.compile(r"[+-]?\d+\.\d+([eE][+-]?\d+)?")


class CsvFormat(NamedTuple):
    """How a CSV file is written.

    Attributes:
        delimiter: Between the values of a row.
        skip: Lines before the table, but for comments that directly precede it.
        comment: First character of comments; empty if there are none.
        decimal: Point or comma of decimals.
    """

    delimiter: str = ","
    skip: int = 0
    comment: str = ""
    decimal: str = "."


COMMON = CsvFormat()


def csv_format(lines: Sequence[str], delimiter: str | None = None) -> CsvFormat:
    """The format of a file.

    Args:
        lines: Its first lines.
        delimiter: The delimiter, where it is known.
    """
    comment = next((each for each in COMMENTS if any(line.startswith(each) for line in lines)), "")
    remark = [bool(comment) and line.startswith(comment) for line in lines]
    kept = [line for line, no_row in zip(lines, remark, strict=True) if line.strip() and not no_row]
    used = delimiter or _delimiter(kept)
    rows = [[] if no_row else _cells(line, used) for line, no_row in zip(lines, remark, strict=True)]
    widths = Counter(len(row) for row in rows if row)
    width = max(widths, key=lambda each: (widths[each], each), default=0)  # a short table may have as many lines before
    first = next((n for n, row in enumerate(rows[:PREAMBLE]) if row and len(row) == width), 0)
    before = [n for n in range(first) if not remark[n]]
    cells = [cell.strip() for row in rows[first:] if len(row) == width for cell in row]
    commas = used != "," and any(map(COMMA.fullmatch, cells)) and not any(map(POINT.fullmatch, cells))
    return CsvFormat(used, max(before, default=-1) + 1, comment, "," if commas else ".")


def common_format(formats: Sequence[CsvFormat]) -> CsvFormat:
    """The format of several files: that of the first one, with the comments and decimal commas of any."""
    decimal = "," if any(each.decimal == "," for each in formats) else "."
    comment = next((each.comment for each in formats if each.comment), "")
    return formats[0]._replace(decimal=decimal, comment=comment)


def _delimiter(lines: Sequence[str]) -> str:
    """The delimiter that most lines have the same number of."""
    found = {each: Counter(line.count(each) for line in lines) for each in DELIMITERS}
    score = {each: max((n for count, n in counts.items() if count), default=0) for each, counts in found.items()}
    return max(score, key=lambda each: score[each]) if any(score.values()) else ","


def _cells(line: str, delimiter: str) -> list[str]:
    return next(csv.reader([line], delimiter=delimiter), [])
