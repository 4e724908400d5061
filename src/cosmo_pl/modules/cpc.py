"""CPC for wearable sensors (H. Haresamudram, I. Essa and T. Plötz, IMWUT 5(2), 2021)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from cosmo_pl.constraints import (
    AtLeastTwo,
    PositiveFloat,
    PositiveInt,
    Probability,
    Size,
    Widths,
)
from cosmo_pl.encoders import CPCEncoder
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.losses import PredictiveCodingLoss
from cosmo_pl.modules.base import OptimizerSettings, Present, PretrainingModule, Shapes, joined
from cosmo_pl.stream_names import name_of

PUBLISHED = OptimizerSettings("adam", weight_decay=0.0, milestones=(25, 50, 75, 100, 125), gamma=0.8)


class CPCModule(PretrainingModule):
    """Predicts the latents of the next `horizon` steps from the context of the steps before.

    All modalities are one stream, joined on their axes. One step t is sampled per batch; one linear map per k predicts
    z_{t+k} from c_t. Logs ``train/accuracy``, the fraction of latents whose own prediction is the most similar
    among those of the batch.

    Any modality of (time, axes) counts as inertial. The module writes a bundle as Cosmo's stage 1 does. Its fine-tuning
    is `IterativeFusionModule` without alternation and quality guidance, on all contexts. The publication classifies
    the last context with frozen encoders, as the probe of the pretraining does here.

    Args:
        modality_shapes: Modality to shape (time, axes) of a sample. The command line takes it from the data.
        num_classes: Number of activities, for the quality weights. The command line takes it from the data.
        horizon: Number of predicted steps K.
        channels: Width of each convolution of the encoder.
        context_dim: Width of the encoder's contexts.
        dropout: Dropout probability of the encoder.
        pooling: Number of consecutive values averaged into one step. 2 reduces 100 Hz to the 50 Hz of the publication.
        lr: Learning rate.
        optimizer: Optimizer and schedule of the learning rate, by default those of the publication.
        max_clusters: Largest number of clusters tried for the quality weights; None stands for twice `num_classes`.

    Raises:
        ConfigurationError: A modality is not (time, axes), the modalities differ in length, or an argument is out of
            range.
    """

    numerics = "1.1"

    def __init__(
        self,
        modality_shapes: Shapes,
        num_classes: Size,
        horizon: PositiveInt = 28,
        channels: Widths = (32, 64, 128),
        context_dim: Size = 256,
        dropout: Probability = 0.2,
        pooling: Size = 1,
        lr: PositiveFloat = 5e-4,
        optimizer: OptimizerSettings = PUBLISHED,
        max_clusters: AtLeastTwo | None = None,
    ) -> None:
        stream = name_of(modality_shapes)
        encoder = _joint_encoder(modality_shapes, channels, context_dim, dropout, pooling)
        super().__init__(modality_shapes, num_classes, {stream: encoder}, max_clusters)
        self.save_hyperparameters()
        length = self.encoders.feature_shapes[stream][1]
        if not 1 <= horizon < length:
            problem = f"{horizon} steps cannot be predicted in samples of {length} steps"
            remedy = f"Use 1 to {length - 1}, or longer samples" if length > 1 else "Use longer samples"
            raise ConfigurationError("horizon", problem, remedy)
        self.stream = stream
        self.horizon = horizon
        self.starts = length - horizon
        self.predictors = nn.Linear(context_dim, horizon * channels[-1])  # all W_k in one
        self.loss = PredictiveCodingLoss()

    @property
    def encoder(self) -> CPCEncoder:
        """Encoder of the one stream."""
        encoder = self.encoders[self.stream]
        assert isinstance(encoder, CPCEncoder)
        return encoder

    def forward(self, inputs: dict[str, Tensor], available: Present | None = None) -> dict[str, Tensor]:
        """Encodes samples, modality to (N, time, axes), into their last contexts, stream to (N, context_dim)."""
        return {name: contexts[..., -1] for name, contexts in self.encoders(inputs, available).items()}

    def predict_futures(self, x: Tensor, start: int) -> tuple[Tensor, Tensor]:
        """Latents after a step, and their predictions from the context at that step.

        Args:
            x: Samples (N, time, axes).
            start: Step t, from 0 to `starts` - 1.

        Returns:
            z_{t+1} to z_{t+K} (N, K, D), and W_k c_t for k = 1 to K (N, K, D).
        """
        steps = start + 1 + self.horizon
        z = self.encoder.latents(x[:, : steps * self.encoder.pooling])  # causal: later steps change nothing
        context = self.encoder.contexts(z[:, : start + 1])[:, -1]
        return z[:, start + 1 :], self.predictors(context).unflatten(1, (self.horizon, -1))

    def pretraining_loss(self, inputs: dict[str, Tensor], num_augmentations: int = 1) -> Tensor:
        """Predictive coding loss at one random step. Each augmented view counts as a sample."""
        start = int(self.shared(torch.randint(self.starts, ())))
        futures, predictions = map(self.gathered, self.predict_futures(joined(inputs, self.stream), start))
        accuracy = self.loss.accuracy(futures, predictions)
        self.log_mean("train/accuracy", accuracy, len(futures))
        loss: Tensor = self.loss(futures, predictions)
        return loss


def _joint_encoder(
    modality_shapes: Shapes, channels: Sequence[int], context_dim: int, dropout: float, pooling: int
) -> CPCEncoder:
    """Encoder of all modalities.

    Raises:
        ConfigurationError: A modality is not (time, axes), or a width is out of range.
    """
    fit = [name for name, shape in modality_shapes.items() if len(shape) == 2]
    if len(fit) < len(modality_shapes):
        unfit = {name: tuple(shape) for name, shape in modality_shapes.items() if name not in fit}
        remedy = f"Use --data.init_args.modalities=[{','.join(fit)}]" if fit else "Use inertial sensors"
        raise ConfigurationError("modalities", f"{unfit} are not (time, axes), and CPC is for inertial sensors", remedy)
    return CPCEncoder(sum(shape[1] for shape in modality_shapes.values()), channels, context_dim, dropout, pooling)
