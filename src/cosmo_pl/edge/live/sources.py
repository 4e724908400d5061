"""The sources of samples."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from cosmo_pl.edge.live.grids import Grid
from cosmo_pl.edge.live.lines import read_lines
from cosmo_pl.edge.live.mqtt import MqttSource
from cosmo_pl.edge.live.replay import Replays, replays_of
from cosmo_pl.edge.live.reports import Reporter
from cosmo_pl.edge.live.samples import Source
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.io import user_path


def open_source(
    grids: Mapping[str, Grid], reporter: Reporter, recording: str | None, realtime: bool, mqtt: str | None
) -> Source:
    """A recording, a broker, or else standard input.

    Args:
        grids: Sensor of the model to its grid.
        reporter: Gets what is wrong with the samples.
        recording: See `replays_of`.
        realtime: Whether the recording is replayed as fast as it was recorded.
        mqtt: See `MqttSource`.

    Raises:
        CosmoError: Two sources are given, or there is no such recording or broker.
    """
    if recording is not None and mqtt is not None:
        raise ConfigurationError("mqtt", "samples come from a broker or from a recording", "Leave one of them out")
    if recording is not None:
        return Replays(replays_of(user_path(recording), grids), realtime)
    if mqtt is not None:
        return MqttSource(mqtt, reporter)
    # Not sys.stdin: Python closes it at its end, and aborts if a thread still waits for a line of it.
    return read_lines(open(sys.stdin.fileno(), "rb", closefd=False), reporter)
