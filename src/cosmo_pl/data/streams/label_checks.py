"""What is wrong with labels is said before the streams are imported, which may take hours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from cosmo_pl.data.faults import FaultLog
from cosmo_pl.data.streams.description import SUBJECT, ImportDescription, LabelsDescription, renamed
from cosmo_pl.data.streams.labels import recorded_intervals
from cosmo_pl.data.streams.patterns import filled
from cosmo_pl.data.streams.planning import PlannedRecording, matching
from cosmo_pl.data.streams.reading_description import REMEDY
from cosmo_pl.data.streams.source import Source
from cosmo_pl.errors import ConfigurationError, RecordingError

ANY_DAY = date(2001, 1, 15)  # of times of day: that of the recordings is not known yet


def check_labels(
    source: Source, description: ImportDescription, planned: Sequence[PlannedRecording], faults: FaultLog
) -> None:
    """Reads all labels without their recordings.

    Args:
        source: Folder or archive.
        description: Its description.
        planned: All recordings.
        faults: Where renamings of activities that no label has are reported.

    Raises:
        RecordingError: A label file cannot be read, belongs to no recording, or names a subject of none.
        ConfigurationError: An activity of the labels is not among those of the description.
    """
    if description.labels is not None:
        with TemporaryDirectory() as scratch:
            found = {*_of_files(source, description.labels, planned, Path(scratch))}
        names = description.labels.activities
    elif description.activity is not None:
        found = {filled(description.activity.path, each.placeholders) for each in planned}
        names = description.activity.names
    else:
        return
    activities, given = {renamed(raw, names) for raw in found} - {None}, description.activities
    unknown = sorted(str(name) for name in activities if given and name not in given)
    if unknown:
        raise ConfigurationError("description", f"activities: '{unknown[0]}' of the labels is missing", REMEDY)
    problem = "names of activities in the description are in no label"
    faults.report(problem, set(names) - found, "Write them as the labels do, or remove them", mended=True)


def _of_files(
    source: Source, labels: LabelsDescription, planned: Sequence[PlannedRecording], scratch: Path
) -> Iterator[str]:
    """The activities of all label files, as they are written."""
    for name, values in label_files(source, labels).items():
        subjects = sorted({each.subject for each in matching(values, planned)})
        if not subjects:
            problem = "belongs to no recording by its path"
            raise RecordingError(source.shown(name), problem, "Correct labels.files in the description")
        for raw in recorded_intervals(source.on_disk(name, scratch), labels, ANY_DAY):
            if raw.subject is not None and raw.subject not in subjects:
                problem = f"{raw.where}: there is no recording of {SUBJECT} '{raw.subject}', but of "
                raise RecordingError(source.shown(name), problem + ", ".join(subjects), "Correct the subject")
            yield raw.activity


def label_files(source: Source, labels: LabelsDescription) -> Mapping[str, Mapping[str, str]]:
    """Each file of labels by its name, with the values of the placeholders in its path.

    Raises:
        RecordingError: There is none.
    """
    files = {name: values for name in source.names if (values := labels.files.match(name)) is not None}
    if not files:
        problem = f"holds no file of labels, {labels.files.text}"
        raise RecordingError(source.path, problem, "Correct labels.files in the description, or leave labels out")
    return files
