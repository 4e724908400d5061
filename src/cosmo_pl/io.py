"""Files that are there as a whole or not at all, readable JSON, and where to keep what can be made again."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def cache_folder(cache_dir: str | None = None) -> Path:
    """Folder of the cache: the argument, else $COSMO_PL_CACHE, else ``~/.cache/cosmo_pl``."""
    return Path(cache_dir or os.environ.get("COSMO_PL_CACHE") or Path.home() / ".cache" / "cosmo_pl")


def write_whole(path: Path, text: str) -> None:
    """Writes a file beside its place and moves it there, so that nobody ever reads half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Writes `json_text` as a whole."""
    write_whole(path, json_text(content) + "\n")


def json_text(content: Any, indent: str = "") -> str:
    """JSON with a line for each key, and a list of scalars on one line: a matrix has a line for each row.

    Args:
        content: Mappings with keys of text or numbers, lists, tuples, and scalars.
        indent: What the lines after the first begin with.
    """
    deeper = indent + " "
    if isinstance(content, Mapping):
        lines = [f"{json.dumps(str(key))}: {json_text(value, deeper)}" for key, value in content.items()]
        return _block("{}", lines, deeper)
    if isinstance(content, list | tuple) and any(isinstance(value, Mapping | list | tuple) for value in content):
        return _block("[]", [json_text(value, deeper) for value in content], deeper)
    return json.dumps(content)


def _block(brackets: str, lines: list[str], indent: str) -> str:
    if not lines:
        return brackets
    body = ",\n".join(indent + line for line in lines)
    return f"{brackets[0]}\n{body}\n{indent[:-1]}{brackets[1]}"
