"""The recordings that a user names: by name, by file, by subject, or none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cosmo_pl.data import DATASETS, MultimodalDataModule, StreamsDataModule
from cosmo_pl.data.identity import dataset_folder
from cosmo_pl.data.recordings import Recording
from cosmo_pl.data.streams.store import MANIFEST
from cosmo_pl.errors import ConfigurationError, DatasetNotFoundError, choices
from cosmo_pl.run_loading import make_data

DataModuleClass = type[MultimodalDataModule]


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
    return dataset.endswith((".yaml", ".yml"))


def is_imported(folder: Path) -> bool:
    """Whether a folder holds imported recordings."""
    return (folder / MANIFEST).is_file()


def find_recordings(target: str, dataset: str | None, root: str | None) -> tuple[MultimodalDataModule, list[Recording]]:
    """The recordings that a name or a path stands for, and the data that they belong to.

    Args:
        target: Name of a recording, as ``a1_s7_t1``; one of its files; or a folder of imported recordings, which stands
            for all of them.
        dataset: See `dataset_named`; None looks into every dataset in the folder.
        root: Folder that holds the datasets' folders; None takes $COSMO_PL_DATA, else ``data``.

    Raises:
        ConfigurationError: There is no such recording; the message has names that are similar.
        CosmoError: A dataset cannot be used.
    """
    path = Path(target).expanduser()
    if is_imported(path):
        imported = StreamsDataModule(root=str(path))
        return imported, imported.find_recordings(imported.folder)
    if path.is_file() and dataset is None:
        kind = _kind_of(path.resolve())
        return _found(kind.for_viewing(str(path.resolve().parents[_depth(path.resolve(), kind)])), target)
    if dataset is not None:
        return _found(dataset_named(dataset, root), target)
    names: list[str] = []
    for kind in DATASETS.values():
        if kind.official and target not in kind.official:  # a published dataset need not be read to know this
            names += kind.official if dataset_folder(root, kind.dataset).name == kind.dataset else ()
            continue
        try:
            return _found(kind.for_viewing(root), target)
        except DatasetNotFoundError:
            continue
        except UnknownRecordingError as error:
            names += error.names
    raise UnknownRecordingError(target, sorted(names))


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


def _found(data: MultimodalDataModule, target: str) -> tuple[MultimodalDataModule, list[Recording]]:
    recordings = data.find_recordings(data.folder)
    path = Path(target).expanduser().resolve()
    for each in recordings:
        if each.name == target or path in (file.resolve() for file in each.files.values()):
            return data, [each]
    raise UnknownRecordingError(target, [each.name for each in recordings])


def _kind_of(path: Path) -> DataModuleClass:
    """The dataset whose folder a file is in."""
    for kind in DATASETS.values():
        if kind.dataset in path.parts:
            return kind
    folders = ", ".join(kind.dataset for kind in DATASETS.values())
    problem = f"'{path}' is in no folder of a dataset ({folders})"
    raise ConfigurationError("target", problem, "Give --dataset and the name of the recording")


def _depth(path: Path, kind: DataModuleClass) -> int:
    """How far above a file the folder that holds the dataset's folder is."""
    return len(path.parts) - path.parts.index(kind.dataset) - 1


def chosen(recordings: Sequence[Recording], name: str | None, subject: int | None) -> list[Recording]:
    """Those of some recordings that are named; the first one if nothing is named.

    Args:
        recordings: At least one recording.
        name: Name of a recording.
        subject: Number of a subject, all of whose recordings are taken.

    Raises:
        ConfigurationError: There is no such recording or subject, or both are named.
    """
    if name is not None and subject is not None:
        raise ConfigurationError("subject", "and recording are both given", "Give one of them")
    if name is not None:
        found = [each for each in recordings if each.name == name]
        if not found:
            raise UnknownRecordingError(name, [each.name for each in recordings], "recording")
        return found
    if subject is None:
        return list(recordings[:1])
    found = [each for each in recordings if each.subject == subject]
    if not found:
        subjects = sorted({each.subject for each in recordings})
        raise ConfigurationError("subject", f"there is no subject {subject}", choices(str(subject), map(str, subjects)))
    return found
