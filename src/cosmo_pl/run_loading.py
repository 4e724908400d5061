"""Trained models and their data, built again from the folder of a run, without a trainer."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any, Literal, get_args

from jsonargparse import Namespace
from pytorch_lightning import Trainer
from pytorch_lightning.cli import LightningArgumentParser
from pytorch_lightning.loggers import WandbLogger

import cosmo_pl.data
import cosmo_pl.encoders
import cosmo_pl.modules  # noqa: F401  short class names in a config are those that are imported
from cosmo_pl.checkpoints import read_checkpoint
from cosmo_pl.data import MultimodalDataModule
from cosmo_pl.errors import ConfigurationError, mendable
from cosmo_pl.io import read_config, read_yaml
from cosmo_pl.modules import BaseModule
from cosmo_pl.parsing import Strict, parse_content
from cosmo_pl.rounds import FederatedSettings
from cosmo_pl.run_folder import CONFIG, LAST, run_of
from cosmo_pl.trust import check_trusted, class_name, class_paths

VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


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
    parser = _parser("model", "data")
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


def class_phase(class_path: str) -> str:
    """Phase of the data that a module trains on."""
    phase: str = getattr(imported_class(class_path), "phase", "finetune")
    return phase


def name_test_subjects(data: Any) -> None:
    """Writes the class's own test subjects into a datamodule's config where neither they nor folds are given.

    Args:
        data: ``class_path`` and ``init_args``, all defaults filled in; a mapping or what the parser makes of it.
    """
    given = data["init_args"]
    if "test_subjects" in given and all(given.get(name) is None for name in ("test_subjects", "folds", "fold")):
        given["test_subjects"] = list(imported_class(data["class_path"]).default_test_subjects)


def imported_class(class_path: str) -> Any:
    """The class of that path; a name without a module is one of `cosmo_pl.modules`.

    Raises:
        ConfigurationError: There is none.
    """
    module, _, name = class_path.rpartition(".")
    try:
        return getattr(importlib.import_module(module or "cosmo_pl.modules"), name)
    except (ImportError, AttributeError) as error:
        raise ConfigurationError("class_path", f"'{class_path}' cannot be imported ({error})", "Install it") from error


def load_run(run: Path) -> tuple[BaseModule, MultimodalDataModule]:
    """The model of a run as its last checkpoint or a given one has it, in eval mode, and its data, set up.

    Args:
        run: The run, ``runs/<dataset>/<method>/version_<n>``, as `cosmo-pl fit` writes it, or a checkpoint of it. The
            bundle that its config names is read where it was; relative paths start from the working directory.

    Raises:
        CosmoError: The run has no config or checkpoint, they do not fit each other, or the data cannot be used.
    """
    path = run if run.is_file() else run / LAST
    folder = run_of(path)
    for needed in (folder / CONFIG, path):
        if not needed.is_file():
            problem = f"'{folder}' has no {needed.relative_to(folder)}"
            raise ConfigurationError("run", problem, "Name the folder of a run of `cosmo-pl fit`")
    config = read_yaml(folder / CONFIG)
    for name in class_paths({part: config.get(part) for part in ("model", "data")}):
        check_trusted(name, f"run '{folder}'")
    parser = _parser("model", "data")
    link_data_to_model(parser)
    parts = {part: given for part, given in config.items() if part in ("model", "data")}
    checkpoint = read_checkpoint(path)
    try:
        parsed = parse_content(parser, parts, folder / CONFIG)
    except ConfigurationError as error:
        if "class_path" in checkpoint:
            raise
        remedy = f"Rename them in {CONFIG} as CHANGELOG.md lists them, or train again"
        problem = f"'{folder}' is a run of version 0.1.0, whose arguments have other names now ({error})"
        raise ConfigurationError("run", problem, remedy) from error
    parsed.model = rebuilt(checkpoint, parsed.model.class_path) or parsed.model
    made = _instantiate(parser, parsed)
    model, data = made.model, made.data
    assert isinstance(model, BaseModule) and isinstance(data, MultimodalDataModule)
    model.load_state_dict(checkpoint["state_dict"])
    model.on_load_checkpoint(checkpoint)
    if model.trained is not None:
        data.adopt(model.trained)
    return model.eval(), _ready(data)


def rebuilt(checkpoint: Mapping[str, Any], class_path: str) -> BaseModule | None:
    """The module that a checkpoint is of, from the arguments in it alone, with new weights.

    Args:
        checkpoint: See `read_checkpoint`.
        class_path: Its class, as the configuration has it: a checkpoint imports none.

    Returns:
        The module; None for one whose arguments the checkpoint does not hold, as those of older versions and of
        classes that keep no hyper-parameters.

    Raises:
        ConfigurationError: The checkpoint is of another class.
    """
    if "class_path" not in checkpoint:
        return None
    found, arguments = imported_class(class_path), checkpoint["hyper_parameters"]
    if class_name(checkpoint["class_path"]) != class_name(f"{found.__module__}.{found.__qualname__}"):
        problem = f"is of {checkpoint['class_path']}, the configuration of {class_path}"
        raise ConfigurationError("ckpt_path", problem, "Give the configuration of its run, or another checkpoint")
    takes = inspect.signature(found).parameters.values()
    if any(each.default is each.empty and each.name not in arguments for each in takes if each.kind not in VARIADIC):
        return None
    model: BaseModule = found(**{each.name: arguments[each.name] for each in takes if each.name in arguments})
    return model


def load_data(configs: Sequence[Path]) -> MultimodalDataModule:
    """The data of a config with its overlays, set up; whatever else they say is left aside.

    Args:
        configs: A ``*_stage1.yaml`` or ``*_stage2.yaml``, whose ``phase`` the data take, and overlays on it.

    Raises:
        CosmoError: There is no config that names data, or the data cannot be used.
    """
    return _ready(make_data(configs))


def make_data(configs: Sequence[Path], given: Mapping[str, Any] | None = None) -> MultimodalDataModule:
    """The data of a config with its overlays before the setup: nothing has been read.

    Args:
        configs: As those of `load_data`; also a YAML with the class path of a datamodule and its arguments alone.
        given: Arguments of the data that replace those of the configs.

    Raises:
        CosmoError: There is no config that names data, or an argument cannot be used.
    """
    parser = _parser("data")
    parsed, phase = None, None
    for path in configs:
        config = read_config(path)
        phase = phase or config.get("phase")
        data = config if "class_path" in config else config.get("data")
        if data is not None:
            parsed = parse_content(parser, {"data": data}, path, parsed)
    if parsed is None:
        raise ConfigurationError("configs", f"none of {[str(path) for path in configs]} has data", "Name one that has")
    follow_phase(parsed.data, phase)
    for name, value in (given or {}).items():
        parsed.data.init_args[name] = value
    data = _instantiate(parser, parsed).data
    assert isinstance(data, MultimodalDataModule)
    return data


def instantiated(**parts: Any) -> Any:
    """Builds parts of a parsed configuration, "model", "data" or "trainer"; of a trainer only its arguments.

    Raises:
        CosmoError: An argument cannot be used.
    """
    return _instantiate(_parser(*parts), Namespace(**parts))  # type: ignore[no-untyped-call]


def _parser(*parts: str) -> LightningArgumentParser:
    parser = TrainingParser()
    kinds = {"model": BaseModule, "data": MultimodalDataModule, "trainer": Trainer}
    for part in parts:
        parser.add_lightning_class_args(kinds[part], part, subclass_mode=part != "trainer")
    return parser


def _instantiate(parser: LightningArgumentParser, parsed: Any) -> Any:
    try:
        return parser.instantiate(parsed)
    except ValueError as error:
        found = mendable(error)
        raise error if found is None else found from error


def _ready(data: MultimodalDataModule) -> MultimodalDataModule:
    data.prepare_data()
    data.setup()
    return data
