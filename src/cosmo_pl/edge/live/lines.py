"""Lines that another thread receives: of a file, as standard input, or from a broker of MQTT."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from threading import Thread
from typing import IO

from cosmo_pl.edge.live.messages import samples_in, shown
from cosmo_pl.edge.live.reports import Reporter
from cosmo_pl.edge.live.samples import Samples, Silence

LONGEST = 2**24  # bytes of a line: a frame of 480 by 640 pixels has 3 MB
WAITING = 10_000  # lines at most
QUIET = 5.0  # seconds without a line after which that is reported


class Lines:
    """Samples in lines of JSON, in the order in which they come.

    Args:
        reporter: Gets what is wrong.
        quiet: Seconds without a line after which `Silence` is given, again and again.
    """

    def __init__(self, reporter: Reporter, quiet: float = QUIET) -> None:
        self.reporter, self.quiet = reporter, quiet
        self._queue: queue.Queue[bytes | None] = queue.Queue(WAITING)

    def put(self, line: bytes | None) -> None:
        """Adds a line, and waits while there are too many; None ends the source."""
        self._queue.put(line)

    def offer(self, line: bytes) -> None:
        """Adds a line unless there are too many, which is reported."""
        try:
            self._queue.put_nowait(line)
        except queue.Full:
            self.reporter.report("overrun", "samples come faster than they are recognised, and are lost")

    def __iter__(self) -> Iterator[Samples | Silence]:
        """Samples as they come."""
        silent = 0.0
        while True:
            try:
                line = self._queue.get(timeout=self.quiet)
            except queue.Empty:
                silent += self.quiet
                yield Silence(silent)
                continue
            silent = 0.0
            if line is None:
                return
            yield from samples_in(line, self.reporter)


def read_lines(file: IO[bytes], reporter: Reporter, quiet: float = QUIET) -> Lines:
    """Lines of a file, which a thread reads.

    Args:
        file: The file, as ``sys.stdin.buffer``.
        reporter: Gets what is wrong.
        quiet: See `Lines`.
    """
    lines = Lines(reporter, quiet)
    Thread(target=_read, args=(file, lines), daemon=True).start()
    return lines


def _read(file: IO[bytes], lines: Lines) -> None:
    too_long = False
    while line := file.readline(LONGEST):
        whole = line.endswith(b"\n") or len(line) < LONGEST
        if whole and not too_long:
            lines.put(line)
        elif not too_long:
            lines.reporter.report("broken line", f"{shown(line[:100])} has more than {LONGEST} bytes")
        too_long = not whole
    lines.put(None)
