"""Pretraining on several datasets together: the union of their sensors, in which a sample has those of its dataset."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.constraints import AtLeastTwo, Seed, whole
from cosmo_pl.data.augmentations import Augmentation
from cosmo_pl.data.base import MultimodalDataModule
from cosmo_pl.data.identity import is_simulated
from cosmo_pl.data.normalization import StatisticsOf
from cosmo_pl.data.parts import Phase
from cosmo_pl.data.recordings import Recording
from cosmo_pl.data.samples import Samples
from cosmo_pl.data.split import Split
from cosmo_pl.data.stored import combined
from cosmo_pl.data.transforms import described_transforms
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.sensors import SensorDescription

SUBJECTS = 1_000_000  # subject s of dataset d is d · SUBJECTS + s here


class JointPart(NamedTuple):
    """A dataset of several.

    Attributes:
        data: Its datamodule.
        names: Its modality to the modality here.
    """

    data: MultimodalDataModule
    names: dict[str, str]


class JointDataModule(MultimodalDataModule):
    """Samples of several datasets, for pretraining; the bundle is then used on each of them.

    The modalities are the union of those of the datasets. Modalities of one name are one: their kind, channels, unit,
    rate, shape and transforms have to be the same. ``present`` marks which modalities a sample has; the values of the
    others are 0. The statistics of a modality are those of all training samples that have it. Samples, subjects and
    classes of different datasets are different ones. Modalities that the datasets keep on disk are read into memory.

    Of the arguments of a dataset, those of its loaders and its memory, its phase, `track_test` and `include_labeled`
    have no effect.

    Args:
        datasets: The datasets, at least two modalities each: a sample with one has nothing to be contrasted with.
        names: For each dataset the name here of those modalities that have another one; None keeps all names.
        phase: "pretrain"; None is the same.
        pretrain_batch_size: Samples per batch.
        label_seed: Seed of the label sampling of all datasets, for the probe; None keeps theirs.
        include_labeled: Whether labelled samples are used as well, without their labels.
        augmentations: Modality to random changes of its training samples, in order.
        num_augmentations: Augmented views V of each training sample in a batch.
        cache_dir: Folder of the cache of quality measurements, see `MultimodalDataModule`.
        normalization: "data" or "adapt", see `MultimodalDataModule`; None is "data".

    Raises:
        ConfigurationError: A dataset has one modality only or is given twice, or modalities of one name differ.
    """

    numerics = "1.0"
    packable = False  # its datasets are
    dataset = "joint"
    key = "joint"
    title = "several datasets"

    def __init__(
        self,
        datasets: Sequence[MultimodalDataModule],
        names: Sequence[Mapping[str, str]] | None = None,
        phase: Phase | None = None,
        pretrain_batch_size: AtLeastTwo = 64,
        label_seed: Seed | None = None,
        include_labeled: bool = False,
        augmentations: Mapping[str, Sequence[Augmentation]] | None = None,
        num_augmentations: Annotated[int, whole(1, 1000)] = 1,
        cache_dir: str | None = None,
        normalization: StatisticsOf | None = None,
    ) -> None:
        self.sources = _sources(datasets, names)
        union = _union(self.sources)
        _check_different(self.sources)
        self._shapes = {name: source.data.modality_shapes[own] for name, (source, own) in union.items()}
        self._sensors = {name: source.data.sensors[own] for name, (source, own) in union.items()}
        self.class_names = tuple(
            f"{each.data.title}: {name}" for each in self.sources for name in each.data.class_names
        )
        self.channel_groups = {name: source.data.channel_groups[own] for name, (source, own) in union.items()}
        self.channel_axis = {name: source.data.channel_axis.get(own, -1) for name, (source, own) in union.items()}
        transforms = {name: source.data.transforms.get(own, ()) for name, (source, own) in union.items()}
        super().__init__(
            modalities=list(union),
            phase=phase or "pretrain",
            pretrain_batch_size=pretrain_batch_size,
            test_subjects=(),
            label_rate=1.0,  # each dataset samples its own labels
            include_labeled=include_labeled,
            transforms=transforms,
            augmentations=augmentations,
            num_augmentations=num_augmentations,
            cache_dir=cache_dir,
            normalization=normalization,
        )
        if label_seed is not None:
            for each in self.sources:
                each.data.label_sampling = replace(each.data.label_sampling, seed=label_seed)
        self._loaded: list[Samples] = []

    @property
    def modality_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the union."""
        return self._shapes

    @property
    def sensors(self) -> dict[str, SensorDescription]:
        """Sensors of the union."""
        return self._sensors

    @property
    def span(self) -> int:
        """The longest of the datasets."""
        longest: int = max(each.data.span for each in self.sources)
        return longest

    @property
    def folder(self) -> Path:
        """Folder of the first dataset, of a simulated one if there is any."""
        folders = [each.data.folder for each in self.sources]
        return next(filter(is_simulated, folders), folders[0])

    @property
    def training_subjects(self) -> dict[str, tuple[int, ...]]:
        """Key of each dataset to its training subjects there."""
        found: dict[str, tuple[int, ...]] = {}
        for number, each in enumerate(self.sources):
            subjects = np.unique(self.samples.subject[self.training_rows]) - number * SUBJECTS
            own = [int(subject) for subject in subjects if 0 <= subject < SUBJECTS]
            found[each.data.key] = tuple(sorted({*found.get(each.data.key, ()), *own}))
        return found

    def content_hashes(self) -> Mapping[str, Collection[str]]:
        """Those of the datasets that have any, by the names of their recordings here."""
        return {
            f"{number}/{name}": hashes
            for number, each in enumerate(self.sources)
            for name, hashes in each.data.content_hashes().items()
        }

    def check_phase(self) -> None:
        """Checks that the training is a pretraining.

        Raises:
            ConfigurationError: It is not.
        """
        if "finetune" in (self.given_phase, self._module_phase):
            problem = "is 'finetune', and the datasets have different activities"
            raise ConfigurationError("phase", problem, "Fine-tune on one of the datasets, with the bundle")

    def reader_arguments(self) -> dict[str, object]:
        """Nothing: the datasets read by themselves."""
        return {}

    def find_recordings(self, folder: Path) -> list[Recording]:
        """Recordings of all datasets in their own folders."""
        return [found for each in self.sources for found in each.data.find_recordings(each.data.folder)]

    def read(self, recordings: Sequence[Recording]) -> Samples:
        """All samples, as `load` returns them."""
        return self.load()

    def load(self) -> Samples:
        """Reads all datasets.

        Raises:
            ConfigurationError: A subject has a number that is of another dataset here.
        """
        self._loaded = [each.data.load() for each in self.sources]
        for source, samples in zip(self.sources, self._loaded, strict=True):
            if len(samples.subject) and (largest := int(samples.subject.max())) >= SUBJECTS:
                problem = f"{source.data.title} has a subject {largest}, and numbers are below {SUBJECTS} here"
                raise ConfigurationError("datasets", problem, "Give its people other numbers")
        self.data_fingerprint = combined(*(each.data.data_fingerprint for each in self.sources))
        loaded = self._loaded
        classes = np.cumsum([0, *(each.data.num_classes for each in self.sources)])
        labels = [
            np.where(each.label < 0, -1, each.label + first) for each, first in zip(loaded, classes, strict=False)
        ]
        present = {name: self._present(name) for name in self.modalities}
        return Samples(
            inputs={name: self._values(name) for name in self.modalities},
            label=np.concatenate(labels),
            subject=np.concatenate([each.subject + number * SUBJECTS for number, each in enumerate(loaded)]),
            recording=np.concatenate([np.char.add(f"{number}/", each.recording) for number, each in enumerate(loaded)]),
            start=np.concatenate([each.start for each in loaded]),
            present={name: has for name, has in present.items() if not has.all()},
        )

    def _own(self, name: str) -> list[str | None]:
        """Name of a modality in each dataset; None where it has none."""
        return [next((own for own, here in each.names.items() if here == name), None) for each in self.sources]

    def _present(self, name: str) -> NDArray[np.bool_]:
        parts = zip(self._own(name), self._loaded, strict=True)
        return np.concatenate([np.zeros(len(each), bool) if own is None else each.has(own) for own, each in parts])

    def _values(self, name: str) -> NDArray[Any]:
        found = [
            None if own is None else samples.inputs[own][np.arange(len(samples))]
            for own, samples in zip(self._own(name), self._loaded, strict=True)
        ]
        kind = next(values.dtype for values in found if values is not None)
        empty = (np.zeros((len(samples), *self._shapes[name]), dtype=kind) for samples in self._loaded)
        return np.concatenate([zeros if values is None else values for values, zeros in zip(found, empty, strict=True)])

    def split_samples(self, samples: Samples) -> Split:
        """The parts of all datasets."""
        splits = [each.data.split_samples(own) for each, own in zip(self.sources, self._loaded, strict=True)]
        first = np.cumsum([0, *map(len, self._loaded)])
        parts = ("train", "labeled", "unlabeled", "val", "test", "unknown")
        return Split(
            **{
                part: np.concatenate([getattr(split, part) + at for split, at in zip(splits, first, strict=False)])
                for part in parts
            }
        )


def _sources(datasets: Sequence[MultimodalDataModule], names: Sequence[Mapping[str, str]] | None) -> list[JointPart]:
    """The datasets with the names of their modalities.

    Raises:
        ConfigurationError: A dataset has one modality, an argument without effect, or a name that it does not know.
    """
    if not datasets or (names is not None and len(names) != len(datasets)):
        problem = f"{len(datasets)} datasets with names for {len(names or ())}"
        raise ConfigurationError("datasets", problem, "Give at least one dataset, and names for each or for none")
    sources = []
    for number, (data, given) in enumerate(zip(datasets, names or [{}] * len(datasets), strict=True)):
        where, own = f"datasets[{number}]", {name: given.get(name, name) for name in data.modalities}
        if unknown := sorted(set(given) - set(own)):
            raise ConfigurationError(f"names[{number}]", f"{data.title} has no {unknown}", f"Use {list(own)}")
        if len(set(own.values())) < 2:
            problem = (
                f"{data.title} has one modality, {', '.join(own.values())}, and a sample needs two to be contrasted"
            )
            raise ConfigurationError(where, problem, "Add another of its sensors, or leave the dataset out")
        if len(set(own.values())) < len(own):
            raise ConfigurationError(f"names[{number}]", f"gives two modalities of {data.title} one name", "Rename one")
        if data.augmentations or data.statistics_of is not None:
            problem = f"{data.title} has augmentations or a normalization of its own, which would have no effect"
            raise ConfigurationError(where, problem, "Give them to JointDataModule, for the modalities of all datasets")
        if data.label_file is not None:
            problem = f"{data.title} has a label_file, and the joint pretraining uses no labels"
            raise ConfigurationError(where, problem, "Leave out label_file")
        sources.append(JointPart(data, own))
    return sources


def _check_different(sources: Sequence[JointPart]) -> None:
    """Checks that no recordings are given twice: their copies would be different samples of different people.

    Raises:
        ConfigurationError: They are.
    """
    numbers: dict[tuple[str, Path], int] = {}
    for number, (data, _) in enumerate(sources):
        first = numbers.setdefault((data.key, data.folder.resolve()), number)
        if first != number:
            problem = f"{data.title} in '{data.folder}' is also datasets[{first}]"
            raise ConfigurationError(f"datasets[{number}]", problem, "Give it once, with all of its modalities")


def _union(sources: Sequence[JointPart]) -> dict[str, tuple[JointPart, str]]:
    """Modality of the union to the first dataset that has it and its name there.

    Raises:
        ConfigurationError: Modalities of one name differ.
    """
    union: dict[str, tuple[JointPart, str]] = {}
    for source in sources:
        for own, name in source.names.items():
            first, other = union.setdefault(name, (source, own))
            mine, theirs = source.data, first.data
            differ = mine.sensors[own].differences(theirs.sensors[other])
            shapes = mine.modality_shapes[own], theirs.modality_shapes[other]
            differ += [f"shape {shapes[0]}, not {shapes[1]}"] * (shapes[0] != shapes[1])
            steps = [
                described_transforms({"": each.transforms.get(n, ())}) for each, n in ((mine, own), (theirs, other))
            ]
            differ += ["other transforms"] * (steps[0] != steps[1])
            if differ:
                problem = f"'{own}' of {mine.title} is not '{other}' of {theirs.title}: {'; '.join(differ)}"
                raise ConfigurationError("names", problem, "Give them different names, or convert one")
    return union
