"""Errors whose message names the thing that is wrong and the remedy.

The command line prints them as one line and exits with status 2; a traceback is for defects of this package only.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from textwrap import shorten


class CosmoError(Exception):
    """Base of every error that a user can cause and mend."""

    def __reduce__(self) -> tuple[object, ...]:
        # The default would call the constructor with the message; worker processes hand errors over as pickles.
        return type(self).__new__, (type(self), *self.args), self.__dict__


def mendable(error: BaseException | None) -> CosmoError | None:
    """The user's error behind an exception: jsonargparse wraps what the constructor of a class raises."""
    while error is not None and not isinstance(error, CosmoError):
        error = error.__cause__ or error.__context__
    return error


def choices(name: str, names: Iterable[str]) -> str:
    """A remedy for a name that does not exist: all that do where they are few, else the nearest.

    Args:
        name: The name that was given.
        names: Those that exist.
    """
    every = list(dict.fromkeys(names))
    if not every:
        return "Leave it out"
    if len(", ".join(every)) <= 80:
        return f"Choose from {', '.join(every)}"
    lower = {each.lower(): each for each in every}
    near = [lower[found] for found in get_close_matches(name.lower(), lower, n=3, cutoff=0.6)]
    near = near or [each for each in every if name and each.lower().startswith(name.lower())][:3]
    if near:
        return f"The nearest: {', '.join(near)}"
    return f"Choose from {shorten(', '.join(every), 200, placeholder=' and others')}"


class ConfigurationError(CosmoError, ValueError):
    """An argument whose value cannot work.

    Args:
        argument: Name of the argument as it stands in the YAML file.
        problem: What is wrong with it, with the value.
        remedy: What to do instead.
    """

    def __init__(self, argument: str, problem: str, remedy: str) -> None:
        super().__init__(f"{argument}: {problem}. {remedy}.")
        self.argument = argument
        self._parts = argument, problem, remedy

    def within(self, place: str) -> ConfigurationError:
        """The same error, with the place where it came up in front."""
        argument, problem, remedy = self._parts
        return ConfigurationError(f"{place}: {argument}", problem, remedy)


class DatasetNotFoundError(CosmoError):
    """A dataset folder that is missing, empty, incomplete or of another dataset.

    Args:
        dataset: Name of the dataset.
        root: Folder that was searched.
        looked_for: What should have been there.
        found: What is there instead, for a folder of another dataset.
        commands: Commands that write the recordings below a root, without its option.
    """

    def __init__(
        self, dataset: str, root: Path, looked_for: str, found: Iterable[str] = (), commands: Iterable[str] = ()
    ) -> None:
        there = ", ".join(sorted(found)[:5])
        message = f"{dataset} not found: looked for {looked_for} in '{root}'"
        message += f", which holds {there}" if there else ("" if root.exists() else ", which does not exist")
        message += ". Set data.init_args.root (or the environment variable COSMO_PL_DATA) to the folder that holds it"
        runs = " or ".join(f"`{command} --root DIR`" for command in commands)
        super().__init__(f"{message}, or run {runs}." if runs else f"{message}.")


class RecordingError(CosmoError):
    """A recording that cannot be used.

    Args:
        path: File of the recording.
        problem: What is wrong with it.
        remedy: What to do about it.
    """

    def __init__(self, path: Path, problem: str, remedy: str = "Download the file again or remove it") -> None:
        super().__init__(f"{path}: {problem}. {remedy}.")
        self.path = path
        self._told = path, problem, remedy

    def __reduce__(self) -> tuple[type[RecordingError], tuple[Path, str, str]]:
        """A reader in another process sends it back."""
        return type(self), self._told


class BundleError(CosmoError):
    """A bundle that is missing, damaged or does not fit the data.

    Args:
        folder: Folder of the bundle.
        problem: What is wrong with it.
        remedy: What to do about it.
    """

    def __init__(self, folder: Path, problem: str, remedy: str) -> None:
        super().__init__(f"bundle '{folder}': {problem}. {remedy}.")
        self.folder = folder


class DownloadError(CosmoError):
    """An archive that could not be fetched or is not what it should be.

    Args:
        source: Address or file.
        problem: What is wrong with it.
        remedy: What to do about it.
    """

    def __init__(self, source: str | Path, problem: str, remedy: str) -> None:
        super().__init__(f"{source}: {problem}. {remedy}.")
