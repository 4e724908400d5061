"""One modality alone: the baseline that every fusion has to beat, and the way to use one encoder of a bundle."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from cosmo_pl.constraints import NonNegativeFloat, NonNegativeInt, PositiveFloat, Probability, Size
from cosmo_pl.encoders import Encoder
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.modules.base import (
    ClassifierModule,
    FusionClassifier,
    OptimizerName,
    Present,
    Schedule,
    SequenceAxis,
    Shapes,
    load_encoders,
    presence,
)


class SingleModalModule(ClassifierModule):
    """Cosmo's encoder and classifier on one modality, trained together.

    Args:
        modality_shapes: Modality to shape of a sample; on the command line from the data.
        num_classes: Number of activities; on the command line from the data.
        modality: The modality; others that the data give are not used.
        encoders: Modality to encoder; those of other modalities are not used.
        bundle: Folder of a bundle whose encoder is taken, see `IterativeFusionModule`; None trains a new one.
        sequence_axis: Axis of the GRU, "time" or "channel".
        steps: Steps of the sequence over time.
        lr: Learning rate.
        momentum: Momentum of SGD.
        weight_decay: Weight decay.
        lr_milestones: Epochs after which the learning rate is multiplied by `lr_gamma`.
        lr_gamma: That factor.
        optimizer: "sgd", "adam" or "adamw".
        schedule: "steps" at `lr_milestones`, or "cosine" to 0 at the last epoch.

    Raises:
        ConfigurationError: The data or the encoders lack the modality, or an argument is out of range.
        BundleError: The bundle is missing, damaged, or lacks the modality or its shape.
    """

    numerics = "1.1"
    mixed_precision = False  # less accurate with it on USC-HAD, see experiments/rendered/precision-quick.md

    def __init__(
        self,
        modality_shapes: Shapes,
        num_classes: Size,
        modality: str | None = None,
        encoders: dict[str, Encoder] | None = None,
        bundle: str | None = None,
        sequence_axis: SequenceAxis = "time",
        steps: Size = 16,
        lr: PositiveFloat = 1e-3,
        momentum: Probability = 0.9,
        weight_decay: NonNegativeFloat = 1e-4,
        lr_milestones: Sequence[NonNegativeInt] = (350, 400, 450),
        lr_gamma: PositiveFloat = 0.9,
        optimizer: OptimizerName = "sgd",
        schedule: Schedule = "steps",
    ) -> None:
        super().__init__(num_classes)
        self.save_hyperparameters(ignore=["encoders"])
        if modality is None:
            raise ConfigurationError("modality", "none is given", f"Use one of {list(modality_shapes)}")
        for argument, there in (("data", modality_shapes), ("encoders", encoders)):
            if there is not None and modality not in there:
                raise ConfigurationError(
                    "modality", f"the {argument} have no '{modality}'", f"Use one of {list(there)}"
                )
        own = {modality: encoders[modality]} if encoders is not None else None
        self.encoders, self.bundle = load_encoders({modality: modality_shapes[modality]}, own, bundle)
        self.classifier = FusionClassifier(self.encoders.feature_shapes, num_classes, sequence_axis, steps)

    def classify(self, inputs: dict[str, Tensor], present: Present | None = None) -> tuple[Tensor, None]:
        """Logits (N, num_classes) from the one modality, which every sample has to have."""
        logits, _ = self.classifier(self.encoders(inputs, presence(self.encoders, inputs, present)))
        return logits, None
