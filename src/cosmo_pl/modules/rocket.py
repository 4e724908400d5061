"""Random convolutions with a ridge classifier, the strongest fast classical methods for time series, through aeon.

A. Dempster, D. F. Schmidt and G. I. Webb, "MiniRocket", KDD 2021, and "Hydra", Data Min. Knowl. Disc. 37, 2023. C. W.
Tan et al., "MultiRocket", Data Min. Knowl. Disc. 36, 2022. M. Middlehurst et al., "aeon", JMLR 25, 2024.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import takewhile
from typing import Annotated, Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from cosmo_pl.constraints import NonNegativeInt, PositiveInt, Seed, Size, whole
from cosmo_pl.data.loading import Batch
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.extras import require
from cosmo_pl.modules.base import Present, SelfTrainingModule, Shapes, availability, finite_logits

SHORTEST = 10  # steps of a series; the kernels have nine weights, and MultiRocket also takes differences
SIDE = 8  # smallest side of an image or volume; the three coordinates of a joint are none
PIXELS = 64  # most channels of an image: a kernel takes at most nine channels, and the time grows with all of them


@contextmanager
def state_kept() -> Iterator[None]:
    """Global random numbers and PyTorch's threads stay as they were: aeon seeds NumPy and PyTorch, numba sets threads.

    With more threads than processors are free, a training afterwards takes up to twenty times as long.
    """
    threads, numbers = torch.get_num_threads(), np.random.get_state()  # noqa: NPY002
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        torch.set_num_threads(threads)
        np.random.set_state(numbers)  # noqa: NPY002


def in_blocks(values: Tensor) -> Tensor:
    """Images or volumes (N, time, *axes), halved by averages over blocks until a step has at most 64 values.

    An image or volume is the last two or three axes, where each has at least eight entries; other values stay as they
    are.
    """
    axes = values.shape[2:]
    sides = list(takewhile(lambda side: side >= SIDE, reversed(axes)))[:3][::-1]
    if len(sides) < 2:
        return values
    others, size = math.prod(axes) // math.prod(sides), sides
    while others * math.prod(size) > PIXELS and max(size) > 1:
        size = [max(1, side // 2) for side in size]
    averaged = F.interpolate(values.reshape(-1, 1, *sides), size, mode="area")
    return averaged.reshape(*values.shape[: -len(sides)], *size)


class RocketModule(SelfTrainingModule):
    """Classifies by features of convolutions with random kernels. A subclass names the classifier of aeon.

    Each index of a modality's axes is a channel of one multivariate series; images and volumes are averaged over blocks
    (`in_blocks`). Modalities of other lengths are interpolated linearly to the longest one. The logits are the
    logarithms of aeon's probabilities: a ridge classifier has none, and gives 1 to its class. When a checkpoint is
    loaded, the classifier is fitted again to its examples with the same seed.

    Args:
        modality_shapes: Modality to shape (time, *axes) of a sample.
        num_classes: Number of activities.
        seed: Seed of the kernels.
        self_training_rounds: See `SelfTrainingModule`.
        context: See `SelfTrainingModule`.
        max_pseudo_labels: See `SelfTrainingModule`.

    Raises:
        ConfigurationError: aeon is not installed, the longest modality is too short, or an argument is out of range.
    """

    numerics = "1.0"

    def __init__(
        self,
        modality_shapes: Shapes,
        num_classes: Size,
        seed: Seed,
        self_training_rounds: NonNegativeInt,
        context: NonNegativeInt,
        max_pseudo_labels: PositiveInt,
    ) -> None:
        require("aeon", "model")
        super().__init__(modality_shapes, num_classes, self_training_rounds, context, max_pseudo_labels)
        self.seed = seed
        self.length = max(shape[0] for shape in modality_shapes.values())
        if self.length < SHORTEST:
            problem = f"are of {self.length} steps at most, and the convolutions need {SHORTEST}"
            raise ConfigurationError("modalities", problem, "Use longer samples")

    @abstractmethod
    def classifier(self) -> Any:
        """A new classifier of aeon, with the module's seed."""

    def series(self, inputs: dict[str, Tensor]) -> NDArray[np.float32]:
        """Samples, modality to (N, *shape), as series (N, channels, time) of one length, in aeon's precision.

        Raises:
            ConfigurationError: A value is not finite.
        """
        each = (in_blocks(inputs[name].cpu().double()) for name in self.modality_shapes)
        channels = [values.reshape(*values.shape[:2], -1).transpose(1, 2) for values in each]
        joined = [
            values
            if values.shape[2] == self.length
            else F.interpolate(values, self.length, mode="linear", align_corners=True)
            for values in channels
        ]
        values = torch.cat([values.float() for values in joined], dim=1).numpy()
        if not np.isfinite(values).all():
            raise ConfigurationError("inputs", "have values that are no finite numbers", "Leave such samples out")
        return values

    def remember(self, batch: Batch) -> None:
        """Stores the samples of a batch as the examples, in place of earlier ones.

        Raises:
            ConfigurationError: A sample lacks a modality.
        """
        self._require_all(batch["inputs"], batch.get("present"))
        super().remember(batch)

    def learn(self, inputs: dict[str, Tensor], label: Tensor) -> Any:
        """Fits the classifier.

        Raises:
            ConfigurationError: All samples are of one activity, which a ridge classifier cannot learn.
        """
        if (label == label[0]).all():
            problem = f"are of one activity, and {type(self).__name__} needs two"
            raise ConfigurationError("labels", problem, "Label samples of another one")
        with state_kept():
            return self.classifier().fit(self.series(inputs), label.cpu().numpy())

    def classify(self, inputs: dict[str, Tensor], present: Present | None = None) -> tuple[Tensor, None]:
        """Logarithms (N, num_classes) of the probabilities; no attention.

        Raises:
            ConfigurationError: A sample lacks a modality.
        """
        self._require_all(inputs, present)
        fitted = self.learned
        with state_kept():
            known = fitted.predict_proba(self.series(inputs))
        probability = torch.zeros(len(next(iter(inputs.values()))), self.num_classes)
        probability[:, fitted.classes_] = torch.from_numpy(known).float()
        return finite_logits(probability).to(self.device), None

    def _require_all(self, inputs: Mapping[str, Tensor], present: Present | None) -> None:
        available = availability(self.modality_shapes, inputs, present) or {}
        missing = [name for name, rows in available.items() if not rows.all()]
        if missing:
            problem = f"samples lack {missing}, and {type(self).__name__} needs every modality"
            remedy = "Leave them out (keep_incomplete: false), or use a method that accepts missing modalities"
            raise ConfigurationError("present", problem, remedy)

    def stream_encoders(self) -> Mapping[str, nn.Module]:
        """Refused: aeon's convolutions and its ridge classifier are compiled by numba, and no graph can hold them."""
        problem = (
            f"{type(self).__name__} cannot be exported, as its convolutions and classifier are aeon's and no networks"
        )
        raise ConfigurationError(
            "run", problem, "Use a method with encoders, or random_forest, whose trees are exported"
        )


class MiniRocketModule(RocketModule):
    """MiniRocket: the proportion of positive values after convolution with fixed kernels.

    Args:
        modality_shapes: Modality to shape (time, *axes) of a sample. The command line takes it from the data.
        num_classes: Number of activities. The command line takes it from the data.
        num_kernels: Number of kernels, about the number of features.
        seed: Seed of the kernels' biases and channels.
        self_training_rounds: See `RandomForestModule`.
        context: See `RandomForestModule`.
        max_pseudo_labels: See `RandomForestModule`.

    Raises:
        ConfigurationError: aeon is not installed, the samples are too short, or an argument is out of range.
    """

    numerics = "1.0"

    def __init__(
        self,
        modality_shapes: Shapes,
        num_classes: Size,
        num_kernels: Annotated[int, whole(84, 1_000_000)] = 10_000,
        seed: Seed = 0,
        self_training_rounds: NonNegativeInt = 0,
        context: NonNegativeInt = 0,
        max_pseudo_labels: PositiveInt = 4000,
    ) -> None:
        super().__init__(modality_shapes, num_classes, seed, self_training_rounds, context, max_pseudo_labels)
        self.save_hyperparameters()
        self.num_kernels = num_kernels

    def classifier(self) -> Any:
        """MiniRocket with a ridge classifier whose strength is cross-validated."""
        from aeon.classification.convolution_based import MiniRocketClassifier

        return MiniRocketClassifier(self.num_kernels, random_state=self.seed)


class MultiRocketHydraModule(RocketModule):
    """MultiRocket-Hydra: four statistics after each convolution of a series and of its differences, and Hydra.

    Hydra counts which kernel of a group fits best at each step. A sample has about 50,000 features.

    Args:
        modality_shapes: Modality to shape (time, *axes) of a sample. The command line takes it from the data.
        num_classes: Number of activities. The command line takes it from the data.
        num_kernels: Number of kernels in a group of Hydra.
        num_groups: Number of groups per dilation of Hydra.
        seed: Seed of the kernels.
        self_training_rounds: See `RandomForestModule`.
        context: See `RandomForestModule`.
        max_pseudo_labels: See `RandomForestModule`; 1,000 samples take half a gigabyte of features.

    Raises:
        ConfigurationError: aeon is not installed, the samples are too short, or an argument is out of range.
    """

    numerics = "1.0"

    def __init__(
        self,
        modality_shapes: Shapes,
        num_classes: Size,
        num_kernels: PositiveInt = 8,
        num_groups: PositiveInt = 64,
        seed: Seed = 0,
        self_training_rounds: NonNegativeInt = 0,
        context: NonNegativeInt = 0,
        max_pseudo_labels: PositiveInt = 1000,
    ) -> None:
        super().__init__(modality_shapes, num_classes, seed, self_training_rounds, context, max_pseudo_labels)
        self.save_hyperparameters()
        self.num_kernels, self.num_groups = num_kernels, num_groups

    def classifier(self) -> Any:
        """MultiRocket-Hydra with a ridge classifier whose strength is cross-validated."""
        from aeon.classification.convolution_based import MultiRocketHydraClassifier

        return MultiRocketHydraClassifier(self.num_kernels, self.num_groups, random_state=self.seed)
