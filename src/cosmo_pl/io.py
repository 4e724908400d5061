"""Files that are there as a whole or not at all, readable JSON, and where to keep what can be made again."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cosmo_pl.errors import CosmoError

Refuse = Callable[[str], CosmoError]
"""What is wrong with a file, "is a folder, not a file", to the error that says so with the remedy."""


def user_path(path: str | os.PathLike[str]) -> Path:
    """A path that a user named, ``~`` expanded; that of a user who does not exist stays as it is."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def cache_folder(cache_dir: str | None = None) -> Path:
    """Folder of the cache: the argument, else $COSMO_PL_CACHE, else ``~/.cache/cosmo_pl``."""
    return user_path(cache_dir or os.environ.get("COSMO_PL_CACHE") or "~/.cache/cosmo_pl")


def file_status(path: Path, refuse: Refuse) -> os.stat_result:
    """Size and times of a file that can be opened: opening a named pipe would wait for ever.

    Raises:
        CosmoError: There is none, or it is a folder, a link that leads nowhere, a pipe or a device.
    """
    try:
        found = path.stat()
    except OSError as error:
        missing = "is not there" if isinstance(error, FileNotFoundError) else f"cannot be read ({error.strerror})"
        raise refuse("is a link that leads nowhere" if path.is_symlink() else missing) from error
    except ValueError as error:  # a null character in the name
        raise refuse(f"cannot be read ({error})") from error
    if not stat.S_ISREG(found.st_mode):
        raise refuse("is a folder, not a file" if stat.S_ISDIR(found.st_mode) else "is a pipe or device, not a file")
    return found


def read_bytes(path: Path, refuse: Refuse) -> bytes:
    """All of a file.

    Raises:
        CosmoError: It is no file, or cannot be read.
    """
    file_status(path, refuse)
    try:
        return path.read_bytes()
    except OSError as error:
        raise refuse(f"cannot be read ({error.strerror})") from error


def utf8_text(path: Path, refuse: Refuse) -> str:
    """All of a file in UTF-8, with or without a byte order mark.

    Raises:
        CosmoError: It is no file, cannot be read, or is not UTF-8.
    """
    try:
        return read_bytes(path, refuse).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise refuse(f"is not UTF-8 (byte {error.start})") from error


def read_json(path: Path, refuse: Refuse) -> Any:
    """What a JSON file holds: finite numbers, text that can be written again, and nesting that Python can follow.

    Args:
        path: The file.
        refuse: Makes the error of what is wrong, for instance ``partial(RecordingError, path)``.

    Raises:
        CosmoError: It is no file, cannot be read, is not UTF-8, or is not such JSON.
    """
    text = utf8_text(path, refuse)
    try:
        content = json.loads(text, parse_constant=_no_number)
        if "\\u" in text:  # half of a surrogate pair can be read, and never written
            json.dumps(content, ensure_ascii=False).encode("utf-8")
    except RecursionError as error:
        raise refuse("is not readable as JSON (nested too deeply)") from error
    except ValueError as error:
        raise refuse(f"is not readable as JSON ({error})") from error
    return content


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def keep_json(path: Path, content: Any) -> None:
    """Writes what can be made again, beside a hash of itself; numbers that are not finite are kept as well."""
    write_whole(path, json.dumps({"sha256": _hash(content), "content": content}))


def kept_json(path: Path) -> Any:
    """What `keep_json` wrote; None where nothing was, or, with a warning, where the file is damaged."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        if told["sha256"] == _hash(told["content"]):
            return told["content"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass
    warnings.warn(f"{path} in the cache is damaged; it is made again", stacklevel=2)
    return None


def _hash(content: Any) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


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
