"""Files that no pattern of the description matches, or one in two ways, and recordings that lack a sensor."""

from __future__ import annotations

import mimetypes
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from cosmo_pl.data.faults import FaultLog
from cosmo_pl.data.streams.description import ImportDescription
from cosmo_pl.data.streams.planning import PlannedRecording
from cosmo_pl.data.streams.source import Source
from cosmo_pl.storage import SIMULATION

TEXTS = {".md", ".rst", ".pdf", ".doc", ".docx", ".odt", ".tex", ".bib", ".html", ".htm", ".xml", ".css"}
PROGRAMS = {".yaml", ".yml", ".toml", ".ini", ".cfg", ".py", ".ipynb", ".m", ".r", ".sh", ".bat", ".js"}
OF_ELAN = {".pfsx", ".etf"}
NO_DATA = TEXTS | PROGRAMS | OF_ELAN  # suffixes of files that are expected beside recordings
MEDIA = ("image", "video", "audio")
DOCUMENTS = ("readme", "license", "licence", "copying", "changelog", "authors", "citation", "notes")
SYSTEM = ("__macosx", "thumbs.db", "desktop.ini")


def unmatched(source: Source, description: ImportDescription, target: Path | None = None) -> list[str]:
    """Files that may be data and that no pattern matches.

    Descriptions, documents, pictures, videos and files of the system are no data, nor is what an import wrote.

    Args:
        source: Folder or archive.
        description: Its description.
        target: Folder that the import writes, which may be inside.
    """
    patterns = [stream.files for stream in description.sensors.values()]
    patterns += [] if description.labels is None else [description.labels.files]
    inside = None
    if target is not None and target.resolve().is_relative_to(source.path.resolve()):
        inside = PurePosixPath(target.resolve().relative_to(source.path.resolve()).as_posix())
    return [
        name
        for name in source.names
        if _may_be_data(PurePosixPath(name))
        and (inside is None or not PurePosixPath(name).is_relative_to(inside))
        and all(pattern.match(name) is None for pattern in patterns)
    ]


def _may_be_data(path: PurePosixPath) -> bool:
    system = any(part.lower() in SYSTEM for part in path.parts)
    document = path.suffix.lower() in NO_DATA or path.stem.lower() in DOCUMENTS
    media = (mimetypes.guess_type(path.name)[0] or "").partition("/")[0] in MEDIA
    return not (system or document or media or path.name == SIMULATION)


def report_unmatched(names: Sequence[str], planned: Sequence[PlannedRecording], faults: FaultLog) -> None:
    """Reports files that no pattern matches, and recordings that lack a sensor.

    Args:
        names: The files.
        planned: All recordings.
        faults: Where they are reported.

    Raises:
        RecordingError: `faults` is strict, and there is one.
    """
    problem = "files match no pattern of the description and are not imported"
    faults.report(problem, names, "Correct their names or `files` in the description, or move them elsewhere")
    sensors = list(dict.fromkeys(sensor for each in planned for sensor in each.files))
    lacking = [
        f"{each.name} without {' and '.join(lacks)}"
        for each in planned
        if (lacks := [sensor for sensor in sensors if sensor not in each.files])
    ]
    remedy = "Add the files, or correct their names; the description may name files of one recording differently"
    faults.report("recordings lack a sensor that others have", lacking, remedy)


def report_readings(source: Source, description: ImportDescription, faults: FaultLog) -> None:
    """Reports paths that a pattern matches in two ways, so that people or recordings may have been mixed up.

    Args:
        source: Folder or archive.
        description: Its description.
        faults: Where they are reported.
    """
    found = []
    for stream in description.sensors.values():
        for name in source.names:
            first, *others = stream.files.readings(name) or [{}]
            for other in others:
                parts = (f"{key} {value} or {other[key]}" for key, value in first.items() if value != other[key])
                found.append(f"{name}: {', '.join(parts)}")
    remedy = "Nothing has to be done where the first one is right; else rename the files, or name their parts"
    faults.report("paths can be read in two ways, of which the first is taken", found, remedy, mended=True)
