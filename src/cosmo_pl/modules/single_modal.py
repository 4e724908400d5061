"""Classification by one modality: a baseline of every fusion, and fine-tuning of one encoder of a bundle."""

from __future__ import annotations

from cosmo_pl.constraints import PositiveFloat, Size
from cosmo_pl.encoders import Encoder
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.modules.base import (
    FusedClassifier,
    FusionClassifier,
    OptimizerSettings,
    SequenceAxis,
    Shapes,
    load_encoders,
)


class SingleModalModule(FusedClassifier):
    """Cosmo's encoder and classifier on one modality, trained together.

    Args:
        modality_shapes: Modality to shape of a sample. The command line takes it from the data.
        num_classes: Number of activities. The command line takes it from the data.
        modality: The modality. Other modalities of the data are not used.
        encoders: Modality to encoder. Those of other modalities are not used.
        bundle: Folder of a bundle whose encoder is used, see `IterativeFusionModule`. None starts from an untrained
            encoder.
        sequence_axis: Axis of the GRU, "time" or "channel".
        steps: Length of the sequence over time.
        lr: Learning rate.
        optimizer: Optimizer and schedule of the learning rate.
        bundle_modalities: Modality of the data to the modality of the bundle whose encoder it uses, as {acc: thigh}.
            Several may use one. None, and others, use the encoder of the same name.

    Raises:
        ConfigurationError: The data or the encoders lack the modality, or an argument is out of range.
        BundleError: The bundle is missing, damaged, or lacks the modality or its shape.
    """

    numerics = "1.1"
    mixed_precision = False  # it lowers the accuracy on USC-HAD, see experiments/rendered/precision-quick.md

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
        optimizer: OptimizerSettings = OptimizerSettings(milestones=(350, 400, 450)),
        bundle_modalities: dict[str, str] | None = None,
    ) -> None:
        super().__init__(num_classes)
        self.save_hyperparameters(ignore=["encoders"])
        if modality is None:
            raise ConfigurationError("modality", "none is given", f"Use one of {list(modality_shapes)}")
        for argument, known in (("data", modality_shapes), ("encoders", encoders)):
            if known is not None and modality not in known:
                problem = f"the {argument} have no '{modality}'"
                raise ConfigurationError("modality", problem, f"Use one of {list(known)}")
        own = {modality: encoders[modality]} if encoders is not None else None
        names = {name: other for name, other in (bundle_modalities or {}).items() if name == modality}
        self.encoders, self.bundle = load_encoders({modality: modality_shapes[modality]}, own, bundle, names)
        self.classifier = FusionClassifier(self.encoders.feature_shapes, num_classes, sequence_axis, steps)
