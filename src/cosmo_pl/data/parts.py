"""Batches of the parts of a datamodule's samples."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from cosmo_pl.data.loading import WHOLE, Batch, Inputs, SampleBatches, Share
from cosmo_pl.data.normalization import Normalization, StatisticsOf, check_statistics
from cosmo_pl.data.samples import Samples, samples_at_once
from cosmo_pl.data.selection import evenly_spaced, without_overlap
from cosmo_pl.data.sequences import sequences_of
from cosmo_pl.data.split import Split
from cosmo_pl.data.subjects import SubjectLists
from cosmo_pl.data.trained import TrainedOn, known_by
from cosmo_pl.data.views import AugmentedViews
from cosmo_pl.errors import ConfigurationError

Phase = Literal["pretrain", "finetune"]


class PartLoaders:
    """Loaders of a datamodule after `setup`, see `MultimodalDataModule`."""

    key: ClassVar[str]
    modalities: tuple[str, ...]
    channel_groups: Mapping[str, tuple[tuple[int, ...], ...]]
    adopted: TrainedOn | None
    statistics_of: StatisticsOf | None
    bundle_statistics: Mapping[str, Normalization] | None
    batch_size: int
    pretrain_batch_size: int
    include_labeled: bool
    track_test: bool
    num_workers: int
    subjects: SubjectLists
    split: Split
    inputs: dict[str, Inputs]
    views: AugmentedViews | None
    trainer: Any
    given_phase: Phase | None
    modality_shapes: Any
    span: Any
    content_hashes: Any
    _samples: Samples | None = None

    @property
    def is_set_up(self) -> bool:
        """Whether `setup` has read the recordings."""
        return self._samples is not None

    @property
    def samples(self) -> Samples:
        """All samples.

        Raises:
            ConfigurationError: `setup` was not called.
        """
        if self._samples is None:
            raise ConfigurationError("datamodule", "has no samples yet", "Call its prepare_data and setup first")
        return self._samples

    @samples.setter
    def samples(self, samples: Samples) -> None:
        self._samples = samples

    @property
    def phase(self) -> Phase:
        """Part of the data that is trained on: `phase` as given, else that of the trainer's module, else "finetune"."""
        return self.given_phase or self._module_phase or "finetune"

    @property
    def _module_phase(self) -> Phase | None:
        return None if self.trainer is None else getattr(self.trainer.lightning_module, "phase", None)

    def check_phase(self) -> None:
        """Checks that the given `phase` is that of the trainer's module.

        Raises:
            ConfigurationError: It is the other one.
        """
        if self.given_phase is not None and self._module_phase not in (None, self.given_phase):
            module = type(self.trainer.lightning_module).__name__
            problem = f"is '{self.given_phase}', and {module} trains on '{self._module_phase}'"
            raise ConfigurationError("phase", problem, "Leave it out, or use a module for that phase")

    def train_dataloader(self) -> DataLoader[Batch]:
        """Shuffled batches of the labelled samples (finetune), or complete batches of the pretraining samples.

        Raises:
            ConfigurationError: The pretraining has fewer samples than a batch, or the fine-tuning has one sample.
        """
        rows, size, drop_last = self.training_rows, self.pretrain_batch_size, True
        if self.phase == "finetune":
            self.check_labelled()
            size, drop_last = self.batch_size, self._drops_last(len(rows) // self.share[1])
        elif (own := len(rows) // self.share[1]) < size:
            whose = "the pretraining" if self.share[1] == 1 else f"one of {self.share[1]} processes in the pretraining"
            problem = f"{size} is more than the {own} samples of {whose}"
            more = "" if self.include_labeled else ", or set include_labeled to true"
            raise ConfigurationError("pretrain_batch_size", problem, f"Use a smaller batch{more}")
        order: dict[str, Any] = {"shuffle": True, "drop_last": drop_last, "share": self.share}
        if self._sequence_length > 1:
            order["sequence"] = torch.from_numpy(self.sequences[rows])
        return self._loader(rows, size, self.views, **order)

    def _drops_last(self, count: int) -> bool:
        """Whether a last batch of one sample is left out, which has no batch statistics; a different one each epoch.

        Raises:
            ConfigurationError: No batch would be left.
        """
        module = None if self.trainer is None else self.trainer.lightning_module
        if not getattr(module, "batch_statistics", True):
            return False
        if count < 2:
            problem = f"leaves {count} labelled samples to a process, and a training step needs two"
            raise ConfigurationError("label_rate", problem, "Label more samples")
        return count % self.batch_size == 1

    @property
    def _sequence_length(self) -> int:
        return 1 if self.trainer is None else getattr(self.trainer.lightning_module, "sequence_length", 1)

    @property
    def sequences(self) -> np.ndarray:
        """Sequence of each sample (N,) for a module with `sequence_length`, see `sequences_of`; -1 without training."""
        rows, found = self.training_rows, np.full(len(self.samples), -1)
        found[rows] = sequences_of(self.samples.recording[rows], self.samples.start[rows], self._sequence_length)
        return found

    def check_labelled(self) -> None:
        """Checks that there is a labelled training sample, unless the phase is the pretraining.

        Raises:
            ConfigurationError: There is none.
        """
        if self.phase == "finetune" and not len(self.split.labeled):
            problem = "no recording of the training subjects is labelled"
            raise ConfigurationError("train_subjects", problem, "Label some of their time, or only pretrain")

    @property
    def share(self) -> Share:
        """Rank of this process in a distributed training, and the number of processes; (0, 1) without one."""
        return WHOLE if self.trainer is None else (self.trainer.global_rank, self.trainer.world_size)

    @property
    def training_rows(self) -> np.ndarray:
        """Indices of the samples that the phase trains on."""
        return self.split.labeled if self.phase == "finetune" else self.split.pretraining(self.include_labeled)

    def known_statistics(self) -> Mapping[str, Normalization]:
        """Statistics that are not fitted to the training samples: of an adopted training, or of a bundle.

        With `normalization` "bundle" they are `bundle_statistics`; where these are None, those of the trainer's module.

        Raises:
            ConfigurationError: `normalization` is "bundle", and there is none, or it lacks a modality or its channels.
        """
        if self.adopted is not None:
            return self.adopted.normalization
        if self.statistics_of != "bundle":
            return {}
        module = None if self.trainer is None else self.trainer.lightning_module
        found = self.bundle_statistics or getattr(module, "bundle_statistics", None) or {}
        check_statistics(found, {name: sum(map(len, self.channel_groups[name])) for name in self.modalities})
        return found

    @property
    def training_subjects(self) -> dict[str, tuple[int, ...]]:
        """Key of the dataset to the subjects of the samples that the phase trains on."""
        subjects = np.unique(self.samples.subject[self.training_rows])
        return {self.key: tuple(subjects.tolist())}

    @property
    def training_contents(self) -> tuple[str, ...]:
        """What the recordings that the phase trains on are known by, see `known_by`."""
        known = known_by(self.samples, self.key, self.content_hashes())
        names = set(self.samples.recording[self.training_rows].tolist())
        return tuple(sorted({each for name in names for each in known.get(name, ())}))

    def rows_among(self, contents: Collection[str]) -> np.ndarray:
        """Samples of the recordings that are among some others, see `training_contents`."""
        others, known = set(contents), known_by(self.samples, self.key, self.content_hashes())
        seen = [name for name, each in known.items() if not others.isdisjoint(each)]
        return np.flatnonzero(np.isin(self.samples.recording, seen)) if seen else np.zeros(0, dtype=np.int64)

    def plain_loader(self, rows: np.ndarray) -> DataLoader[Batch]:
        """Samples of the whole dataset by their indices, in that order and without augmentation."""
        return self._loader(rows, 8 * self.batch_size)

    @property
    def val_parts(self) -> dict[str, np.ndarray]:
        """Name to samples of each part that is evaluated during training, in the order of the validation loaders.

        These are `Split.probe` in pretraining and `Split.tracked` in fine-tuning.
        """
        return self.split.probe if self.phase == "pretrain" else self.split.tracked(self.track_test)

    def val_dataloader(self) -> list[DataLoader[Batch]]:
        """One loader per part of `val_parts`; every process of a distributed training evaluates all samples."""
        return [self.plain_loader(rows) for rows in self.val_parts.values()]

    def test_dataloader(self) -> DataLoader[Batch]:
        """The test subjects' samples, each exactly once.

        Raises:
            ConfigurationError: There are none.
        """
        if not len(self.split.test) and len(self.predicted(self.samples, self.split)):
            raise ConfigurationError("data.init_args.test_subjects", "have no labels to test with", "Use predict")
        return self.plain_loader(_some(self.split.test))

    def predict_dataloader(self) -> DataLoader[Batch]:
        """The test subjects' samples, those of an unknown activity included.

        Raises:
            ConfigurationError: There are none.
        """
        return self.plain_loader(_some(self.predicted(self.samples, self.split)))

    def predicted(self, samples: Samples, split: Split) -> np.ndarray:
        """Indices of the test subjects' samples, those of an unknown activity included."""
        unknown = np.flatnonzero(np.isin(samples.subject, self.subjects.test) & (samples.label < 0))
        return np.union1d(split.test, unknown)

    def plain_batch(self, rows: np.ndarray) -> Batch:
        """Samples of the whole dataset by their indices, without augmentation, in one batch."""
        return self._batches(rows).batch(list(range(len(rows))))

    def quality_inputs(self, limit: int = 2000) -> dict[str, Tensor]:
        """Modality to the samples on which its quality is measured: those of `Split.measured` that do not overlap.

        All modalities have the same samples, except those that lack one; at most `limit`, and 256 MiB per modality.
        """
        rows = self.split.measured(self.include_labeled)
        rows = without_overlap(rows, self.samples.recording, self.samples.start, self.span)
        limit = min(limit, *(4 * samples_at_once(shape) for shape in self.modality_shapes.values()))
        found = {name: rows[self.samples.has(name)[rows]] for name in self.inputs}
        chosen = {name: torch.from_numpy(some[evenly_spaced(len(some), limit)]) for name, some in found.items()}
        return {name: values[chosen[name].to(values.device)] for name, values in self.inputs.items()}

    def _batches(self, rows: np.ndarray, views: AugmentedViews | None = None) -> SampleBatches:
        label, subject, index = (
            torch.from_numpy(numbers).to(self.device) for numbers in (self.samples.label, self.samples.subject, rows)
        )
        present = {name: torch.from_numpy(has).to(self.device) for name, has in self.samples.present.items()}
        return SampleBatches(self.inputs, label, subject, index, views, present)

    @property
    def device(self) -> torch.device:
        """Device of samples in memory: the trainer's, or the CPU if worker processes read batches."""
        if self.trainer is None or self.num_workers:
            return torch.device("cpu")
        device: torch.device = self.trainer.strategy.root_device
        return device

    def _loader(
        self, rows: np.ndarray, batch_size: int, views: AugmentedViews | None = None, **order: Any
    ) -> DataLoader[Batch]:
        return self._batches(rows, views).loader(batch_size, num_workers=self.num_workers, **order)


def _some(rows: np.ndarray) -> np.ndarray:
    """Rows of tested samples (N,), of which there have to be some."""
    if not len(rows):
        problem = "name nobody who has samples to test or to predict"
        raise ConfigurationError("data.init_args.test_subjects", problem, "Name subjects of the dataset")
    return rows
