"""Loss of contrastive predictive coding (A. van den Oord, Y. Li and O. Vinyals, 2018, https://arxiv.org/abs/1807.03748).

The variant of H. Haresamudram, I. Essa and T. Plötz for wearable sensors ("Contrastive Predictive Coding for Human
Activity Recognition", IMWUT 5(2), 2021): negatives are the other samples of the batch at the same step.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cosmo_pl.tensors import at_least_float32


class PredictiveCodingLoss(nn.Module):
    """InfoNCE between the latents k steps ahead and their predictions, for each of K steps.

        L = -1/(K N) Σ_k Σ_n log( exp(z_n^k · p_n^k) / Σ_m exp(z_n^k · p_m^k) )

    with future latents z and predictions p = W_k c_t. Neither is normalised and there is no temperature, so that the
    scale of the scores is learned. Equal scores give log N. The lower bound is 0.
    """

    def forward(self, futures: Tensor, predictions: Tensor) -> Tensor:
        """Computes the loss, in float32 at least.

        Args:
            futures: Latents (N, K, D) of N samples, K steps ahead.
            predictions: Their predictions (N, K, D).

        Returns:
            Scalar.

        Raises:
            ValueError: The shapes differ, are not three-dimensional or hold no sample or no step.
        """
        scores = _scores(futures, predictions)
        return F.cross_entropy(scores.flatten(0, 1), _own(scores).flatten())

    @torch.no_grad()
    def accuracy(self, futures: Tensor, predictions: Tensor) -> Tensor:
        """Fraction (scalar) of latents (N, K, D) whose own prediction has the highest score; chance is 1 / N.

        Raises:
            ValueError: As in `forward`.
        """
        scores = _scores(futures, predictions)
        return (scores.argmax(dim=2) == _own(scores)).float().mean()


def _scores(futures: Tensor, predictions: Tensor) -> Tensor:
    """Scores (K, N, N) of latents, in rows, with the predictions of all samples for the same step, in columns."""
    if futures.ndim != 3 or futures.shape != predictions.shape or 0 in futures.shape[:2]:
        raise ValueError(
            "futures and predictions must both be (N, K, D) with N, K >= 1, "
            f"not {tuple(futures.shape)} and {tuple(predictions.shape)}"
        )
    with torch.autocast(futures.device.type, enabled=False):
        z, p = map(at_least_float32, (futures, predictions))
        return torch.bmm(z.transpose(0, 1), p.permute(1, 2, 0))


def _own(scores: Tensor) -> Tensor:
    """Column (K, N) of the own sample of each row."""
    steps, samples, _ = scores.shape
    return torch.arange(samples, device=scores.device).expand(steps, -1)
