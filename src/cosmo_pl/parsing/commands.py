"""Parsers whose errors are one line that names the argument, where it stands, and the nearest valid names."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentError, ArgumentParser, Namespace, auto_parser

from cosmo_pl.errors import ConfigurationError, choices
from cosmo_pl.parsing.given import File, Given, shown
from cosmo_pl.parsing.refusal import refusal


class Strict:
    """Makes a parser, and those of classes inside it, take whole names alone and leave its errors to `parse`."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **{"exit_on_error": False, "allow_abbrev": False, **named})


class CommandParser(Strict, ArgumentParser):
    """The parser of a command that is a function."""


def run_command(functions: Sequence[Callable[..., None]], words: Sequence[str], prog: str) -> None:
    """Runs the function that the first word names, with the others as its arguments.

    Args:
        functions: Commands; their docstrings are the help.
        words: The command line after ``prog``.
        prog: "cosmo-pl data".

    Raises:
        CosmoError: There is no such command, or an argument cannot be used.
    """
    by_name = {function.__name__: function for function in functions}
    asked = words[0] if words else ""
    strict: dict[str, Any] = {"as_positional": True, "parser_class": CommandParser}
    if asked in ("-h", "--help"):
        auto_parser(list(functions), prog=prog, **strict).parse_args([asked])
    if asked not in by_name:
        problem = f"there is no '{asked}'" if asked else "none is given"
        raise ConfigurationError(f"command of `{prog}`", problem, choices(asked, by_name))
    parser = auto_parser(by_name[asked], prog=f"{prog} {asked}", **strict)
    # Options may be written with dashes, as in --time-limit.
    dashed = [re.sub("^--[^=]+", lambda option: "--" + option[0][2:].replace("-", "_"), word) for word in words[1:]]
    given = parser.instantiate(parse(Given.of(parser, dashed)))
    given.pop("config", None)
    by_name[asked](**vars(given))


def parse(given: Given) -> Namespace:
    """Parses a command line, and expands ``~`` in all values.

    Args:
        given: The command line, with a parser that does not exit on errors.

    Raises:
        ConfigurationError: An argument cannot be used.
    """
    try:
        parsed: Namespace = at_home(given.parser.parse_args(given.words))
    except ArgumentError as error:
        raise refusal(error, given) from error
    check_groups(parsed, given)
    return parsed


def check_groups(parsed: Namespace, given: Given) -> None:
    """Refuses a value in the place of several arguments, as ``trainer: null``.

    Raises:
        ConfigurationError: There is one.
    """
    parsed = parsed[parsed.subcommand] if "subcommand" in parsed else parsed
    for group in ("trainer", "model", "data"):
        if group in parsed and not isinstance(parsed[group], Namespace):
            stands = given.where(group, group) or group
            raise ConfigurationError(stands, f"is {shown(parsed[group])}", "Give a mapping as {key: value}")


def parse_content(
    parser: ArgumentParser, content: Mapping[str, Any], path: Path, base: Any = None, key: str = ""
) -> Namespace:
    """Parses what a file says.

    Args:
        parser: A parser that does not exit on errors.
        content: What it says, or a part of it.
        path: The file, which errors name.
        base: What it is laid over.
        key: Argument of the parser that takes all of it; "" where each key is an argument.

    Raises:
        ConfigurationError: It cannot be used.
    """
    given = Given(parser, files={path: File(content, f"{key}." if key else "")})
    try:
        parsed: Namespace = at_home(parser.parse_object({key: content} if key else dict(content), base))
    except ArgumentError as error:
        raise refusal(error, given) from error
    return parsed


def at_home(value: Any) -> Any:
    """A value with ``~`` expanded in every path that begins with it."""
    if isinstance(value, str):
        return str(Path(value).expanduser()) if value == "~" or value.startswith("~/") else value
    if isinstance(value, Namespace):
        vars(value).update({key: at_home(each) for key, each in vars(value).items()})
    elif type(value) in (dict, list, tuple):
        return {k: at_home(v) for k, v in value.items()} if type(value) is dict else type(value)(map(at_home, value))
    return value
