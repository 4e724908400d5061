"""From the frames of a window to its activity."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.edge.decision import Decision, Smoother
from cosmo_pl.edge.switching import Change, SensorSwitch
from cosmo_pl.recogniser import AnyRecogniser


@dataclass(frozen=True)
class Decided:
    """What a window shows.

    Args:
        activity: The activity; None if it is none of those that the model knows.
        probability: Activity to its probability.
        weights: Sensor to its attention weight, where the method has attention.
        switched: Sensors that were switched after the window.
    """

    activity: str | None
    probability: Mapping[str, float]
    weights: Mapping[str, float]
    switched: Sequence[Change] = ()


class Deciding:
    """Predicts windows in the order of time, and applies what is attached.

    Args:
        recogniser: The model.
        decision: Calibrates, and rejects what is no known activity.
        smoother: Makes a smoother; called again after a gap.
        switch: Gets each prediction.
    """

    def __init__(
        self,
        recogniser: AnyRecogniser,
        decision: Decision | None,
        smoother: Callable[[], Smoother | None] | None,
        switch: SensorSwitch | None,
    ) -> None:
        self.recogniser, self.decision, self.switch = recogniser, decision, switch
        self._make_smoother = smoother
        self.restart()

    def restart(self) -> None:
        """Forgets the windows before, after a gap."""
        self._smoother = self._make_smoother() if self._make_smoother is not None else None

    def decide(self, arrays: Mapping[str, NDArray[np.float32]]) -> Decided:
        """Decides on a window.

        Args:
            arrays: Sensor to frames (1, steps, *shape); others are missing.

        Raises:
            ConfigurationError: The method needs a sensor that is missing.
        """
        prediction = self.recogniser.predict(arrays)
        probability: NDArray[np.float64] = np.asarray(prediction.probability, dtype=np.float64)
        rejected = False
        if self.decision is not None:
            probability = np.asarray(self.decision.apply(probability))
            rejected = bool(self.decision.rejects(probability)[0])
        found = probability[0]
        if self._smoother is not None:
            found = np.asarray(self._smoother.update(found))
        switched = () if self.switch is None else self.switch.observe(prediction, tuple(arrays), arrays)
        names = self.recogniser.class_names
        weights = {name: float(weight[0]) for name, weight in prediction.weights.items() if name in arrays}
        activity = None if rejected else names[int(found.argmax())]
        return Decided(activity, dict(zip(names, found.tolist(), strict=True)), weights, switched)
