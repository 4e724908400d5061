"""Whose code may be imported because a file names it: bundles, checkpoints and runs are data, and data run no code."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from cosmo_pl.errors import ConfigurationError, CosmoError

OWN = "cosmo_pl"
GROUPS = ("cosmo_pl.datasets", "cosmo_pl.encoders", "cosmo_pl.modules")
PATH = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")

_allowed: set[str] = set()


class CodeError(CosmoError):
    """A class named in a file that must not be imported, or cannot be.

    Args:
        source: What names it, as "bundle 'runs/...'".
        problem: What is wrong with it.
        remedy: What to do about it.
    """

    def __init__(self, source: str, problem: str, remedy: str) -> None:
        super().__init__(f"{source}: {problem}. {remedy}.")


def allow_code(package: str) -> None:
    """Lets files name classes of a package, whose code then runs.

    Args:
        package: Its name; of a dotted one the package at the top, whose code runs as well.

    Raises:
        ConfigurationError: It is no name of a package.
    """
    if not PATH.fullmatch(package):
        raise ConfigurationError("allow_code", f"'{package}' is no package", "Name one, as in my_package")
    _allowed.add(_top(package))


def allowed() -> list[str]:
    """Packages of `allow_code`, sorted."""
    return sorted(_allowed)


@contextmanager
def allowing(*packages: str) -> Iterator[None]:
    """Lets files name classes of these packages, and of those allowed inside, until its end: of one command."""
    before = set(_allowed)
    try:
        for package in packages:
            allow_code(package)
        yield
    finally:
        _allowed.clear()
        _allowed.update(before)


def check_trusted(class_path: str, source: str) -> None:
    """Refuses a class, before anything of it is imported, whose package nobody has vouched for.

    Trusted are this package, those that an installed distribution registers by an entry point, and those of
    `allow_code`. What is imported already runs no code by being named once more.

    Args:
        class_path: Path of the class, "my_package.encoders.MyEncoder".
        source: What names it, as "bundle 'runs/...'".

    Raises:
        CodeError: It is not trusted, or no path of a class.
    """
    if not PATH.fullmatch(class_path) or "." not in class_path:
        raise CodeError(source, f"'{class_path}' is no path of a class", "Train it again, or copy the whole folder")
    package = _top(class_path)
    if package in {OWN, *_allowed} or class_path.rpartition(".")[0] in sys.modules or package in _registered():
        return
    raise CodeError(
        source, f"names the class '{class_path}', and importing it would run code of '{package}'",
        f"If you trust it, add `--allow-code {package}` to the command, "
        f'or call `cosmo_pl.trust.allow_code("{package}")` in Python',
    )  # fmt: skip


def load_class(class_path: str, base: type[Any], source: str) -> type[Any]:
    """The class of a path that only a file names.

    Args:
        class_path: Path of the class.
        base: What it has to be a subclass of.
        source: What names it, as "bundle 'runs/...'".

    Raises:
        CodeError: It is not trusted, cannot be imported, or is no subclass.
    """
    check_trusted(class_path, source)
    module, _, name = class_path.rpartition(".")
    try:
        found = getattr(import_module(module), name)
    except Exception as error:  # whatever another package raises on import
        problem = f"'{class_path}' cannot be imported ({type(error).__name__}: {error})"
        raise CodeError(source, problem, "Install or repair its package, or put it on PYTHONPATH") from error
    if not (isinstance(found, type) and issubclass(found, base)):
        raise CodeError(source, f"'{class_path}' is no {base.__name__}", "Train it again, or copy the whole folder")
    return found


def class_name(path: str) -> str:
    """A class by its package and its own name: "cosmo_pl:CMCModule"."""
    return f"{path.split('.')[0]}:{path.rpartition('.')[2]}"


def class_paths(value: Any) -> Iterator[str]:
    """All classes that a configuration names."""
    if isinstance(value, Mapping):
        if isinstance(value.get("class_path"), str):
            yield value["class_path"]
        for each in value.values():
            yield from class_paths(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from class_paths(each)


def _top(path: str) -> str:
    return path.partition(".")[0]


def _registered() -> set[str]:
    return {_top(point.module) for group in GROUPS for point in entry_points(group=group)}
