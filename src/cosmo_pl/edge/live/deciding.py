"""From the frames of a window to its activity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.edge.decision import Decision
from cosmo_pl.edge.switching import Change, SensorSwitch
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.exported import ExportedRecogniser
from cosmo_pl.stream_names import is_complete

if TYPE_CHECKING:
    from cosmo_pl.recogniser import AnyRecogniser


@dataclass(frozen=True)
class Raw:
    """What the model alone takes a window for, before the decision.

    Args:
        activity: The activity.
        probability: Its probability.
    """

    activity: str
    probability: float


@dataclass(frozen=True)
class Decided:
    """What a window shows.

    Args:
        activity: The activity; None if it is none of those that the model knows.
        probability: Activity to its probability.
        weights: Sensor, or several with one encoder as "acc+gyro", to its attention weight, where the method has
            attention.
        raw: What the model alone says; None without a decision.
        switched: Sensors that were switched after the window.
    """

    activity: str | None
    probability: Mapping[str, float]
    weights: Mapping[str, float]
    raw: Raw | None = None
    switched: Sequence[Change] = ()


class Deciding:
    """Predicts windows in the order of time, and applies what is attached.

    Args:
        recogniser: The model.
        decision: Calibrates, rejects what is no known activity, and smooths over windows without a gap between them.
        switch: Gets each prediction.

    Raises:
        ConfigurationError: A sensor may be switched off that the model cannot do without.
    """

    def __init__(self, recogniser: AnyRecogniser, decision: Decision | None, switch: SensorSwitch | None) -> None:
        if switch is not None:
            switch.check_dispensable()
        self.recogniser, self.decision, self.switch = recogniser, decision, switch
        self.restart()

    def restart(self) -> None:
        """Forgets the windows before, after a gap."""
        self._smoother = self.decision.smoother() if self.decision is not None else None

    def decide(self, arrays: Mapping[str, NDArray[np.float32]]) -> Decided:
        """Decides on a window.

        Args:
            arrays: Sensor to frames (1, steps, *shape); others are missing.

        Raises:
            ConfigurationError: The method needs a sensor that is missing.
        """
        prediction = self.recogniser.predict(arrays)
        probability: NDArray[np.float64] = np.asarray(prediction.probability, dtype=np.float64)
        names, rejected, raw = self.recogniser.class_names, False, None
        if self.decision is not None:
            best = int(probability[0].argmax())
            raw = Raw(names[best], float(probability[0, best]))
            probability = np.asarray(self.decision.apply(probability))
            rejected = bool(self.decision.rejects(probability, prediction.distance)[0])
        found = probability[0]
        if self._smoother is not None:
            found = np.asarray(self._smoother.update(found))
        switched = () if self.switch is None else self.switch.observe(prediction, tuple(arrays), arrays)
        weights = {
            stream: float(weight[0]) for stream, weight in prediction.weights.items() if is_complete(stream, arrays)
        }
        activity = None if rejected else names[int(found.argmax())]
        return Decided(activity, dict(zip(names, found.tolist(), strict=True)), weights, raw, switched)


def stored_decision(recogniser: AnyRecogniser) -> Decision | None:
    """The decision that `cosmo-pl export --decision` stored with a model; None if there is none.

    Raises:
        ConfigurationError: It cannot be used.
    """
    stored = recogniser.description.get("decision") if isinstance(recogniser, ExportedRecogniser) else None
    if stored is None:
        return None
    decision = Decision.read(stored)
    rows, classes = len(decision.transitions or recogniser.class_names), len(recogniser.class_names)
    if rows != classes:
        problem = f"has transitions of {rows} activities, and the model knows {classes}"
        raise ConfigurationError("decision", problem, "Export the model again")
    return decision


def stored_worth(recogniser: AnyRecogniser) -> list[tuple[str, float]]:
    """What `cosmo-pl export --decision` measured on training samples, see `left_out_in_turn`; else empty."""
    stored = recogniser.description.get("in_turn", []) if isinstance(recogniser, ExportedRecogniser) else []
    return [(each["sensor"], each["worth"]) for each in stored]
