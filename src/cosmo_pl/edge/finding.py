"""The recordings that a user names: by name, by file, by subject, or none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from cosmo_pl.data import DATASETS, MultimodalDataModule, StreamsDataModule
from cosmo_pl.data.identity import dataset_folder
from cosmo_pl.data.reading_checks import checked_recordings
from cosmo_pl.data.recordings import Recording
from cosmo_pl.data.registry import DataModuleClass
from cosmo_pl.data.streams.store import MANIFEST
from cosmo_pl.errors import ConfigurationError, DatasetNotFoundError, UnfinishedError, choices
from cosmo_pl.io import YAML, user_path
from cosmo_pl.recogniser import AnyRecogniser
from cosmo_pl.run_loading import make_data


def dataset_named(dataset: str, root: str | None) -> MultimodalDataModule:
    """The datamodule that recordings of a dataset are shown with.

    Args:
        dataset: Key of a dataset, class path of a datamodule, or YAML file with data and their arguments.
        root: Folder that holds the dataset's folder; None takes $COSMO_PL_DATA, else ``data``.

    Raises:
        CosmoError: There is no such dataset, or its recordings are not there.
    """
    if is_config(dataset):
        return make_data([Path(dataset)], {} if root is None else {"root": root})
    return DATASETS.named(dataset).for_viewing(root)


def is_config(dataset: str) -> bool:
    """Whether a dataset is named by a YAML file."""
    return dataset.endswith(YAML)


def is_imported(folder: Path) -> bool:
    """Whether a folder holds imported recordings."""
    return (folder / MANIFEST).is_file()


def find_recordings(
    target: str, dataset: str | None, root: str | None, argument: str = "target"
) -> tuple[MultimodalDataModule, list[Recording]]:
    """The recordings that a name or a path stands for, and the data that they belong to.

    Args:
        target: Name of a recording, as ``a1_s7_t1``; one of its files; a dataset's folder or one in it, which
            stands for all recordings in it; a folder of imported recordings, or ``FOLDER/NAME`` for one of them.
        dataset: See `dataset_named`; None looks into every dataset in the folder.
        root: Folder that holds the datasets' folders; None takes $COSMO_PL_DATA, else ``data``.
        argument: Argument that names the target, for messages.

    Raises:
        ConfigurationError: There is no such recording; the message has names that are similar.
        CosmoError: A dataset cannot be used.
    """
    path = user_path(target)
    for folder in (path, path.parent):
        if is_imported(folder):
            imported = StreamsDataModule(root=str(folder))
            recordings = imported.find_recordings(imported.folder)
            return imported, chosen(recordings, path.name, None, argument) if folder != path else recordings
    if dataset is not None:
        return _found(dataset_named(dataset, root), target, argument)
    at = dataset_at(path)
    if at is not None:
        kind, folder = at
        return _found(kind.for_viewing(str(folder) if folder.is_dir() else root), target, argument)
    if path.exists():
        folders = ", ".join(kind.dataset for kind in DATASETS.values())
        problem = f"'{path}' is in no folder of a dataset ({folders})"
        raise ConfigurationError(argument, problem, "Give --dataset and the name of the recording")
    return _searched(target, root, argument)


def _searched(name: str, root: str | None, argument: str) -> tuple[MultimodalDataModule, list[Recording]]:
    """The recording of that name, of any dataset in the root."""
    names: list[str] = []
    for kind in DATASETS.values():
        if kind.official and name not in kind.official:  # a published dataset need not be read to know this
            names += kind.official if dataset_folder(root, kind.dataset).name == kind.dataset else ()
            continue
        try:
            return _found(kind.for_viewing(root), name, argument)
        except (DatasetNotFoundError, UnfinishedError):
            continue
        except UnknownRecordingError as error:
            names += error.names
    raise UnknownRecordingError(name, sorted(names), argument)


class UnknownRecordingError(ConfigurationError):
    """A name that no recording has.

    Args:
        name: The name.
        names: Names of the recordings that there are.
        argument: The argument that names it.
    """

    def __init__(self, name: str, names: Sequence[str], argument: str = "target") -> None:
        remedy = choices(name, names) if names else "Give --root, the folder that holds the dataset's folder"
        others = ", file or folder" if argument == "target" else ""
        super().__init__(argument, f"there is no recording{others} '{name}'", remedy)
        self.names = names


def dataset_at(path: Path) -> tuple[DataModuleClass, Path] | None:
    """The dataset whose folder a path is or is in, and that folder; None for a path in none."""
    kinds = {kind.dataset: kind for kind in DATASETS.values()}
    whole = path.absolute() if path.exists() else path  # a name is no path, whatever folder this is
    found = next((folder for folder in (whole, *whole.parents) if folder.name in kinds), None)
    return None if found is None else (kinds[found.name], found)


def _found(data: MultimodalDataModule, target: str, argument: str) -> tuple[MultimodalDataModule, list[Recording]]:
    """The recording of that name; else those whose file it is, or whose files are in it.

    A path starts in the working directory, in the dataset's folder, or in the folder that holds this.
    """
    recordings, folder = checked_recordings(data), data.folder.resolve()
    paths = [user_path(target).resolve(), folder / target, folder.parent / target]
    if folder in paths:
        return data, recordings
    names = [path.relative_to(folder).as_posix() for path in paths if path.is_relative_to(folder)]
    named = [each for each in recordings if each.name in names]
    found = named or [each for each in recordings if _has_file_in(each, paths)]
    if not found:
        raise UnknownRecordingError(names[0] if names else target, [each.name for each in recordings], argument)
    return data, found


def _has_file_in(recording: Recording, paths: Sequence[Path]) -> bool:
    files = [file.resolve() for file in recording.files.values()]
    return any(file.is_relative_to(path) for file in files for path in paths)


def for_model(
    data: MultimodalDataModule, recogniser: AnyRecogniser, dataset: str | None, argument: str
) -> MultimodalDataModule:
    """The same dataset by the sensors of a model, at its rates and with its window.

    Args:
        data: The dataset.
        recogniser: The model; sensors that the dataset lacks are left out.
        dataset: See `dataset_named`; the data of a YAML file stay as they are.
        argument: Argument that names the dataset, for messages.

    Raises:
        ConfigurationError: The dataset has none of the model's sensors.
    """
    shapes, sensors = recogniser.modality_shapes, recogniser.sensors
    names = [name for name in shapes if name in data.channel_groups]
    if not names:
        problem = f"{data.title} has none of the model's sensors {list(shapes)}"
        raise ConfigurationError(argument, problem, f"Its sensors are {list(data.channel_groups)}")
    if dataset is not None and is_config(dataset):
        return data
    rates = {name: sensors[name].rate for name in names if name in sensors}
    given = data.model_arguments(recogniser.window, shapes[names[0]][0], rates)
    make: Callable[..., MultimodalDataModule] = type(data)
    return make(root=data.root, cache_dir=data.cache_dir, modalities=names, **given)


def chosen(
    recordings: Sequence[Recording], name: str | None, subject: int | None, argument: str = "recording"
) -> list[Recording]:
    """Those of some recordings that are named; the first one if nothing is named.

    Args:
        recordings: At least one recording.
        name: Name of a recording.
        subject: Number of a subject, all of whose recordings are taken.
        argument: Argument that names the recording, for messages.

    Raises:
        ConfigurationError: There is no such recording or subject, or both are named.
    """
    if name is not None and subject is not None:
        raise ConfigurationError("subject", "and recording are both given", "Give one of them")
    if name is not None:
        found = [each for each in recordings if each.name == name]
        if not found:
            raise UnknownRecordingError(name, [each.name for each in recordings], argument)
        return found
    if subject is None:
        return list(recordings[:1])
    found = [each for each in recordings if each.subject == subject]
    if not found:
        subjects = sorted({each.subject for each in recordings})
        raise ConfigurationError("subject", f"there is no subject {subject}", choices(str(subject), map(str, subjects)))
    return found
