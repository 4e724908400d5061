"""Whether a result is of the very training that its parent's record describes.

A run whose files are gone is made again where others need them. On another machine it has the same key and, in the last
digits, another result.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from cosmo_pl.io import json_text
from cosmo_pl.study.records import Record


def digest(curves: Mapping[str, Any], correct: int | None) -> str:
    """Digest of what a training resulted in.

    Args:
        curves: Its curves, as in a record.
        correct: Correct predictions of its test, None without one.
    """
    return hashlib.sha256(json_text([curves, correct]).encode()).hexdigest()[:16]


def digest_of(record: Record) -> str:
    """`digest` of the training of a record."""
    return digest(record.curves, record.result.get("correct"))


def is_of_others(record: Record, parents: Sequence[Record | None]) -> bool:
    """Whether a run used another training than that of a parent's record.

    Args:
        record: Its record. One without `parent_results`, of an earlier version, is taken to be of its parents.
        parents: Records of its parents, None for one without.
    """
    pairs = zip(record.parent_results, parents, strict=False)
    return any(parent is not None and used != digest_of(parent) for used, parent in pairs)
