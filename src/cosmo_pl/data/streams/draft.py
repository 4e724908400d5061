"""The text of a drafted description: YAML with a comment after each assumption."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from cosmo_pl.data.streams.csv_format import CsvFormat, common_format


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
        comment = " ".join("; ".join(filter(None, (assumed, unknown))).split())  # names of columns may have line breaks
        line = f"{'  ' * len(self._path)}{key}: {scalar(value)}"
        self.lines.append(f"{line}  # {comment}" if comment else line)
        where = ".".join([*self._path[-1:], key])
        if assumed:
            self.assumed.append(f"{where}: {scalar(value)}, as {assumed}")
        if unknown:
            self.unknown.append(f"{where}: {unknown}")


def add_format(formats: Mapping[str, CsvFormat], draft: Draft) -> None:
    """Adds how CSV is written, where that is unusual.

    Args:
        formats: Files of a sensor or of labels, each with its format.
        draft: The draft.
    """
    first, found = next(iter(formats)), common_format(list(formats.values()))

    def unlike(key: str) -> str:
        own = {path: getattr(each, key) for path, each in formats.items()}
        other = next((path for path, each in own.items() if each != own[first]), None)
        return "" if other is None else f"'{other}' has {scalar(own[other])}"

    if found.delimiter != ("\t" if first.lower().endswith(".tsv") else ",") or unlike("delimiter"):
        draft.add("delimiter", found.delimiter, unknown=unlike("delimiter"))
    if found.decimal != ".":
        draft.add("decimal", found.decimal, "numbers are written as 1,5")
    if found.comment:
        draft.add("comment", found.comment, "lines begin with it")
    if found.skip or unlike("skip"):
        draft.add("skip", found.skip, "so many lines precede the table", unlike("skip"))


def scalar(value: Any) -> str:
    """A value on one line of YAML."""
    text = yaml.safe_dump(value, default_flow_style=True, width=10**6, sort_keys=False, allow_unicode=True)
    return str(text).removesuffix("...\n").strip()
