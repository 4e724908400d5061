"""Files written as a whole, JSON, YAML, and the folder of the cache."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from cosmo_pl.errors import ConfigurationError, CosmoError
from cosmo_pl.storage import writing

YAML = (".yaml", ".yml")
MAX_BYTES, MAX_DEPTH, MAX_NODES = 10_000_000, 100, 100_000  # of a YAML file; nodes count with expanded aliases

Refuse = Callable[[str], Exception]
"""Makes the error with its remedy from a problem with a file, "is a folder"."""


def user_path(path: str | os.PathLike[str]) -> Path:
    """A path with ``~`` expanded; the path of a user who does not exist is unchanged."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def cache_folder(cache_dir: str | None = None) -> Path:
    """Folder of the cache: the argument, else $COSMO_PL_CACHE, else ``~/.cache/cosmo_pl``."""
    return user_path(cache_dir or os.environ.get("COSMO_PL_CACHE") or "~/.cache/cosmo_pl")


def file_status(path: Path, refuse: Refuse) -> os.stat_result:
    """Size and times of a regular file; opening a named pipe would block.

    Raises:
        CosmoError: It does not exist, or is a folder, a broken link, a pipe or a device.
    """
    try:
        found = path.stat()
    except OSError as error:
        missing = "is a link to a file that does not exist" if path.is_symlink() else "does not exist"
        found_none = isinstance(error, FileNotFoundError)
        raise refuse(missing if found_none else f"cannot be read ({error.strerror})") from error
    except ValueError as error:  # a null character in the name
        raise refuse(f"cannot be read ({error})") from error
    if not stat.S_ISREG(found.st_mode):
        raise refuse("is a folder" if stat.S_ISDIR(found.st_mode) else "is no regular file")
    return found


def read_bytes(path: Path, refuse: Refuse) -> bytes:
    """The content of a file.

    Raises:
        CosmoError: It is no file or cannot be read.
    """
    file_status(path, refuse)
    try:
        return path.read_bytes()
    except OSError as error:
        raise refuse(f"cannot be read ({error.strerror})") from error


def utf8_text(path: Path, refuse: Refuse) -> str:
    """The text of a file in UTF-8, with or without a byte order mark.

    Raises:
        CosmoError: It is no file, cannot be read, or is not UTF-8.
    """
    try:
        return read_bytes(path, refuse).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise refuse(f"is not UTF-8 (byte {error.start})") from error


def read_json(path: Path, refuse: Refuse) -> Any:
    """The content of a JSON file with finite numbers, text that UTF-8 can encode, and limited nesting.

    Args:
        path: The file.
        refuse: Makes the error from the problem, for instance ``partial(RecordingError, path)``.

    Raises:
        CosmoError: It is no file, cannot be read, is not UTF-8, or is not such JSON.
    """
    text = utf8_text(path, refuse)
    try:
        content = json.loads(text, parse_constant=_no_number)
        if "\\u" in text:  # half of a surrogate pair can be read, but not written
            json.dumps(content, ensure_ascii=False).encode("utf-8")
    except RecursionError as error:
        raise refuse("is not readable as JSON (nested too deeply)") from error
    except ValueError as error:
        raise refuse(f"is not readable as JSON ({error})") from error
    return content


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file; an empty file is an empty mapping.

    Args:
        path: File to read.

    Raises:
        ConfigurationError: The file does not exist, is no regular file, no UTF-8, no YAML, has no mapping, exceeds the
            bounds above, or contains a key twice.
    """

    def refuse(problem: str) -> CosmoError:
        remedy = _other_path(path) if problem == "does not exist" else "Use a YAML file in UTF-8"
        return ConfigurationError(str(path), problem, remedy)

    if file_status(path, refuse).st_size > MAX_BYTES:
        raise refuse(f"is larger than {MAX_BYTES:,} bytes")
    content = parse_yaml(utf8_text(path, refuse), str(path))
    if content is not None and not isinstance(content, dict):
        problem = f"contains {_kind(content)} instead of a mapping"
        raise ConfigurationError(str(path), problem, "Write it as lines of `key: value`")
    return content or {}


def _other_path(path: Path) -> str:
    """The remedy for a YAML file that does not exist."""
    near = get_close_matches(path.name, [each.name for each in sorted(path.parent.glob("*.y*ml"))])
    return "Correct its path" + (f"; the nearest: {', '.join(near)}" if near else "")


def read_config(path: Path) -> dict[str, Any]:
    """A YAML file in which the content of other YAML files replaces their names, as in ``data: data/utd.yaml``.

    A name starts from the folder of the file that it stands in.

    Raises:
        ConfigurationError: One of the files cannot be read.
    """
    content = read_yaml(path)
    for key, value in content.items():
        if isinstance(value, str) and value.endswith(YAML):
            content[key] = read_config(path.parent / value)
    return content


def parse_yaml(text: str, name: str) -> Any:
    """The content of YAML text, within the bounds of depth and size above.

    Args:
        text: YAML.
        name: Its name in errors.

    Raises:
        ConfigurationError: It is no YAML, exceeds the bounds, or contains a key twice.
    """
    try:
        return yaml.load(text, Loader=_BoundedLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        at = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ConfigurationError(name, f"cannot be used ({at}{error.problem})", "Correct it") from error
    except (yaml.YAMLError, ValueError, TypeError) as error:  # dates out of range, lists as keys, forbidden characters
        problem = str(error).splitlines()[0]
        raise ConfigurationError(name, f"is no YAML ({problem})", "Correct it") from error


class _BoundedLoader(yaml.SafeLoader):
    """PyYAML's loader with bounds on depth and size.

    A few lines of anchors can expand to more nodes than fit into memory.
    """

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        self._depth = 0
        self._sizes: dict[int, int] = {}  # id of a node to the number of nodes in it, where aliases count each time

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Composes a node and counts it."""
        self._depth += 1
        mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
        if self._depth > MAX_DEPTH:
            raise _refused(f"is nested deeper than {MAX_DEPTH} levels", mark)
        is_alias = self.check_event(yaml.AliasEvent)
        node: yaml.Node | None = super().compose_node(parent, index)
        self._depth -= 1
        if is_alias and id(node) not in self._sizes:  # the node of the alias is not complete yet
            raise _refused("contains itself", mark)
        self._sizes.setdefault(id(node), self._size(node, mark))
        return node

    def _size(self, node: yaml.Node | None, mark: Any) -> int:
        parts = node.value if isinstance(node, yaml.CollectionNode) else []
        if isinstance(node, yaml.MappingNode):
            counted = Counter(key.value for key, _ in parts if isinstance(key, yaml.ScalarNode))
            twice = next((key for key, count in counted.items() if count > 1), None)
            if twice is not None:
                raise _refused(f"the key '{twice}' occurs twice", mark)
            parts = [each for pair in parts for each in pair]
        size = 1 + sum(self._sizes[id(part)] for part in parts)
        if size > MAX_NODES:
            raise _refused(f"expands to more than {MAX_NODES:,} values", mark)
        return size


def _refused(problem: str, mark: Any) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=mark)


def _kind(value: Any) -> str:
    return {list: "a list", str: "text", bool: "a truth value"}.get(type(value), f"a {type(value).__name__}")


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells as lines of text with aligned columns.

    Args:
        rows: At least one row; all of equal length.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, with dotted keys."""
    items: dict[str, Any] = {}
    for key, value in tree.items():
        items |= flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return items


def shortened(text: str) -> str:
    """The text, or if it is longer than 60 characters its begin."""
    return text if len(text) <= 60 else f"{text[:57]}..."


def keep_json(path: Path, content: Any) -> None:
    """Writes content of the cache with a hash of it; numbers may be infinite or NaN."""
    write_whole(path, json.dumps({"sha256": _hash(content), "content": content}))


def kept_json(path: Path) -> Any:
    """The content that `keep_json` wrote; None without a file, and, with a warning, for a damaged one."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept["sha256"] == _hash(kept["content"]):
            return kept["content"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass
    warnings.warn(f"{path} in the cache is damaged; it is made again", stacklevel=2)
    return None


def _hash(content: Any) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


@contextmanager
def whole_file(path: Path, one_writer: bool = False) -> Iterator[Path]:
    """Gives a temporary path beside a file or folder, and renames what the body wrote there at its end.

    No process ever reads half of the file. A body that fails leaves nothing behind.

    Args:
        path: The file, or a folder that does not exist.
        one_writer: Whether only one process writes the file. The temporary path is then always the same, so that the
            next write removes what a killed process has left.

    Raises:
        StorageError: The disk is full, or the folder cannot be written to.
    """
    part = path.with_name(f".{path.name}{'' if one_writer else f'.{os.getpid()}'}.part")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove(part)
        try:
            yield part
            part.replace(path)
        except BaseException:
            _remove(part)
            raise


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def write_whole(path: Path, text: str) -> None:
    """Writes a text file through `whole_file`."""
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Writes content as `json_text` through `whole_file`."""
    write_whole(path, json_text(content) + "\n")


def json_text(content: Any, indent: str = "") -> str:
    """JSON with one line per key, and lists of scalars on one line, so that a matrix has one line per row.

    Args:
        content: Mappings with keys of text or numbers, lists, tuples, and scalars.
        indent: Indentation of the lines after the first.
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
