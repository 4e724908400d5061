"""The base of classifiers of stored samples that label further samples themselves.

H. J. Scudder, "Probability of error of some adaptive pattern-recognition machines", IEEE Trans. Information Theory,
1965.
"""

from __future__ import annotations

import numpy as np
import torch

from cosmo_pl.constraints import NonNegativeInt, PositiveInt, Size
from cosmo_pl.data.selection import evenly_spaced
from cosmo_pl.modules.base.context import average_in_context
from cosmo_pl.modules.base.examples import ExampleModule
from cosmo_pl.modules.base.module import Shapes

SMALLEST = 1e-6  # probability of a class without votes, whose logarithm has to be finite


def finite_logits(probability: torch.Tensor) -> torch.Tensor:
    """Logarithms of probabilities, of which some may be 0."""
    return probability.clamp_min(SMALLEST).log()


class SelfTrainingModule(ExampleModule):
    """An `ExampleModule` whose logits are logarithms of probabilities, and which can be trained on pseudo-labels.

    With `self_training_rounds` the classifier predicts pseudo-labels of the unlabelled training samples, and a new one
    is trained on them and on the labelled samples. The probabilities of a sample are first averaged over the samples
    within `context` of the same recording, because people seldom change their activity within a second. Test subjects
    take no part in this, but for samples by `person_unlabeled` of the data, and the evaluation uses no context.

    Args:
        modality_shapes: Modality to shape (time, *axes) of a sample.
        num_classes: Number of activities.
        self_training_rounds: Rounds of self-training; 0 uses the labelled samples only.
        context: Largest distance, in the steps that samples start at, of samples whose probabilities are averaged.
        max_pseudo_labels: Largest number of samples with pseudo-labels, evenly spaced. The checkpoint holds them.
    """

    numerics = "1.0"

    def __init__(
        self,
        modality_shapes: Shapes,
        num_classes: Size,
        self_training_rounds: NonNegativeInt,
        context: NonNegativeInt,
        max_pseudo_labels: PositiveInt,
    ) -> None:
        super().__init__(modality_shapes, num_classes)
        self.self_training_rounds, self.context = self_training_rounds, context
        self.max_pseudo_labels = max_pseudo_labels

    def on_fit_start(self) -> None:
        """Stores the labelled samples, and runs the rounds of self-training if there are unlabelled samples."""
        super().on_fit_start()
        data = self.required_data
        for _ in range(self.self_training_rounds if len(data.split.unlabeled) else 0):
            self._add_pseudo_labels()

    def _add_pseudo_labels(self) -> None:
        data = self.required_data
        known, samples = data.split.labeled, data.samples
        rows = np.union1d(known, data.split.unlabeled)
        probability = torch.cat([self.logits(batch).cpu() for batch in data.plain_loader(rows)]).exp()
        label = np.zeros(len(samples), dtype=np.int64)
        label[rows] = average_in_context(
            probability.numpy(), samples.recording[rows], samples.start[rows], self.context
        ).argmax(axis=1)
        label[known] = samples.label[known]
        taken = np.union1d(known, rows[evenly_spaced(len(rows), self.max_pseudo_labels)])
        self.remember({**data.plain_batch(taken), "label": torch.from_numpy(label[taken])})
        _ = self.learned  # now, so that it counts as training time
