"""Stage 2 of Cosmo: iterative fusion learning on few labels (Ouyang et al., MobiCom 2022, Sec. 5.2)."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cosmo_pl.bundle import Bundle
from cosmo_pl.data.loading import Batch
from cosmo_pl.encoders import Encoder, RecurrentClassifier
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.fusion import QualityGuidedAttention
from cosmo_pl.metrics import ClassMean
from cosmo_pl.modules.base import ClassifierModule, Shapes, sgd

Part = Literal["encoders", "classifier"]
RECURRENT = (nn.RNN, nn.GRU, nn.LSTM)


class FusionClassifier(nn.Module):
    """Quality-guided attention over modalities, a GRU over their weighted sequences, and a perceptron.

    Args:
        feature_shapes: Modality to shape (channels, time, *space) of its feature map.
        num_classes: Number of activities.
        sequence_axis: Axis that the GRU runs over: "time", every map averaged to `steps` steps, or "channel", as in
            the released code.
        steps: Steps of the sequence for "time".
        attention: Arguments of the attention but the feature sizes.
    """

    def __init__(
        self,
        feature_shapes: Mapping[str, tuple[int, ...]],
        num_classes: int,
        sequence_axis: Literal["time", "channel"],
        steps: int,
        attention: Mapping[str, Any],
    ) -> None:
        super().__init__()
        if sequence_axis not in ("time", "channel"):
            raise ConfigurationError("sequence_axis", f"'{sequence_axis}' is unknown", "Use 'time' or 'channel'")
        self.sequence_axis = sequence_axis
        self.steps = steps
        self.attention = QualityGuidedAttention(
            {name: math.prod(shape) for name, shape in feature_shapes.items()}, **attention
        )
        shapes = {name: self._sequence(torch.zeros(1, *shape)).shape[1:] for name, shape in feature_shapes.items()}
        lengths, sizes = {shape[0] for shape in shapes.values()}, [shape[1] for shape in shapes.values()]
        if len(lengths) > 1:
            raise ConfigurationError(
                "sequence_axis", f"the modalities' sequences differ in length: {sorted(lengths)}",
                "Give all encoders the same last width, or use 'time'",
            )  # fmt: skip
        if attention["mode"] == "sum" and len(set(sizes)) > 1:
            raise ConfigurationError("fusion", f"'sum' cannot add features of sizes {sizes}", "Use 'concat'")
        width = sizes[0] if attention["mode"] == "sum" else sum(sizes)
        self.classifier = RecurrentClassifier(width, lengths.pop(), num_classes)

    def _sequence(self, feature_map: Tensor) -> Tensor:
        """Feature map (N, C, T, *space) as a sequence (N, steps, C·space) in time, or (N, C, T·space) in channels."""
        if self.sequence_axis == "channel":
            return feature_map.flatten(2)
        over_time = feature_map.flatten(3).movedim(2, -1).flatten(1, -2)
        return F.adaptive_avg_pool1d(over_time, self.steps).transpose(1, 2)

    def forward(self, feature_maps: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Classifies feature maps: logits (N, num_classes) and attention weights (N, M)."""
        weights = self.attention.weights({name: z.flatten(1) for name, z in feature_maps.items()})
        sequences = {name: self._sequence(z) for name, z in feature_maps.items()}
        return self.classifier(self.attention.fuse(sequences, weights)), weights


class IterativeFusionModule(ClassifierModule):
    """Trains encoders and classifier in turns, `iterative_epochs` (T_iter) epochs each.

    With e counted from 0, e // T_iter even trains the encoders and odd the classifier (the other way round with
    `first_part` "classifier"); T_iter = 0 trains both together. The part that is not trained is frozen: no gradient,
    no optimizer step, eval mode. Each part has its own optimizer, schedule and state.

    Args:
        modality_shapes: Modality to shape of a sample; on the command line from the data.
        num_classes: Number of activities; on the command line from the data.
        bundle: Folder of a bundle, or of stage-1 runs whose newest bundle is taken. None trains `encoders` anew.
        encoders: Modality to encoder, where there is no bundle.
        iterative_epochs: T_iter.
        first_part: Part that is trained first.
        phase_offset: Epochs by which the first turn is shorter; the released code counts from 1, so its offset is 1.
        freeze: False only switches train and eval mode and trains everything in every epoch, as the released code.
        quality_lambda: λ of the attention.
        quality_weights: Modality to quality weight, instead of the bundle's.
        fusion: "concat" (Eq. 9) or "sum" (Eq. 8) of the weighted features.
        score: Attention score, "dot" (Eq. 5-6) or "concat_mlp" (the released code's).
        sequence_axis: Axis of the GRU, "time" or "channel".
        steps: Steps of the sequence over time.
        encoder_lr: Learning rate of the encoders.
        classifier_lr: Learning rate of attention, GRU and perceptron.
        momentum: Momentum of SGD.
        weight_decay: Weight decay.
        lr_milestones: Epochs after which both learning rates are multiplied by `lr_gamma`.
        lr_gamma: That factor.
        gradient_clip_val: Largest norm of a part's gradient; None does not clip.

    Raises:
        ConfigurationError: An argument is out of range, or not exactly one of `bundle` and `encoders` is given.
        BundleError: The bundle is missing, damaged, or for other modalities or shapes.
    """

    def __init__(
        self,
        modality_shapes: Shapes,
        num_classes: int,
        bundle: str | None = None,
        encoders: dict[str, Encoder] | None = None,
        iterative_epochs: int = 5,
        first_part: Part = "encoders",
        phase_offset: int = 0,
        freeze: bool = True,
        quality_lambda: float = 0.8,
        quality_weights: dict[str, float] | None = None,
        fusion: Literal["sum", "concat"] = "concat",
        score: Literal["dot", "concat_mlp"] = "dot",
        sequence_axis: Literal["time", "channel"] = "time",
        steps: int = 16,
        encoder_lr: float = 1e-3,
        classifier_lr: float = 1e-3,
        momentum: float = 0.9,
        weight_decay: float = 1e-4,
        lr_milestones: Sequence[int] = (350, 400, 450),
        lr_gamma: float = 0.9,
        gradient_clip_val: float | None = None,
    ) -> None:
        super().__init__(num_classes)
        self.save_hyperparameters(ignore=["encoders", "modality_shapes"])
        self.automatic_optimization = False  # two optimizers in turns
        if iterative_epochs < 0 or phase_offset < 0:
            raise ConfigurationError("iterative_epochs", f"is {iterative_epochs}", "Use 0 (joint) or more")
        if first_part not in ("encoders", "classifier"):
            raise ConfigurationError("first_part", f"'{first_part}' is unknown", "Use 'encoders' or 'classifier'")
        if (bundle is None) == (encoders is None):
            raise ConfigurationError("bundle", "give either a bundle or encoders", "Set the other one to null")
        self.bundle = None
        if bundle is not None:
            folder = Bundle.find(bundle)
            self.bundle = Bundle.load(folder)
            self.bundle.check(modality_shapes, folder)
            encoders = self.bundle.encoders
            if quality_weights is None:
                quality_weights = {name: quality.weight for name, quality in self.bundle.quality.items()}
            self.record["bundle"] = str(folder)
        assert encoders is not None
        if set(encoders) != set(modality_shapes):
            raise ConfigurationError(
                "encoders", f"are for {sorted(encoders)}, the data give {sorted(modality_shapes)}",
                "Give one encoder for each modality of the data",
            )  # fmt: skip
        self.encoders = nn.ModuleDict({name: encoders[name] for name in modality_shapes})
        self.classifier = FusionClassifier(
            {name: encoders[name].feature_shape(shape) for name, shape in modality_shapes.items()},
            num_classes, sequence_axis, steps,
            {"quality_weights": quality_weights, "quality_lambda": quality_lambda, "mode": fusion, "score": score},
        )  # fmt: skip
        self.class_attention = ClassMean(num_classes, len(modality_shapes))

    def setup(self, stage: str) -> None:
        """Checks that the data are standardised as in stage 1."""
        data = getattr(self.trainer, "datamodule", None)
        if self.bundle is not None and stage == "fit" and data is not None:
            self.bundle.check_normalization(data.normalization, self.record["bundle"])

    def _shared_step(self, batch: Batch, stage: str) -> tuple[Tensor, Tensor]:
        """Adds the attention weights of evaluated samples to their classes' means."""
        loss, logits = super()._shared_step(batch, stage)
        if stage != "train":
            self.class_attention.update(self._weights, batch["label"])
        return loss, logits

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        """Classifies samples, modality to (N, *shape), into logits (N, num_classes)."""
        logits, self._weights = self.classify(inputs)
        return logits

    def classify(self, inputs: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Logits (N, num_classes) and attention weights β (N, M), modalities in the order of `modality_shapes`."""
        # While the classifier is trained the encoders need no graph; while they are, the gradient has to pass
        # through the frozen classifier.
        with torch.set_grad_enabled(torch.is_grad_enabled() and self._requires_grad(self.encoders)):
            maps = {name: encoder(inputs[name]) for name, encoder in self.encoders.items()}
        logits, weights = self.classifier(maps)
        return logits, weights

    @staticmethod
    def _requires_grad(part: nn.Module) -> bool:
        return any(parameter.requires_grad for parameter in part.parameters())

    def attention_by_class(self) -> dict[str, dict[str, float]]:
        """Mean attention weight of each modality over the samples evaluated last, by class."""
        names = getattr(getattr(self.trainer, "datamodule", None), "class_names", range(self.num_classes))
        means = self.class_attention.compute().tolist()
        return {
            str(name): dict(zip(self.encoders, mean, strict=True))
            for name, mean in zip(names, means, strict=True)
            if not math.isnan(mean[0])
        }

    def on_validation_epoch_end(self) -> None:
        """Logs attention weights by class."""
        super().on_validation_epoch_end()
        self.log_dict(
            {f"attention/{c}/{name}": w for c, row in self.attention_by_class().items() for name, w in row.items()}
        )
        self.class_attention.reset()

    # Alternation

    def active_parts(self, epoch: int) -> tuple[Part, ...]:
        """Parts trained in an epoch, counted from 0."""
        turn = self.hparams["iterative_epochs"]
        if turn == 0:
            return "encoders", "classifier"
        parts: tuple[Part, Part] = ("encoders", "classifier")
        if self.hparams["first_part"] == "classifier":
            parts = ("classifier", "encoders")
        return (parts[(epoch + self.hparams["phase_offset"]) // turn % 2],)

    def on_train_epoch_start(self) -> None:
        """Toggles the parts; every epoch, because validation puts all modules back into train mode."""
        active = self.active_parts(self.current_epoch)
        for part in ("encoders", "classifier"):
            self._toggle(getattr(self, part), part in active)
        self.log("phase", float(active == ("classifier",)))  # 0: encoders or both, 1: classifier

    def _toggle(self, part: nn.Module, active: bool) -> None:
        part.train(active)
        for module in part.modules():
            if isinstance(module, RECURRENT):
                module.train()  # cuDNN has no backward through a recurrent layer in eval mode
        for parameter in part.parameters():
            parameter.requires_grad_(active or not self.hparams["freeze"])
            parameter.grad = None  # SGD would still step on a stale gradient, by momentum and weight decay

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        """Cross-entropy step on the active parts."""
        loss, _ = self._shared_step(batch, "train")
        parts = self.active_parts(self.current_epoch) if self.hparams["freeze"] else ("encoders", "classifier")
        optimizers = dict(zip(("encoders", "classifier"), self.optimizers(), strict=True))  # type: ignore[arg-type]
        for part in parts:
            optimizers[part].zero_grad()
        self.manual_backward(loss)
        for part in parts:
            if self.hparams["gradient_clip_val"] is not None:
                nn.utils.clip_grad_norm_(getattr(self, part).parameters(), self.hparams["gradient_clip_val"])
            optimizers[part].step()

    def on_train_epoch_end(self) -> None:
        """Steps both schedules, whichever part was trained, so that they follow the epochs."""
        super().on_train_epoch_end()
        for name, scheduler in zip(("encoder", "classifier"), self.lr_schedulers(), strict=True):  # type: ignore[arg-type]
            self.log(f"lr/{name}", scheduler.get_last_lr()[0])
            with warnings.catch_warnings():
                # The frozen part's optimizer has rightly made no step; its schedule goes on.
                warnings.filterwarnings("ignore", "Detected call of `lr_scheduler.step\\(\\)` before")
                scheduler.step()

    def configure_optimizers(self) -> Any:
        """One SGD and one schedule a part."""
        h = self.hparams
        configured = [
            sgd(part.parameters(), rate, h["momentum"], h["weight_decay"], h["lr_milestones"], h["lr_gamma"])
            for part, rate in ((self.encoders, h["encoder_lr"]), (self.classifier, h["classifier_lr"]))
        ]
        return [c["optimizer"] for c in configured], [c["lr_scheduler"] for c in configured]
