"""Public names of a package that are imported when they are first used."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module


def lazily(package: str, modules: Mapping[str, str]) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` of a package.

    Args:
        package: Its name, ``__name__``.
        modules: Module of the package to its public names, separated by spaces. Only the module of a name is imported.
    """

    def found(name: str) -> object:
        namespace = vars(sys.modules[package])
        for module, names in modules.items():
            if name in names.split():
                namespace[name] = getattr(import_module(f"{package}.{module}"), name)
                return namespace[name]
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *" ".join(modules.values()).split()})

    return found, names
