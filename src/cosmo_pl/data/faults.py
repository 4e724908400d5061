"""Faulty recordings of a dataset whose other recordings can be used: they are reported, or refused under `strict`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cosmo_pl.data.recordings import Recording
from cosmo_pl.errors import RecordingError

SHOWN = 3  # names in a line


@dataclass(frozen=True)
class FaultLog:
    """The faults that were found in the recordings of a dataset.

    Args:
        dataset: Name of the dataset.
        folder: The dataset's folder.
        strict: Whether a fault is an error.
        remedies: One line per kind of fault, in the order in which they were found, to what to do about it.
    """

    dataset: str
    folder: Path
    strict: bool
    remedies: dict[str, str] = field(default_factory=dict)

    @property
    def lines(self) -> list[str]:
        """One line per kind of fault."""
        return list(self.remedies)

    def report(self, problem: str, names: Iterable[str], remedy: str, mended: bool = False) -> None:
        """Warns of a kind of fault once, and keeps it.

        Args:
            problem: The fault and its consequence, to follow a count: "clips lack a modality and are left out".
            names: Files below the dataset's folder, or recordings. Nothing is reported where there are none.
            remedy: What to do about it.
            mended: Whether no recording is lost by it, so that `strict` allows it.

        Raises:
            RecordingError: `strict` is set, and the fault is not mended.
        """
        first = sorted(names)
        if not first:
            return
        line = f"{len(first)} {problem} ({', '.join([*first[:SHOWN], *(['...'] if len(first) > SHOWN else [])])})"
        if self.strict and not mended:
            raise RecordingError(self.folder / first[0], f"refused under strict: {line}", remedy)
        if line not in self.remedies:
            from pytorch_lightning.utilities import rank_zero_warn  # not needed by processes that import recordings

            self.remedies[line] = remedy
            rank_zero_warn(f"{self.dataset}: {line}. {remedy}.")

    def name_of(self, path: Path) -> str:
        """A file as it is named in a line: its path below the dataset's folder, or else its whole path."""
        return (path.relative_to(self.folder) if path.is_relative_to(self.folder) else path).as_posix()


def one_of_each(found: Sequence[tuple[str, str, Path]], faults: FaultLog) -> dict[str, Path]:
    """One file for each recording, whose name may be spelled in several ways: a5_s2_t3, A05_s2_t3.

    Args:
        found: Name of the recording, the official name of its file below the dataset's folder, and a file of it.
        faults: Where the other files are reported.

    Returns:
        Recording to its file; the file of the official name where it exists.
    """
    chosen: dict[str, Path] = {}
    for name, _, path in sorted(found, key=lambda one: (faults.name_of(one[2]) != one[1], one[2].as_posix())):
        chosen.setdefault(name, path)
    others = [faults.name_of(path) for name, _, path in found if chosen[name] != path]
    problem = "files of a recording that exists under another spelling are ignored"
    faults.report(problem, others, "Remove those that are wrong")
    return chosen


def report_missing(official: Collection[str], names: Iterable[str], faults: FaultLog) -> None:
    """Reports the official recordings that are missing on disk.

    Args:
        official: Names of all official recordings.
        names: Recordings on disk.
        faults: Where they are reported.
    """
    problem = f"of the {len(official)} official recordings are missing"
    faults.report(problem, set(official) - set(names), "Add their files, or give the subjects that are complete")


def complete_recordings(
    recordings: Sequence[Recording], kept_subjects: Collection[int], faults: FaultLog
) -> list[Recording]:
    """Leaves out the recordings that lack a modality, and reports them.

    Args:
        recordings: All of them.
        kept_subjects: Subjects whose incomplete recordings are kept, unless they lack all modalities.
        faults: Where incomplete recordings are reported.

    Raises:
        RecordingError: A recording lacks a modality, and `faults` is strict.
    """

    def is_used(recording: Recording) -> bool:
        return not recording.lacks or (recording.subject in kept_subjects and bool(recording.files))

    used = [recording for recording in recordings if is_used(recording)]
    for problem, some in (
        ("clips lack a modality and are left out", [each for each in recordings if not is_used(each)]),
        ("test clips lack a modality and are kept", [each for each in used if each.lacks]),
    ):
        names = [f"{recording.name} without {' and '.join(sorted(recording.lacks))}" for recording in some]
        faults.report(problem, names, "Add the files" + (", or set strict to false" if faults.strict else ""))
    return used
