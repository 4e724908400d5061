"""The command line and its YAML files, checked before they are parsed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser

from cosmo_pl.errors import ConfigurationError, choices
from cosmo_pl.io import YAML, read_yaml, shortened, user_path

OPTION = re.compile(r"(--?[\w.+-]+)=(.*)", re.DOTALL)


@dataclass(frozen=True)
class File:
    """A YAML file.

    Args:
        content: Its content.
        prefix: Key under which another file names it, "data.", or "".
    """

    content: Mapping[str, Any]
    prefix: str = ""


@dataclass(frozen=True)
class Given:
    """The origin of the arguments of a command.

    Args:
        parser: The parser of the command.
        words: Its command line.
        files: Its YAML files; later ones override earlier ones.
    """

    parser: ArgumentParser
    words: Sequence[str] = ()
    files: Mapping[Path, File] = field(default_factory=dict)

    @classmethod
    def of(cls, parser: ArgumentParser, words: Sequence[str]) -> Given:
        """A normalised command line with its YAML files, which are checked.

        Args:
            parser: A parser that raises its errors.
            words: The command line.

        Raises:
            ConfigurationError: A file cannot be read, or contains a class without a name.
        """
        words = [*normalised(words)]
        given = cls(parser, words, yaml_files(words))
        given.check_top_level()
        return given

    def check_top_level(self) -> None:
        """Refuses unknown keys without content, which a parser ignores, and sections that are no mapping.

        Raises:
            ConfigurationError: There is one.
        """
        known = {option.partition(".")[0] for option in self.options}
        sections = known.intersection(("trainer", "run"))
        for path, file in self.files.items():
            for key, value in file.content.items() if not file.prefix else ():
                if value in ({}, []) and key not in known:
                    raise ConfigurationError(f"{path}: {key}", "is no argument", choices(key, known))
                if key in sections and not isinstance(value, Mapping) and not str(value).endswith(YAML):
                    text = "null" if value is None else repr(value)
                    raise ConfigurationError(f"{path}: {key}", f"is {text}", "Give a mapping as {key: value}")

    @property
    def options(self) -> list[str]:
        """Dotted names of all options of the command, without dashes."""
        subcommands = self.parser._subcommands_action
        parser = subcommands.choices[self.words[0]] if subcommands is not None and self.words else self.parser
        aside = ("help", "print_config", "print_shtab")
        return [a.dest for a in parser._actions if a.option_strings and not a.dest.endswith(aside)]

    @property
    def class_options(self) -> list[str]:
        """Dotted names of all arguments of the model and the data of the command."""
        stated = [pair for file in self.files.values() for pair in walk(file.content, file.prefix)]
        stated += [(word.lstrip("-").partition("=")[0], word.partition("=")[2]) for word in self.words]
        kinds = {key: kind for key, kind in stated if key in ("model.class_path", "data.class_path")}
        return [f"{key[:-10]}init_args.{name}" for key, kind in kinds.items() for name in arguments_of(kind)]

    def where(self, head: str, last: str, value: Any = None) -> str | None:
        """The location of an argument for errors, None if it was not specified.

        Args:
            head: First part of its dotted name.
            last: Last part.
            value: Its value if the name is ambiguous; None accepts any value.
        """
        for word in reversed(self.words):
            names = re.split(r"[^\w/]+", word.lstrip("-"))  # those of an option, and of a mapping in its value
            if word.startswith("-") and names[0] == head and last in names:
                return word.partition("=")[0]
        for path, file in reversed(list(self.files.items())):
            for dotted, stated in walk(file.content):
                parts = f"{file.prefix}{dotted}".split(".")
                if (parts[0], parts[-1]) == (head, last) and value in (None, stated):
                    return f"{path}: {dotted}"
        return None


def walk(content: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """All dotted keys of nested mappings and lists with their values."""
    pairs = content if isinstance(content, Mapping) else dict(enumerate(content)) if isinstance(content, list) else {}
    for key, value in pairs.items():
        yield f"{prefix}{key}", value
        yield from walk(value, f"{prefix}{key}.")


def normalised(words: Sequence[str]) -> Iterator[str]:
    """Words with the ``None`` of W&B's agents as null, and with ``~`` expanded at the beginning of paths.

    A shell expands ``--root ~/data``, but not ``--root=~/data``.
    """
    home = str(Path.home())
    for before, word in zip(["", *words], words, strict=False):
        is_value = before.startswith("--") and "=" not in before
        spelled = "null" if word == "None" and is_value else re.sub("(?<==)None$", "null", word)
        yield re.sub(r"(^|(?<==))~(?=/|$)", lambda _: home, spelled)


def yaml_files(words: Sequence[str]) -> dict[Path, File]:
    """The YAML files of a command line, and the files that these name.

    Raises:
        ConfigurationError: One cannot be read, or contains a class without a name.
    """
    found: dict[Path, File] = {}
    for before, word in zip(["", *words], words, strict=False):
        option = OPTION.fullmatch(word)
        name, value = (option[1], option[2]) if option else (before, word)
        config = name in ("--config", "-c") and not value.startswith(("{", "-"))
        if config or (value.endswith(YAML) and os.path.lexists(user_path(value))):
            _add(found, user_path(value), "" if config else name.lstrip("-") + ".")
    return found


def _add(found: dict[Path, File], path: Path, prefix: str) -> None:
    if path in found:
        return
    found[path] = File(read_yaml(path), prefix)
    for key in found[path].content:
        if not isinstance(key, str):
            raise ConfigurationError(f"{path}: {key}", "is no text", "Use the name of an argument")
    for dotted, value in walk(found[path].content):
        kind = {"class_path": str, "init_args": dict}.get(dotted.rpartition(".")[2], object)
        if not isinstance(value, kind):
            raise ConfigurationError(
                f"{path}: {dotted}", f"is {shown(value)}", "Give it a value, or leave out what it belongs to"
            )
        if isinstance(value, str) and value.endswith(YAML) and os.path.lexists(path.parent / value):
            _add(found, path.parent / value, f"{prefix}{dotted}.")


def arguments_of(class_path: str) -> list[str]:
    """Names of all arguments of a class, including inherited ones and fields as "optimizer.name".

    A class that cannot be imported has none.
    """
    module, _, name = class_path.rpartition(".")
    try:
        kind = getattr(import_module(module), name)
        parser = ArgumentParser(exit_on_error=False)
        parser.add_class_arguments(kind, fail_untyped=False)
    except Exception:  # an error of another package must not replace the error that needs the suggestion
        return []
    return [action.dest for action in parser._actions if action.dest.rpartition(".")[2] != "help"]


def shown(value: Any) -> str:
    """A value as YAML writes it, shortened to one line."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    text = shortened(" ".join(str(value).split()))
    return f"'{text}'" if isinstance(value, str) else text
