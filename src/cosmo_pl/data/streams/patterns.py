"""Patterns of paths with placeholders, "{subject}/{session}/wrist*.csv", and names made from their values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

PLACEHOLDER = r"\{([A-Za-z_][A-Za-z0-9_]*)\}"
BORDER = r"(?:(?<=\d)(?=\D)|(?<=\D)(?=\d))"  # of two placeholders side by side: a digit, and another character


@dataclass(frozen=True)
class Pattern:
    """Paths below a folder, with ``/`` between their parts.

    Args:
        text: A path in which ``{name}`` and ``*`` each stand for characters other than ``/``. A name that occurs twice
            stands for the same characters. Of two names side by side, ``{subject}{activity}``, one ends in a digit
            where the other begins with another character, or the reverse: "01walk".

    Raises:
        ValueError: It is absolute, leaves the folder by ``..``, or has braces that enclose no name.
    """

    text: str

    def __post_init__(self) -> None:
        path = PurePosixPath(self.text)
        if path.is_absolute() or ".." in path.parts or not path.name or "\\" in self.text:
            raise ValueError(f"'{self.text}' is no path below the folder, with / between its parts")
        placeholders(self.text)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Its placeholders."""
        return placeholders(self.text)

    def match(self, path: str) -> dict[str, str] | None:
        """Placeholders and their values in a path below the folder; None for another path."""
        found = self._regex.fullmatch(path)
        return None if found is None else found.groupdict()

    def readings(self, path: str) -> list[dict[str, str]]:
        """Values in a path with placeholders as short as possible, then as long as possible, if these are others."""
        found = [each.fullmatch(path) for each in (self._regex, self._greedy)]
        values = [each.groupdict() for each in found if each is not None]
        return values[:1] if values[:1] == values[1:] else values

    @cached_property
    def _greedy(self) -> re.Pattern[str]:
        return re.compile(self._regex.pattern.replace("[^/]+?)", "[^/]+)"))

    @cached_property
    def _regex(self) -> re.Pattern[str]:
        text, seen = "", set[str]()
        pieces = re.split(PLACEHOLDER, str(PurePosixPath(self.text)))
        for number, piece in enumerate(pieces):
            if number % 2 == 0 and not piece and 0 < number < len(pieces) - 1:
                text += BORDER
            elif number % 2 == 0:
                text += "[^/]*".join(map(re.escape, piece.split("*")))
            else:
                text += f"(?P={piece})" if piece in seen else f"(?P<{piece}>[^/]+?)"
                seen.add(piece)
        return re.compile(text)


def placeholders(text: str) -> tuple[str, ...]:
    """Names in braces, each once, in their order.

    Raises:
        ValueError: Braces enclose no name.
    """
    if re.search(r"[{}]", re.sub(PLACEHOLDER, "", text)):
        raise ValueError(f"'{text}' has braces that enclose no name of letters, digits and _")
    return tuple(dict.fromkeys(re.findall(PLACEHOLDER, text)))


def filled(text: str, values: Mapping[str, str]) -> str:
    """Text with the values of its placeholders."""
    return re.sub(PLACEHOLDER, lambda found: values[found[1]], text)
