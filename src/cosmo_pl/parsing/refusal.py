"""One-line errors from the errors of a parser.

jsonargparse reports each type that it has tried, nested like the classes. The innermost report is the useful one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from textwrap import shorten
from traceback import walk_tb
from typing import Any

from cosmo_pl.constraints import Constrained
from cosmo_pl.errors import ConfigurationError, CosmoError, causes, choices, mendable
from cosmo_pl.io import YAML, shortened
from cosmo_pl.own_code import described, is_own
from cosmo_pl.parsing.given import Given, arguments_of

KEY = re.compile(r'Parser key "([^"]*)"(?: element \d+)?:\s*(.*)')
CLASS = re.compile(r"Problem with given class_path '([^']*)':")
INIT = "__init__"
SUBTYPES, VALUE, GOT = "Subtypes: ", "Given value: ", ". Got value: "
ASIDE = re.compile(
    r"Does not validate against|Errors:|Given value type:|Expected a path but|Subclass types expect|"
    r"an? (?:class path|dict) "
)
NESTED = re.compile(r"NestedArg\(key=.*?, val=(.*)\)")
UNKNOWN = re.compile(r"(?:Group '([^']*)' .* option|Subcommand .* option|Option) '([^']*)'")
UNRECOGNIZED = re.compile(r"unrecognized arguments: --([\w.]+)=")
NO_FILE = re.compile(r"Unable to load config ")
MISSING = re.compile(r"the following arguments are required: ([\w.]+)")
EXPECTED = re.compile(
    r"Expected an? (?:<class '([^']*)'>|typing\.Literal\[(.*)\]|(tuple with \d+ elements)|(\S+)(?: |$))"
)
NO_CLASS = re.compile(
    r"module '.*' has no attribute|No module named|Expected a dot import path|Import path .*does not correspond|"
    r"Not a valid subclass|Unexpected import path|instantiatable class|is not iterable"
)
TYPES = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "text",
    "NoneType": "null",
    **dict.fromkeys(("list", "Sequence", "Iterable"), "a list as [a, b]"),
    **dict.fromkeys(("dict", "Mapping"), "a mapping as {key: value}"),
}


@dataclass
class Problem:
    """The problem with one argument.

    Args:
        keys: Names of arguments, the outermost first.
        kind: Class with the argument, or class that cannot be found; "" if none.
        depth: Depth in the message.
        subtypes: Types that were tried.
        texts: The text of the message for each type.
        value: The specified value.
    """

    keys: tuple[str, ...]
    kind: str
    depth: int
    subtypes: str
    texts: list[str] = field(default_factory=list)
    value: str = ""


def refusal(error: Exception, given: Given) -> CosmoError:
    """The error of a parser as one line for the user.

    Args:
        error: The error.
        given: The command line and its files.
    """
    found = mendable(error)
    if found is not None:
        return found
    if (failed := _of_constructor(error)) is not None:
        return failed
    message = str(error)
    if option := re.match(r"unrecognized arguments: (\S+)", message):
        return _unrecognized(option[1], given)
    if option := re.match(r"argument (?:-\w/)?(\S+): expected", message):
        return ConfigurationError(option[1], "has no value", f"Write {option[1]}=VALUE")
    every = problems(message)
    worst = max(every, key=lambda problem: problem.depth, default=Problem((), "", 0, "", [message]))
    text = next((text for text in worst.texts if UNKNOWN.search(text) or MISSING.match(text)), "")
    if found_unknown := UNKNOWN.search(text):
        return _unknown(".".join(filter(None, found_unknown.groups())), worst, given)
    if missing := MISSING.match(text):
        return _missing(missing[1], worst, given)
    if field := next(filter(None, map(UNRECOGNIZED.match, worst.texts)), None):
        return _unknown(field[1], worst, given)
    if any(map(NO_FILE.match, worst.texts)):
        stands = _where(worst.keys, given)
        return ConfigurationError(stands, f"is '{_plain(worst.value)}'", "Give a mapping as {key: value}, or a file")
    text = next((text for text in worst.texts if NO_CLASS.search(text)), "")
    if text and "Namespace(" not in worst.value:  # a class that was found, but could not be instantiated
        return _no_class(text, worst, given)
    return _wrong_value(worst, given)


def _of_constructor(error: Exception) -> ConfigurationError | None:
    """The error of a constructor that somebody else wrote; None if there is none."""
    for each in causes(error):
        made = [frame.f_locals.get("self") for frame, _ in walk_tb(each.__traceback__) if frame.f_code.co_name == INIT]
        kinds = [type(one) for one in made if isinstance(one, Constrained) and is_own(type(one))]
        if kinds:
            problem = f"its constructor fails with {described(each, kinds[-1])}"
            return ConfigurationError(kinds[-1].__name__, problem, "Correct it, or its arguments")
    return None


def problems(message: str) -> list[Problem]:
    """All problems in a parser's message."""
    found: list[Problem] = []
    frames: list[tuple[int, str, str]] = []  # indentation; "key", "kind" or "subtypes"; name
    for line in message.splitlines():
        text = line.lstrip(" -")
        indent = len(line) - len(text)
        if not text or ASIDE.match(text):
            continue
        frames = [frame for frame in frames if frame[0] < indent]
        if text.startswith(VALUE):
            for problem in found:
                if problem.depth > len(frames):
                    problem.value = problem.value or text.removeprefix(VALUE)
        elif text.startswith(SUBTYPES):
            frames.append((indent, "subtypes", text))
        elif kind := CLASS.match(text):
            frames.append((indent, "kind", kind[1]))
        else:
            if key := KEY.match(text):
                frames.append((indent, "key", key[1]))
                text = key[2]
            if text:
                _note(found, frames, text)
    return found


def _note(found: list[Problem], frames: list[tuple[int, str, str]], text: str) -> None:
    keys = tuple(name for _, sort, name in frames if sort == "key")
    kind, subtypes = (next((n for _, s, n in reversed(frames) if s == sort), "") for sort in ("kind", "subtypes"))
    text, _, value = text.partition(GOT)
    same = [each for each in found if (each.keys, each.kind, each.depth) == (keys, kind, len(frames))]
    if not same:
        found.append(Problem(keys, kind, len(frames), subtypes))
    problem = same[-1] if same else found[-1]
    problem.texts.append(text)
    problem.value = problem.value or value


def _unrecognized(word: str, given: Given) -> ConfigurationError:
    option = word.partition("=")[0]
    if not option.startswith("-"):
        return ConfigurationError(f"'{word}'", "is an unexpected word", "Write options as --name=value")
    return ConfigurationError(option, "there is no such option", _nearest(option.lstrip("-"), given, "--"))


def _nearest(name: str, given: Given, dashes: str = "") -> str:
    """Names of the command that are similar to an unknown dotted name, or to its first or last part."""
    prefix = "" if given.words else next((file.prefix for file in given.files.values()), "")
    name, options = name.removeprefix(prefix), [each.removeprefix(prefix) for each in given.options]
    head, _, rest = name.partition(".")
    heads = sorted({each.partition(".")[0] for each in options})
    if rest and head not in heads:
        return choices(f"{dashes}{head}", [f"{dashes}{each}" for each in heads])
    ends = {each.rpartition(".")[2]: each for each in given.class_options}
    if not rest and name in ends:
        return f"Write {dashes}{ends[name]}"
    return choices(f"{dashes}{name}", [f"{dashes}{each}" for each in options])


def _unknown(name: str, problem: Problem, given: Given) -> ConfigurationError:
    """The error of an argument that does not exist."""
    if problem.kind:
        kind = problem.kind.rpartition(".")[2]
        group, names = name.rpartition(".")[0], arguments_of(problem.kind)
        remedy = choices(name, [each for each in names if each.startswith(f"{group}.")] if group else names)
        return ConfigurationError(_where((*problem.keys, name), given), f"{kind} has no '{name}'", remedy)
    head = name.partition(".")[0]
    location = given.where(head, name.rpartition(".")[2]) or given.where(head, head) or name
    return ConfigurationError(location, "there is no such argument", _nearest(name, given))


def _missing(name: str, problem: Problem, given: Given) -> ConfigurationError:
    if problem.kind:
        kind = problem.kind.rpartition(".")[2]
        return ConfigurationError(_where(problem.keys, given), f"{kind} needs '{name}'", "Give it a value")
    first, _, rest = name.partition(".")
    file = next(iter(given.files), None)
    if file is not None and given.files[file].prefix == f"{first}.":
        return ConfigurationError(f"{file}: {rest}", "is missing or null", "Give it a value")
    name = rest if first in given.words else name
    return ConfigurationError(name, "is missing or null", "Give it a value")


def _no_class(text: str, problem: Problem, given: Given) -> ConfigurationError:
    named = re.search(r"Expected a dot import path string: (.*)|Import path (\S+) does", text)
    if named:
        name = named[1] or named[2]
    else:
        name = problem.kind if re.search("has no attribute|No module named", text) else _plain(problem.value)
    head = problem.keys[0].partition(".")[0] if problem.keys else ""
    location = given.where(head, "class_path", name) or _where(problem.keys, given)
    option = f"--{'.init_args.'.join(problem.keys)}"
    if location.startswith(f"{option}.init_args.") or ("is abstract" in text and location.startswith(f"{option}.")):
        return ConfigurationError(
            location, "belongs to a class, and none is specified", f"Write {option}=CLASS before it"
        )
    if "is not iterable" in text or name in ("", "None", "[None]"):
        return ConfigurationError(location, "is null instead of a class", "Use the path of a class")
    if name.endswith(YAML):
        remedy = "A path in a config starts from the config's folder"
        return ConfigurationError(location, f"there is no file '{name}'", remedy)
    name = shorten(name, 80, placeholder="...")
    kinds = [kind.__name__ for base in _classes(problem.subtypes) for kind in _subclasses(base)]
    remedy = choices(name.rpartition(".")[2], kinds) if kinds else "Use the path of a class"
    if base := re.search(r"(?:correspond to a|Not a valid) subclass of (\w+)", text):
        return ConfigurationError(location, f"'{name}' is no {base[1]}", remedy)
    other = re.search(r"No module named '[^']*'", text)
    return ConfigurationError(location, f"there is no class '{name}'" + (f" ({other[0]})" if other else ""), remedy)


def _wrong_value(problem: Problem, given: Given) -> ConfigurationError:
    location = _where(problem.keys, given)
    value = f"is '{_plain(problem.value)}'" if problem.value and "Namespace(" not in problem.value else "cannot be used"
    texts = [text for text in problem.texts if not EXPECTED.match(text)]
    of_pydantic = re.search(r"Input (should be [^\[]*)", " ".join(texts))
    if of_pydantic:
        return ConfigurationError(location, value, f"It {of_pydantic[1].strip()}")
    if texts:
        text = shorten(" ".join(texts[0].split()), 200, placeholder="...")
        return ConfigurationError(location, f"{value}: {text}".rstrip("."), "Correct it")
    expected = list(dict.fromkeys(name for text in problem.texts for name in _expected(text)))
    expected.sort(key="null".__eq__)
    literals = [each.strip("'") for each in expected if each.startswith("'")]
    remedy = f"Give {' or '.join(expected)}"
    return ConfigurationError(
        location, value, remedy if len(literals) <= 6 else choices(_plain(problem.value), literals)
    )


def _expected(text: str) -> Iterator[str]:
    """The name of a type."""
    found = EXPECTED.match(text)
    kind, literal, fixed, other = found.groups() if found else ("", "", "", "")
    if literal:
        yield from literal.split(", ")
    elif fixed:
        yield fixed.replace("tuple", "a list")
    else:
        name = str(kind or other).partition("[")[0].rpartition(".")[2]
        yield TYPES.get(name, f"a {name}")


def _where(keys: Sequence[str], given: Given) -> str:
    """The location of an argument, by default its dotted name."""
    if not keys:
        return "command line" if given.words else ", ".join(map(str, given.files))
    found = given.where(keys[0].partition(".")[0], keys[-1].rpartition(".")[2])
    return found or ".init_args.".join(keys)


def _plain(value: str) -> str:
    nested = NESTED.fullmatch(value)
    return shortened(" ".join((nested[1] if nested else value).strip("'").split()))


def _classes(subtypes: str) -> Iterator[type]:
    """The classes in a list of types."""
    for path in re.findall(r"(?<![\w.])(?!typing|collections)[\w.]+\.[A-Z]\w+", subtypes):
        module, _, name = path.rpartition(".")
        found: Any = getattr(import_module(module), name, None)
        if isinstance(found, type):
            yield found


def _subclasses(base: type) -> Iterator[type]:
    """All public subclasses of a class."""
    kind: type
    for kind in base.__subclasses__():
        if not kind.__name__.startswith("_"):
            yield kind
        yield from _subclasses(kind)
