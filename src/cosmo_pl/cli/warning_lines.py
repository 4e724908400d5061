"""Warnings on the command line."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PACKAGE = Path(__file__).parents[1]


@contextmanager
def short_warnings() -> Iterator[None]:
    """Prints a warning of this package as one line, without the line of code that raises it.

    Those of other libraries keep their places, by which they are looked up.
    """
    usual = warnings.formatwarning

    def line_of(
        message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
    ) -> str:
        own = Path(filename).is_relative_to(_PACKAGE)
        return f"warning: {message}\n" if own else usual(message, category, filename, lineno, line)

    warnings.formatwarning = line_of
    try:
        yield
    finally:
        warnings.formatwarning = usual
