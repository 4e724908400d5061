"""The datamodule that all datasets share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, ClassVar

from pytorch_lightning import LightningDataModule
from pytorch_lightning.utilities import rank_zero_info

from cosmo_pl import constraints
from cosmo_pl.data.augmentations import Augmentation
from cosmo_pl.data.checks import check_arguments, check_phase, check_training
from cosmo_pl.data.identity import DatasetIdentity
from cosmo_pl.data.loading import Inputs
from cosmo_pl.data.locate import dataset_folder
from cosmo_pl.data.normalization import Normalization
from cosmo_pl.data.parts import PartLoaders, Phase
from cosmo_pl.data.reading import prepare_inputs, read_samples
from cosmo_pl.data.recordings import Recording
from cosmo_pl.data.samples import Samples
from cosmo_pl.data.split import LabelSampling
from cosmo_pl.data.subjects import subjects_of
from cosmo_pl.data.trained import TrainedOn, check_adopted, split_samples, training_data
from cosmo_pl.data.transforms import Transform
from cosmo_pl.data.views import AugmentedViews


class MultimodalDataModule(PartLoaders, constraints.Constrained, DatasetIdentity, LightningDataModule, ABC):
    """Synchronised samples of several modalities, split by subject, few of them labelled.

    A batch is ``{"inputs": {modality: (N, *shape)}, "label": (N,), "subject": (N,), "index": (N,)}``; ``index`` is the
    sample's number in the whole dataset. A training batch with `augmentations` adds ``"num_augmentations": V`` and has
    V rows per sample. Where some samples lack a modality, ``"present": {modality: bool (N,)}`` says which have it. A
    subclass names the dataset, its modalities and classes, and reads samples.

    Args:
        root: Folder that holds the dataset's folder, or that folder itself; None takes the environment variable
            COSMO_PL_DATA, else ``data``.
        modalities: Modalities to use, at least one.
        phase: "pretrain" trains on the unlabelled part, "finetune" on the labelled part. None follows the module
            that is trained, and is "finetune" where there is none.
        batch_size: Labelled samples in a batch (finetune); also the size of evaluation batches times eight.
        pretrain_batch_size: Unlabelled samples in a batch (pretrain).
        train_subjects: Training subjects; None takes everybody who is in neither of the next two.
        val_subjects: Validation subjects, out of the training; none by default.
        test_subjects: Test subjects; nothing of theirs reaches the training. None takes those of `folds`, without
            folds `default_test_subjects`.
        folds: Instead of `test_subjects`: number of folds into which the sorted subjects on disk are cut,
            consecutive, disjoint and of nearly equal size; or the folds themselves, a list of subjects each.
        fold: Number of the tested fold, from 0.
        label_rate: Labelled share of the training samples.
        labels_per_class: Labelled samples a class, instead of `label_rate`.
        label_split: Name of a list of labelled recordings in `label_split_file`, instead of either.
        label_split_file: JSON file of such lists, in the dataset's folder or a path.
        label_seed: Seed of the draw of labels. Draws of one seed are balanced over the classes and nested.
        include_labeled: Whether the labelled samples also serve, without their labels, in the pretraining.
        unlabeled_per_labeled: Unlabelled samples a labelled one (Fig. 12), drawn without regard to classes; None
            takes all.
        target_label_fraction: Share of the labels drawn from the test subjects (Fig. 13). Half of their recordings
            then leave the test set, whatever the share, 0 included; None leaves the test set whole.
        max_train_samples: At most so many training samples, evenly spaced.
        max_train_per_class: At most so many training samples a class, drawn under `label_seed`.
        max_test_samples: At most so many test samples, evenly spaced.
        transforms: Modality to preprocessing steps, in order.
        augmentations: Modality to random changes of its training samples, in order; others are never changed.
        num_augmentations: AugmentedViews V of a training sample in a batch, side by side, each changed independently.
        track_test: Whether finetuning evaluates the test subjects after every epoch, for the learning curve and the
            best epoch that the released code reports. It selects nothing.
        cache_dir: Folder of the cache of parsed recordings; None takes $COSMO_PL_CACHE, else ``~/.cache/cosmo_pl``.
        plausible: Unit to its lowest and highest plausible value, as ``{g: [-20, 20]}``; None takes those of
            `cosmo_pl.data.plausibility.LIMITS`. Samples with others are left out, of depth the pixels.
    """

    numerics: ClassVar[str] = "1.0"
    """As "meaning.rounding", see CHANGELOG.md."""

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
        label_seed: constraints.Seed = 0,
        include_labeled: bool = False,
        unlabeled_per_labeled: constraints.PositiveFloat | None = None,
        target_label_fraction: constraints.ClosedShare | None = None,
        max_train_samples: constraints.PositiveInt | None = None,
        max_train_per_class: constraints.PositiveInt | None = None,
        max_test_samples: constraints.PositiveInt | None = None,
        transforms: Mapping[str, Sequence[Transform]] | None = None,
        augmentations: Mapping[str, Sequence[Augmentation]] | None = None,
        num_augmentations: Annotated[int, constraints.whole(1, 1000)] = 1,
        track_test: bool = True,
        cache_dir: str | None = None,
        plausible: Mapping[str, constraints.Range] | None = None,
    ) -> None:
        super().__init__()
        self.root = root
        self.modalities = tuple(modalities)
        self.given_phase = phase
        self.batch_size = batch_size
        self.pretrain_batch_size = pretrain_batch_size
        self.subjects = subjects_of(
            train_subjects, val_subjects, test_subjects, self.default_test_subjects, folds, fold
        )
        self.label_split = label_split
        self.label_split_file = label_split_file
        self.label_sampling = LabelSampling(
            rate=label_rate,
            per_class=labels_per_class,
            seed=label_seed,
            max_train_samples=max_train_samples,
            max_train_per_class=max_train_per_class,
            max_test_samples=max_test_samples,
            unlabeled_per_labeled=unlabeled_per_labeled,
            target_fraction=target_label_fraction,
        )
        self.include_labeled = include_labeled
        self.transforms = {name: tuple(steps) for name, steps in (transforms or {}).items()}
        self.augmentations = {name: tuple(steps) for name, steps in (augmentations or {}).items()}
        self.num_augmentations = num_augmentations
        self.track_test = track_test
        self.cache_dir = cache_dir
        self.plausible = plausible
        self.faults: list[str] = []
        self.normalization: dict[str, Normalization] = {}
        self.adopted: TrainedOn | None = None
        self.data_fingerprint = ""
        self.samples: Samples | None = None
        self.views: AugmentedViews | None = None
        check_arguments(self)

    @property
    @abstractmethod
    def modality_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of one sample of each modality, known before anything is read."""

    @abstractmethod
    def find_recordings(self, folder: Path) -> list[Recording]:
        """Lists the recordings in the dataset's folder; one without some of `modalities` says so in `lacks`.

        Raises:
            DatasetNotFoundError: There is none.
        """

    @abstractmethod
    def read(self, recordings: Sequence[Recording]) -> Samples:
        """Reads the modalities of the recordings that are not `stored` into samples of `modality_shapes`."""

    @abstractmethod
    def reader_arguments(self) -> dict[str, object]:
        """Arguments that change what `read` gives, for the key of the cache."""

    # Shared

    @property
    def num_classes(self) -> int:
        """Number of activities."""
        return len(self.class_names)

    @property
    def folder(self) -> Path:
        """The dataset's folder."""
        return dataset_folder(self.root, self.dataset)

    def adopt(self, trained: TrainedOn) -> None:
        """Before `setup`: prepares the data as those that a model was trained on, for its evaluation.

        The statistics are the model's. Of recordings that it does not know, the test subjects alone are needed.

        Raises:
            ConfigurationError: The activities or modalities are not the model's.
        """
        check_adopted(trained, self)
        self.adopted = trained

    @property
    def trained_on(self) -> TrainedOn:
        """What a model that is trained on these data keeps of them."""
        return training_data(self)

    def prepare_data(self) -> None:
        """Finds, checks and reads all recordings, and fills the cache."""
        self.load()

    def setup(self, stage: str | None = None) -> None:
        """Splits, transforms and normalises, once.

        Raises:
            CosmoError: The data or an argument cannot be used; raised before any training.
        """
        if stage == "fit":
            check_phase(self)
        if self.samples is not None:
            return
        samples = self.load()
        self.split = split_samples(self, samples)
        check_training(self, samples, self.split)
        self.inputs: dict[str, Inputs] = {}
        for name in self.modalities:
            self.inputs[name], self.normalization[name] = prepare_inputs(self, name, samples.inputs[name])
        self.samples = samples
        if self.augmentations or self.num_augmentations > 1:
            self.views = AugmentedViews(self.augmentations, self.normalization, self.num_augmentations)
        rank_zero_info(f"{self.dataset}: {self.split}; phase {self.phase}")

    def load(self) -> Samples:
        """Finds, checks and reads all recordings, or takes them from the cache; nothing is split or normalised.

        Raises:
            CosmoError: There are none, or one cannot be used; the message names the file.
        """
        samples, self.data_fingerprint = read_samples(self)
        return samples
