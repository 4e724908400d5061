"""Stage 2 of Cosmo: iterative fusion learning on few labels (Ouyang et al., MobiCom 2022, Sec. 5.2)."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor
from torch.optim import Optimizer

from cosmo_pl.bundle import Bundle
from cosmo_pl.constraints import ClosedShare, NonNegativeFloat, NonNegativeInt, PositiveFloat, Size
from cosmo_pl.data import MultimodalDataModule
from cosmo_pl.data.loading import Batch
from cosmo_pl.encoders import Encoder
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.modules.base import (
    PARTS,
    FeatureMemory,
    FusedClassifier,
    Fusion,
    FusionClassifier,
    Head,
    OptimizerSettings,
    Part,
    Present,
    SequenceAxis,
    Shapes,
    active_parts,
    allow_unused_parameters,
    availability,
    data_quality,
    load_encoders,
    optimization,
    step_each,
    step_schedule,
    toggle,
)


class IterativeFusionModule(FusedClassifier):
    """Trains encoders and classifier alternately, `iterative_epochs` (T_iter) epochs each.

    Epoch e, counted from 0, belongs to an encoder phase if e // T_iter is even and to a classifier phase if it is odd;
    `first_part` "classifier" reverses this. T_iter = 0 trains both together. The other part is frozen: it has no
    gradient and no optimizer step, and is in eval mode. Each part has its own optimizer, schedule and state.

    Args:
        modality_shapes: Modality to shape of a sample. The command line takes it from the data.
        num_classes: Number of activities. The command line takes it from the data.
        bundle: Folder of a bundle, or of stage-1 runs whose newest bundle is used. On the command line also the name of
            such runs in the same folder as this run. None starts from untrained `encoders`.
        encoders: Modality to encoder. Beside a bundle they have to be equal to its own, or None.
        iterative_epochs: T_iter.
        first_part: Part that is trained first.
        phase_offset: Number of epochs by which the first phase is shorter. The released code counts epochs from 1, so
            its offset is 1.
        freeze: False only switches train and eval mode and trains both parts in every epoch, as the released code does.
        quality_lambda: λ of the attention.
        quality_weights: Modality to quality weight, instead of the bundle's. Of a bundle of another dataset they are
            measured anew on these data before the training.
        fusion: "sum" (Eq. 8) or "concat" (Eq. 9) of the weighted features. None sums features of equal size and
            concatenates others.
        score: Attention score, "dot" (Eq. 5-6) or "concat_mlp" (the released code's).
        sequence_axis: Axis of the GRU, "time" or "channel".
        steps: Length of the sequence over time.
        head: "recurrent", or "linear" for a linear probe without attention.
        frozen_encoders: Whether only the classifier is trained.
        encoder_lr: Learning rate of the encoders.
        classifier_lr: Learning rate of attention, GRU and perceptron.
        optimizer: Optimizer and schedule of each part.
        gradient_clip_val: Largest norm of the gradient of a part; None does not clip.
        bundle_modalities: Modality of the data to the modality of the bundle whose encoder it uses, as {acc: thigh}.
            Several may use one. None, and others, use the encoder of the same name.

    Raises:
        ConfigurationError: An argument is out of range, or neither `bundle` nor `encoders` is given.
        BundleError: The bundle is missing, damaged, or for other modalities or shapes.
    """

    numerics = "1.1"
    manual_optimization = True  # two optimizers
    classifier: FusionClassifier

    def __init__(
        self,
        modality_shapes: Shapes,
        num_classes: Size,
        bundle: str | None = None,
        encoders: dict[str, Encoder] | None = None,
        iterative_epochs: NonNegativeInt = 5,
        first_part: Part = "encoders",
        phase_offset: NonNegativeInt = 0,
        freeze: bool = True,
        quality_lambda: ClosedShare = 0.8,
        quality_weights: dict[str, NonNegativeFloat] | None = None,
        fusion: Fusion | None = None,
        score: Literal["dot", "concat_mlp"] = "dot",
        sequence_axis: SequenceAxis = "time",
        steps: Size = 16,
        head: Head = "recurrent",
        frozen_encoders: bool = False,
        encoder_lr: PositiveFloat = 1e-3,
        classifier_lr: PositiveFloat = 1e-3,
        optimizer: OptimizerSettings = OptimizerSettings(milestones=(350, 400, 450)),
        gradient_clip_val: PositiveFloat | None = None,
        bundle_modalities: dict[str, str] | None = None,
    ) -> None:
        streams, loaded = load_encoders(modality_shapes, encoders, bundle, bundle_modalities)
        super().__init__(num_classes, attends_to=tuple(streams) if head == "recurrent" and len(streams) > 1 else ())
        self.save_hyperparameters(ignore=["encoders"])
        if frozen_encoders and not freeze:
            raise ConfigurationError("freeze", "is false and frozen_encoders true", "Set freeze to true")
        self._takes_quality = quality_weights is None
        if loaded is not None and quality_weights is None and set(loaded.quality) == set(streams):
            quality_weights = {name: quality.weight for name, quality in loaded.quality.items()}
            self.hparams["quality_weights"] = quality_weights  # so that the checkpoint needs no bundle
        elif loaded is not None and quality_weights is None and loaded.quality_at_home:
            quality_weights = dict.fromkeys(streams, 1.0)  # until the training begins
        self.bundle = loaded
        self.encoders = streams
        self._memory: FeatureMemory | None = None
        guidance = {"quality_weights": quality_weights, "quality_lambda": quality_lambda}
        attention = {**guidance, "mode": fusion, "score": score} if self.attends_to else None
        self.classifier = FusionClassifier(streams.feature_shapes, num_classes, sequence_axis, steps, attention, head)

    def setup(self, stage: str) -> None:
        """Also makes distributed training (DDP) accept the frozen part, which has no gradients."""
        super().setup(stage)
        self._memory = None  # an interrupted training left it: other data use the same sample indices
        if stage == "fit" and self.bundle is not None and self._takes_quality:
            self._measure_quality(self.bundle, self.data)
        if self.hparams["iterative_epochs"] > 0 or self.hparams["frozen_encoders"]:
            allow_unused_parameters(self.trainer)

    def _measure_quality(self, bundle: Bundle, data: MultimodalDataModule | None) -> None:
        """Measures the quality of other modalities or data than the bundle's, or for a bundle without quality."""
        if not self.attends_to or self.hparams["quality_lambda"] == 0:
            return
        if data is None:
            if bundle.quality_at_home:
                problem = "are not in a bundle of a federated training, and there is no datamodule to measure them on"
                raise ConfigurationError("quality_weights", problem, "Give them, or set quality_lambda to 0")
            return
        renamed = any(new != old for new, old in bundle.names.items())
        differs = bundle.quality_at_home or renamed or bundle.data.differences(data)
        joined = sorted(set(self.encoders) - set(data.modalities))
        if joined and bundle.quality_at_home:
            problem = f"are in no bundle of a federated training, and cannot be measured for joined sensors: {joined}"
            raise ConfigurationError("quality_weights", problem, "Give them, or set quality_lambda to 0")
        if differs and not joined:
            weights = {name: quality.weight for name, quality in data_quality(data).items()}
            self.hparams["quality_weights"] = weights
            assert self.classifier.attention is not None
            self.classifier.attention.set_quality(weights)

    def classify(self, inputs: dict[str, Tensor], present: Present | None = None) -> tuple[Tensor, Tensor | None]:
        """Logits (N, num_classes) and weights β (N, M) in the order of `modality_shapes`, 0 for missing modalities."""
        available = availability(self.encoders, inputs, present)
        # Frozen encoders need no graph. A frozen classifier does: the gradient of the encoders passes through it.
        trained = any(parameter.requires_grad for parameter in self.encoders.parameters())
        with torch.set_grad_enabled(torch.is_grad_enabled() and trained):
            maps = self.encoders(inputs, available)
        return self.classify_features(maps, available)

    def classify_batch(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """As `classify`. While the encoders are frozen, feature maps of unchanged samples are stored and used again."""
        if self._memory is None or self.data is None or not self._memory.serves(batch):
            return super().classify_batch(batch)
        available = availability(self.encoders, batch["inputs"], batch.get("present"))
        return self.classify_features(self._memory.maps(batch, available), available)

    def active_parts(self, epoch: int) -> tuple[Part, ...]:
        """Parts trained in an epoch, counted from 0."""
        return active_parts(self.hparams, epoch)

    def on_train_epoch_start(self) -> None:
        """Toggles the parts in every epoch, because validation switches all modules back to train mode."""
        active = self.active_parts(self.current_epoch)
        moving = "encoders" in active or not self.hparams["freeze"]
        self._memory = None if moving else self._memory or FeatureMemory(self.encoders)
        for part in PARTS:
            toggle(getattr(self, part), part in active, self.hparams["freeze"])
        self.log("phase", float(active == ("classifier",)))  # 0: encoders or both, 1: classifier

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        """Cross-entropy step on the active parts."""
        loss = self._shared_step(batch, "train")[0]
        active = self.active_parts(self.current_epoch) if self.hparams["freeze"] else PARTS
        optimizers = [each for part, each in zip(PARTS, self.optimizers(), strict=True) if part in active]  # type: ignore[arg-type]
        for optimizer in optimizers:
            optimizer.zero_grad()
        self.manual_backward(loss)
        step_each(optimizers, getattr(self.trainer.precision_plugin, "scaler", None))

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Clips the gradient of a part. Lightning calls this after a gradient scaler has unscaled the gradient."""
        if (limit := self.hparams["gradient_clip_val"]) is not None:
            self.clip_gradients(optimizer, gradient_clip_val=limit, gradient_clip_algorithm="norm")

    def on_train_epoch_end(self) -> None:
        """Steps the schedules of both parts, so that they follow the epochs."""
        super().on_train_epoch_end()
        for name, scheduler in zip(("encoder", "classifier"), self.lr_schedulers(), strict=True):  # type: ignore[arg-type]
            self.log(f"lr/{name}", scheduler.get_last_lr()[0])
            step_schedule(scheduler)

    def on_fit_end(self) -> None:
        """Deletes the stored feature maps: another dataset uses the same sample indices."""
        self._memory = None

    def configure_optimizers(self) -> Any:
        """One optimizer and one schedule per part."""
        rates = (self.encoders, self.hparams["encoder_lr"]), (self.classifier, self.hparams["classifier_lr"])
        settings, epochs = self.optimizer_settings, self.num_epochs
        configured = [optimization(part.parameters(), lr, settings, epochs) for part, lr in rates]
        return [c["optimizer"] for c in configured], [c["lr_scheduler"] for c in configured]
