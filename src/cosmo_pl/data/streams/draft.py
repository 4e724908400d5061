"""The text of a drafted description: YAML with a comment after each assumption."""

from __future__ import annotations

from typing import Any

import yaml


class Draft:
    """Lines of YAML, what was assumed, and what could not be known."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.assumed: list[str] = []
        self.unknown: list[str] = []
        self._path: list[str] = []

    @property
    def text(self) -> str:
        """The YAML."""
        return "\n".join(self.lines) + "\n"

    def within(self, *keys: str) -> None:
        """Begins a mapping below these keys, from the top."""
        common = 0
        while common < min(len(keys), len(self._path)) and keys[common] == self._path[common]:
            common += 1
        for depth in range(common, len(keys)):
            self.lines.append(f"{'  ' * depth}{scalar(keys[depth])}:")
        self._path = list(keys)

    def add(self, key: str, value: Any, assumed: str = "", unknown: str = "") -> None:
        """Adds a field to the mapping.

        Args:
            key: Its name.
            value: Its value.
            assumed: Why it has this value, if that is an assumption.
            unknown: What could not be known of it.
        """
        comment = "; ".join(filter(None, (assumed, unknown)))
        line = f"{'  ' * len(self._path)}{key}: {scalar(value)}"
        self.lines.append(f"{line}  # {comment}" if comment else line)
        where = ".".join([*self._path[-1:], key])
        if assumed:
            self.assumed.append(f"{where}: {scalar(value)}, as {assumed}")
        if unknown:
            self.unknown.append(f"{where}: {unknown}")


def scalar(value: Any) -> str:
    """A value on one line of YAML."""
    text = yaml.safe_dump(value, default_flow_style=True, width=10**6, sort_keys=False, allow_unicode=True)
    return str(text).removesuffix("...\n").strip()
