"""Files that are there as a whole or not at all, readable JSON, YAML, and where to keep what can be made again."""

from __future__ import annotations

import json
import os
import stat
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from cosmo_pl.errors import ConfigurationError

MAX_BYTES, MAX_DEPTH, MAX_NODES = 10_000_000, 100, 100_000  # of a YAML file; nodes are counted with aliases expanded


def cache_folder(cache_dir: str | None = None) -> Path:
    """Folder of the cache: the argument, else $COSMO_PL_CACHE, else ``~/.cache/cosmo_pl``."""
    return Path(cache_dir or os.environ.get("COSMO_PL_CACHE") or Path.home() / ".cache" / "cosmo_pl").expanduser()


def read_yaml(path: Path) -> dict[str, Any]:
    """What a YAML file with a mapping says; an empty file is an empty mapping.

    Args:
        path: File to read.

    Raises:
        ConfigurationError: The file is not there, no regular file, no UTF-8, no YAML, without a mapping, deeper or
            larger than the bounds above, or states a key twice.
    """
    try:
        mode, size = path.stat().st_mode, path.stat().st_size
        if not stat.S_ISREG(mode):  # opening a FIFO would wait for ever
            problem = "is a folder" if stat.S_ISDIR(mode) else "is no regular file"
            raise ConfigurationError(str(path), problem, "Name a YAML file")
        if size > MAX_BYTES:
            raise ConfigurationError(str(path), f"is larger than {MAX_BYTES:,} bytes", "Name a YAML file")
        content = parse_yaml(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError as error:
        problem = "is a link to a file that does not exist" if path.is_symlink() else "does not exist"
        raise ConfigurationError(str(path), problem, "Name an existing YAML file") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(str(path), f"is not UTF-8 (byte {error.start})", "Save it as UTF-8") from error
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
        raise ConfigurationError(str(path), problem, "Name a YAML file that can") from error
    if content is not None and not isinstance(content, dict):
        problem = f"holds {_kind(content)} instead of a mapping"
        raise ConfigurationError(str(path), problem, "Write it as lines of `key: value`")
    return content or {}


def parse_yaml(text: str, name: str) -> Any:
    """What YAML text says, within the bounds of depth and size above.

    Args:
        text: YAML.
        name: What errors call it.

    Raises:
        ConfigurationError: It is no YAML, exceeds the bounds, or states a key twice.
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
    """PyYAML's own, that stops where text would become more than a configuration can be.

    A few lines of anchors can stand for more nodes than fit into any memory, once they are written out.
    """

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        self._depth = 0
        self._sizes: dict[int, int] = {}  # nodes below one, itself included, by its id; aliases count each time

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Composes a node, and counts it."""
        self._depth += 1
        mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
        if self._depth > MAX_DEPTH:
            raise _refused(f"is nested deeper than {MAX_DEPTH} levels", mark)
        is_alias = self.check_event(yaml.AliasEvent)
        node: yaml.Node | None = super().compose_node(parent, index)
        self._depth -= 1
        if is_alias and id(node) not in self._sizes:  # what it stands for has not ended yet
            raise _refused("contains itself", mark)
        self._sizes.setdefault(id(node), self._size(node, mark))
        return node

    def _size(self, node: yaml.Node | None, mark: Any) -> int:
        parts = node.value if isinstance(node, yaml.CollectionNode) else []
        if isinstance(node, yaml.MappingNode):
            counted = Counter(key.value for key, _ in parts if isinstance(key, yaml.ScalarNode))
            twice = next((key for key, count in counted.items() if count > 1), None)
            if twice is not None:
                raise _refused(f"the key '{twice}' is there twice", mark)
            parts = [each for pair in parts for each in pair]
        size = 1 + sum(self._sizes[id(part)] for part in parts)
        if size > MAX_NODES:
            raise _refused(f"expands to more than {MAX_NODES:,} values", mark)
        return size


def _refused(problem: str, mark: Any) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=mark)


def _kind(value: Any) -> str:
    return {list: "a list", str: "text", bool: "a truth value"}.get(type(value), f"a {type(value).__name__}")


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
