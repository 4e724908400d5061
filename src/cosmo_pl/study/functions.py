"""The functions that a study names: its renderer and its measurements, of this package or of another one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cosmo_pl.errors import ConfigurationError, choices
from cosmo_pl.study.identity import version_of
from cosmo_pl.study.measurements import facts_of

MEASURES, RENDERERS = "cosmo_pl.study.measures", "cosmo_pl.study.rendering"
OF_ANOTHER = "package.module.function"  # how a function of another package is named


def measurement(name: str) -> Callable[[Sequence[tuple[Any, Any]]], dict[str, Any]]:
    """The measurement of that name in `cosmo_pl.study.measures`, or "package.module.function" of another package.

    Raises:
        ConfigurationError: There is none.
    """
    module, _, function = name.rpartition(".")
    found: Callable[..., dict[str, Any]] = _function("measure", name, module or f"{MEASURES}.{name}", function)
    return found


def measurement_version(name: str) -> str:
    """The ``numerics`` of a measurement, "1.0" without any; that of another package is an attribute of the function.

    Raises:
        ConfigurationError: Another package has no such function, or its ``numerics`` are no version number.
    """
    if "." not in name:
        return facts_of(name).numerics
    return version_of(name, getattr(measurement(name), "numerics", "1.0"))


def renderer(name: str) -> Callable[[Any], Any]:
    """The function "file.function" of `cosmo_pl.study.rendering`, or "package.module.function" of another package.

    Raises:
        ConfigurationError: There is none.
    """
    file, _, function = name.rpartition(".")
    if not file:
        remedy = f"Name it FILE.FUNCTION, as in table2.accuracy, or {OF_ANOTHER}"
        raise ConfigurationError("render", f"'{name}' names no function", remedy)
    found: Callable[[Any], Any] = _function("render", name, file if "." in file else f"{RENDERERS}.{file}", function)
    return found


def is_of_another(function: Callable[..., Any]) -> bool:
    """Whether a function is of another package."""
    return not function.__module__.startswith("cosmo_pl.")


def _function(argument: str, name: str, module: str, function: str) -> Any:
    try:
        found = getattr(import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigurationError(argument, f"there is no '{name}' ({error})", _remedy(name, module)) from error
    if not callable(found):
        raise ConfigurationError(argument, f"'{name}' is no function", f"Name one, as {OF_ANOTHER}")
    return found


def _remedy(name: str, module: str) -> str:
    """What to do about a function that does not exist."""
    if names := _available(module):
        first = name.partition(".")[0]
        is_package = "." in name and first not in {each.partition(".")[0] for each in names} and _importable(first)
        return f"Name it {OF_ANOTHER}" if is_package else choices(name, names)
    return f"Correct the name, {OF_ANOTHER}, or put the package on PYTHONPATH"


def _importable(package: str) -> bool:
    return package.isidentifier() and find_spec(package) is not None


def _available(module: str) -> list[str]:
    """Alternatives to a function that does not exist: the functions of its module, or the modules of its package."""
    package, _, file = module.rpartition(".")
    if package not in (MEASURES, RENDERERS):
        return []
    files = sorted(path.stem for path in (Path(__file__).parent / package.rpartition(".")[2]).glob("[!_]*.py"))
    if package == MEASURES or file not in files:
        return files
    own = [key for key, value in vars(import_module(module)).items() if getattr(value, "__module__", "") == module]
    return sorted(f"{file}.{key}" for key in own if not key.startswith("_"))
