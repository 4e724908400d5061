"""Temperature, calibration error and rejection threshold, from the logits of people that the model was not trained on.

C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On calibration of modern neural networks", ICML 2017.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosmo_pl.errors import ConfigurationError

Array = NDArray[np.float64]
RANGE = 1 / 50, 50.0  # without a wrong prediction the best temperature is 0
BINS = 15  # as in the paper
EQUAL = 1e-4  # what models differ by after their export
ROUNDING = 1e-9  # of a share of samples


def fit_temperature(logits: ArrayLike, label: ArrayLike) -> float:
    """The temperature T that minimises the mean negative log-likelihood of softmax(logits / T) (Guo et al., Eq. 9).

    It is convex in 1/T, so that a search on a line finds its minimum. T is limited to `RANGE`.

    Args:
        logits: Logits (N, C), of samples that the model was not trained on.
        label: Their activities (N,).

    Raises:
        ConfigurationError: There are no logits (N, C), they are NaN or infinite, C is 1, or the labels do not fit.
    """
    from scipy.optimize import minimize_scalar

    values, label = checked_logits(logits, label)
    low, high = (math.log(1 / end) for end in reversed(RANGE))
    found = minimize_scalar(
        lambda inverse: negative_log_likelihood(values * math.exp(inverse), label), bounds=(low, high), method="bounded"
    )
    return float(math.exp(-found.x))


def negative_log_likelihood(logits: ArrayLike, label: ArrayLike) -> float:
    """Mean negative log-likelihood of the labels (N,) under softmax(logits) (N, C)."""
    from scipy.special import log_softmax

    values, label = checked_logits(logits, label)
    return -float(log_softmax(values, axis=1)[np.arange(len(label)), label].mean())


def calibration_error(probability: ArrayLike, label: ArrayLike) -> float:
    """Expected calibration error of the most probable activity, in 15 bins of equal width (Guo et al., Eq. 3).

    Args:
        probability: Probabilities (N, C).
        label: Activities (N,).
    """
    import torch
    from torchmetrics.functional.classification import multiclass_calibration_error

    # torchmetrics takes values outside [0, 1] for logits: a probability of 1.0000001 would change all of them.
    values = torch.from_numpy(np.asarray(probability, dtype=np.float64).clip(0, 1))
    return float(multiclass_calibration_error(values, torch.as_tensor(np.asarray(label)), values.shape[1], BINS))


def accepting_threshold(probability: ArrayLike, accepted: float) -> float:
    """A threshold on the largest probability that accepts a share of samples, see `accepting_score`.

    Args:
        probability: Calibrated probabilities (N, C) of samples of known activities.
        accepted: Share of them that is accepted, at least; in (0, 1].

    Raises:
        ConfigurationError: The share is out of range, or there is no sample.
    """
    values = np.asarray(probability, dtype=np.float64)
    return accepting_score(values.max(axis=1, initial=0.0), accepted, 1 / values.shape[1])  # no maximum is under 1/C


def accepting_score(score: ArrayLike, accepted: float, lowest: float = 0.0) -> float:
    """A threshold that accepts a share of samples.

    It is halfway to the next smaller score. Scores that differ by less than `EQUAL` count as one: a forest has few
    different probabilities, and an exported model rounds them differently.

    Args:
        score: Scores (N,) of samples of known activities.
        accepted: Share of them that is accepted, at least; in (0, 1].
        lowest: The lowest possible score.

    Raises:
        ConfigurationError: The share is out of range, or there is no sample.
    """
    check_accepted(accepted)
    values = np.sort(np.asarray(score, dtype=np.float64))
    if not len(values):
        raise ConfigurationError("probability", "has no sample", "Give samples of validation subjects")
    smallest = values[-max(1, math.ceil(accepted * len(values) - ROUNDING))]  # that is accepted
    below = values[values < smallest - EQUAL].max(initial=lowest)
    return float((smallest + below) / 2)


def check_accepted(accepted: float) -> None:
    """Checks the share of samples that `accepting_threshold` accepts.

    Raises:
        ConfigurationError: It is out of range.
    """
    if not 0 < accepted <= 1:
        raise ConfigurationError("accepted", f"is {accepted}", "Use a share in (0, 1]")


def checked_logits(logits: ArrayLike, label: ArrayLike) -> tuple[Array, NDArray[np.int64]]:
    """Logits (N, C) and labels (N,) that a calibration can use.

    Raises:
        ConfigurationError: See `fit_temperature`.
    """
    values, known = np.asarray(logits, dtype=np.float64), np.asarray(label, dtype=np.int64)
    if values.ndim != 2 or not len(values):
        problem = f"have the shape {values.shape}"
        raise ConfigurationError("logits", problem, "Give (N, C), of at least one sample")
    if values.shape[1] < 2:
        problem = "are of one activity, which always has the probability 1"
        raise ConfigurationError("logits", problem, "Use a model of two activities or more")
    broken = ~np.isfinite(values).all(axis=1)
    if broken.any():
        problem = f"are NaN or infinite for {int(broken.sum())} of {len(values)} samples"
        raise ConfigurationError("logits", problem, "Look for samples without values, or train again")
    if known.shape != values.shape[:1] or not ((known >= 0) & (known < values.shape[1])).all():
        problem = f"do not fit logits of the shape {values.shape}"
        raise ConfigurationError("label", problem, f"Give {len(values)} numbers from 0 to {values.shape[1] - 1}")
    return values, known
