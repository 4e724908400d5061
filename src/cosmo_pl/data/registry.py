"""Datasets by key: those of this package, and those that other installed packages declare."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

from cosmo_pl.data.base import MultimodalDataModule
from cosmo_pl.errors import ConfigurationError, choices

GROUP = "cosmo_pl.datasets"
DataModuleClass = type[MultimodalDataModule]


class DatasetRegistry(Mapping[str, DataModuleClass]):
    """Key to the class of a datamodule.

    A package outside declares an entry point of the group ``cosmo_pl.datasets``, named by the class's `key`:
    ``kitchen = my_package:KitchenDataModule``. It is imported when its key is looked up.

    Args:
        own: Datamodules of this package.
    """

    def __init__(self, own: Sequence[DataModuleClass]) -> None:
        self._own = {kind.key: kind for kind in own}

    def __getitem__(self, key: str) -> DataModuleClass:
        """The class of a key.

        Raises:
            KeyError: No class has the key.
            ConfigurationError: Several classes have the key, or the entry point's class cannot be used.
        """
        points = {point.value: point for point in entry_points(group=GROUP, name=key)}
        own = [self._own[key]] if key in self._own else []
        if len(own) + len(points) > 1:
            names = [*(f"{kind.__module__}:{kind.__qualname__}" for kind in own), *map(_described, points.values())]
            problem = f"the key '{key}' belongs to several classes: {', '.join(names)}"
            raise ConfigurationError("dataset", problem, "Rename or uninstall all but one, or give a class path")
        if not own and not points:
            raise KeyError(key)
        return own[0] if own else _loaded(points.popitem()[1])

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys([*self._own, *sorted(point.name for point in entry_points(group=GROUP))]))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def named(self, name: str) -> DataModuleClass:
        """The class of a key, or of a class path as "my_package.KitchenDataModule".

        Raises:
            ConfigurationError: No class has that name, or it is no datamodule.
        """
        if "." in name:
            return _of_path(name)
        if name not in list(self):
            problem = f"there is no '{name}'"
            raise ConfigurationError("dataset", problem, f"{choices(name, self)}, or give a class path")
        return self[name]


def _loaded(point: EntryPoint) -> DataModuleClass:
    remedy = "Repair or uninstall that package"
    try:
        found = point.load()
    except Exception as error:  # whatever another package raises on import
        problem = f"{_described(point)} cannot be imported ({type(error).__name__}: {error})"
        raise ConfigurationError("dataset", problem, remedy) from error
    kind = _checked(found, _described(point), remedy)
    if kind.key != point.name:
        raise ConfigurationError("dataset", f"{_described(point)} has the key '{kind.key}'", "Give both one name")
    return kind


def _described(point: EntryPoint) -> str:
    distribution = point.dist.name if point.dist else "an unknown distribution"
    return f"the entry point '{point.name} = {point.value}' of {distribution}"


def _of_path(path: str) -> DataModuleClass:
    module, _, name = path.rpartition(".")
    remedy = "Give the class path of a datamodule whose package is installed or on PYTHONPATH"
    try:
        found = getattr(import_module(module), name)
    except Exception as error:
        problem = f"'{path}' cannot be imported ({type(error).__name__}: {error})"
        raise ConfigurationError("dataset", problem, remedy) from error
    return _checked(found, f"'{path}'", remedy)


def _checked(found: object, what: str, remedy: str) -> DataModuleClass:
    if not isinstance(found, type) or not issubclass(found, MultimodalDataModule):
        raise ConfigurationError("dataset", f"{what} is no subclass of MultimodalDataModule", remedy)
    return found
