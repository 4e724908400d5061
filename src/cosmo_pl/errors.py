"""Errors whose message names what is wrong and the remedy.

The command line prints them as one line and exits with status 2. A traceback means a defect of this package.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from textwrap import shorten


class CosmoError(Exception):
    """Base of all errors that a user can cause and correct."""

    def __reduce__(self) -> tuple[object, ...]:
        # Worker processes pickle errors. The default would call the constructor with the message alone.
        return type(self).__new__, (type(self), *self.args), self.__dict__


def mendable(error: BaseException | None) -> CosmoError | None:
    """The user's error behind an exception; None if there is none. jsonargparse wraps errors of constructors."""
    return next((each for each in causes(error) if isinstance(each, CosmoError)), None)


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An exception, what caused it, what caused that, and so on."""
    passed = set[int]()
    while error is not None and id(error) not in passed:
        yield error
        passed.add(id(error))
        error = error.__cause__ or error.__context__


def choices(name: str, names: Iterable[str]) -> str:
    """A remedy for a name that does not exist: all existing names if they are few, else the nearest ones.

    Args:
        name: The name that was given.
        names: The existing names.
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
        argument: Name of the argument as in the YAML file.
        problem: What is wrong with its value.
        remedy: What to do instead.
    """

    def __init__(self, argument: str, problem: str, remedy: str) -> None:
        super().__init__(f"{argument}: {problem}. {remedy}.")
        self.argument = argument
        self._parts = argument, problem, remedy

    def within(self, source: str) -> ConfigurationError:
        """The same error with its source, as the name of a file, in front."""
        argument, problem, remedy = self._parts
        return ConfigurationError(f"{source}: {argument}", problem, remedy)


@contextmanager
def located(source: str) -> Iterator[None]:
    """Puts a source in front of configuration errors of the body, see `ConfigurationError.within`."""
    try:
        yield
    except ConfigurationError as error:
        raise error.within(source) from error


class DatasetNotFoundError(CosmoError):
    """The folder of a dataset is missing, empty, incomplete or of another dataset.

    Args:
        dataset: Name of the dataset.
        root: Folder that was searched.
        looked_for: What should have been there.
        found: Names in the folder, for a folder of another dataset.
        commands: Commands that write the recordings, without their option ``--root``.
    """

    def __init__(
        self, dataset: str, root: Path, looked_for: str, found: Iterable[str] = (), commands: Iterable[str] = ()
    ) -> None:
        names = ", ".join(sorted(found)[:5])
        message = f"{dataset} not found: looked for {looked_for} in '{root}'"
        message += f", which holds {names}" if names else ("" if root.exists() else ", which does not exist")
        message += ". Set data.init_args.root (or the environment variable COSMO_PL_DATA) to the folder that holds it"
        runs = " or ".join(f"`{command} --root DIR`" for command in commands)
        super().__init__(f"{message}, or run {runs}." if runs else f"{message}.")


class UnfinishedError(CosmoError):
    """The folder of a dataset that a simulation has not completed.

    Args:
        folder: The folder.
    """

    def __init__(self, folder: Path) -> None:
        problem = "holds a part of a simulation, which was interrupted or is being written"
        super().__init__(f"{folder}: {problem}. Wait for it, or run the same `cosmo-pl data simulate` again.")


class RecordingError(CosmoError):
    """A recording that cannot be used.

    Args:
        path: File of the recording.
        problem: What is wrong with it.
        remedy: What to do.
    """

    def __init__(self, path: Path, problem: str, remedy: str = "Download the file again or remove it") -> None:
        super().__init__(f"{path}: {problem}. {remedy}.")
        self.path = path
        self._parts = path, problem, remedy

    def __reduce__(self) -> tuple[type[RecordingError], tuple[Path, str, str]]:
        """Worker processes pickle errors."""
        return type(self), self._parts


class BundleError(CosmoError):
    """A bundle that is missing, damaged or does not fit the data.

    Args:
        folder: Folder of the bundle.
        problem: What is wrong with it.
        remedy: What to do.
    """

    def __init__(self, folder: Path, problem: str, remedy: str) -> None:
        super().__init__(f"bundle '{folder}': {problem}. {remedy}.")
        self.folder = folder


class DownloadError(CosmoError):
    """An archive that could not be fetched or is not what it should be.

    Args:
        source: Address or file.
        problem: What is wrong with it.
        remedy: What to do.
    """

    def __init__(self, source: str | Path, problem: str, remedy: str) -> None:
        super().__init__(f"{source}: {problem}. {remedy}.")
