"""The parser of `cosmo-pl fit`, which also reads the configuration of a run and of a study."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any, Literal, get_args

from pytorch_lightning import Trainer
from pytorch_lightning.cli import LightningArgumentParser
from pytorch_lightning.loggers import WandbLogger

import cosmo_pl.data
import cosmo_pl.encoders
import cosmo_pl.modules  # noqa: F401  short class names in a config are those that are imported
from cosmo_pl.data import MultimodalDataModule
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.modules import BaseModule
from cosmo_pl.parsing import Strict
from cosmo_pl.rounds import FederatedSettings


class TrainingParser(Strict, LightningArgumentParser):
    """The parser of `cosmo-pl fit`, where 1 batch stays one."""

    def add_lightning_class_args(self, lightning_class: Any, nested_key: str, *args: Any, **named: Any) -> list[str]:
        """Adds the arguments of a class; whole numbers among them stay whole.

        ``Optional[int | float]`` is whichever of the two orders `typing` has seen first, and a parser that tries
        float before int makes all batches (1.0) of one batch (1).
        """
        added = super().add_lightning_class_args(lightning_class, nested_key, *args, **named)
        action: Any
        for action in self._actions:
            kinds = get_args(getattr(action, "_typehint", None))
            if int in kinds and float in kinds:
                action._typehint = reduce(or_, sorted(kinds, key=lambda kind: (kind is not int, kind is not float)))
        return added


TRAINER_DEFAULTS = {"num_sanity_val_steps": 0, "log_every_n_steps": 1, "devices": 1}


@dataclass
class RunPlace:
    """Where the runs of a config lie: ``<folder>/<name>/version_<n>``.

    Args:
        folder: Folder of the runs of a dataset.
        name: Name of the method's runs; ``{argument}`` is replaced by an argument of the model. The model's class by
            default.
    """

    folder: str = "runs"
    name: str | None = None


def add_command_arguments(parser: LightningArgumentParser) -> None:
    """The command line's own arguments."""
    parser.add_class_arguments(RunPlace, "run")
    parser.add_argument(
        "--phase",
        type=Literal["pretrain", "finetune"] | None,
        default=None,
        help="What the config is for; a model for the other phase is refused.",
    )
    # Beside the trainer's logger, not in a list with it: overlays that name the run keep working after this one.
    parser.add_argument("--wandb", type=WandbLogger | None, default=None, help="Also log to Weights & Biases.")
    parser.add_argument(
        "--federated",
        type=FederatedSettings | None,
        default=None,
        help="Rounds of a stage 1 whose recordings stay with the clients, for `cosmo-pl federated`.",
    )


def link_data_to_model(parser: LightningArgumentParser, trains: bool = False) -> None:
    """Makes shapes and class count flow from the data to the model; a training is refused without a class."""
    for name, checked in {"modality_shapes": None, "num_classes": _named if trains else None}.items():
        parser.link_arguments(f"data.{name}", f"model.init_args.{name}", checked, apply_on="instantiate")


def _named(num_classes: int) -> int:
    """The number of activities, if there are any.

    Raises:
        ConfigurationError: The data name none.
    """
    if num_classes < 1:
        problem = "name no activity, and a training needs their number, also stage 1 for the quality weights"
        remedy = "List them in data.init_args.activities, or in activities of the description of the import"
        raise ConfigurationError("data", problem, remedy)
    return num_classes


def command_parser() -> LightningArgumentParser:
    """A parser of what `cosmo-pl fit` takes, that gives the configuration and builds nothing."""
    parser = parser_of("model", "data")
    link_data_to_model(parser)
    parser.add_argument("--config", action="config")
    parser.add_argument("--seed_everything", type=bool | int, default=True)
    parser.add_lightning_class_args(Trainer, "trainer")
    parser.set_defaults({f"trainer.{name}": value for name, value in TRAINER_DEFAULTS.items()})
    add_command_arguments(parser)
    return parser


def follow_phase(data: Any, phase: str | None) -> None:
    """Sets the phase of a parsed datamodule where its config gives none.

    Raises:
        ConfigurationError: Its class does not take the argument.
    """
    if "phase" not in data.init_args:
        raise ConfigurationError(
            "data", f"{data.class_path} takes no phase", "Hand **shared on to MultimodalDataModule in its constructor"
        )
    if data.init_args.phase is None:
        data.init_args.phase = phase


def parser_of(*parts: str) -> LightningArgumentParser:
    """A parser of some of "model", "data" and "trainer"."""
    parser = TrainingParser()
    kinds = {"model": BaseModule, "data": MultimodalDataModule, "trainer": Trainer}
    for part in parts:
        parser.add_lightning_class_args(kinds[part], part, subclass_mode=part != "trainer")
    return parser
