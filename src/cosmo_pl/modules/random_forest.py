"""A random forest on simple statistics: what a learned method has to beat, or, with its features, what beats it.

L. Breiman, "Random forests", Machine Learning 45(1), 2001. A classifier's own labels as further examples: H. J.
Scudder, "Probability of error of some adaptive pattern-recognition machines", IEEE Trans. Information Theory, 1965.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import torch
from torch import Tensor

from cosmo_pl.constraints import MAX_SIZE, NonNegativeInt, PositiveInt, Seed, Size, whole
from cosmo_pl.data.selection import evenly_spaced
from cosmo_pl.encoders import Encoder
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.modules.base import ExampleModule, Present, Shapes, average_in_context, load_encoders, presence

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestClassifier

SMALLEST = 1e-6  # probability of a class that no tree votes for; its logarithm has to be finite


class RandomForestModule(ExampleModule):
    """Classifies by a forest on mean, standard deviation and spectrum of each channel of each modality.

    The logits are the logarithms of the forest's probabilities. The forest is grown again from its examples and the
    seed, the same tree by tree, where a checkpoint is loaded.

    With `rounds` the forest teaches itself: it labels the unlabelled training samples, and a new one is grown on them
    and on the labelled ones. What it thinks of a sample is averaged over the samples within `context` of the same
    recording first: people do not change their activity every second, and no label is needed to know that. No test
    subject's sample is among them, and no context is used to recognise one.

    Args:
        modality_shapes: Modality to shape (time, *axes) of a sample; on the command line from the data.
        num_classes: Number of activities; on the command line from the data.
        num_trees: Trees in the forest.
        num_frequencies: Fourier magnitudes of a channel, from the lowest frequency above 0.
        seed: Seed of the forest.
        rounds: Rounds of self-training; 0 keeps to the labelled samples.
        context: Distance, in steps of the sensor, up to which samples of a recording have a say in each other's label.
        max_self_labeled: At most so many self-labelled samples, evenly spaced; they travel in the checkpoint.

    Raises:
        ConfigurationError: An argument is out of range.
    """

    numerics = "1.0"

    def __init__(
        self,
        modality_shapes: Shapes,
        num_classes: Size,
        num_trees: Annotated[int, whole(1, 100_000)] = 200,
        num_frequencies: Annotated[int, whole(0, MAX_SIZE)] = 15,
        seed: Seed = 0,
        rounds: NonNegativeInt = 0,
        context: NonNegativeInt = 0,
        max_self_labeled: PositiveInt = 4000,
    ) -> None:
        super().__init__(modality_shapes, num_classes)
        self.save_hyperparameters()
        self.num_trees = num_trees
        self.num_frequencies = num_frequencies
        self.seed = seed
        self.rounds, self.context, self.max_self_labeled = rounds, context, max_self_labeled

    def on_fit_start(self) -> None:
        """Takes the labelled samples, and with `rounds` those that the forest labels, if any are unlabelled."""
        super().on_fit_start()
        data: Any = self.trainer.datamodule  # type: ignore[attr-defined]
        for _ in range(self.rounds if len(data.split.unlabeled) else 0):
            self._teach_itself()

    def _teach_itself(self) -> None:
        data: Any = self.trainer.datamodule  # type: ignore[attr-defined]
        known, samples = data.split.labeled, data.samples
        rows = np.union1d(known, data.split.unlabeled)
        opinion = torch.cat([self.logits(batch).cpu() for batch in data.plain_loader(rows)]).exp()
        label = np.zeros(len(samples), dtype=np.int64)
        label[rows] = average_in_context(
            opinion.numpy(), samples.recording[rows], samples.start[rows], self.context
        ).argmax(axis=1)
        label[known] = samples.label[known]
        taken = np.union1d(known, rows[evenly_spaced(len(rows), self.max_self_labeled)])
        self.remember({**data.plain_batch(taken), "label": torch.from_numpy(label[taken])})
        _ = self.learned  # now, so that it counts as time of training

    def learn(self, inputs: dict[str, Tensor], label: Tensor) -> RandomForestClassifier:
        """Grows the forest."""
        from sklearn.ensemble import RandomForestClassifier

        forest = RandomForestClassifier(self.num_trees, random_state=self.seed)
        with warnings.catch_warnings():
            # To scikit-learn, one label a class looks like a regression.
            warnings.filterwarnings("ignore", "The number of unique classes is greater than 50%")
            return forest.fit(self.features(inputs).numpy(), label.cpu().numpy())

    def classify(self, inputs: dict[str, Tensor], present: Present | None = None) -> tuple[Tensor, None]:
        """Logarithms (N, num_classes) of the forest's probabilities; no attention.

        Raises:
            ConfigurationError: A modality is absent: a forest has no way to do without a column.
        """
        there = presence(self.modality_shapes, inputs, present) or {}
        absent = [name for name, rows in there.items() if not rows.all()]
        if absent:
            raise ConfigurationError(
                "present", f"samples lack {absent}, and a forest needs every modality",
                "Leave them out (keep_incomplete: false), or use a method that can do without",
            )  # fmt: skip
        forest: RandomForestClassifier = self.learned
        features = self.features(inputs)
        probability = features.new_zeros(len(features), self.num_classes)
        probability[:, forest.classes_] = torch.from_numpy(forest.predict_proba(features.numpy()))
        return probability.clamp_min(SMALLEST).log().float().to(self.device), None

    def features(self, inputs: dict[str, Tensor]) -> Tensor:
        """Features (N, F) of samples, modality to (N, *shape); on the CPU, as the forest is."""
        each = [channel_statistics(inputs[name].cpu(), self.num_frequencies) for name in self.modality_shapes]
        return torch.cat(each, dim=1)


class FeatureForestModule(RandomForestModule):
    """The same forest with the features of a bundle's frozen encoders as further columns.

    Args:
        modality_shapes: Modality to shape (time, *axes) of a sample; on the command line from the data.
        num_classes: Number of activities; on the command line from the data.
        bundle: Folder or name of a bundle, as in `IterativeFusionModule`.
        encoders: What the bundle holds, or None.
        num_trees: Trees in the forest.
        num_frequencies: Fourier magnitudes of a channel.
        seed: Seed of the forest.
        rounds: Rounds of self-training, as above.
        context: Distance of samples that share a label, as above.
        max_self_labeled: At most so many self-labelled samples.

    Raises:
        ConfigurationError: No bundle is given, or an argument is out of range.
        BundleError: The bundle is missing, damaged, or for other modalities or shapes.
    """

    numerics = "1.0"

    def __init__(
        self,
        modality_shapes: Shapes,
        num_classes: Size,
        bundle: str | None = None,
        encoders: dict[str, Encoder] | None = None,
        num_trees: Annotated[int, whole(1, 100_000)] = 200,
        num_frequencies: Annotated[int, whole(0, MAX_SIZE)] = 15,
        seed: Seed = 0,
        rounds: NonNegativeInt = 0,
        context: NonNegativeInt = 0,
        max_self_labeled: PositiveInt = 4000,
    ) -> None:
        super().__init__(
            modality_shapes, num_classes, num_trees, num_frequencies, seed, rounds, context, max_self_labeled
        )
        self.save_hyperparameters(ignore=["encoders"])
        if bundle is None:
            raise ConfigurationError("bundle", "none is given, and the features need trained encoders", "Name one")
        self.encoders, self.bundle = load_encoders(modality_shapes, encoders, bundle)
        self.encoders.requires_grad_(False)

    def features(self, inputs: dict[str, Tensor]) -> Tensor:
        """Statistics, then features of the encoders (N, F); on the CPU, as the forest is."""
        self.encoders.eval()
        with torch.no_grad():
            encoded = [z.flatten(1).double().cpu() for z in self.encoders(inputs).values()]
        return torch.cat([super().features(inputs), *encoded], dim=1)


def channel_statistics(values: Tensor, num_frequencies: int) -> Tensor:
    """Mean, standard deviation and lowest Fourier magnitudes of each channel.

    Args:
        values: Samples (N, time, *axes); every position of the axes is a channel.
        num_frequencies: Magnitudes of a channel, from one period a sample upwards; fewer where the sample is shorter
            than twice as many steps. The frequency 0 is the mean.

    Returns:
        Features (N, channels · (2 + num_frequencies)), in double precision.
    """
    series = values.double().reshape(*values.shape[:2], -1)
    mean = series.mean(dim=1, keepdim=True)
    spectrum = torch.fft.rfft(series - mean, dim=1)[:, 1 : num_frequencies + 1].abs()
    return torch.cat([mean, series.std(dim=1, correction=0, keepdim=True), spectrum], dim=1).flatten(1)
