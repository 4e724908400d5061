"""The trainer's arguments: what is refused before anything is read."""

from __future__ import annotations

import inspect
import math
from typing import Any

import pytest
from pytorch_lightning import Trainer

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.parsing.trainer_arguments import TRAINER, check_trainer_arguments

NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("argument", "bad", "good"),
    [
        ("max_epochs", [0, -2, 1.5, NAN], [1, -1, None]),
        ("min_epochs", [-1], [0, 3]),
        ("max_steps", [0, -2], [-1, 10]),
        ("limit_train_batches", [0, -1, 1.5, 0.0, NAN], [1, 1.0, 0.5, 7, 7.0, None]),
        ("limit_val_batches", [-1, 1.5, -0.5], [0, 0.0, 1.0, 3]),
        ("limit_test_batches", [0, -1], [1, 1.0]),
        ("overfit_batches", [-1, 1.1], [0.0, 3]),
        ("val_check_interval", [0, -1, 1.5], [1, 0.5, "00:01:00:00", None]),
        ("check_val_every_n_epoch", [0, -1], [1, None]),
        ("num_sanity_val_steps", [-2], [-1, 0]),
        ("accumulate_grad_batches", [0, -4], [1, 4]),
        ("gradient_clip_val", [-1, NAN, INF], [0, 0.5, None]),
        ("devices", [0, "0", -2, "-2", [-1], []], [1, "2", -1, [0, 1], "0,1", "auto"]),
        ("log_every_n_steps", [-1], [0, 50]),
    ],
)
def test_arguments_of_the_trainer(argument: str, bad: list[Any], good: list[Any]) -> None:
    for value in bad:
        with pytest.raises(ConfigurationError, match=rf"^trainer\.{argument}.*: is .*\. Use "):
            check_trainer_arguments({argument: value})
    for value in good:
        check_trainer_arguments({argument: value})


def test_the_trainer_has_all_arguments_that_are_checked() -> None:
    assert set(TRAINER) <= set(inspect.signature(Trainer.__init__).parameters)
