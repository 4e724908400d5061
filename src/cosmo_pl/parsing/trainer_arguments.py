"""Checks of the arguments of the trainer and of a command, before anything is instantiated."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from re import fullmatch
from typing import Annotated, Any

from cosmo_pl.constraints import (
    Constraint,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveInt,
    Seed,
    as_mapping,
    at_least,
    check,
    check_classes,
)

Unlimited = Annotated[int, Constraint("a whole number of at least 1, or -1 for no limit", lambda n: n == -1 or n >= 1)]
Devices = (
    Annotated[int, Constraint("a whole number of at least 1, or -1 for all", lambda n: n == -1 or n >= 1)]
    | Annotated[list[NonNegativeInt], Constraint("a list of their numbers", bool)]
    | Annotated[str, Constraint("auto", lambda text: text == "-1" or not fullmatch("0|-.*", text))]
)
# The parser reads 2 as 2.0 here, which the trainer interprets as two batches.
Batches = Annotated[
    float, Constraint("a whole number of batches or a share in (0, 1]", lambda n: 0 < n <= 1 or (n > 1 and n % 1 == 0))
]
AnyBatches = Annotated[
    float, Constraint("a whole number of batches or a share in [0, 1]", lambda n: 0 <= n <= 1 or (n > 1 and n % 1 == 0))
]
TRAINER: Mapping[str, Any] = {
    "max_epochs": Unlimited | None,
    "min_epochs": NonNegativeInt | None,
    "max_steps": Unlimited | None,
    "min_steps": NonNegativeInt | None,
    "limit_train_batches": Batches | None,
    "limit_val_batches": AnyBatches | None,
    "limit_test_batches": Batches | None,
    "limit_predict_batches": Batches | None,
    "overfit_batches": AnyBatches | None,
    "fast_dev_run": bool | NonNegativeInt | None,
    "val_check_interval": Batches | str | timedelta | Mapping[str, Any] | None,
    "check_val_every_n_epoch": PositiveInt | None,
    "num_sanity_val_steps": Annotated[int, at_least(-1)] | None,
    "log_every_n_steps": NonNegativeInt | None,
    "accumulate_grad_batches": PositiveInt | None,
    "gradient_clip_val": NonNegativeFloat | None,
    "reload_dataloaders_every_n_epochs": NonNegativeInt | None,
    "devices": Devices | None,
    "num_nodes": PositiveInt | None,
}
"""Argument of `pytorch_lightning.Trainer` to its valid values."""


def check_trainer_arguments(arguments: Mapping[str, Any]) -> None:
    """Checks the arguments of the trainer.

    Args:
        arguments: Name to parsed value.

    Raises:
        ConfigurationError: One is invalid.
    """
    for name, hint in TRAINER.items():
        check(f"trainer.{name}", arguments.get(name), hint)


def check_configuration(config: Any) -> None:
    """Checks all arguments of a command: its seed, those of the trainer, and those of all classes.

    Args:
        config: The parsed configuration, a mapping or the parser's namespace.

    Raises:
        ConfigurationError: One is invalid; the error names its key in the configuration.
    """
    check("seed_everything", config["seed_everything"], bool | Seed | None)
    check_trainer_arguments(as_mapping(config["trainer"]))
    check_classes(config)
