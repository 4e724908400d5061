"""What a bundle keeps of the data that its encoders were trained on, and what they share with other data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from cosmo_pl.data import MultimodalDataModule
from cosmo_pl.data.selection import Indices
from cosmo_pl.data.suitability import unsuitable
from cosmo_pl.data.trained import TrainedOn, joined, same_people
from cosmo_pl.data.transforms import Described, described_transforms
from cosmo_pl.sensors import SensorDescription


@dataclass(frozen=True)
class TrainingData:
    """The data that encoders were trained on.

    Args:
        dataset: Key of the dataset; empty where it is unknown, as in bundles of version 0.1.0.
        title: Name of the dataset in tables and figures.
        subjects: Subjects of the samples.
        class_names: Activities of the dataset.
        sensors: Modality to what it measures; empty where it is unknown, as in bundles of version 0.1.0.
        transforms: Modality to its preprocessing steps, see `described_transforms`; None where they are unknown.
        joined: Key to subjects of each of several datasets that were used together; empty for one dataset.
        recordings: What the recordings are known by, see `cosmo_pl.data.trained.known_by`; empty in bundles of a
            federated training and of older versions.
    """

    dataset: str = ""
    title: str = ""
    subjects: tuple[int, ...] = ()
    class_names: tuple[str, ...] = ()
    sensors: Mapping[str, SensorDescription] = field(default_factory=dict)
    transforms: Described | None = None
    joined: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    recordings: tuple[str, ...] = ()

    @classmethod
    def of(cls, data: MultimodalDataModule) -> TrainingData:
        """The data of a datamodule after its setup."""
        subjects, steps = dict(data.training_subjects), described_transforms(data.transforms)
        own = subjects.pop(data.key, ())
        known = data.training_contents
        return cls(data.key, data.title, own, tuple(data.class_names), data.sensors, steps, subjects, known)

    def after(self, trained: TrainedOn | None) -> TrainingData:
        """The same data and those of the encoders that the training began with, as the checkpoint has them."""
        if trained is None or not (trained.pretrained or trained.pretrained_recordings):
            return self
        subjects = joined({self.dataset: self.subjects, **self.joined}, trained.pretrained)
        own = subjects.pop(self.dataset, ())
        known = sorted({*self.recordings, *trained.pretrained_recordings})
        return replace(self, subjects=own, joined=subjects, recordings=tuple(known))

    def people(self, data: MultimodalDataModule, same_recordings: bool) -> dict[str, tuple[int, ...]]:
        """Key of each dataset to its training subjects, as far as their numbers are the same people as in other data.

        Args:
            data: The other data.
            same_recordings: Whether all recordings are those of the training.
        """
        numbers = {self.dataset: self.subjects, **self.joined}
        if self.recordings and not same_people(data, same_recordings):
            numbers.pop(data.key, None)
        return numbers

    @classmethod
    def stored(cls, described: Mapping[str, Any]) -> TrainingData:
        """The data in a description that `check_description` has accepted."""
        subjects, class_names = (tuple(described.get(name, ())) for name in ("subjects", "class_names"))
        sensors = {name: SensorDescription.read(each) for name, each in described.get("sensors", {}).items()}
        dataset, title = (described.get(name, "") for name in ("dataset", "title"))
        joined = {name: tuple(several) for name, several in described.get("joined", {}).items()}
        recordings = tuple(described.get("recordings", ()))
        return cls(dataset, title, subjects, class_names, sensors, described.get("transforms"), joined, recordings)

    def described(self) -> dict[str, Any]:
        """The fields as plain values; those of newer versions only where they are known."""
        found = asdict(self)
        unknown: dict[str, Any] = {"sensors": {}, "transforms": None, "joined": {}, "recordings": ()}
        return {name: value for name, value in found.items() if name not in unknown or value != unknown[name]}

    def matched(self, names: Mapping[str, str]) -> TrainingData:
        """The same data with other names.

        Args:
            names: New name of a modality to its name here.
        """
        sensors = {new: self.sensors[old] for new, old in names.items() if old in self.sensors}
        if self.transforms is None:
            return replace(self, sensors=sensors)
        steps = {new: self.transforms.get(old, ()) for new, old in names.items()}
        return replace(self, sensors=sensors, transforms=steps)

    def unsuitable(self, data: MultimodalDataModule) -> dict[str, list[str]]:
        """Modality of other data to what differs from its description here: kind, channels, unit, rate, transforms."""
        return unsuitable(self.sensors, self.transforms, data.sensors, described_transforms(data.transforms))

    def differences(self, data: MultimodalDataModule) -> list[str]:
        """Known differences to other data: "dataset", "classes"."""
        dataset = bool(self.dataset) and (self.dataset, self.title) != (data.key, data.title)
        classes = bool(self.class_names) and self.class_names != tuple(data.class_names)
        return ["dataset"] * dataset + ["classes"] * classes

    def subjects_in(self, rows: Indices, data: MultimodalDataModule, same_recordings: bool) -> list[int]:
        """Training subjects among those of samples of other data.

        In the same dataset, the numbers of the subjects decide where they are known, see `same_people`; elsewhere the
        recordings decide, under whatever number.

        Args:
            rows: The samples.
            data: The other data.
            same_recordings: Whether all recordings are those of the training.
        """
        subject, again = data.samples.subject, data.rows_among(self.recordings)
        trains_on_test_subjects = data.label_sampling.target_fraction is not None  # Figure 13 of the paper
        if trains_on_test_subjects and self.recordings and self.dataset == data.key:
            return sorted(set(subject[np.intersect1d(rows, again)].tolist()))
        seen = {*self.people(data, same_recordings).get(data.key, ()), *subject[again].tolist()}
        return sorted(seen & set(subject[rows].tolist()))
