"""Stage 2 of Cosmo: iterative fusion learning on few labels (Ouyang et al., MobiCom 2022, Sec. 5.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor
from torch.optim import Optimizer

from cosmo_pl.constraints import ClosedShare, NonNegativeFloat, NonNegativeInt, PositiveFloat, Probability, Size
from cosmo_pl.data.loading import Batch
from cosmo_pl.encoders import Encoder
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.modules.base import (
    PARTS,
    ClassifierModule,
    FeatureMemory,
    Fusion,
    FusionClassifier,
    Head,
    OptimizerName,
    Part,
    Present,
    Schedule,
    SequenceAxis,
    Shapes,
    active_parts,
    allow_unused_parameters,
    load_encoders,
    optimization,
    presence,
    step_each,
    step_schedule,
    toggle,
)


class IterativeFusionModule(ClassifierModule):
    """Trains encoders and classifier in turns, `iterative_epochs` (T_iter) epochs each.

    With e counted from 0, e // T_iter even trains the encoders and odd the classifier (the other way round with
    `first_part` "classifier"); T_iter = 0 trains both together. The part that is not trained is frozen: no gradient,
    no optimizer step, eval mode. Each part has its own optimizer, schedule and state.

    Args:
        modality_shapes: Modality to shape of a sample; on the command line from the data.
        num_classes: Number of activities; on the command line from the data.
        bundle: Folder of a bundle, or of stage-1 runs whose newest bundle is taken; on the command line also the
            name of such runs beside this one. None trains `encoders` anew.
        encoders: Modality to encoder; beside a bundle they have to be what it holds, or None.
        iterative_epochs: T_iter.
        first_part: Part that is trained first.
        phase_offset: Epochs by which the first turn is shorter; the released code counts from 1, so its offset is 1.
        freeze: False only switches train and eval mode and trains everything in every epoch, as the released code.
        quality_lambda: λ of the attention.
        quality_weights: Modality to quality weight, instead of the bundle's.
        fusion: "sum" (Eq. 8) or "concat" (Eq. 9) of the weighted features; None sums features of equal size and
            concatenates others.
        score: Attention score, "dot" (Eq. 5-6) or "concat_mlp" (the released code's).
        sequence_axis: Axis of the GRU, "time" or "channel".
        steps: Steps of the sequence over time.
        head: "recurrent", or "linear" for a linear probe without attention.
        frozen_encoders: Whether the classifier alone is trained.
        encoder_lr: Learning rate of the encoders.
        classifier_lr: Learning rate of attention, GRU and perceptron.
        momentum: Momentum of SGD.
        weight_decay: Weight decay.
        lr_milestones: Epochs after which both learning rates are multiplied by `lr_gamma`.
        lr_gamma: That factor.
        optimizer: "sgd", "adam" or "adamw".
        schedule: "steps" at `lr_milestones`, or "cosine" to 0 at the last epoch.
        gradient_clip_val: Largest norm of a part's gradient; None does not clip.

    Raises:
        ConfigurationError: An argument is out of range, or neither `bundle` nor `encoders` is given.
        BundleError: The bundle is missing, damaged, or for other modalities or shapes.
    """

    numerics = "1.1"

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
        momentum: Probability = 0.9,
        weight_decay: NonNegativeFloat = 1e-4,
        lr_milestones: Sequence[NonNegativeInt] = (350, 400, 450),
        lr_gamma: PositiveFloat = 0.9,
        optimizer: OptimizerName = "sgd",
        schedule: Schedule = "steps",
        gradient_clip_val: PositiveFloat | None = None,
    ) -> None:
        streams, loaded = load_encoders(modality_shapes, encoders, bundle)
        super().__init__(num_classes, attends_to=tuple(streams) if head == "recurrent" and len(streams) > 1 else ())
        self.save_hyperparameters(ignore=["encoders"])
        self.automatic_optimization = False  # two optimizers in turns
        if frozen_encoders and not freeze:
            raise ConfigurationError("freeze", "is false and frozen_encoders true", "Set freeze to true")
        if loaded is not None and quality_weights is None and set(loaded.quality) == set(streams):
            quality_weights = {name: quality.weight for name, quality in loaded.quality.items()}
            self.hparams["quality_weights"] = quality_weights  # of the checkpoint, which needs no bundle
        self.bundle = loaded
        self.encoders = streams
        self._memory: FeatureMemory | None = None
        attention = {
            "quality_weights": quality_weights, "quality_lambda": quality_lambda, "mode": fusion, "score": score,
        }  # fmt: skip
        self.classifier = FusionClassifier(
            streams.feature_shapes, num_classes, sequence_axis, steps, attention if self.attends_to else None, head
        )

    def setup(self, stage: str) -> None:
        """Also lets distributed training (DDP) go on without gradients of the frozen part, which has none."""
        super().setup(stage)
        if self.hparams["iterative_epochs"] > 0 or self.hparams["frozen_encoders"]:
            allow_unused_parameters(self.trainer)

    def classify(self, inputs: dict[str, Tensor], present: Present | None = None) -> tuple[Tensor, Tensor | None]:
        """Logits (N, num_classes) and weights β (N, M) in the order of `modality_shapes`, 0 for what is absent."""
        there = presence(self.encoders, inputs, present)
        # Encoders that are not trained need no graph; a frozen classifier has to pass the gradient on.
        trained = any(parameter.requires_grad for parameter in self.encoders.parameters())
        with torch.set_grad_enabled(torch.is_grad_enabled() and trained):
            maps = self.encoders(inputs, there)
        logits, weights = self.classifier(maps, there)
        return logits, weights

    def classify_batch(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """As `classify`; while the encoders are frozen, feature maps of samples that nothing varies are kept."""
        if self._memory is None or self.data is None or not self._memory.serves(batch):
            return super().classify_batch(batch)
        there = presence(self.encoders, batch["inputs"], batch.get("present"))
        logits, weights = self.classifier(self._memory.maps(batch, there), there)
        return logits, weights

    def active_parts(self, epoch: int) -> tuple[Part, ...]:
        """Parts trained in an epoch, counted from 0."""
        return active_parts(self.hparams, epoch)

    def on_train_epoch_start(self) -> None:
        """Toggles the parts; every epoch, because validation puts all modules back into train mode."""
        active = self.active_parts(self.current_epoch)
        moving = "encoders" in active or not self.hparams["freeze"]
        self._memory = None if moving else self._memory or FeatureMemory(self.encoders)
        for part in PARTS:
            toggle(getattr(self, part), part in active, self.hparams["freeze"])
        self.log("phase", float(active == ("classifier",)))  # 0: encoders or both, 1: classifier

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        """Cross-entropy step on the active parts."""
        loss, _ = self._shared_step(batch, "train")
        active = self.active_parts(self.current_epoch) if self.hparams["freeze"] else PARTS
        optimizers = [each for part, each in zip(PARTS, self.optimizers(), strict=True) if part in active]  # type: ignore[arg-type]
        for optimizer in optimizers:
            optimizer.zero_grad()
        self.manual_backward(loss)
        step_each(optimizers, getattr(self.trainer.precision_plugin, "scaler", None))

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Clips the gradient of a part; Lightning calls it when a gradient scaler has unscaled the gradient."""
        if (limit := self.hparams["gradient_clip_val"]) is not None:
            self.clip_gradients(optimizer, gradient_clip_val=limit, gradient_clip_algorithm="norm")

    def on_train_epoch_end(self) -> None:
        """Steps both schedules, whichever part was trained, so that they follow the epochs."""
        super().on_train_epoch_end()
        for name, scheduler in zip(("encoder", "classifier"), self.lr_schedulers(), strict=True):  # type: ignore[arg-type]
            self.log(f"lr/{name}", scheduler.get_last_lr()[0])
            step_schedule(scheduler)

    def on_fit_end(self) -> None:
        """Forgets feature maps: other samples have the same numbers in another dataset."""
        self._memory = None

    def configure_optimizers(self) -> Any:
        """One optimizer and one schedule a part."""
        h = self.hparams
        configured = [
            optimization(part.parameters(), {**h, "lr": rate}, self.num_epochs)
            for part, rate in ((self.encoders, h["encoder_lr"]), (self.classifier, h["classifier_lr"]))
        ]
        return [c["optimizer"] for c in configured], [c["lr_scheduler"] for c in configured]
