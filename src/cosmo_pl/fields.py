"""Checks of the values in a stored file; errors name the field, the value and what is allowed."""

from __future__ import annotations

import math
import re
import reprlib
from collections.abc import Callable, Mapping
from typing import Any

DIGEST = "[0-9a-f]{64}"  # SHA-256
NAME = "[A-Za-z0-9_-]+"  # of a sensor, which names files and parts of networks


class Field:
    """A value of a file. Its methods return the value, or raise a ValueError that names the field.

    Args:
        value: The value as read from JSON.
        name: Its name in the file, "quality.inertial.weight"; empty for the whole content.
    """

    def __init__(self, value: Any, name: str = "") -> None:
        self.value, self.name = value, name

    def __getitem__(self, key: str) -> Field:
        """The value of a key of a mapping."""
        found = self.mapping().get(key, ...)
        if found is ...:
            raise ValueError(f"{self._below(key)} is missing")
        return Field(found, self._below(key))

    def get(self, key: str) -> Field | None:
        """The value of a key of a mapping; None where it is absent or null."""
        return None if self.mapping().get(key) is None else self[key]

    def mapping(self) -> Mapping[str, Any]:
        """A mapping."""
        self.require(isinstance(self.value, Mapping), "a mapping")
        found: Mapping[str, Any] = self.value
        return found

    def fields(self) -> dict[str, Field]:
        """The values of a mapping by their keys."""
        return {key: Field(value, self._below(key)) for key, value in self.mapping().items()}

    def each(self, only: Callable[[Any], bool] = lambda value: True) -> list[Field]:
        """The values of a list, or those that `only` accepts."""
        self.require(isinstance(self.value, list | tuple), "a list")
        return [Field(value, f"{self.name}[{index}]") for index, value in enumerate(self.value) if only(value)]

    def number(self, low: float = -math.inf, high: float = math.inf) -> float:
        """A finite number from `low` to `high`."""
        self.require(_is_number(self.value, low, high), _wanted("a number", low, high))
        return float(self.value)

    def numbers(self, low: float = -math.inf, high: float = math.inf, null: bool = False) -> list[float | None]:
        """A list of finite numbers from `low` to `high`, or null if `null` is true."""
        for below in self.each(lambda value: not (_is_number(value, low, high) or (null and value is None))):
            below.number(low, high)
        return list(self.value)

    def whole(self, low: float = -math.inf, high: float = math.inf) -> int:
        """A whole number from `low` to `high`."""
        right = isinstance(self.value, int) and not isinstance(self.value, bool)
        self.require(right and low <= self.value <= high, _wanted("a whole number", low, high))
        return int(self.value)

    def text(self, pattern: str = "(?s:.*)", wanted: str = "text") -> str:
        """Text that matches a pattern."""
        self.require(isinstance(self.value, str) and bool(re.fullmatch(pattern, self.value)), wanted)
        return str(self.value)

    def digest(self) -> str:
        """A SHA-256 in hexadecimal digits that are not all the same."""
        self.text(DIGEST, "64 hexadecimal digits")
        self.require(len(set(self.value)) > 1, "the hash of anything")
        return str(self.value)

    def flag(self) -> bool:
        """True or false."""
        self.require(isinstance(self.value, bool), "true or false")
        return bool(self.value)

    def finite(self) -> None:
        """Any content of JSON whose numbers are all finite."""
        if isinstance(self.value, Mapping):
            for below in self.fields().values():
                below.finite()
        elif isinstance(self.value, list | tuple):
            for below in self.each():
                below.finite()
        elif isinstance(self.value, float):
            self.number()
        else:
            plain = self.value is None or isinstance(self.value, str | int)
            self.require(plain, "a finite number, text, a list or a mapping")

    def require(self, right: bool, wanted: str) -> None:
        """Raises an error unless the value is right."""
        if not right:
            shown = reprlib.repr(self.value)
            raise ValueError(f"{self.name} is {shown}, not {wanted}" if self.name else f"it is {shown}, not {wanted}")

    def _below(self, key: str) -> str:
        return f"{self.name}.{key}" if self.name else key


def _is_number(value: Any, low: float, high: float) -> bool:
    right = isinstance(value, int | float) and not isinstance(value, bool)
    return right and low <= value <= high and math.isfinite(value)


def _wanted(kind: str, low: float, high: float) -> str:
    parts = [f"from {low:g}"] * (low > -math.inf) + [f"to {high:g}"] * (high < math.inf)
    return " ".join([kind, *parts])
