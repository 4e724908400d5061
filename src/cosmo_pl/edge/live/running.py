"""The loop from a source to the lines that are written."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from time import perf_counter
from typing import TextIO

from cosmo_pl.edge.live.engine import LiveRecogniser, LiveWindow
from cosmo_pl.edge.live.output import Summary, window_line
from cosmo_pl.edge.live.samples import Beginning, SampleSource, Silence


def run(
    live: LiveRecogniser, source: SampleSource, out: TextIO, err: TextIO, now: Callable[[], float] = perf_counter
) -> Summary:
    """Recognises until the source ends, or is interrupted from the keyboard.

    Args:
        live: The recogniser.
        source: Where samples come from.
        out: Gets a line of JSON per window.
        err: Gets the summary at the end.
        now: A clock in seconds.

    Returns:
        The counts of windows.
    """
    summary, name = Summary(now, live.schedule.hop), None

    def write(windows: Iterable[LiveWindow]) -> None:
        for window in windows:
            summary.add(window, recorded=name is not None)
            print(window_line(window, name), file=out, flush=True)

    try:
        for item in source:
            if isinstance(item, Beginning):
                write(live.begin(item.aligned, item.truth))
                summary.end_recording()
                name = item.recording
            elif isinstance(item, Silence):
                detail = f"no samples of any sensor for {item.seconds:g} s"
                live.reporter.report("silence", detail, None, None)
            else:
                write(live.push(item.sensor, item.time, item.values))
        write(live.finish())
    except KeyboardInterrupt:  # the usual end of a stream over MQTT
        write(live.finish())
    finally:
        summary.end_recording()
        samples = {name: stream.samples for name, stream in live.streams.items()}
        print(summary.line(live.skipped, samples, live.seconds, live.reporter), file=err, flush=True)
    return summary
