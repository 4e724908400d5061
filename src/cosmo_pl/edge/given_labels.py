"""The labels of an adaptation: those of the first call and those that were added later, in one file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from cosmo_pl.checkpoints import usable_checkpoint
from cosmo_pl.data.label_file import GivenLabel, LabelError, read_label_file
from cosmo_pl.io import write_whole

LABELS = "labels.csv"
ADDITION = "addition"
"""Column of the number of the call that added a label: 0 for labels of the first training."""


@contextmanager
def accepted_labels(given: Path | None, out: Path, again: bool) -> Iterator[None]:
    """Adds labels to those of an adaptation; if the body fails before it has trained with them, the file is as before.

    Args:
        given: CSV of labels; None adds none.
        out: Folder of the adaptation.
        again: Whether it has been trained before.

    Raises:
        RecordingError: The file cannot be used; the message names its row.
    """
    path, checkpoint = out / LABELS, _checkpoint(out)
    before = path.read_bytes() if path.is_file() else None
    labels = [] if given is None else read_label_file(given)
    if given is not None:
        _add(labels, path, additions(out) + 1 if again else 0)
    try:
        yield
    except Exception as error:
        if given is not None and isinstance(error, LabelError):
            error = _in_given(error, given, labels, path)
        if _checkpoint(out) != checkpoint:  # of a training with these labels, which goes on
            raise error
        if before is not None:
            path.write_bytes(before)
        elif given is not None:
            path.unlink(missing_ok=True)
            with suppress(OSError):  # it holds runs
                out.rmdir()
        raise error


def _checkpoint(out: Path) -> tuple[Path, int] | None:
    """The newest checkpoint and when it was written."""
    found = usable_checkpoint(out)
    return None if found is None else (found, found.stat().st_mtime_ns)


def additions(out: Path) -> int:
    """How many times labels were added after the first training."""
    path = out / LABELS
    return max(_additions(path), default=0) if path.is_file() else 0


def _additions(path: Path) -> list[int]:
    """The addition that each row came with; 0 for one that a person wrote, who leaves the column empty or out."""
    with path.open(newline="", encoding="utf-8") as file:
        numbers = (row.get(ADDITION) or "" for row in csv.DictReader(file))
        return [int(number) if number.isdecimal() else 0 for number in numbers]


def _in_given(error: LabelError, given: Path, labels: Sequence[GivenLabel], path: Path) -> LabelError:
    """The error of a label by its row in the file that the user gave, which the file of all labels does not keep."""
    mine = {each: each for each in reversed(labels)}
    label, problem, remedy, other = error.parts
    if label not in mine:
        return error
    if other is not None:
        other = mine.get(other, replace(other, where=f"{other.where} of {path}"))
    return LabelError(given, mine[label], problem, remedy, other)


def _add(given: Sequence[GivenLabel], path: Path, addition: int) -> None:
    """Writes the labels with those that are new."""
    known = dict(zip(read_label_file(path), _additions(path), strict=True)) if path.is_file() else {}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["recording", "start", "end", "activity", ADDITION])
    for each, number in (known | {each: addition for each in given if each not in known}).items():
        times = ("" if time is None else repr(time) for time in (each.start, each.end))
        writer.writerow([each.recording, *times, each.activity, number])
    write_whole(path, text.getvalue())
