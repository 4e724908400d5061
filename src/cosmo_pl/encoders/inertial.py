"""2-D convolutional encoder for inertial sensors."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from cosmo_pl.constraints import Probability, Size
from cosmo_pl.encoders.base import Encoder
from cosmo_pl.encoders.layers import check_layers, conv_blocks


class InertialEncoder(Encoder):
    """2-D CNN over (time, axes), as the released code of Cosmo has it (Ouyang et al., MobiCom 2022, Sec. 5.3.3).

    The convolutions have stride 1 and no padding, and there is no pooling. Batch normalisation and ReLU follow each
    convolution, dropout all but the last. With the defaults (120, 6) becomes (16, 118, 4) and (200, 3) becomes
    (16, 198, 1). There are 19,728 parameters.

    Args:
        channels: Width of each convolution.
        kernels: Side length of the square kernel of each convolution.
        dropout: Dropout probability.
    """

    numerics = "1.1"
    sample_axes = 2

    def __init__(
        self,
        channels: Sequence[Size] = (64, 64, 32, 16),
        kernels: Sequence[Size] = (2, 2, 1, 1),
        dropout: Probability = 0.5,
    ) -> None:
        super().__init__()
        check_layers("InertialEncoder", channels, kernels)
        channels, kernels = tuple(channels), tuple(kernels)
        self.save_hyperparameters()
        sizes = zip((1, *channels), channels, kernels, strict=False)
        self.layers = conv_blocks([nn.Conv2d(*each) for each in sizes], nn.BatchNorm2d, dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Encodes (N, time, axes) into (N, channels, time', axes')."""
        # In a channels-last layout, convolutions in bfloat16 are up to four times faster.
        features: Tensor = self.layers(x.unsqueeze(3).movedim(3, 1))
        return features
