"""Lines that another thread receives: of a file, as standard input, or from a broker of MQTT."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from sys import getsizeof
from threading import Condition, Thread
from typing import IO

from cosmo_pl.edge.live.messages import samples_in, shown
from cosmo_pl.edge.live.reports import Reporter
from cosmo_pl.edge.live.samples import SensorSamples, Silence

LONGEST = 2**24  # bytes of a line: a frame of 480 by 640 pixels has 3 MB
WAITING = 2**26  # bytes of lines that wait; once there are as many, no other is added
QUIET = 5.0  # seconds without a line after which that is reported


class Lines:
    """Samples in lines of JSON, in the order in which they come.

    Args:
        reporter: Gets what is wrong.
        quiet: Seconds without a line after which `Silence` is given, again and again.
    """

    def __init__(self, reporter: Reporter, quiet: float = QUIET) -> None:
        self.reporter, self.quiet = reporter, quiet
        self._waiting: deque[bytes | None] = deque()
        self._bytes = 0
        self._changed = Condition()

    def put(self, line: bytes | None) -> None:
        """Adds a line, and waits while too many bytes wait; None ends the source."""
        with self._changed:
            self._changed.wait_for(self._has_room)
            self._add(line)

    def offer(self, line: bytes) -> None:
        """Adds a line unless too many bytes wait, which is reported."""
        with self._changed:
            has_room = self._has_room()
            if has_room:
                self._add(line)
        if not has_room:
            self.reporter.report("overrun", "samples come faster than they are recognised, and are lost")

    def _has_room(self) -> bool:
        return self._bytes < WAITING

    def _add(self, line: bytes | None) -> None:
        self._waiting.append(line)
        self._bytes += getsizeof(line)
        self._changed.notify()

    def _next(self) -> bytes | None:
        """The next line, or None at the end; raises `TimeoutError` if none comes for a while."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._waiting, self.quiet):
                raise TimeoutError
            line = self._waiting.popleft()
            self._bytes -= getsizeof(line)
            self._changed.notify()
            return line

    def __iter__(self) -> Iterator[SensorSamples | Silence]:
        """Samples as they come; lines that wait when the caller stops are reported."""
        silent = 0.0
        try:
            while True:
                try:
                    line = self._next()
                except TimeoutError:
                    silent += self.quiet
                    yield Silence(silent)
                    continue
                silent = 0.0
                if line is None:
                    return
                yield from samples_in(line, self.reporter)
        finally:
            with self._changed:
                unused = sum(line is not None for line in self._waiting)
            if unused:
                self.reporter.report("unused", "lines that had come are not used, as recognition ended", count=unused)


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
    try:
        _read_to_end(file, lines)
    except OSError as error:  # as of a terminal whose other end is closed
        lines.reporter.report("source lost", f"no more samples can be read ({error})")
    finally:
        lines.put(None)


def _read_to_end(file: IO[bytes], lines: Lines) -> None:
    too_long = False
    while line := file.readline(LONGEST):
        whole = line.endswith(b"\n") or len(line) < LONGEST
        if whole and not too_long:
            lines.put(line)
        elif not too_long:
            lines.reporter.report("broken line", f"{shown(line[:100])} has more than {LONGEST} bytes")
        too_long = not whole
