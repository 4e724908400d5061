"""Packages whose code may be imported because a bundle, a checkpoint or a run names one of their classes."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from sysconfig import get_path
from typing import Any

from cosmo_pl.errors import ConfigurationError, CosmoError

OWN, FRAMEWORK = "cosmo_pl", "pytorch_lightning"
GROUPS = ("cosmo_pl.datasets", "cosmo_pl.encoders", "cosmo_pl.modules")
PATH = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")

_allowed: set[str] = set()


class CodeError(CosmoError):
    """A class named in a file that must not, or cannot, be imported.

    Args:
        source: The file that names it, as "bundle 'runs/...'".
        problem: The problem.
        remedy: Its remedy.
    """

    def __init__(self, source: str, problem: str, remedy: str) -> None:
        super().__init__(f"{source}: {problem}. {remedy}.")


def allow_code(package: str) -> None:
    """Allows files to name classes of a package, whose code then runs.

    Args:
        package: Its name; a dotted name allows its top-level package, whose code runs as well.

    Raises:
        ConfigurationError: It is no valid name of a package.
    """
    if not PATH.fullmatch(package):
        raise ConfigurationError("allow_code", f"'{package}' is no name of a package", "Use one, as in my_package")
    _allowed.add(_top(package))


def check_installed(package: str) -> None:
    """Refuses a package for `allow_code` that cannot be found, as its name is misspelt.

    Raises:
        ConfigurationError: There is no such package.
    """
    name = _top(package)
    if PATH.fullmatch(package) and name not in sys.modules and find_spec(name) is None:
        remedy = "Correct the name, install it, or put its folder on PYTHONPATH"
        raise ConfigurationError("allow_code", f"there is no package '{name}'", remedy)


def allowed() -> list[str]:
    """Packages of `allow_code`, sorted."""
    return sorted(_allowed)


@contextmanager
def allowing(*packages: str) -> Iterator[None]:
    """Allows files to name classes of these packages during the body; also ends what is allowed in the body."""
    before = set(_allowed)
    try:
        for package in packages:
            allow_code(package)
        yield
    finally:
        _allowed.clear()
        _allowed.update(before)


def check_trusted(class_path: str, source: str) -> None:
    """Refuses a class of an untrusted package before anything of it is imported.

    Trusted packages are this one and PyTorch Lightning, those that an installed distribution registers by an entry
    point, and those of `allow_code`. A module that is already imported is accepted, as no further code runs.

    Args:
        class_path: Path of the class, "my_package.encoders.MyEncoder".
        source: The file that names it, as "bundle 'runs/...'".

    Raises:
        CodeError: It is not trusted, or its path is invalid.
    """
    if not PATH.fullmatch(class_path) or "." not in class_path:
        raise CodeError(source, f"'{class_path}' is no path of a class", "Train it again, or copy the whole folder")
    package = _top(class_path)
    imported = class_path.rpartition(".")[0] in sys.modules
    if imported or package in {OWN, FRAMEWORK, *_allowed} or package in _registered():
        return
    problem = f"names the class '{class_path}', and importing it would run code of '{package}'"
    in_python = f'`cosmo_pl.trust.allow_code("{package}")` in Python'
    remedy = f"If you trust it, add `--allow-code {package}` to the command, or call {in_python}"
    raise CodeError(source, problem, remedy)


def load_class(class_path: str, base: type[Any], source: str) -> type[Any]:
    """The class of a path in a file.

    Args:
        class_path: Path of the class.
        base: Its base class.
        source: The file that names it, as "bundle 'runs/...'".

    Raises:
        CodeError: It is not trusted, cannot be imported, or is no subclass of the base.
    """
    check_trusted(class_path, source)
    module, _, name = class_path.rpartition(".")
    try:
        found = getattr(import_module(module), name)
    except Exception as error:  # another package may raise any error on import
        problem = f"'{class_path}' cannot be imported ({type(error).__name__}: {error})"
        raise CodeError(source, problem, "Install or repair its package, or put it on PYTHONPATH") from error
    if not (isinstance(found, type) and issubclass(found, base)):
        raise CodeError(source, f"'{class_path}' is no {base.__name__}", "Train it again, or copy the whole folder")
    return found


def class_name(path: str) -> str:
    """Package and name of a class: "cosmo_pl:CMCModule"."""
    return f"{path.split('.')[0]}:{path.rpartition('.')[2]}"


def class_paths(value: Any) -> Iterator[str]:
    """The paths of all classes in a configuration."""
    if isinstance(value, Mapping):
        if isinstance(value.get("class_path"), str):
            yield value["class_path"]
        for each in value.values():
            yield from class_paths(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from class_paths(each)


def check_config(config: Mapping[str, Any], source: str, parts: Collection[str] = ("model", "data")) -> None:
    """Refuses a configuration that a file brings along, if it names a class that is not trusted.

    A class is named by its ``class_path``, or by text alone: that of a part, and any other text which is a dotted path
    into a package that is installed.

    Args:
        config: The configuration.
        source: The file, as "run 'runs/...'".
        parts: The parts that are used.

    Raises:
        CodeError: It does.
    """
    for part in parts:
        whole = config.get(part)
        for name in [whole] if isinstance(whole, str) else [*class_paths(whole), *filter(_is_code, _texts(whole))]:
            check_trusted(name, source)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list | tuple):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(each)


def _is_code(text: str) -> bool:
    if not PATH.fullmatch(text) or "." not in text:
        return False
    try:
        spec = find_spec(_top(text))
    except ValueError:  # of a program, "__main__"
        return True
    return spec is not None and not (spec.origin in ("built-in", "frozen") or _is_standard(Path(spec.origin or "/")))


def _is_standard(file: Path) -> bool:
    """Whether a file is of Python's own library: "test.json" names no class, though there is a package `test`."""
    return file.is_relative_to(get_path("stdlib")) and "site-packages" not in file.parts


def _top(path: str) -> str:
    return path.partition(".")[0]


def _registered() -> set[str]:
    return {_top(point.module) for group in GROUPS for point in entry_points(group=group)}
