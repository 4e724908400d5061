"""`cosmo-pl fit|validate|test|predict`: a LightningCLI."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
import yaml
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.cli import ArgsType, LightningArgumentParser, LightningCLI
from pytorch_lightning.loggers import Logger

import cosmo_pl.data
import cosmo_pl.encoders
import cosmo_pl.modules  # noqa: F401  short class names on the command line are those that are imported
from cosmo_pl.data import MultimodalDataModule
from cosmo_pl.energy import EnergyMeter
from cosmo_pl.errors import ConfigurationError, CosmoError
from cosmo_pl.inheritance import inheritance
from cosmo_pl.io import read_yaml
from cosmo_pl.lightning_options import Use, check_loggers, check_options, refused
from cosmo_pl.modules import BaseModule
from cosmo_pl.parsing import Given, parse, refusal
from cosmo_pl.results import ResultWriter
from cosmo_pl.run_loading import (
    LAST,
    TRAINER_DEFAULTS,
    TrainingParser,
    add_command_arguments,
    class_phase,
    follow_phase,
    imported_class,
    link_data_to_model,
    name_test_subjects,
)
from cosmo_pl.wandb_results import WandbResults

# Arguments of the data that may differ between training and evaluation.
FREE_OF_TRAINING = {
    "root", "cache_dir", "batch_size", "pretrain_batch_size", "track_test", "max_test_samples", "keep_incomplete",
    "strict", "in_memory", "num_workers",
}  # fmt: skip


class EpochSeed(Callback):
    """Seeds every epoch by itself, so that a resumed run draws what an uninterrupted one would."""

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Seeds shuffling, dropout and augmentation of the epoch."""
        seed = int(os.environ.get("PL_GLOBAL_SEED", "0"))
        torch.manual_seed((seed << 20) + trainer.current_epoch)


class CosmoCLI(LightningCLI):
    """LightningCLI that tells the model the data's shapes and finds a config's newest run."""

    def __init__(self, command: str, *args: Any, **named: Any) -> None:
        self.command = command
        super().__init__(*args, **named)

    def subcommands(self) -> dict[str, set[str]]:  # type: ignore[override]
        """The one that is asked for: the parsers of all take a quarter of a second more, at every start."""
        every = super().subcommands()
        return {self.command: every[self.command]} if self.command in every else every

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Shapes and class count flow from the data to the model."""
        link_data_to_model(parser)
        add_command_arguments(parser)

    def parse_arguments(self, parser: LightningArgumentParser, args: ArgsType) -> None:
        """Parses the command line, and keeps it beside the configuration."""
        assert isinstance(args, list)
        self.command_line = args
        self.given = Given.of(parser, args)
        self.config = parse(self.given)

    def _parse_ckpt_path(self) -> None:
        """Does nothing: Lightning's own lets a checkpoint's arguments silently replace those of the command line."""

    def before_instantiate_classes(self) -> None:
        """Completes the configuration: names, data's phase, checkpoint, and no new run folder for an evaluation."""
        config = self.config[self.subcommand]
        kept = inheritance([Path(str(path)) for path in config.config or ()], config.model, self.command_line)
        if kept is not None:
            print(kept)
        resolve_names(config)
        check_loggers(config.trainer)
        kind = imported_class(config.model.class_path)
        check_options(Use(self.subcommand == "fit", vars(config.trainer), kind, vars(config.data.init_args)))
        trains = class_phase(config.model.class_path)
        if config.get("phase") not in (None, trains):
            raise ConfigurationError(
                "model", f"{config.model.class_path} is for {trains}, the config for {config.phase}",
                f"Use it with a *_stage{1 if trains == 'pretrain' else 2}.yaml",
            )  # fmt: skip
        follow_phase(config.data, trains)
        name_test_subjects(config.data)
        wanted = config.get("ckpt_path")
        if (self.subcommand != "fit" and wanted is None) or wanted == "last":
            config.ckpt_path = str(newest_checkpoint(runs_folder(config.trainer)))
            print(f"checkpoint: {config.ckpt_path}")
        elif wanted and not Path(wanted).exists():
            raise ConfigurationError("ckpt_path", f"'{wanted}' does not exist", "Name a file, or 'last'")
        if self.subcommand != "fit":
            self.check_arguments(config)
            config.trainer.logger = config.trainer.enable_checkpointing = False
            config.wandb = None
            config.trainer.devices = 1  # several would pad the last batches and count some samples twice
            self.save_config_callback = None

    def check_arguments(self, config: Any) -> None:
        """Checks that model and data are those that the checkpoint's run was trained with, where it kept a config.

        Raises:
            ConfigurationError: They are not.
        """
        stored = Path(config.ckpt_path).parents[1] / "config.yaml"
        if not stored.is_file():
            return
        then, now = read_yaml(stored), self.resolved(config)
        differ = [
            f"{part}.{key} {old.get(key)} -> {new.get(key)}"
            for part, free in (("model", set()), ("data", FREE_OF_TRAINING))
            for old, new in [(flat(then[part]), flat(now[part]))]
            for key in sorted(old.keys() | new.keys())
            if old.get(key) != new.get(key) and key.removeprefix("init_args.") not in free
        ]
        if differ:
            raise ConfigurationError(
                "ckpt_path", f"'{config.ckpt_path}' was trained with other arguments: {'; '.join(differ)}",
                f"Give those of its run, as in --config {stored}, or another checkpoint",
            )  # fmt: skip

    def resolved(self, config: Any) -> dict[str, Any]:
        """The whole configuration, as ``config.yaml`` has it."""
        resolved: dict[str, Any] = yaml.safe_load(self._parser(self.subcommand).dump(config, skip_none=False))
        return resolved

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Adds the callbacks that no run goes without."""
        whole = partial(self.parser.dump, self.config, skip_link_targets=False)
        callbacks: list[Callback] = [EpochSeed(), EnergyMeter(), ResultWriter(whole)]
        if self.subcommand == "fit":
            # Rewritten after every epoch: with save_last alone, nothing is on disk before the end of the training.
            last = ModelCheckpoint(filename="last", enable_version_counter=False, save_on_train_epoch_end=True)
            callbacks.append(last)
            wandb, own = self.config_init.fit.wandb, self.config_init.fit.trainer.logger
            if wandb is not None:
                own = own if isinstance(own, list) else [own]
                kwargs["logger"] = [*(logger for logger in own if isinstance(logger, Logger)), wandb]
                callbacks.append(WandbResults(wandb, flat(self.resolved(self.config.fit))))
        chosen = self.config_init[self.subcommand].trainer.callbacks or []
        chosen = chosen if isinstance(chosen, list) else [chosen]
        return super().instantiate_trainer(callbacks=[*chosen, *callbacks], **kwargs)

    def instantiate_classes(self) -> None:
        """Builds data, model and trainer; what the parser finds only now is one line too."""
        try:
            super().instantiate_classes()
        except (ValueError, TypeError) as error:
            if isinstance(error, CosmoError) or "Given value" not in str(error):
                raise
            raise refusal(error, self.given) from error

    def _instantiate_trainer(self, config: dict[str, Any], callbacks: list[Callback]) -> Trainer:
        with refused(building=True):
            return super()._instantiate_trainer(config, callbacks)

    def _run_subcommand(self, subcommand: str) -> None:
        with refused():
            super()._run_subcommand(subcommand)

    def after_fit(self) -> None:
        """Ends a W&B run."""
        for callback in self.trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(callback, WandbResults):
                callback.finish()


def flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, with dotted keys."""
    items: dict[str, Any] = {}
    for key, value in tree.items():
        items |= flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return items


def logger_arguments(trainer: Any) -> Any:
    """Arguments of the (first) logger, which names the folder of a config's runs, ``save_dir/name``; None if none."""
    logger = trainer.logger[0] if isinstance(trainer.logger, list) and trainer.logger else trainer.logger
    arguments = getattr(logger, "init_args", None)
    return arguments if arguments is not None and arguments.get("save_dir") and arguments.get("name") else None


def resolve_names(config: Any) -> None:
    """Fills the model's arguments into the run's name, and finds a bundle that is named by the run that wrote it.

    ``name: "{bundle}-iterative"`` with the bundle ``cosmo`` is "cosmo-iterative", without one "scratch-iterative";
    the bundle ``cosmo`` is that of the newest run of this name beside it.

    Raises:
        ConfigurationError: The name asks for an argument that the model lacks, or no logger tells where runs lie.
    """
    model, logger = config.model.init_args, logger_arguments(config.trainer)
    if logger is not None:
        try:
            values = {key: "scratch" if value is None else str(value) for key, value in vars(model).items()}
            logger.name = logger.name.format(**{key: v.strip("/").replace("/", "_") for key, v in values.items()})
        except (KeyError, ValueError, IndexError, AttributeError) as error:
            raise ConfigurationError(
                "trainer.logger.init_args.name", f"'{logger.name}' has no such argument of the model ({error})",
                "Name an argument of the model in braces, or none",
            ) from error  # fmt: skip
    bundle = model.get("bundle")
    if bundle and Path(bundle).name == bundle:
        if logger is None:
            raise ConfigurationError("bundle", f"'{bundle}' is no path, and no logger tells where", "Give its path")
        model.bundle = str(Path(logger.save_dir, bundle))


def runs_folder(trainer: Any) -> Path:
    """Folder of all runs of a config: the logger's ``save_dir/name``.

    Raises:
        ConfigurationError: The config has no logger with both.
    """
    arguments = logger_arguments(trainer)
    if arguments is None:
        raise ConfigurationError("ckpt_path", "no logger names a folder of runs", "Give the checkpoint's path")
    return Path(str(arguments.save_dir), str(arguments.name))


def newest_checkpoint(runs: Path) -> Path:
    """Last checkpoint of the newest run that has one.

    Raises:
        ConfigurationError: There is none.
    """
    found = list(runs.glob(f"version_*/{LAST}"))
    if not found:
        raise ConfigurationError("ckpt_path", f"no run in '{runs}' has a checkpoint", "Run `cosmo-pl fit` first")
    return max(found, key=lambda path: int(path.parents[1].name.removeprefix("version_")))


def main(args: Sequence[str]) -> None:
    """Runs one training subcommand."""
    # Lightning's notes on itself, on a checkpoint writer that an evaluation does not need, and on no validation.
    for note in (
        "`isinstance.treespec, LeafSpec.` is deprecated", "Be aware that when using `ckpt_path`",
        "Total length of `list` across ranks is zero",
    ):  # fmt: skip
        warnings.filterwarnings("ignore", f".*{note}")
    CosmoCLI(
        args[0],
        BaseModule,
        MultimodalDataModule,
        subclass_mode_model=True,
        subclass_mode_data=True,
        auto_configure_optimizers=False,  # the modules have their own, and an argument of that name
        args=list(args),
        parser_class=TrainingParser,
        parser_kwargs={"prog": "cosmo-pl", "description": "Train and use multimodal activity recognisers."},
        trainer_defaults=TRAINER_DEFAULTS,
    )
