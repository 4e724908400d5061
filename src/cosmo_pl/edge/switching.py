"""Sensors that add nothing are switched off, and checked again now and then.

The paper names the dynamic selection of sensors as future work (Ouyang et al., MobiCom 2022).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from cosmo_pl.constraints import Constrained, PositiveFloat, PositiveInt, Probability
from cosmo_pl.edge.device_command import check_command, run_command
from cosmo_pl.errors import ConfigurationError, choices
from cosmo_pl.exported import Prediction
from cosmo_pl.stream_names import is_complete, parts_of


class Predictor(Protocol):
    """What a switch needs of a recogniser: `cosmo_pl.Recogniser`, or one from an exported folder."""

    @property
    def modality_shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Modality to the shape of one sample."""

    def predict(self, arrays: Mapping[str, Any]) -> Prediction:
        """Recognises samples; a modality that is left out counts as missing, and its encoder is not run."""


@dataclass(frozen=True)
class Change:
    """A sensor that was switched.

    Args:
        sensor: Its name.
        on: Whether it is on now.
        worth: Its worth in the last window before it was switched off; None if it was switched on, or off by name.
        problem: Why the command of its device failed; None if it did not, or there is none.
    """

    sensor: str
    on: bool
    worth: float | None = None
    problem: str | None = None

    def __str__(self) -> str:
        worth = "" if self.worth is None else f", worth {self.worth:.3f}"
        return f"{self.sensor} {'on' if self.on else 'off'}{worth}{f'; {self.problem}' if self.problem else ''}"


@dataclass
class _State:
    on: bool = True
    under: int = 0  # measured windows under the threshold, one after the other
    wait: int = 0  # windows until it is measured (on), or switched on again (off)


class SensorSwitch(Constrained):
    """Chooses the sensors of the next window.

    The worth of a sensor in a window is its attention weight β (Eq. 7). For methods without attention it is what
    leaving the sensor out changes: the total variation distance ½ Σ_c |p_c - p'_c| between the probabilities with the
    sensor and without it, in [0, 1]. This needs one more prediction per sensor. It is therefore measured only after
    every `recheck` windows, and in successive windows while it is under the threshold.

    A sensor whose worth is under the threshold in `patience` successive measurements is switched off. After `recheck`
    windows it is switched on again, and off after the first measurement under the threshold. At most one sensor is
    switched off per window, the one of least worth, and the measurements of the others begin again, because their
    worth depends on the sensors beside them. The last sensor that delivers samples is never switched off, and if no
    sensor that is on delivers any, all are switched on.

    Example::

            switch = SensorSwitch(recogniser, threshold=0.1)
            for arrays in windows:
                used = {name: arrays[name] for name in switch.active()}
                prediction = recogniser.predict(used)
                for change in switch.observe(prediction, tuple(used), used):
                    print(change)

    Args:
        recogniser: The recogniser whose sensors are switched.
        threshold: Smallest worth of a sensor that stays on; 0 never switches one off.
        patience: Successive measurements under the threshold before a sensor is switched off.
        recheck: Windows for which a sensor stays off before it is checked again.
        sensors: What is switched, all modalities by default. Modalities with one encoder are switched together, as
            "acc+gyro"; the `streams` of a recogniser are what to give here.
        commands: Modality to the command of its device, a program and its arguments, to which "on" or "off" is
            appended. It is run without a shell, and `observe` waits for its end. A command that fails is reported, and
            the encoder of a sensor that is off is not run in any case.
        timeout: Seconds after which a command is stopped.

    Raises:
        ConfigurationError: An argument is out of range, the sensors are not those of the recogniser, or a command
            cannot be started.
    """

    def __init__(
        self,
        recogniser: Predictor,
        threshold: Probability = 0.1,
        patience: PositiveInt = 5,
        recheck: PositiveInt = 20,
        sensors: Sequence[str] | None = None,
        commands: Mapping[str, Sequence[str]] | None = None,
        timeout: PositiveFloat = 2.0,
    ) -> None:
        names = list(recogniser.modality_shapes)
        units = names if sensors is None else list(sensors)
        if sorted(part for unit in units for part in parts_of(unit)) != sorted(names):
            raise ConfigurationError("sensors", f"are {units}, the model has {names}", "Name each of them once")
        for name, words in (commands or {}).items():
            if name not in names:
                raise ConfigurationError("commands", f"there is no sensor '{name}'", choices(name, names))
            check_command(f"commands.{name}", words)
        self.recogniser = recogniser
        self.threshold = threshold
        self.patience = patience
        self.recheck = recheck
        self.commands = {name: tuple(words) for name, words in (commands or {}).items()}
        self.timeout = timeout
        self._states = {unit: _State() for unit in units}

    def check_dispensable(self) -> None:
        """Checks that the recogniser can do without each sensor that may be switched off, on samples of zeros.

        Raises:
            ConfigurationError: It needs one of several.
        """
        shapes = self.recogniser.modality_shapes.items()
        arrays = {name: np.zeros((1, *shape), np.float32) for name, shape in shapes}
        for unit in self._states if self.threshold and len(self._states) > 1 else ():
            try:
                self.recogniser.predict({name: x for name, x in arrays.items() if name not in parts_of(unit)})
            except ConfigurationError as error:
                problem = f"'{unit}' cannot be switched off: {error}"
                raise ConfigurationError("switch", problem, "Do without it") from error

    def devices_on(self) -> tuple[Change, ...]:
        """Switches all devices on, to be called before the first window and after the last one.

        A device may be off from a run that was killed, and nothing else switches it on again.

        Returns:
            A change for every device that has a command, with the problem if it failed.
        """
        return tuple(Change(name, on=True, problem=self._command(name, on=True)) for name in self.commands)

    def active(self) -> tuple[str, ...]:
        """Modalities that are on: those to use for the next window. There is always one."""
        return tuple(part for unit, state in self._states.items() if state.on for part in parts_of(unit))

    def switch_off(self, sensors: Iterable[str]) -> tuple[Change, ...]:
        """Switches sensors off before the first window, such as those that `redundant_sensors` finds.

        Raises:
            ConfigurationError: A name is unknown, or none would be left on.
        """
        off = list(sensors)
        for name in off:
            if name not in self._states:
                raise ConfigurationError("sensors", f"there is no sensor '{name}'", choices(name, self._states))
        if all(name in off or not state.on for name, state in self._states.items()):
            raise ConfigurationError("sensors", f"{off} leave no sensor on", "Leave one out")
        return tuple(change for name in off for change in self._switched(name, on=False))

    def observe(
        self, prediction: Prediction | None, used: Sequence[str], arrays: Mapping[str, Any] | None = None
    ) -> tuple[Change, ...]:
        """Measures what the sensors added to a window, and switches them for the next one.

        Args:
            prediction: Prediction of the window; None without any sensor.
            used: Modalities that it was made from: those that were on and delivered samples.
            arrays: Modality to the samples of the window; needed for a method without attention.

        Returns:
            The sensors that were switched.

        Raises:
            ConfigurationError: A used modality is unknown or off, the model weights other sensors than those that are
                switched, or `arrays` are needed and not given.
        """
        wrong = [name for name in used if name not in self.active()]
        if wrong:
            raise ConfigurationError("used", f"'{wrong[0]}' is not on", choices(wrong[0], self.active()))
        if prediction is None or not used:
            return self._on_again(self._states)
        worth = self._measured(prediction, used, arrays)
        for unit, value in worth.items():
            state = self._states[unit]
            state.under = state.under + 1 if value < self.threshold else 0
            state.wait = 0 if state.under else self.recheck
        changes = self._on_again(unit for unit, state in self._states.items() if self._waited(state))
        under = [unit for unit in worth if self._states[unit].under >= self.patience]
        if not under or len(self._complete(used)) < 2:
            return changes
        least = min(under, key=worth.__getitem__)
        for state in self._states.values():
            state.under, state.wait = (0, 0) if state.on else (state.under, state.wait)
        return (*changes, *self._switched(least, on=False, worth=worth[least]))

    def _complete(self, used: Sequence[str]) -> list[str]:
        """What was used as a whole, of what is switched together."""
        return [unit for unit in self._states if is_complete(unit, used)]

    def _measured(
        self, prediction: Prediction, used: Sequence[str], arrays: Mapping[str, Any] | None
    ) -> dict[str, float]:
        """Worth of the sensors that is known in this window."""
        units = self._complete(used)
        if prediction.weights:
            if not set(units) <= set(prediction.weights) <= set(self._states):
                problem = f"are {list(self._states)}, and the model weights {list(prediction.weights)}"
                raise ConfigurationError("sensors", problem, f"Give {list(prediction.weights)}")
            return {unit: float(prediction.weights[unit].mean()) for unit in units}
        due = [unit for unit in units if self.threshold and not self._states[unit].wait]
        if not due or len(units) < 2:
            return {}
        if arrays is None:
            problem = "are not given, and the model has no attention weights"
            raise ConfigurationError("arrays", problem, "Give the samples of the window")
        return leave_out_worth(self.recogniser, {name: arrays[name] for name in used}, due, prediction)

    @staticmethod
    def _waited(state: _State) -> bool:
        """Counts a window, and returns whether a sensor that is off has been off long enough."""
        state.wait = max(0, state.wait - 1)
        return not state.on and not state.wait

    def _on_again(self, units: Iterable[str]) -> tuple[Change, ...]:
        return tuple(change for unit in units for change in self._switched(unit, on=True))

    def _switched(self, unit: str, on: bool, worth: float | None = None) -> tuple[Change, ...]:
        """Switches what is not so yet, and its devices."""
        state = self._states[unit]
        if state.on == on:
            return ()
        state.on = on
        # One measurement decides after a check, or is the first of a new series.
        state.under, state.wait = (self.patience - 1, 0) if on else (0, self.recheck)
        return tuple(Change(part, on, worth, self._command(part, on)) for part in parts_of(unit))

    def _command(self, name: str, on: bool) -> str | None:
        words = self.commands.get(name)
        return None if words is None else run_command([*words, "on" if on else "off"], self.timeout)


def leave_out_worth(
    recogniser: Predictor, arrays: Mapping[str, Any], sensors: Iterable[str], prediction: Prediction | None = None
) -> dict[str, float]:
    """What leaving each sensor out changes: the mean total variation distance of the probabilities.

    Args:
        recogniser: The recogniser.
        arrays: Modality to samples (N, *shape), of training subjects or of a window.
        sensors: What is left out, one after the other; "acc+gyro" stands for both together. Something has to be left.
        prediction: Prediction of the samples that the others are compared with; by default that from all of `arrays`.

    Returns:
        Sensor to the mean over N samples of ½ Σ_c |p_c - p'_c|, in [0, 1].
    """
    whole = (recogniser.predict(arrays) if prediction is None else prediction).probability
    found = {}
    for sensor in sensors:
        without = recogniser.predict({name: x for name, x in arrays.items() if name not in parts_of(sensor)})
        found[sensor] = float(abs(whole - without.probability).sum(axis=1).mean()) / 2
    return found


def left_out_in_turn(
    recogniser: Predictor, arrays: Mapping[str, Any], sensors: Sequence[str] | None = None
) -> Iterator[tuple[str, float]]:
    """Leaves out the sensor that changes least, then the next one, until one is left.

    Args:
        recogniser: The recogniser.
        arrays: Modality to samples (N, *shape) of training subjects, never of test subjects.
        sensors: What is left out, see `SensorSwitch`; all modalities by default.

    Yields:
        Each sensor with its worth, by which the probabilities without it and those before it differ from the
        probabilities with all sensors, see `leave_out_worth`.
    """
    kept = list(recogniser.modality_shapes if sensors is None else sensors)
    whole = recogniser.predict(arrays)
    while len(kept) > 1:
        worth = leave_out_worth(recogniser, arrays, kept, whole)
        least = min(worth, key=worth.__getitem__)
        yield least, worth[least]
        kept.remove(least)
        arrays = {name: x for name, x in arrays.items() if name not in parts_of(least)}


def worth_less(in_turn: Iterable[tuple[str, float]], threshold: float) -> tuple[str, ...]:
    """The sensors of `left_out_in_turn` before the first one whose worth is not under a threshold."""
    return tuple(sensor for sensor, _ in itertools.takewhile(lambda each: each[1] < threshold, in_turn))


def redundant_sensors(
    recogniser: Predictor, arrays: Mapping[str, Any], threshold: float = 0.1, sensors: Sequence[str] | None = None
) -> tuple[str, ...]:
    """Sensors that a method can do without on samples of training subjects; no label is used.

    Args:
        recogniser: The recogniser.
        arrays: See `left_out_in_turn`.
        threshold: Smallest worth of a sensor that is kept.
        sensors: See `left_out_in_turn`.

    Returns:
        The sensors, in the order in which they are left out. One sensor is always kept.
    """
    return worth_less(left_out_in_turn(recogniser, arrays, sensors), threshold)
