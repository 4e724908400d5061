"""What is known of a dataset before its recordings are read: names, channels, units, and where it lies on disk."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from cosmo_pl.data.channels import described_sensor
from cosmo_pl.data.download import Archive
from cosmo_pl.errors import ConfigurationError, DatasetNotFoundError, UnfinishedError
from cosmo_pl.io import user_path
from cosmo_pl.sensors import SensorDescription
from cosmo_pl.storage import SIMULATION, UNFINISHED

REQUIRED = ("dataset", "key", "title", "class_names", "channel_groups")


class DatasetIdentity:
    """Names of a dataset, its modalities, and the source of its recordings.

    A subclass sets these as class attributes, or those that depend on the recordings before the constructor of
    `MultimodalDataModule` runs.
    """

    dataset: ClassVar[str]
    """Name of the dataset's folder."""
    key: ClassVar[str]
    """Name of the dataset on the command line and in `cosmo_pl.data.DATASETS`."""
    title: str
    """Name of the dataset in tables and figures."""
    archives: ClassVar[Mapping[str, Archive]] = {}
    """Modality to the archive that ``cosmo-pl data download`` fetches for it; empty for a dataset without download."""
    official: ClassVar[Collection[str]] = ()
    """Names of all recordings of a published dataset; those that are missing are reported."""
    modalities: tuple[str, ...]
    """The chosen modalities."""
    class_names: tuple[str, ...]
    """Names of the activities."""
    channel_groups: Mapping[str, tuple[tuple[int, ...], ...]]
    """Modality to groups of channels that share normalisation statistics; the keys are all modalities."""
    channel_axis: Mapping[str, int | None] = {}
    """Modality to the axis of its channels, counted from the end; None for no channel axis. The default is -1."""
    units: Mapping[str, tuple[str, ...]] = {}
    """Modality (T, ...) to the unit of each of its groups of channels. Others are not checked for plausibility."""
    skeletons: Collection[str] = ()
    """Modalities (T, joints, 3) of bodies whose joints are in the order of UTD-MHAD."""
    kinds: Mapping[str, str] = {}
    """Modality to its kind, see `SensorDescription`. That of others follows from their units."""
    rates: Mapping[str, float | None] = {}
    """Modality to its frames per second as the samples have them; None, and for others, if it varies or is unknown."""
    default_test_subjects: Sequence[int] = ()
    """Test subjects where neither they nor folds are given."""
    simulator: ClassVar[str | None] = None
    """Function that ``cosmo-pl data simulate`` calls, as "cosmo_pl.simulation.simulate_usc"; None for no simulation.

    It is called with the root and those of `subjects` (their numbers), `trials` and `seed` that are given, and returns
    the dataset's folder.
    """

    @classmethod
    def for_description(cls, root: str | None = None, cache_dir: str | None = None) -> Self:
        """The datamodule that ``cosmo-pl data describe`` reads all recordings with.

        A class whose defaults do not fit every set of recordings overrides it.

        Args:
            root: Folder that holds the dataset's folder, or that folder itself.
            cache_dir: Folder of the cache.

        Raises:
            CosmoError: The recordings cannot be used.
        """
        make: Callable[..., Self] = cls
        return make(root=root, cache_dir=cache_dir)

    @classmethod
    def for_viewing(cls, root: str | None = None, cache_dir: str | None = None) -> Self:
        """The datamodule that ``cosmo-pl view`` shows recordings with: all sensors that they have.

        Args:
            root: Folder that holds the dataset's folder, or that folder itself.
            cache_dir: Folder of the cache.

        Raises:
            CosmoError: There are no recordings.
        """
        return cls.for_description(root, cache_dir)

    @classmethod
    def model_arguments(cls, window: float | None, steps: int, rates: Mapping[str, float | None]) -> dict[str, Any]:
        """Arguments with which samples have the windows and rates of a trained model; none for a dataset of clips.

        Args:
            window: Seconds of a sample; None for clips of different lengths.
            steps: Steps of a sample of the first modality.
            rates: Modality to its frames per second, where it is known.
        """
        return {}

    @property
    def num_classes(self) -> int:
        """Number of activities."""
        return len(self.class_names)

    @property
    def sensors(self) -> dict[str, SensorDescription]:
        """What each modality measures, by which the encoders of a bundle are matched to it."""
        skeletons = dict.fromkeys(self.skeletons, "skeleton")
        return {
            name: described_sensor(
                self.channel_groups[name],
                self.units.get(name, ()),
                self.kinds.get(name, skeletons.get(name)),
                self.rates.get(name),
            )
            for name in self.modalities
        }

    def content_hashes(self) -> Mapping[str, Collection[str]]:
        """Recording to hashes of its content, by which people are known whose numbers an import has given.

        It is empty for a dataset whose subjects have the same numbers wherever it lies; these numbers decide there.
        """
        return {}

    @property
    def window_seconds(self) -> float | None:
        """Seconds of a sample; None for clips of different lengths, and where it is unknown."""
        return None

    @property
    def span(self) -> int:
        """Steps of a recording that a sample covers, for samples that overlap."""
        return 1

    @property
    def step_seconds(self) -> float | None:
        """Seconds of such a step, in which the starts of samples count; None where `window_seconds` is."""
        return None if self.window_seconds is None else self.window_seconds / self.span

    @classmethod
    def not_found(cls, folder: Path, looked_for: str) -> DatasetNotFoundError:
        """The error of `find_recordings` for a folder without recordings.

        Args:
            folder: Folder that was searched.
            looked_for: What should have been in it.
        """
        offered = {"download": bool(cls.archives), "simulate": cls.simulator is not None}
        commands = [f"cosmo-pl data {command} {cls.key}" for command, available in offered.items() if available]
        found = [path.name for path in folder.iterdir()] if folder.is_dir() else []
        return DatasetNotFoundError(cls.dataset, folder, looked_for, found, commands)

    def check_modalities(self, chosen: Sequence[str], per_modality: Mapping[str, Collection[str]]) -> None:
        """Checks that the dataset is described completely, and that arguments name its modalities.

        Args:
            chosen: Modalities to use.
            per_modality: Argument to the modalities that it names.

        Raises:
            ConfigurationError: The class lacks an attribute, or a modality is unknown.
        """
        missing = [name for name in REQUIRED if not hasattr(self, name)]
        if missing:
            raise ConfigurationError(
                "data", f"{type(self).__name__} has no {', '.join(missing)}", "Set it on the class"
            )
        known = list(self.channel_groups)
        if not chosen or len(set(chosen)) < len(chosen) or not set(chosen) <= set(known):
            raise ConfigurationError("modalities", f"{list(chosen)} cannot be used", f"Choose from {known}")
        for argument, named in per_modality.items():
            if not set(named) <= set(known):
                raise ConfigurationError(argument, f"{sorted(named)} has an unknown modality", f"Use {known}")


def dataset_folder(root: str | None, dataset: str) -> Path:
    """Folder of a dataset.

    Args:
        root: Folder that holds the dataset's folder, or that folder itself; None takes $COSMO_PL_DATA, else ``data``.
        dataset: Name of the dataset's folder.

    Returns:
        ``root/dataset``, or ``root`` where that does not exist. Whether it holds recordings is not checked.

    Raises:
        UnfinishedError: A simulation has not written all recordings.
    """
    base = user_path(root or os.environ.get("COSMO_PL_DATA") or "data")
    folder = base / dataset if (base / dataset).is_dir() else base
    if (folder / UNFINISHED).exists():
        raise UnfinishedError(folder)
    return folder


def is_simulated(folder: Path) -> bool:
    """Whether the recordings in a dataset's folder were simulated, not measured."""
    return (folder / SIMULATION).is_file()
