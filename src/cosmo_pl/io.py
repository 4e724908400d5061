"""Files that are there as a whole or not at all, and where this package keeps what it can make again."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder(cache_dir: str | None = None) -> Path:
    """Folder of the cache: the argument, else $COSMO_PL_CACHE, else ``~/.cache/cosmo_pl``."""
    return Path(cache_dir or os.environ.get("COSMO_PL_CACHE") or Path.home() / ".cache" / "cosmo_pl")


def write_whole(path: Path, text: str) -> None:
    """Writes a file beside its place and moves it there, so that nobody ever reads half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.write_text(text)
    part.replace(path)
