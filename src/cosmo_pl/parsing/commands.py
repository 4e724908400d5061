"""Parsers whose errors are one line that names the argument, its location, and similar valid names."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from inspect import signature
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentError, ArgumentParser, Namespace, auto_parser

from cosmo_pl.errors import ConfigurationError, choices
from cosmo_pl.parsing.given import File, Given, shown
from cosmo_pl.parsing.refusal import refusal


class Strict:
    """A parser that does not accept abbreviated names and raises its errors; also for the classes in it."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **{"exit_on_error": False, "allow_abbrev": False, **named})


class CommandParser(Strict, ArgumentParser):
    """The parser of a command that is a function."""


def run_command(
    functions: Sequence[Callable[..., None]], words: Sequence[str], prog: str, positional: bool = True
) -> None:
    """Runs the function named by the first word, with the other words as its arguments.

    Args:
        functions: The commands; their docstrings are the help. An underscore at the end of a name is left out.
        words: The command line after ``prog``; see `spelled_for` for the short forms that it may have.
        prog: "cosmo-pl data".
        positional: Whether required arguments have no name on the command line; otherwise they are options.

    Raises:
        CosmoError: There is no such command, or an argument cannot be used.
    """
    by_name = {function.__name__.rstrip("_"): function for function in functions}
    command = words[0] if words else ""
    strict: dict[str, Any] = {"as_positional": positional, "parser_class": CommandParser}
    if command in ("-h", "--help"):
        auto_parser(by_name, prog=prog, **strict).parse_args([command])
    if command not in by_name:
        problem = f"there is no '{command}'" if command else "none is given"
        raise ConfigurationError(f"command of `{prog}`", problem, choices(command, by_name))
    parser = auto_parser(by_name[command], prog=f"{prog} {command}", **strict)
    given = parser.instantiate(
        parse(Given.of(parser, spelled_for(by_name[command], with_underscores(words[1:]), positional)))
    )
    given.pop("config", None)
    by_name[command](**vars(given))


def with_underscores(words: Iterable[str]) -> list[str]:
    """The words of a command line whose options may be written with dashes, as in --time-limit; keys have their own."""
    return [re.sub("^--[^=.]+", lambda option: "--" + option[0][2:].replace("-", "_"), word) for word in words]


def spelled_for(function: Callable[..., None], words: Sequence[str], positional: bool = True) -> list[str]:
    """The command line of a function as its parser takes it.

    A flag may be without a value, as ``--yes``. Words that are no options are the first argument: all of them where it
    is a list of text, and one of them where it is an option.
    """
    parameters = signature(function, eval_str=True).parameters
    flags = {f"--{name}" for name, parameter in parameters.items() if parameter.annotation is bool}
    first = next(iter(parameters.values()), None)
    options: list[str] = []
    loose: list[str] = []
    for word, after in zip(words, [*words, ""][1:], strict=True):
        is_value = bool(options) and options[-1].startswith("--") and "=" not in options[-1]
        if word in flags and after.lower() not in ("true", "false"):
            options.append(f"{word}=true")
        elif word.startswith("-") or is_value:
            options.append(word)
        else:
            loose.append(word)
    if first is None or not loose:
        return [*loose, *options]
    if first.annotation == list[str]:
        return [json.dumps(loose), *options]
    if len(loose) == 1 and not (positional and first.default is first.empty):
        return [f"--{first.name}={loose[0]}", *options]
    return [*loose, *options]


def parse(given: Given) -> Namespace:
    """Parses a command line, and expands ``~`` in all values.

    Args:
        given: The command line with its parser.

    Raises:
        ConfigurationError: An argument cannot be used.
    """
    try:
        parsed: Namespace = at_home(given.parser.parse_args(given.words))
    except ArgumentError as error:
        raise refusal(error, given) from error
    if not isinstance(given.parser, CommandParser):  # whose functions may have an argument named data
        check_groups(parsed, given)
    return parsed


def check_groups(parsed: Namespace, given: Given) -> None:
    """Refuses a value instead of a group of arguments, as in ``trainer: null``.

    Raises:
        ConfigurationError: There is one.
    """
    parsed = parsed[parsed.subcommand] if "subcommand" in parsed else parsed
    for group in ("trainer", "model", "data"):
        if group in parsed and not isinstance(parsed[group], Namespace):
            location = given.where(group, group) or group
            raise ConfigurationError(location, f"is {shown(parsed[group])}", "Give a mapping as {key: value}")


def parse_content(
    parser: ArgumentParser, content: Mapping[str, Any], path: Path, base: Any = None, key: str = ""
) -> Namespace:
    """Parses the content of a file.

    Args:
        parser: A parser that raises its errors.
        content: The content, or a part of it.
        path: The file, which errors name.
        base: Arguments that the content overrides.
        key: Argument of the parser for all of the content; "" if each key is an argument.

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
    """A value with ``~`` expanded in all paths that begin with it."""
    if isinstance(value, str):
        return str(Path(value).expanduser()) if value == "~" or value.startswith("~/") else value
    if isinstance(value, Namespace):
        vars(value).update({key: at_home(each) for key, each in vars(value).items()})
    elif type(value) in (dict, list, tuple):
        return {k: at_home(v) for k, v in value.items()} if type(value) is dict else type(value)(map(at_home, value))
    return value
