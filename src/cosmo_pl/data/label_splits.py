"""Files of label splits: lists of the samples that are labelled, by recording, or by recording and start."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cosmo_pl.data.samples import Samples
from cosmo_pl.data.selection import Indices
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.io import read_json, write_json

Listed = str | tuple[str, int]
"""All samples of a recording, or the sample of a recording that begins at a step."""


def read_label_split(path: Path, name: str) -> frozenset[Listed]:
    """Reads a list of labelled samples from a JSON file that maps the name of a split to such a list.

    An entry is the name of a recording, ``"a1_s1_t1"``, which labels all of its samples, or names one of its samples,
    ``{"recording": "Subject1/a1t1", "start": 400}``.

    Raises:
        ConfigurationError: The file is missing or not of that form, or has no split of that name.
    """
    splits = _splits(path)
    if name not in splits:
        known = ", ".join(map(str, splits)) or "none"
        raise ConfigurationError("label_split", f"'{path}' has no split '{name}'", f"Splits in this file: {known}")
    listed = splits[name]
    if not isinstance(listed, list) or not listed or not all(map(_is_sample, listed)):
        raise ConfigurationError("label_split", f"'{name}' in '{path}' is no list of recordings", "List their names")
    return frozenset(each if isinstance(each, str) else (each["recording"], each["start"]) for each in listed)


def write_label_split(path: Path, name: str, samples: Samples, rows: Indices) -> None:
    """Writes a list of samples into a file of label splits; the other lists of the file are kept.

    Args:
        path: The file; it is made where it does not exist.
        name: Name of the list.
        samples: All samples of the dataset.
        rows: Indices of the samples, in the order of the list.

    Raises:
        ConfigurationError: The file has other content, or has a list of that name already.
    """
    splits = _splits(path) if path.exists() else {}
    if name in splits:
        raise ConfigurationError("out", f"'{path}' has a split '{name}' already", "Name another file")
    counts = dict(zip(*np.unique(samples.recording, return_counts=True), strict=True))
    listed = [
        recording if counts[recording] == 1 else {"recording": recording, "start": start}
        for recording, start in zip(samples.recording[rows].tolist(), samples.start[rows].tolist(), strict=True)
    ]
    write_json(path, {**splits, name: listed})


def listed_positions(samples: Samples, pool: Indices, listed: frozenset[Listed] | None) -> list[int]:
    """Positions in `pool` of the listed samples; none without a list.

    Args:
        samples: All samples of the dataset.
        pool: Indices of the training samples.
        listed: The list; None where labels are sampled.

    Raises:
        ConfigurationError: A listed recording or sample is not among the training samples.
    """
    if listed is None:
        return []
    names: Sequence[str] = samples.recording[pool].tolist()
    found = [(name, (name, start)) for name, start in zip(names, samples.start[pool].tolist(), strict=True)]
    absent = listed - {entry for entries in found for entry in entries}
    if unknown := sorted(map(str, absent & _without_label(samples))):
        problem = f"{len(unknown)} listed samples have no label yet: {unknown[:3]}"
        remedy = "Label them in the recordings and import these again, or write their activities into a label_file"
        raise ConfigurationError("label_split", problem, remedy)
    missing = sorted(map(str, absent))
    if missing:
        raise ConfigurationError(
            "label_split",
            f"{len(missing)} recordings are not among the training samples: {missing[:3]}",
            "Check train_subjects and max_train_per_class",
        )
    return [position for position, entries in enumerate(found) if not listed.isdisjoint(entries)]


def _without_label(samples: Samples) -> set[Listed]:
    """Samples of unknown activity, and recordings that have no others."""
    unknown = samples.label < 0
    rows = zip(samples.recording[unknown].tolist(), samples.start[unknown].tolist(), strict=True)
    recordings = set(samples.recording[unknown].tolist()) - set(samples.recording[~unknown].tolist())
    return {*rows, *recordings}


def _splits(path: Path) -> dict[str, Any]:
    splits = read_json(
        path, lambda problem: ConfigurationError("label_split_file", f"'{path}' {problem}", "Name another file")
    )
    if not isinstance(splits, dict):
        raise ConfigurationError("label_split", f"'{path}' maps no names to lists", 'Write {"name": ["recording"]}')
    return splits


def _is_sample(entry: Any) -> bool:
    if isinstance(entry, dict):
        return (
            entry.keys() == {"recording", "start"}
            and isinstance(entry["recording"], str)
            and type(entry["start"]) is int
        )
    return isinstance(entry, str)
