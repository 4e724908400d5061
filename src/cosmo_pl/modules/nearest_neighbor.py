"""Nearest-neighbour classification by Euclidean distance or dynamic time warping, the simplest baseline.

H. Sakoe and S. Chiba, "Dynamic programming algorithm optimization for spoken word recognition", IEEE Trans. ASSP 26(1),
1978, introduced warping within a band. The distance of multivariate series is the dependent one, DTW_D of M.
Shokoohi-Yekta et al., "Generalizing DTW to the multi-dimensional case requires an adaptive approach", Data Min. Knowl.
Disc. 31, 2017.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from cosmo_pl.constraints import ClosedShare, Size
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.modules.base import ExampleModule, Present, Shapes, availability


class NearestNeighborModule(ExampleModule):
    """Classifies a sample by the label of the nearest labelled sample.

    The distance is the sum over modalities, each divided by its mean over all pairs of labelled samples, so that all
    have equal weight. The logit of a class is minus the distance to its nearest sample, -inf without any sample.

    Args:
        modality_shapes: Modality to shape (time, *axes) of a sample. The command line takes it from the data.
        num_classes: Number of activities. The command line takes it from the data.
        metric: "euclidean", or "dtw", dynamic time warping.
        band: Width of the Sakoe-Chiba band of "dtw", as a fraction of the sample's length: 0 allows no shift, 1 any.
        velocities: Whether the central differences over time are further channels.

    Raises:
        ConfigurationError: An argument is out of range.
    """

    numerics = "1.0"

    def __init__(
        self,
        modality_shapes: Shapes,
        num_classes: Size,
        metric: Literal["euclidean", "dtw"] = "euclidean",
        band: ClosedShare = 0.25,
        velocities: bool = False,
    ) -> None:
        still = [name for name, shape in modality_shapes.items() if shape[0] < 2]
        if velocities and still:
            raise ConfigurationError("velocities", f"{still} have a single step", "Use false, or longer samples")
        super().__init__(modality_shapes, num_classes)
        self.save_hyperparameters()
        self.metric = metric
        self.band = band
        self.velocities = velocities

    def learn(self, inputs: dict[str, Tensor], label: Tensor) -> dict[str, float]:
        """Mean distance of each modality over all pairs of examples; 1 if all examples are equal."""
        pairs = max(len(label) * (len(label) - 1), 1)
        means = {name: float(self.distances(values, values).sum()) / pairs for name, values in inputs.items()}
        return {name: mean if mean > 0 else 1.0 for name, mean in means.items()}

    def classify(self, inputs: dict[str, Tensor], present: Present | None = None) -> tuple[Tensor, None]:
        """Minus the distances (N, num_classes) to the nearest example of each class; no attention.

        Missing modalities are left out of the distance.
        """
        examples, label = self.examples
        available = availability(self.modality_shapes, inputs, present)
        scaled = []
        for name, scale in self.learned.items():
            if available is None:
                scaled.append(self.distances(inputs[name], examples[name]) / scale)
            elif available[name].any():
                rows = available[name]
                known = self.distances(inputs[name][rows], examples[name]) / scale
                scaled.append(known.new_zeros(len(rows), len(label)).index_put((rows,), known))
        return self._logits(torch.stack(scaled).sum(dim=0), label), None

    def stream_encoders(self) -> Mapping[str, nn.Module]:
        """The samples themselves: a distance needs all of their values.

        Raises:
            ConfigurationError: The distance is "dtw".
        """
        if self.metric == "dtw":
            problem = "dynamic time warping is a search for paths, which no ONNX operator performs"
            raise ConfigurationError("run", problem, "Export metric euclidean, or another method")
        _ = self.learned  # now: in a graph that is traced, scales are no numbers
        return {name: nn.Identity() for name in self.modality_shapes}

    def classify_features(
        self, features: Mapping[str, Tensor], available: Present | None = None
    ) -> tuple[Tensor, None]:
        """Minus the distances to the nearest example of each class, by operators of ONNX."""
        examples, label = self.examples
        pairs = {name: (self._series(features[name]), self._series(examples[name])) for name in self.learned}
        scaled = [euclidean_distances(*pairs[name]) / scale for name, scale in self.learned.items()]
        if available is not None:
            scaled = [each * available[name].unsqueeze(1) for name, each in zip(self.learned, scaled, strict=True)]
        return self._logits(torch.stack(scaled).sum(dim=0), label), None

    def _logits(self, distance: Tensor, label: Tensor) -> Tensor:
        """Minus the smallest of the distances (N, n) to the examples of each class (N, num_classes)."""
        nearest = distance.new_full((distance.shape[0], self.num_classes), torch.inf)
        return -nearest.scatter_reduce(1, label.expand_as(distance), distance, "amin")

    def distances(self, one: Tensor, other: Tensor) -> Tensor:
        """Distances (N, n) between samples (N, time, *axes) and (n, time, *axes) of one modality."""
        one, other = self._series(one), self._series(other)
        if self.metric == "dtw":
            return dtw_distances(one, other, int(self.band * one.shape[1]))
        # Without matrix products, whose rounding depends on the size of the batch.
        return torch.cdist(one.flatten(1), other.flatten(1), compute_mode="donot_use_mm_for_euclid_dist")

    def _series(self, values: Tensor) -> Tensor:
        """Samples (N, time, *axes) as series (N, time, channels)."""
        series = values.reshape(*values.shape[:2], -1)
        return torch.cat([series, central_differences(series)], dim=2) if self.velocities else series


def central_differences(series: Tensor) -> Tensor:
    """`torch.gradient` over the steps of series (N, time, channels), in operators of ONNX."""
    inner = (series[:, 2:] - series[:, :-2]) / 2
    return torch.cat([series[:, 1:2] - series[:, :1], inner, series[:, -1:] - series[:, -2:-1]], dim=1)


def euclidean_distances(one: Tensor, other: Tensor) -> Tensor:
    """Euclidean distances (N, n) of series (N, time, channels) and (n, time, channels) by one product of matrices.

    It is in double precision, as the squares of the lengths cancel.
    """
    one, other = one.flatten(1).double(), other.flatten(1).double()
    squared = one.square().sum(dim=1, keepdim=True) + other.square().sum(dim=1) - 2 * one @ other.T
    return squared.clamp_min(0).sqrt().float()


def dtw_distances(one: Tensor, other: Tensor, band: int) -> Tensor:
    """Distances by dynamic time warping: the root of the sum of squares along the best alignment.

    Args:
        one: Series (N, time, channels).
        other: Series (n, time, channels), of the same length.
        band: Largest number of steps between two aligned points.

    Returns:
        Distances (N, n).
    """
    from dtaidistance import dtw_ndim

    series = torch.cat([one, other]).double().cpu().numpy()
    block = ((0, len(one)), (len(one), len(series)))
    matrix = dtw_ndim.distance_matrix_fast(series, window=band + 1, block=block, parallel=False)
    return torch.from_numpy(matrix[: len(one), len(one) :]).to(one)
