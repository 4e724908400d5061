"""Why a file is no stream of a sensor, and the remedy: its times are not ISO 8601, or it holds labels."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np

from cosmo_pl.data.streams.columns import TIME_WORDS, words
from cosmo_pl.data.streams.heads import Head, moment, number

DATED = re.compile(r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}\D{1,3}\d{1,2}:\d{2}.*")  # 03.06.2024 09:00:02
CLOCK = re.compile(r"\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?")
LABELS = "if it holds labels, name its columns start, end and activity"


def no_time(heads: Sequence[Head]) -> str:
    """That no column of time was found in files, and the remedy."""
    if not heads:
        return "no column of time was found"
    head = heads[0]
    labels = f"; {LABELS}" * _may_be_labels(head)
    if wrong := _other_time(head):
        column, text = wrong
        problem = f"the times in the column '{column}' of '{head.path}', as '{text}', are neither ISO 8601 nor numbers"
        return f"{problem}: write date and time as 2024-06-03T09:00:02.5{labels}"
    names = ", ".join(map(str, head.columns[:8])) + ", ..." * (len(head.columns) > 8)
    left_out = "".join(f"; without {name}, {reason}" for name, reason in head.left_out.items())
    remedy = "name it time, and write ISO 8601 or numbers that grow"
    return f"no column of time was found in '{head.path}' with the columns {names}{left_out}: {remedy}{labels}"


def no_numbers(heads: Sequence[Head]) -> str:
    """That no column of values was found in files, and the remedy."""
    return f"no column of numbers was found in '{heads[0].path}': {LABELS}, else record values"


def _other_time(head: Head) -> tuple[str | int, str] | None:
    """A column that is named as a time or has dates and times of day, and a text in it that the import cannot read."""
    for column in head.columns:
        named = isinstance(column, str) and words(column) & set(TIME_WORDS)
        wrong = [text for text in head.filled(column) if math.isnan(number(text)) and moment(text) is None]
        if wrong and (named or DATED.fullmatch(wrong[0])):
            return column, wrong[0]
    return None


def _may_be_labels(head: Head) -> bool:
    """Whether no column of a file is of numbers, or two have times of day or dates, as a start and an end."""
    texts = [head.filled(column) for column in head.columns]
    numbers = any(each and np.isfinite([number(text) for text in each]).all() for each in texts)
    times = sum(bool(each) and _is_time(each[0]) for each in texts)
    return head.header and (not numbers or times > 1)


def _is_time(text: str) -> bool:
    return bool(CLOCK.fullmatch(text) or DATED.fullmatch(text)) or moment(text) is not None
