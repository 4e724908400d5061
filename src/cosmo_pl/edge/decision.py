"""From the probabilities of windows to decisions: calibration, "none of these", and smoothing over time.

Only numpy is needed, so that a device without PyTorch can decide as the training machine does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.fields import Field

Array = NDArray[np.float64]
Transitions = tuple[tuple[float, ...], ...]
"""Row i, column j: probability that activity i is followed by activity j in the next window."""
SMALLEST = 1e-12  # a probability of 0 would exclude an activity forever, and has no logarithm
ROUNDING = 1e-6  # of a row's sum, as written to JSON
DISTANCE_WEIGHT = 5.0  # chosen on validation people of UTD-MHAD, USC-HAD and MEx, with activities left out


@dataclass(frozen=True)
class Decision:
    """How the probabilities of windows become decisions: `apply`, then `rejects`, then `smoother`.

    Args:
        temperature: T of temperature scaling (C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On calibration of modern
            neural networks", ICML 2017, Sec. 4.2); 1 changes nothing.
        threshold: Smallest probability of the most probable activity that is accepted; 0 accepts all windows.
        transitions: Probabilities (C, C) of the activity of the next window, one hop later, given that of this window;
            None without smoothing.
        score_threshold: Smallest `score` that is accepted, where the distance of a window is known; None uses
            `threshold` for all windows.

    Raises:
        ConfigurationError: A value is out of range, or the rows of `transitions` are no probabilities.

    Examples:
        >>> decision = Decision(temperature=2.0, threshold=0.5)
        >>> calibrated = decision.apply([[0.9, 0.1], [0.4, 0.6]])
        >>> calibrated.round(2).tolist()
        [[0.75, 0.25], [0.45, 0.55]]
        >>> decision.rejects([[0.75, 0.25], [0.45, 0.55], [0.5, 0.5]]).tolist()
        [False, False, False]
    """

    temperature: float = 1.0
    threshold: float = 0.0
    transitions: Transitions | None = None
    score_threshold: float | None = None

    def __post_init__(self) -> None:
        if not (0 < self.temperature < math.inf):
            raise ConfigurationError("temperature", f"is {self.temperature}", "Use a finite number above 0")
        for name, threshold in (("threshold", self.threshold), ("score_threshold", self.score_threshold or 0.0)):
            if not 0 <= threshold <= 1:
                raise ConfigurationError(name, f"is {threshold}", "Use a number in [0, 1]")
        if self.transitions is not None:
            _check_transitions(self.transitions)

    def apply(self, probability: ArrayLike) -> Array:
        """Calibrates probabilities: softmax(logits / T), which needs the logits only up to a constant.

        Probabilities below 1e-12 count as 1e-12.

        Args:
            probability: Probabilities (N, C) of the model; rows sum to 1.

        Returns:
            Calibrated probabilities (N, C). The most probable activity stays the same.

        Raises:
            ConfigurationError: They are no probabilities (N, C), or NaN.
        """
        log = np.log(np.maximum(_checked(probability, self._classes), SMALLEST)) / self.temperature
        scaled = np.exp(log - log.max(axis=1, keepdims=True))
        return _normalised(scaled)

    def rejects(self, probability: ArrayLike, distance: ArrayLike | None = None) -> NDArray[np.bool_]:
        """Whether each window shows none of the activities (N,).

        Args:
            probability: Calibrated probabilities (N, C).
            distance: Distance of each window to the training samples (N,), as `Prediction.distance` of an exported
                model; None where it is unknown.

        Raises:
            ConfigurationError: They are no probabilities (N, C), or NaN; or there are other distances than windows.
        """
        values = _checked(probability, self._classes)
        if distance is None or self.score_threshold is None:
            rejected: NDArray[np.bool_] = values.max(axis=1) < self.threshold
            return rejected
        below: NDArray[np.bool_] = score(values, distance) < self.score_threshold
        return below

    def smoother(self) -> Smoother | None:
        """A smoother of one stream of calibrated probabilities; None without `transitions`."""
        return None if self.transitions is None else Smoother(self.transitions)

    def described(self) -> dict[str, Any]:
        """The fields as plain values, for JSON."""
        return asdict(self)

    @classmethod
    def read(cls, described: Mapping[str, Any]) -> Decision:
        """Restores what `described` returned.

        Raises:
            ConfigurationError: A field is missing or of another type, or a value is out of range.
        """
        field = Field(described, "decision")
        try:
            rows, smallest = field.get("transitions"), field.get("score_threshold")
            return cls(
                field["temperature"].number(),
                field["threshold"].number(),
                None if rows is None else tuple(tuple(map(float, row.numbers(0, 1))) for row in rows.each()),  # type: ignore[arg-type]
                None if smallest is None else smallest.number(),
            )
        except ConfigurationError as error:
            raise error.within("decision") from error
        except ValueError as error:
            raise ConfigurationError("decision", str(error), "Measure it again") from error

    @property
    def _classes(self) -> int | None:
        return None if self.transitions is None else len(self.transitions)


def score(probability: ArrayLike, distance: ArrayLike) -> Array:
    """How much windows look like the known activities: max_c p_c · exp(-5 d), in [0, 1].

    The probability alone is high for many samples of unknown activities, and the distance alone says nothing on samples
    between two known activities.

    Args:
        probability: Calibrated probabilities (N, C).
        distance: Distance d of each window to the training samples (N,), see `cosmo_pl.edge.neighbors`.

    Returns:
        Scores (N,).

    Raises:
        ConfigurationError: They are no probabilities (N, C), or NaN; or there are other distances than windows.

    Examples:
        >>> score([[0.9, 0.1], [0.9, 0.1]], [0.0, 0.2]).round(2).tolist()
        [0.9, 0.33]
    """
    values, away = _checked(probability, None), np.asarray(distance, dtype=np.float64)
    if away.shape != values.shape[:1] or np.isnan(away).any():
        problem = f"has the shape {away.shape}" if away.shape != values.shape[:1] else "holds NaN"
        raise ConfigurationError("distance", problem, f"Give {len(values)} distances, one for each window")
    found: Array = values.max(axis=1) * np.exp(-DISTANCE_WEIGHT * np.maximum(away, 0))
    return found


class Smoother:
    """The forward algorithm of a hidden Markov model over the windows of one stream.

    The state is the activity, and all are alike before the first window. The observation of a window is its likelihood
    up to a constant: the classifier's probability, as its training labels are balanced over the classes (H. Bourlard
    and N. Morgan, "Connectionist speech recognition", 1994, divide by their prior). It is multiplied by the state that
    `transitions` predict from the windows before (L. R. Rabiner, "A tutorial on hidden Markov models", Proc. IEEE 77,
    1989, Eq. 20). Nothing of later windows is used, so that there is no delay beside that of the evidence. Windows that
    overlap are not independent, which makes the result too certain.

    Args:
        transitions: See `Decision`.

    Raises:
        ConfigurationError: They are no probabilities, or of different numbers of activities.

    Examples:
        >>> smoother = Smoother([[0.9, 0.1], [0.1, 0.9]])
        >>> [smoother.update(window).round(2).tolist() for window in ([0.8, 0.2], [0.4, 0.6])]
        [[0.8, 0.2], [0.65, 0.35]]
    """

    def __init__(self, transitions: Sequence[Sequence[float]]) -> None:
        self.transitions: Array = _check_transitions(transitions)
        count = len(self.transitions)
        self._predicted: Array = np.full(count, 1 / count)  # the state of the next window

    def update(self, probability: ArrayLike) -> Array:
        """Adds a window.

        Args:
            probability: Calibrated probabilities (C,) of the window.

        Returns:
            Probability of each activity (C,) given this window and those before it.

        Raises:
            ConfigurationError: They are no probabilities (C,), or NaN. The state stays as it was.
        """
        (window,) = _checked(np.asarray(probability, dtype=np.float64)[None], len(self.transitions))
        state = _normalised(self._predicted * np.maximum(window, SMALLEST))
        self._predicted = state @ self.transitions
        return state


def _normalised(values: Array) -> Array:
    """Values (..., C) divided by the sum of their row."""
    found: Array = values / values.sum(axis=-1, keepdims=True)
    return found


def _checked(probability: ArrayLike, classes: int | None) -> Array:
    """Probabilities (N, C) as float64; a row need not sum to 1 exactly."""
    values = np.asarray(probability, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] != (classes or values.shape[1]):
        wanted = f"(N, {classes})" if classes else "(N, C)"
        raise ConfigurationError("probability", f"has the shape {values.shape}", f"Give {wanted}")
    if not ((values >= 0) & (values <= 1 + ROUNDING)).all():  # false for NaN
        problem = "holds NaN, or values outside [0, 1]"
        raise ConfigurationError("probability", problem, "Give probabilities, and leave out windows without values")
    return values


def _check_transitions(transitions: Sequence[Sequence[float]]) -> Array:
    """Transitions as an array (C, C)."""
    lengths = [len(row) for row in transitions]
    if lengths != [len(lengths)] * len(lengths) or not lengths:
        raise ConfigurationError("transitions", f"has rows of the lengths {lengths}", "Give a row for each activity")
    values = np.asarray(transitions, dtype=np.float64)
    right = (values >= 0).all() and bool((np.abs(values.sum(axis=1) - 1) <= ROUNDING).all())  # false for NaN
    if not right:
        raise ConfigurationError("transitions", "has a row that is no probabilities", "Give rows whose sum is 1")
    return values
