"""What the class of a datamodule says of its dataset."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Self

from cosmo_pl.data.download import Archive
from cosmo_pl.data.stored import StoredModality
from cosmo_pl.errors import DatasetNotFoundError


class DatasetIdentity:
    """Names of a dataset, and where its recordings come from."""

    dataset: ClassVar[str]
    """Name of the dataset's folder."""
    key: ClassVar[str]
    """Name of the dataset on the command line and in `cosmo_pl.data.DATASETS`."""
    title: ClassVar[str]
    """Name of the dataset in tables and figures."""
    archives: ClassVar[Mapping[str, Archive]] = {}
    """Modality to the archive that ``cosmo-pl data download`` fetches for it; empty for a dataset without download."""
    official: ClassVar[Collection[str]] = ()
    """Names of all recordings of a published dataset; those that are missing are reported."""
    class_names: tuple[str, ...]
    """Names of the activities."""
    channel_groups: Mapping[str, tuple[tuple[int, ...], ...]]
    """Modality to groups of channels that share normalisation statistics; the keys are the modalities there are."""
    channel_axis: Mapping[str, int | None] = {}
    """Modality to the axis of its channels, counted from the end, None for one without; the last where not named."""
    units: Mapping[str, tuple[str, ...]] = {}
    """Modality (T, ...) to the unit of each of its groups of channels; one without is not judged for plausibility."""
    skeletons: Collection[str] = ()
    """Modalities (T, joints, 3) of bodies whose joints are in the order of UTD-MHAD."""
    stored: Mapping[str, StoredModality] = {}
    """Modalities that are prepared once and stay on disk; a sample is then a whole recording."""
    default_test_subjects: Sequence[int] = ()
    """Test subjects where neither they nor folds are given."""
    strict, keep_incomplete = False, False
    """Whether recordings with a fault are refused, or kept where they lack a modality and are of test subjects."""
    in_memory, num_workers = True, 0
    """Whether those are taken into memory after all, and worker processes that read them where they are not."""
    span: int = 1
    """Steps of a recording that a sample covers, for samples that overlap."""
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
    def not_found(cls, folder: Path, looked_for: str) -> DatasetNotFoundError:
        """The error of `find_recordings` where there are none.

        Args:
            folder: Folder that was searched.
            looked_for: What should have been there.
        """
        offered = {"download": bool(cls.archives), "simulate": cls.simulator is not None}
        commands = [f"cosmo-pl data {command} {cls.key}" for command, there in offered.items() if there]
        found = [path.name for path in folder.iterdir()] if folder.is_dir() else []
        return DatasetNotFoundError(cls.dataset, folder, looked_for, found, commands)
