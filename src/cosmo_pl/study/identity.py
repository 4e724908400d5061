"""The identity of a run: its resolved arguments, the meaning of the classes that it uses, and its parents."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, is_dataclass
from typing import Any, Literal

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.run_folder import ASIDE
from cosmo_pl.trust import class_name

Part = Literal["all", "child", "data"]
SEEDS = ("seed_everything", "data.init_args.label_seed")
NUMERICS = re.compile(r"\d+(\.\d+)?")
TRAINING = (
    *("max_epochs", "min_epochs", "max_steps", "min_steps", "max_time", "fast_dev_run"),
    *("limit_train_batches", "limit_val_batches", "limit_test_batches", "overfit_batches"),
    *("val_check_interval", "check_val_every_n_epoch", "reload_dataloaders_every_n_epochs"),
    *("accumulate_grad_batches", "gradient_clip_val", "gradient_clip_algorithm", "sync_batchnorm", "callbacks"),
)


@dataclass(frozen=True)
class Resolved:
    """A configuration with all defaults.

    Args:
        arguments: ``model``, ``data``, ``trainer``, ``seed_everything`` and ``federated``, see `identifying`, in
            `canonical` form; ``measure`` of a measurement.
        numerics: Class or measurement that it uses to its ``numerics``, "meaning.rounding".
    """

    arguments: Mapping[str, Any]
    numerics: Mapping[str, str] = field(default_factory=dict)

    @property
    def meanings(self) -> dict[str, int]:
        """Class to its meaning, for meanings other than 1, so that a new ``numerics`` of "1.0" changes no key."""
        found = {name: int(numerics.split(".")[0]) for name, numerics in sorted(self.numerics.items())}
        return {name: meaning for name, meaning in found.items() if meaning != 1}

    def value(self, argument: str) -> Any:
        """The value of an argument, named as on the command line; None if it is null or does not exist."""
        found: Any = self.arguments
        for part in argument.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        return found


def key_of(resolved: Resolved, parents: Sequence[str]) -> str:
    """Key of a run: a hash of everything that its numbers depend on, except for recordings, rounding and workers.

    With `num_workers`, other nearest-neighbour positives are drawn; studies have none.

    Args:
        resolved: Its resolved configuration.
        parents: Keys of its parents.
    """
    identified_by = [resolved.arguments, resolved.meanings, list(parents)]
    return hashlib.sha256(json.dumps(identified_by, sort_keys=True).encode()).hexdigest()[:16]


def identifying(config: Mapping[str, Any], part: Part) -> dict[str, Any]:
    """The arguments in a resolved configuration that identify a run.

    Args:
        config: The whole configuration, nested.
        part: "all" arguments; those of a "child", without the bundle, which the parent's key represents; or those of
            the "data" only.
    """
    data = _without(config["data"], ASIDE | {"phase"})  # the phase is the model's
    if part == "data":
        return {"data": data}
    trainer = config["trainer"]
    return {
        "model": _without(config["model"], {"bundle"} if part == "child" else set()),
        "data": data,
        "trainer": {name: trainer.get(name) for name in TRAINING} | {"precision": _requested_precision(trainer)},
        "seed_everything": config.get("seed_everything"),
        "federated": config.get("federated"),
    }


def _requested_precision(trainer: Mapping[str, Any]) -> Any:
    """The precision if one is requested, which makes another run; the choice of the machine only changes rounding."""
    precision = trainer.get("precision")
    return None if precision == "auto" else precision


def _without(described: Mapping[str, Any], names: set[str]) -> dict[str, Any]:
    arguments = described.get("init_args") or {}
    kept = {name: value for name, value in arguments.items() if name not in names}
    return {"class_path": described["class_path"], "init_args": kept}


def canonical(value: Any) -> Any:
    """A value in the form in which it is hashed and stored.

    Null is left out, so that a new argument with the default null changes no key. 1.0 becomes 1. A class is named by
    its package and its own name, so that it may move between files.
    """
    if is_dataclass(value) and not isinstance(value, type):
        return canonical(asdict(value))
    if isinstance(value, Mapping):
        found = {str(name): canonical(each) for name, each in value.items()}
        if isinstance(value.get("class_path"), str):
            found["class_path"] = class_name(value["class_path"])
        return {
            name: each for name, each in found.items() if each is not None and not (name == "init_args" and not each)
        }
    if isinstance(value, list | tuple):
        return [canonical(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def numerics_of(found: Any) -> dict[str, str]:
    """Name to ``numerics`` of a class and of its bases, for those that define their own.

    Raises:
        ConfigurationError: They are no version number.
    """
    own = [(f"{c.__module__.split('.')[0]}:{c.__qualname__}", c) for c in found.__mro__ if "numerics" in vars(c)]
    return {name: version_of(name, c.numerics) for name, c in own}


def version_of(name: str, numerics: Any) -> str:
    """The ``numerics`` of a class or measurement, "meaning.rounding".

    Raises:
        ConfigurationError: They are no such text.
    """
    if not (isinstance(numerics, str) and NUMERICS.fullmatch(numerics)):
        raise ConfigurationError(f"{name}.numerics", f"is {numerics!r}", 'Use text of two whole numbers, as in "1.0"')
    return numerics


def options(arguments: Mapping[str, Any]) -> list[str]:
    """Arguments as options of the command line."""
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in arguments.items()}
    return [f"--{name}={text}" for name, text in texts.items()]
