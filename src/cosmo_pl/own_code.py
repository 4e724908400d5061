"""Classes that other people add: what their exceptions say in one line."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from textwrap import shorten

PACKAGE = __name__.partition(".")[0]


def is_own(kind: type) -> bool:
    """Whether a class is no part of this package."""
    return kind.__module__.partition(".")[0] != PACKAGE


def described(error: BaseException, kind: type) -> str:
    """An exception in one line, with the line of the class's file where it came from.

    Args:
        error: The exception.
        kind: The class whose code was called.
    """
    text = shorten(" ".join(str(error).split()), 200, placeholder=" ...")
    file = getattr(sys.modules.get(kind.__module__), "__file__", None)
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    where = f" ({Path(str(file)).name}, line {lines[-1]})" if lines else ""
    return f"{type(error).__name__}: {text}{where}" if text else f"{type(error).__name__}{where}"
