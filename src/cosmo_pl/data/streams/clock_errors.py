"""Errors that are put into the clocks of imported recordings, and what remains of them after a correction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cosmo_pl.data.clocks import ClockEstimate, estimate_clock
from cosmo_pl.data.streams.clock_pieces import clock_pieces
from cosmo_pl.data.streams.description import ClockCorrection
from cosmo_pl.data.streams.store import StreamRecording, StreamStore
from cosmo_pl.errors import ConfigurationError


def check_errors(put_in: Mapping[str, tuple[float, float]], correct: bool, modalities: Sequence[str]) -> None:
    """Checks that errors can be put into the clocks of modalities, and corrected.

    Args:
        put_in: Sensor to the offset and drift of its clock.
        correct: Whether errors are corrected.
        modalities: The chosen sensors, of which the first has the right clock.

    Raises:
        ConfigurationError: There is one sensor, or an error is put into another sensor or into the first one.
    """
    reference, *others = modalities
    if (put_in or correct) and not others:
        argument = "clock_error" if put_in else "correct_clocks"
        raise ConfigurationError(argument, f"needs another sensor than '{reference}'", "Leave it out, or use two")
    wrong = sorted(set(put_in) - set(others))
    if wrong:
        problem = f"'{wrong[0]}' is no sensor whose clock is compared with that of '{reference}'"
        raise ConfigurationError("clock_error", problem, f"Choose from {others}")


def remaining_errors(
    store: StreamStore,
    modalities: Sequence[str],
    put_in: Mapping[str, tuple[float, float]],
    correct: Sequence[StreamRecording] = (),
) -> tuple[dict[str, ClockCorrection], dict[str, ClockEstimate]]:
    """Errors of the clocks after a correction; an estimate that is not reliable corrects nothing.

    Args:
        store: The recordings.
        modalities: The sensors, of which the first has the right clock.
        put_in: Sensor to the offset in seconds and the drift in ppm of its clock.
        correct: Recordings from which the errors are estimated, without labels; empty for no correction.

    Returns:
        Sensor to the error that remains at the start of each subject's first recording, and to the estimate.
    """
    reference, *others = modalities
    errors = {name: ClockCorrection(*put_in.get(name, (0.0, 0.0))) for name in others}
    estimates: dict[str, ClockEstimate] = {}
    for name in others if correct else ():
        found = estimate_clock(clock_pieces(store, reference, name, correct, errors[name]))
        estimates[name] = found
        if found.reliable:
            error = errors[name]
            errors[name] = ClockCorrection(error.offset - found.offset, error.drift - found.drift)
    return errors, estimates
