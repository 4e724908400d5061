"""Encoder of contrastive predictive coding: causal convolutions and a recurrent context."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from cosmo_pl.constraints import PositiveInt, Probability, Size, Widths
from cosmo_pl.encoders.base import Encoder
from cosmo_pl.encoders.layers import Dropout

KERNEL = 3


class CPCEncoder(Encoder):
    """1-D CNN to latents z_t and two GRU layers to contexts c_t, for sensors whose axes are joined to one stream.

    Widths, kernels and dropout are those of H. Haresamudram, I. Essa and T. Plötz ("Contrastive Predictive Coding for
    Human Activity Recognition", IMWUT 5(2), 2021), with two deviations:

    - The convolutions are padded with zeros on the left only. The publication pads by reflection on both sides, so
      that each latent, and with it the context, depends on three later values. That makes the first predictions
      trivial. Here z_t and c_t are functions of x_0 to x_t only.
    - The dropout between the GRU layers is a separate module. Inside `nn.GRU` it would follow the mode of the GRU,
      which has to stay in train mode for cuDNN even in a frozen encoder.

    The data of the publication have 50 Hz. At 100 Hz, `pooling` = 2 gives a step the same duration, at half the cost.
    Step t then stands for the values from `pooling` · t to `pooling` · (t + 1), the latter excluded.

    With the defaults (200, 6) becomes (256, 200). There are 722,496 parameters.

    Args:
        in_features: Number of axes of a sample, of all sensors together.
        channels: Width of each convolution; the last is that of the latents.
        context_dim: Width of the contexts.
        dropout: Dropout probability after each convolution and between the GRU layers.
        pooling: Number of consecutive values averaged into one step. An incomplete last step is left out.

    Raises:
        ConfigurationError: A width is missing or not positive, or `pooling` is not positive.
    """

    numerics = "1.1"
    sample_axes = 2

    def __init__(
        self,
        in_features: PositiveInt = 6,
        channels: Widths = (32, 64, 128),
        context_dim: Size = 256,
        dropout: Probability = 0.2,
        pooling: Size = 1,
    ) -> None:
        super().__init__()
        self.pooling = pooling
        channels = tuple(channels)
        self.save_hyperparameters()
        self.convolutions = nn.ModuleList(
            nn.Conv1d(before, after, KERNEL, bias=False)
            for before, after in zip((in_features, *channels), channels, strict=False)
        )
        self.dropout = Dropout(dropout)
        self.lower = nn.GRU(channels[-1], context_dim, batch_first=True)
        self.upper = nn.GRU(context_dim, context_dim, batch_first=True)

    def latents(self, x: Tensor) -> Tensor:
        """Encodes samples (N, time, in_features) into latents z (N, time // pooling, channels[-1])."""
        z = F.avg_pool1d(x.transpose(1, 2), self.pooling)
        for convolution in self.convolutions:
            z = self.dropout(convolution(F.pad(z, (KERNEL - 1, 0))).relu())
        return z.transpose(1, 2)

    def contexts(self, z: Tensor) -> Tensor:
        """Summarises latents (N, time, channels[-1]) up to each step into contexts c (N, time, context_dim)."""
        contexts: Tensor = self.upper(self.dropout(self.lower(z)[0]))[0]
        return contexts

    def forward(self, x: Tensor) -> Tensor:
        """Encodes samples (N, time, in_features) into contexts (N, context_dim, time // pooling)."""
        return self.contexts(self.latents(x)).transpose(1, 2)
