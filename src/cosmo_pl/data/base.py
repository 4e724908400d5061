"""The datamodule that all datasets share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from pytorch_lightning import LightningDataModule
from pytorch_lightning.utilities import rank_zero_info

from cosmo_pl import constraints
from cosmo_pl.data.augmentation_checks import check_augmentations
from cosmo_pl.data.augmentations import Augmentation
from cosmo_pl.data.dead_sensors import check_sensors
from cosmo_pl.data.extremes import Extremes
from cosmo_pl.data.faults import FaultLog, complete_recordings, report_missing
from cosmo_pl.data.identity import DatasetIdentity, dataset_folder, is_simulated
from cosmo_pl.data.label_file import with_label_file
from cosmo_pl.data.limits import check_ranges
from cosmo_pl.data.loading import Inputs
from cosmo_pl.data.normalization import Normalization, StatisticsOf
from cosmo_pl.data.packed import is_packed, unpacked, unused_path, write_packed
from cosmo_pl.data.parts import PartLoaders, Phase
from cosmo_pl.data.person import PersonUnlabeled
from cosmo_pl.data.plausibility import plausible_samples
from cosmo_pl.data.reading import read_recordings, standardise
from cosmo_pl.data.reading_checks import check_samples, checked_read, checked_recordings
from cosmo_pl.data.recorded import Recorded, of_samples
from cosmo_pl.data.recordings import Recording
from cosmo_pl.data.samples import Samples
from cosmo_pl.data.split import LabelSampling, Split, check_labels, listed_labels, make_split, tested_split
from cosmo_pl.data.stored import StoredModality
from cosmo_pl.data.subjects import subjects_of
from cosmo_pl.data.trained import TrainedOn, check_tested, training_data
from cosmo_pl.data.transforms import ScaleByTorso, Transform
from cosmo_pl.data.views import AugmentedViews
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.io import cache_folder, user_path


class MultimodalDataModule(PartLoaders, constraints.Constrained, DatasetIdentity, LightningDataModule, ABC):
    """Synchronised samples of several modalities, split by subject, few of them labelled.

    A batch is ``{"inputs": {modality: (N, *shape)}, "label": (N,), "subject": (N,), "index": (N,)}``; ``index`` is the
    index of the sample in the whole dataset. A training batch with `augmentations` adds ``"num_augmentations": V`` and
    has V rows per sample. If some samples lack a modality, ``"present": {modality: bool (N,)}`` marks those that have
    it. A subclass names the dataset, its modalities and classes, and reads samples.

    Args:
        root: Folder that holds the dataset's folder, or that folder itself; None takes the environment variable
            COSMO_PL_DATA, else ``data``.
        modalities: Modalities to use, at least one.
        phase: "pretrain" trains on the unlabelled part, "finetune" on the labelled part. None takes the phase of the
            module that is trained, and "finetune" without a module.
        batch_size: Labelled samples per batch (finetune). Evaluation batches have eight times as many.
        pretrain_batch_size: Unlabelled samples per batch (pretrain).
        train_subjects: Training subjects; None takes all subjects that are neither validation nor test subjects.
        val_subjects: Validation subjects, which are not trained on; none by default.
        test_subjects: Test subjects, of which nothing reaches the training; an empty list for none. None takes those of
            `folds`, or `default_test_subjects`. With folds, at least one of the tested fold, whose others are left out.
        folds: Number of folds into which the sorted subjects on disk are divided, consecutive, disjoint and of nearly
            equal size; or the folds themselves, one list of subjects each.
        fold: Number of the tested fold, from 0.
        label_rate: Labelled share of the training samples.
        labels_per_class: Labelled samples per class, instead of `label_rate`.
        label_split: Name of a list of labelled recordings in `label_split_file`, instead of either.
        label_split_file: JSON file of such lists, in the dataset's folder or a path.
        label_file: CSV of further labels of training samples, see `cosmo_pl.data.label_file`. It may grow.
        allow_missing_classes: Whether the labels may lack classes, which are then never recognised; refused by default.
        label_seed: Seed of the label sampling. Labels of one seed are balanced over the classes and nested.
        include_labeled: Whether pretraining also uses the labelled samples, without their labels.
        unlabeled_per_labeled: Unlabelled samples per labelled sample (Fig. 12), sampled independently of the classes;
            None takes all.
        target_label_fraction: Share of the labels that are sampled from the test subjects (Fig. 13). Half of their
            recordings then leave the test set, for every share including 0; None keeps the test set whole.
        person_labels_per_class: Labels per class of each test subject, added to those of the training subjects. For
            every number including 0, about the first three quarters of the recordings of each test subject leave the
            test set, see `cosmo_pl.data.person`; None keeps the test set whole.
        person_unlabeled: What becomes of those of these recordings that are not labelled: "add" adds them to the
            unlabelled training samples, "only" replaces these by them, None leaves them out.
        max_train_samples: Largest number of training samples, evenly spaced.
        max_train_per_class: Largest number of training samples per class, sampled with `label_seed`.
        max_test_samples: Largest number of test samples, evenly spaced.
        transforms: Modality to preprocessing steps, in order.
        augmentations: Modality to random changes of its training samples, in order.
        num_augmentations: Augmented views V of each training sample in a batch, side by side, augmented independently.
        track_test: Whether fine-tuning evaluates the test subjects after every epoch, for the learning curve and the
            best epoch that the released code reports. Nothing is selected by it.
        cache_dir: Folder of the cache of parsed recordings; None takes $COSMO_PL_CACHE, else ``~/.cache/cosmo_pl``.
        plausible: Unit to its lowest and highest plausible value, as ``{g: [-20, 20]}``; None takes those of
            `cosmo_pl.data.plausibility.LIMITS`. Samples with other values are left out, in depth images the pixels.
        strict: Refuse recordings with a fault, or that lack one of `modalities`, instead of leaving them out with a
            warning.
        keep_incomplete: Keep recordings of test subjects that lack a modality; ``present`` marks what they have.
        in_memory: Load modalities that are stored on disk, such as depth, into memory.
        num_workers: Worker processes that read modalities stored on disk.
        normalization: Whose mean and deviation standardise the samples. "data" takes those of the training subjects;
            "bundle" those that the encoders of the module's bundle were trained with; "adapt" standardises each subject
            by the statistics of its own samples, without their labels. "adapt" uses unlabelled recordings of the test
            subjects, so that it is a protocol of its own, and its results are not compared with those of the others as
            if they were on unseen subjects. None is "data", with a warning if a bundle has other statistics.
    """

    numerics: ClassVar[str] = "1.0"
    """As "meaning.rounding", see CHANGELOG.md."""
    packable: ClassVar[bool] = True  # whether `pack` writes a file that `load` reads
    _prepared: Samples | None = None  # between `prepare_data` and `setup`

    def __init__(
        self,
        *,
        root: str | None = None,
        modalities: Sequence[str],
        phase: Phase | None = None,
        batch_size: constraints.AtLeastTwo = 16,
        pretrain_batch_size: constraints.AtLeastTwo = 64,
        train_subjects: Sequence[constraints.NonNegativeInt] | None = None,
        val_subjects: Sequence[constraints.NonNegativeInt] = (),
        test_subjects: Sequence[constraints.NonNegativeInt] | None = None,
        folds: constraints.AtLeastTwo | list[list[constraints.NonNegativeInt]] | None = None,
        fold: constraints.NonNegativeInt | None = None,
        label_rate: constraints.Share,
        labels_per_class: constraints.PositiveInt | None = None,
        label_split: str | None = None,
        label_split_file: str = "label_splits.json",
        label_file: str | None = None,
        allow_missing_classes: bool | None = None,
        label_seed: constraints.Seed = 0,
        include_labeled: bool = False,
        unlabeled_per_labeled: constraints.PositiveFloat | None = None,
        target_label_fraction: constraints.ClosedShare | None = None,
        person_labels_per_class: constraints.NonNegativeInt | None = None,
        person_unlabeled: PersonUnlabeled | None = None,
        max_train_samples: constraints.PositiveInt | None = None,
        max_train_per_class: constraints.PositiveInt | None = None,
        max_test_samples: constraints.PositiveInt | None = None,
        transforms: Mapping[str, Sequence[Transform]] | None = None,
        augmentations: Mapping[str, Sequence[Augmentation]] | None = None,
        num_augmentations: Annotated[int, constraints.whole(1, 1000)] = 1,
        track_test: bool = True,
        cache_dir: str | None = None,
        plausible: Mapping[str, constraints.Range] | None = None,
        strict: bool = False,
        keep_incomplete: bool = False,
        in_memory: bool = False,
        num_workers: constraints.Workers = 0,
        normalization: StatisticsOf | None = None,
    ) -> None:
        super().__init__()
        self.root = root
        self.modalities = tuple(modalities)
        self.given_phase = phase
        self.batch_size = batch_size
        self.pretrain_batch_size = pretrain_batch_size
        lists = train_subjects, val_subjects, test_subjects, self.default_test_subjects
        self.subjects = subjects_of(*lists, folds, fold)
        self.label_split = label_split
        self.label_split_file = label_split_file
        self.label_file = label_file
        self.allow_missing_classes = bool(allow_missing_classes)
        self.label_sampling = LabelSampling(
            rate=label_rate,
            per_class=labels_per_class,
            seed=label_seed,
            max_train_samples=max_train_samples,
            max_train_per_class=max_train_per_class,
            max_test_samples=max_test_samples,
            unlabeled_per_labeled=unlabeled_per_labeled,
            target_fraction=target_label_fraction,
            person_per_class=person_labels_per_class,
            person_unlabeled=person_unlabeled,
            missing_classes=self.allow_missing_classes,
        )
        self.include_labeled = include_labeled
        self.transforms = {name: tuple(steps) for name, steps in (transforms or {}).items()}
        self.augmentations = {name: tuple(steps) for name, steps in (augmentations or {}).items()}
        self.num_augmentations = num_augmentations
        self.track_test = track_test
        self.cache_dir = cache_dir
        self.plausible = plausible
        self.strict = strict
        self.keep_incomplete, self.incomplete = keep_incomplete, tuple[int, ...]()
        self.in_memory = in_memory
        self.num_workers = num_workers
        self.statistics_of = normalization
        self.bundle_statistics: Mapping[str, Normalization] | None = None
        self.normalization: dict[str, Normalization] = {}
        self.adopted: TrainedOn | None = None
        self.data_fingerprint = ""
        self.views: AugmentedViews | None = None
        self.check_modalities(self.modalities, {"transforms": self.transforms, "augmentations": self.augmentations})
        check_ranges(plausible, {unit for name in self.modalities for unit in self.units.get(name, ())})

    @property
    @abstractmethod
    def modality_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of one sample of each modality, known before anything is read."""

    @abstractmethod
    def find_recordings(self, folder: Path) -> list[Recording]:
        """Lists the recordings in the dataset's folder, those without some of `modalities` included.

        Raises:
            DatasetNotFoundError: There are none.
        """

    @abstractmethod
    def read(self, recordings: Sequence[Recording]) -> Samples:
        """Reads the modalities of the recordings that are not `stored` into samples of `modality_shapes`."""

    @abstractmethod
    def reader_arguments(self) -> dict[str, object]:
        """Arguments that change the result of `read`, for the key of the cache."""

    # A dataset may override these

    @property
    def stored(self) -> Mapping[str, StoredModality]:
        """Modalities that are prepared once and stay on disk; a sample is then a whole recording."""
        return {}

    def recorded(self, recording: Recording) -> Recorded:
        """A whole recording, to be looked at; by default its samples in memory, one after another.

        Raises:
            CosmoError: It cannot be read, or the dataset does not say how long its samples are.
        """
        return of_samples(self.read([recording]), recording, self, self.span)

    @property
    def folder(self) -> Path:
        """The dataset's folder."""
        return dataset_folder(self.root, self.dataset)

    @cached_property
    def faults(self) -> FaultLog:
        """Faults that were found in the recordings so far."""
        return FaultLog(self.dataset, self.folder, self.strict)

    def adopt(self, trained: TrainedOn) -> None:
        """Uses the statistics of a trained model, to evaluate it. To be called before `setup`.

        Of other recordings than those that the model was trained on, only the test subjects are needed.

        Args:
            trained: The data of the model's training.

        Raises:
            ConfigurationError: The activities, modalities or sensors are not those of the model.
        """
        trained.check_usable(self, self.modality_shapes, self.transforms, self.statistics_of == "adapt")
        self.adopted, self._prepared = trained, None  # which recordings are kept depends on it

    @property
    def trained_on(self) -> TrainedOn:
        """What a model that is trained on these data keeps of them."""
        others = self.subjects.test, self.transforms, self.statistics_of == "adapt", self.plausible
        kept = self.modality_shapes, self.normalization, self.data_fingerprint, *others
        return training_data(self.samples, self.split, self, *kept)

    def prepare_data(self) -> None:
        """Finds, checks and reads all recordings, and fills the cache. In this process, the setup reads nothing."""
        self._prepared = None if self.is_set_up else self.load()

    def setup(self, stage: str | None = None) -> None:
        """Splits, transforms and standardises the samples, once.

        Raises:
            CosmoError: The data or an argument cannot be used. It is raised before any training.
        """
        if stage == "fit":
            self.check_phase()
        if self.is_set_up:
            return
        samples, self._prepared = self._prepared or self.load(), None
        self.split = self.split_samples(samples)
        if self.label_file is not None and len(self.split.train):  # there is none where new people alone are tested
            samples, self.split = with_label_file(self, samples, self.split, user_path(self.label_file))
        if stage == "fit":
            self.check_labelled()
        check_sensors(samples, self.split.measured(self.include_labeled), self, self.strict)
        self.inputs: dict[str, Inputs] = {}
        known = self.known_statistics()
        for name in self.modalities:
            has = samples.has(name)
            inputs, self.normalization[name] = standardise(
                samples.inputs[name],
                self.split.train[has[self.split.train]],
                self.transforms.get(name, ()),
                self.channel_groups[name],
                self.channel_axis.get(name, -1),
                known.get(name),
                (samples.subject, np.flatnonzero(has)) if self.statistics_of == "adapt" else None,
            )
            self.inputs[name] = inputs if inputs.on_disk and not self.in_memory else inputs.in_memory(self.device)
        self.samples = samples
        if self.augmentations or self.num_augmentations > 1:
            self.views = AugmentedViews(self.augmentations, self.normalization, self.num_augmentations)
            if stage in (None, "fit"):
                check_augmentations(self.views, self.inputs, samples, self.split.train)
        rank_zero_info(f"{self.dataset}: {self.split}; phase {self.phase}")
        if self.allow_missing_classes and (missing := self.split.without_label(samples, self.class_names)):
            rank_zero_info(f"without a label, and never recognised: {', '.join(missing)}")

    def load(self) -> Samples:
        """Finds, checks and reads all recordings, or takes them from the cache; nothing is split or standardised.

        Returns:
            All plausible samples; `data_fingerprint` is then the fingerprint of all recordings.

        Raises:
            CosmoError: There are no recordings, or one cannot be used; the message names the file.
        """
        folder = self.folder
        if is_packed(folder):
            samples, self.data_fingerprint = unpacked(folder, self._packed_arguments, self.plausible)
            self.subjects = self.subjects.located(np.unique(samples.subject).tolist(), self.dataset)
            paths = {name: {"": folder / name} for name in samples.recording.tolist()}
            return samples if self.plausible is None else self._plausible(samples, paths, {})
        found = checked_recordings(self)
        present = sorted({recording.subject for recording in found if recording.files})
        self.subjects = self.subjects.located(present, self.dataset)
        self.incomplete = self.subjects.evaluated(present, self.adopted is not None) if self.keep_incomplete else ()
        if not is_simulated(folder):
            report_missing(self.official, [recording.name for recording in found], self.faults)
        recordings = complete_recordings(found, self.incomplete, self.faults)
        if not recordings:
            problem = f"no recording in '{folder}' has all of {list(self.modalities)}"
            raise ConfigurationError("modalities", problem, "Choose fewer")
        samples, extremes, self.data_fingerprint = self.read_all(recordings)
        check_samples(samples, self)
        return self._plausible(samples, {recording.name: recording.files for recording in recordings}, extremes)

    def _plausible(
        self, samples: Samples, files: Mapping[str, Mapping[str, Path]], known: Mapping[str, Extremes]
    ) -> Samples:
        scaled = {n for n, steps in self.transforms.items() if any(isinstance(step, ScaleByTorso) for step in steps)}
        skeletons = {*self.skeletons, *scaled}
        return samples.some(plausible_samples(samples, files, known, self, skeletons, self.plausible, self.faults))

    def read_all(self, recordings: Sequence[Recording]) -> tuple[Samples, dict[str, Extremes], str]:
        """Reads the recordings, or takes their samples from the cache; see `read_recordings`."""
        return read_recordings(
            recordings,
            self.modalities,
            self.stored,
            partial(checked_read, self),
            {"dataset": self.key, **self.reader_arguments()},
            cache_folder(self.cache_dir),
            self.faults,
        )

    def pack(self, root: Path) -> Path:
        """Writes all plausible samples into one file, which `load` reads on machines without the recordings.

        Args:
            root: Folder that receives the dataset's folder, with one file per choice of modalities and arguments of
                the reader.

        Returns:
            The file.

        Raises:
            CosmoError: It is not `packable` or not complete, the file exists, or its folder holds recordings.
        """
        if not self.packable:
            raise ConfigurationError("pack", f"{self.title} has no packed form", "Copy the folder of its recordings")
        path = unused_path(root / self.dataset, self._packed_arguments)
        samples = self.load()
        write_packed(path, samples, self.data_fingerprint, self._packed_arguments, self.plausible, self.folder)
        return path

    @property
    def _packed_arguments(self) -> dict[str, object]:
        return {"dataset": self.key, "modalities": self.modalities, **self.reader_arguments()}

    def split_samples(self, samples: Samples) -> Split:
        """The split that the arguments describe; of other recordings or subjects than a model's, the test alone.

        Args:
            samples: All samples of the dataset, as `load` returns them.

        Raises:
            ConfigurationError: The arguments cannot be met, or samples that the model was trained on would be tested.
        """
        if (trained := self.adopted) is None or trained.is_of(self.data_fingerprint, self.subjects.test):
            sampling = listed_labels(self.label_sampling, self.folder, self.label_split_file, self.label_split)
            split = make_split(samples, self.subjects, sampling, self.class_names, self.dataset, self.span)
        else:
            self.subjects = self.subjects.tested_or_all(samples.subject)
            split = tested_split(samples, self.subjects, self.label_sampling.max_test_samples, self.dataset)
        if trained is not None:
            check_tested(trained, samples, split, self, self.data_fingerprint)
        label_split = None if self.allow_missing_classes else self.label_split
        check_labels(split, samples, self.class_names, label_split, self.label_sampling)
        return split
