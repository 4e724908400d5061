"""Commands that switch a sensor's device on and off."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence

from cosmo_pl.errors import ConfigurationError


def check_command(name: str, words: Sequence[str]) -> None:
    """Checks that a command can be started.

    Args:
        name: Name of the argument, for the message.
        words: The program and its arguments.

    Raises:
        ConfigurationError: It is not a list of texts, or there is no such program.
    """
    if isinstance(words, str) or not words or not all(isinstance(word, str) and word for word in words):
        remedy = "Give the program and its arguments as a list of texts, as [camera-ctl, power]"
        raise ConfigurationError(name, f"is {words!r}", remedy)
    if shutil.which(words[0]) is None:
        raise ConfigurationError(name, f"there is no program '{words[0]}'", "Install it, or give its path")


def run_command(words: Sequence[str], timeout: float) -> str | None:
    """Runs a command without a shell, and waits for its end.

    Args:
        words: The program and its arguments. Its output is discarded.
        timeout: Seconds after which it is stopped.

    Returns:
        What went wrong; None if it ended with status 0.
    """
    shown = f"`{' '.join(words)}`"
    try:
        # Without pipes: a child of the program could keep one open, and the wait would outlast the timeout.
        done = subprocess.run(
            list(words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"{shown} did not end within {timeout:g} s and was stopped"
    except (OSError, ValueError) as error:
        return f"{shown} could not be started ({error})"
    return None if done.returncode == 0 else f"{shown} ended with status {done.returncode}"
