"""What is wrong with recordings where the others can be used: counted, said with the first few names, or refused."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pytorch_lightning.utilities import rank_zero_warn

from cosmo_pl.errors import RecordingError

if TYPE_CHECKING:
    from cosmo_pl.data.base import MultimodalDataModule

SHOWN = 3  # names in a line


def report(data: MultimodalDataModule, problem: str, names: Iterable[str], remedy: str, mended: bool = False) -> None:
    """Warns of a kind of fault, and keeps the line in `data.faults`.

    Args:
        data: The datamodule.
        problem: Which these are and what becomes of them, after their number: "clips lack a modality and are left out".
        names: Files below the dataset's folder, or recordings; without any, nothing is said.
        remedy: What to do about it.
        mended: Whether nothing is lost by it, so that `strict` allows it.

    Raises:
        RecordingError: `data.strict` is set, and it is not mended.
    """
    first = sorted(names)
    if not first:
        return
    line = f"{len(first)} {problem} ({', '.join([*first[:SHOWN], *(['...'] if len(first) > SHOWN else [])])})"
    if data.strict and not mended:
        raise RecordingError(data.folder / first[0], f"refused under strict: {line}", remedy)
    if line not in data.faults:
        data.faults.append(line)
        rank_zero_warn(f"{data.dataset}: {line}. {remedy}.")


def one_of_each(data: MultimodalDataModule, found: Sequence[tuple[str, str, Path]]) -> dict[str, Path]:
    """One file for each recording, whose name may be spelled in several ways: a5_s2_t3, A05_s2_t3.

    Args:
        data: The datamodule.
        found: Name of the recording, the official name of its file below the dataset's folder, and a file of it.

    Returns:
        Recording to its file; that of the official name where there is one.
    """
    named = [(path.relative_to(data.folder).as_posix(), official, name, path) for name, official, path in found]
    chosen: dict[str, Path] = {}
    for _, _, name, path in sorted(named, key=lambda one: (one[0] != one[1], one[0])):
        chosen.setdefault(name, path)
    others = [there for there, _, name, path in named if chosen[name] != path]
    report(
        data, "files of a recording that is there under another spelling are ignored", others,
        "Remove those that are wrong",
    )  # fmt: skip
    return chosen


def report_missing(data: MultimodalDataModule, names: Iterable[str]) -> None:
    """Reports what is missing of the official recordings.

    Args:
        data: The datamodule; its class knows them.
        names: Recordings that are there.
    """
    missing = set(data.official) - set(names)
    report(
        data, f"of the {len(data.official)} official recordings are missing", missing,
        "Add their files, or give the subjects that are complete",
    )  # fmt: skip
