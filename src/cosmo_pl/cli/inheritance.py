"""Arguments that an overlay of another method inherits from the config below it: those that both classes have."""

from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from cosmo_pl.io import read_config

ON_COMMAND_LINE = re.compile(r"--model\.(?:init_args\.)?([\w.]+)(?:=(.*)|$)", re.DOTALL)


def inheritance(configs: Sequence[Path], model: Any, command_line: Sequence[str]) -> str | None:
    """One line about the arguments that a model inherits from configs of another class; None if there are none.

    Args:
        configs: Files of ``--config``, in their order.
        model: The resolved model: its ``class_path`` and ``init_args``.
        command_line: Arguments of the command. A model argument that they give is not inherited.
    """
    stated = set(_on_command_line(command_line))
    groups = [name for name, value in vars(model.init_args).items() if _is_group(value)]
    by_config: dict[Path, list[str]] = {}
    for argument, config in kept_arguments(configs, model.class_path, groups).items():
        if argument in model.init_args and argument not in stated:
            by_config.setdefault(config, []).append(_shown(argument, model.init_args[argument]))
    if not by_config:
        return None
    kept = "; ".join(f"from {config}: {', '.join(shown)}" for config, shown in by_config.items())
    return f"{_class_name(model.class_path)} keeps {kept}"


def kept_arguments(configs: Sequence[Path], class_path: str, groups: Collection[str] = ()) -> dict[str, Path]:
    """Arguments that configs give for a class that a later config replaces, and that no later config gives again.

    Args:
        configs: Files of ``--config``, in their order.
        class_path: The final class of the model. It may lack some of the arguments.
        groups: Arguments whose fields are given one by one: dataclasses, as the settings of an optimizer.

    Returns:
        Argument, or field as "optimizer.momentum", to the last config that gives it.
    """
    kept: dict[str, Path] = {}
    own: dict[str, Path] = {}
    current = ""
    for config in configs:
        model = _model(config)
        name = _class_name(model.get("class_path", current))
        if name != current:
            kept, own, current = {**kept, **own}, {}, name
        stated = dict.fromkeys(_stated(model, groups), config)
        own |= stated
        kept = {argument: origin for argument, origin in kept.items() if argument not in stated}
    return kept if current == _class_name(class_path) else {**kept, **own}


def _model(config: Path) -> Mapping[str, Any]:
    """The model of a config file, which may name a file beside it, or a class alone."""
    model = read_config(config).get("model") or {}
    if isinstance(model, str):
        model = {"class_path": model}
    assert isinstance(model, Mapping)  # the parser has accepted it
    return model


def _stated(model: Mapping[str, Any], groups: Collection[str]) -> Iterator[str]:
    """Names of the arguments that a model is given; of groups those of their fields."""
    for argument, value in (model.get("init_args") or {}).items():
        yield from (f"{argument}.{field}" for field in value) if argument in groups else (argument,)


def _on_command_line(words: Sequence[str]) -> Iterator[str]:
    """Names of the arguments of the model that a command line gives, and of fields in ``--model.optimizer={...}``."""
    for word, following in zip(words, [*words[1:], ""], strict=True):
        found = ON_COMMAND_LINE.match(word)
        if found:
            yield found[1]
            value = following if found[2] is None else found[2]
            yield from (f"{found[1]}.{field}" for field in (yaml.safe_load(value) if value.startswith("{") else ()))


def _is_group(value: Any) -> bool:
    """Whether a parsed argument is a dataclass; a class has a path."""
    return isinstance(value, Namespace) and "class_path" not in vars(value)


def _class_name(class_path: str) -> str:
    return class_path.rpartition(".")[2]


def _shown(argument: str, value: Any) -> str:
    """Name and value; of encoders and other mappings the name alone."""
    return f"{argument}={value}" if isinstance(value, str | int | float | list | tuple | None) else argument
