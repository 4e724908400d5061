"""The sources of samples."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from cosmo_pl.edge.live.lines import read_lines
from cosmo_pl.edge.live.mqtt import MqttSource
from cosmo_pl.edge.live.reports import Reporter
from cosmo_pl.edge.live.samples import SampleSource
from cosmo_pl.errors import ConfigurationError

if TYPE_CHECKING:
    from cosmo_pl.recogniser import AnyRecogniser


def open_source(
    recogniser: AnyRecogniser,
    reporter: Reporter,
    recording: str | None,
    realtime: bool,
    mqtt: str | None,
    subject: int | None = None,
    dataset: str | None = None,
    root: str | None = None,
) -> SampleSource:
    """A recording, a broker, or else standard input.

    Args:
        recogniser: The model.
        reporter: Gets what is wrong with the samples.
        recording: Name or path of recordings, see `find_recordings`.
        realtime: Whether the recording is replayed as fast as it was recorded.
        mqtt: See `MqttSource`.
        subject: Number of a subject, the only one whose recordings are replayed; None replays those of all.
        dataset: See `find_recordings`.
        root: See `find_recordings`.

    Raises:
        CosmoError: Two sources are given, or there is no such recording or broker, or no standard input.
    """
    chosen = {"subject": subject, "dataset": dataset, "root": root}
    for name in (name for name, value in chosen.items() if value is not None and recording is None):
        raise ConfigurationError(name, "is of a recording, and none is replayed", "Give --recording, or leave it out")
    if recording is not None and mqtt is not None:
        raise ConfigurationError("mqtt", "samples come from a broker or from a recording", "Leave one of them out")
    if recording is not None:
        from cosmo_pl.edge.live.replay import replays_of  # reads datasets, which needs PyTorch

        return replays_of(recording, recogniser, reporter, realtime, subject, dataset, root)
    if mqtt is not None:
        return MqttSource(mqtt, reporter)
    if sys.stdin is None:  # closed, as that of a daemon
        raise ConfigurationError("stream", "has no standard input to read samples from", "Give --mqtt or --recording")
    # Not sys.stdin: Python closes it at its end, and aborts if a thread still waits for a line of it.
    return read_lines(open(sys.stdin.fileno(), "rb", closefd=False), reporter)
