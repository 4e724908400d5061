"""Constraints on the arguments of constructors, for the command line and for Python.

``lr: PositiveFloat`` is a float for type checkers and for the parser. A class that inherits from `Constrained` refuses
other values before its constructor runs. `check_classes` refuses them in a parsed configuration and names their
position in it. A ``Literal`` counts as a constraint.
"""

from __future__ import annotations

import math
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from importlib import import_module
from inspect import Parameter, signature, unwrap
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Self, Union, get_args, get_origin

from cosmo_pl.errors import ConfigurationError


@dataclass(frozen=True)
class Constraint:
    """A condition on a value, beyond its type.

    Args:
        allowed: The allowed values in words, as they follow "Use".
        holds: Whether a value of the type is allowed.
    """

    allowed: str
    holds: Callable[[Any], bool]


def at_least(low: int) -> Constraint:
    """Whole numbers of at least `low`."""
    return Constraint(f"a whole number of at least {low}", lambda value: value >= low)


def whole(low: int, high: int) -> Constraint:
    """Whole numbers from `low` to `high`."""
    return Constraint(f"a whole number from {low} to {high}", lambda value: low <= value <= high)


MAX_SHOWN = 80  # characters of a value in a message
MAX_SIZE = 100_000  # steps of a sample, width of a layer: more fits no memory
PositiveInt = Annotated[int, at_least(1)]
NonNegativeInt = Annotated[int, at_least(0)]
AtLeastTwo = Annotated[int, at_least(2)]
Size = Annotated[int, whole(1, MAX_SIZE)]
Frames = Annotated[int, whole(1, 1000)]
Workers = Annotated[int, whole(0, 512)]
Seed = Annotated[int, whole(0, 2**32 - 1)]
PositiveFloat = Annotated[float, Constraint("a finite number above 0", lambda value: value > 0)]
NonNegativeFloat = Annotated[float, Constraint("a finite number of at least 0", lambda value: value >= 0)]
Number = Annotated[float, Constraint("a finite number", math.isfinite)]
Range = Annotated[tuple[Number, Number], Constraint("[lowest, highest]", lambda ends: ends[0] < ends[1])]
Widths = Annotated[Sequence[Size], Constraint("at least one width", bool)]
Share = Annotated[float, Constraint("a share in (0, 1]", lambda value: 0 < value <= 1)]
OpenShare = Annotated[float, Constraint("a share in (0, 1)", lambda value: 0 < value < 1)]
ClosedShare = Annotated[float, Constraint("a share in [0, 1]", lambda value: 0 <= value <= 1)]
Probability = Annotated[float, Constraint("a number in [0, 1)", lambda value: 0 <= value < 1)]


class Constrained:
    """Base of classes whose constructors check their arguments against their annotations.

    Raises:
        ConfigurationError: An argument is not allowed. The message names it as ``UTDDataModule.batch_size``.
    """

    # Not in a wrapper of the constructor: Lightning reads hyper-parameters from its frame, and parsers its signature.
    def __new__(cls, *args: Any, **named: Any) -> Self:
        """Checks the arguments. Copies and pickles are created without arguments."""
        if cls.__init__ is object.__init__ and (args or named):
            raise TypeError(f"{cls.__name__} takes no arguments")
        try:
            given = signature(cls.__init__).bind_partial(None, *args, **named)
        except TypeError:
            return super().__new__(cls)  # the constructor raises the error
        check_arguments(cls, {**given.arguments, **named}, f"{cls.__name__}.")
        return super().__new__(cls)


def check_arguments(found: type, given: Mapping[str, Any], prefix: str) -> None:
    """Checks arguments of a class.

    Args:
        found: The class.
        given: Names and values.
        prefix: What comes before the name in the message.

    Raises:
        ConfigurationError: One is not allowed.
    """
    for name, hint in constraints_of(found).items():
        if name in given:
            check(prefix + name, given[name], hint)


def check_classes(config: Any, position: str = "") -> None:
    """Checks the arguments of all classes that a configuration names, as mappings with ``class_path``.

    Args:
        config: The configuration or a part of it: mappings or the parser's namespaces, lists, and values.
        position: Position of the part in the whole, for the message: "model.init_args.encoders".

    Raises:
        ConfigurationError: One is not allowed. The message names its position.
    """
    if isinstance(config, list | tuple):
        for number, part in enumerate(config):
            check_classes(part, f"{position}[{number}]")
    if not isinstance(config, Mapping | Namespace):
        return
    parts = as_mapping(config)
    start = f"{position}." if position else ""
    module, _, name = str(parts.get("class_path", "")).rpartition(".")
    found = getattr(import_module(module), name, None) if module else None
    if isinstance(found, type) and issubclass(found, Constrained) and parts.get("init_args") is not None:
        check_arguments(found, _to_check(found, as_mapping(parts["init_args"])), f"{start}init_args.")
    for key, part in parts.items():
        check_classes(part, f"{start}{key}")


def _to_check(found: type, given: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments that are not null. The parser has checked null, except of settings; the data fill it in later."""
    hints = constraints_of(found)
    return {name: part for name, part in given.items() if part is not None or _is_settings(hints.get(name))}


def as_mapping(config: Mapping[str, Any] | Namespace) -> Mapping[str, Any]:
    """A part of a configuration as a mapping from names to values."""
    return config if isinstance(config, Mapping) else vars(config)


def check(argument: str, value: Any, hint: Any) -> None:
    """Checks one value.

    Args:
        argument: Its name, for the message.
        value: The value.
        hint: Its annotation, evaluated.

    Raises:
        ConfigurationError: The annotation does not allow it.
    """
    found = _violation(value, hint)
    if found is not None:
        position, part, allowed = found
        kind = (
            "" if part is None or type(part) in (bool, int, float, list, tuple) else f" of type {type(part).__name__}"
        )
        shown = " ".join(repr(part).split())
        shown = shown if len(shown) <= MAX_SHOWN else f"{shown[:MAX_SHOWN]}..."
        raise ConfigurationError(argument + position, f"is {shown}{kind}", f"Use {allowed}")


@cache
def constraints_of(found: type) -> dict[str, Any]:
    """Arguments of a constructor whose annotations have constraints, with their evaluated annotations.

    Arguments that are passed on as ``**named`` are those of the next base class.
    """
    known: dict[str, Any] = {}
    for kind in found.__mro__:
        init = vars(kind).get("__init__")
        if not (issubclass(kind, Constrained) or is_dataclass(kind)) or init is None:
            continue
        parameters = signature(init).parameters.values()
        names = getattr(unwrap(init), "__globals__", {})
        known = {p.name: _evaluated(p.annotation, names) for p in parameters} | known
        if all(parameter.kind != Parameter.VAR_KEYWORD for parameter in parameters):
            break
    return {name: hint for name, hint in known.items() if any(_constrained(hint))}


def _evaluated(annotation: Any, names: dict[str, Any]) -> Any:
    try:
        return eval(annotation, names) if isinstance(annotation, str) else annotation
    except (NameError, AttributeError, TypeError):  # imported for type checkers only, or written for them
        return Any


def _constrained(hint: Any) -> Iterator[bool]:
    """Whether parts of an annotation have constraints."""
    if get_origin(hint) is Annotated:
        yield any(isinstance(each, Constraint) for each in hint.__metadata__)
    yield get_origin(hint) is Literal or _is_settings(hint)
    for part in get_args(hint):
        yield from _constrained(part)


Violation = tuple[str, Any, str]  # position within the value, the part there, what is allowed


def _violation(value: Any, hint: Any) -> Violation | None:
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        constraints = [each for each in hint.__metadata__ if isinstance(each, Constraint)]
        allowed = " and ".join(constraint.allowed for constraint in constraints)
        wrong = _violation(value, hint.__origin__)
        if wrong is not None:
            return (wrong[0], wrong[1], allowed) if not wrong[0] and allowed else wrong
        return None if all(constraint.holds(value) for constraint in constraints) else ("", value, allowed)
    if origin in (Union, UnionType):
        wrongs = [_violation(value, part) for part in parts]
        if None in wrongs:
            return None
        inside = [wrong for wrong in wrongs if wrong and wrong[0]]
        return inside[0] if inside else ("", value, " or ".join(wrong[2] for wrong in wrongs if wrong))
    if origin is Literal:
        known = type(value) in map(type, parts) and value in parts
        return None if known else ("", value, " or ".join(map(repr, parts)))
    if origin is tuple and Ellipsis not in parts:
        if not isinstance(value, list | tuple) or len(value) != len(parts):
            return "", value, f"a list of {len(parts)}"
        return _first({f"[{i}]": _violation(*pair) for i, pair in enumerate(zip(value, parts, strict=True))})
    if isinstance(origin, type) and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            return "", value, "a mapping"
        return _first({f".{name}": _violation(part, parts[1]) for name, part in value.items()})
    if isinstance(origin, type) and issubclass(origin, Sequence):
        if not isinstance(value, Sequence) or isinstance(value, str):
            return "", value, "a list"
        return _first({f"[{i}]": _violation(part, parts[0]) for i, part in enumerate(value)})
    if _is(value, origin or hint):
        return None
    if _is_settings(hint):
        return _violation_of_settings(value, hint)
    return "", value, NAMES.get(hint) or f"a {getattr(hint, '__name__', hint)}"


NAMES = {
    None: "null",
    NoneType: "null",
    bool: "true or false",
    int: "a whole number",
    float: "a finite number",
    str: "a text",
}


def _is(value: Any, kind: Any) -> bool:
    """Whether a value is of a type. Numbers have to be plain Python numbers, as hyper-parameters in checkpoints."""
    if kind in (int, bool):
        return type(value) is kind
    if kind is float:
        return type(value) in (int, float) and math.isfinite(value)
    return value is None if kind in (None, NoneType) else not isinstance(kind, type) or isinstance(value, kind)


def _violation_of_settings(value: Any, hint: Any) -> Violation | None:
    if not isinstance(value, Mapping | Namespace):
        return "", value, f"{hint.__name__}(...) or a mapping of its fields"
    given, hints = as_mapping(value), constraints_of(hint)
    names = [each.name for each in fields(hint)]
    allowed = f"the fields {', '.join(names)}"
    unknown: dict[str, Violation | None] = {f".{n}": ("", part, allowed) for n, part in given.items() if n not in names}
    return _first(unknown | {f".{name}": _violation(given[name], hints[name]) for name in hints if name in given})


def _is_settings(hint: Any) -> bool:
    """Whether an annotation is a dataclass with constraints. Its fields are also given as a mapping."""
    return isinstance(hint, type) and is_dataclass(hint) and bool(constraints_of(hint))


def _first(found: Mapping[str, Violation | None]) -> Violation | None:
    """The first violation within a value, with its position."""
    return next(((position + wrong[0], *wrong[1:]) for position, wrong in found.items() if wrong is not None), None)
