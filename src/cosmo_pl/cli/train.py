"""`cosmo-pl fit|validate|test|predict`: a LightningCLI."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from pytorch_lightning import Callback, Trainer
from pytorch_lightning.cli import ArgsType, LightningArgumentParser, LightningCLI
from pytorch_lightning.loggers import CSVLogger, Logger, WandbLogger
from pytorch_lightning.utilities import rank_zero_only

from cosmo_pl.callbacks import EpochSeed, LastCheckpoint, ResultWriter, WandbResults
from cosmo_pl.callbacks.wandb import started
from cosmo_pl.checkpoints import WholeCheckpointIO, newest_checkpoint, read_checkpoint
from cosmo_pl.cli.allocation import keep_freed_memory
from cosmo_pl.cli.continuing import check_continued, check_evaluated, stored_config
from cosmo_pl.cli.inheritance import inheritance
from cosmo_pl.cli.lightning_options import Use, check_loggers, check_options, refused
from cosmo_pl.data import MultimodalDataModule
from cosmo_pl.data.trained import TrainedOn
from cosmo_pl.errors import ConfigurationError, CosmoError
from cosmo_pl.extras import require
from cosmo_pl.io import flat, read_yaml, user_path
from cosmo_pl.modules import BaseModule
from cosmo_pl.modules.base import PretrainingModule
from cosmo_pl.parsing import Given, parse, refusal
from cosmo_pl.parsing.trainer_arguments import check_configuration
from cosmo_pl.precision import PreciseTrainer, resolved_precision
from cosmo_pl.run_folder import CONFIG, claim_version, run_of, version_number
from cosmo_pl.run_loading import class_phase, imported_class, name_test_subjects, rebuilt
from cosmo_pl.training_parser import (
    TRAINER_DEFAULTS,
    TrainingParser,
    add_command_arguments,
    follow_phase,
    link_data_to_model,
)
from cosmo_pl.trust import check_config


class CosmoCLI(LightningCLI):
    """LightningCLI that passes the shapes of the data to the model and finds the newest run of a config."""

    def __init__(self, command: str, *args: Any, callbacks: Sequence[Callback] = (), **named: Any) -> None:
        self.command, self.callbacks = command, callbacks
        self.checkpoint: dict[str, Any] | None = None
        self.folder: Path | None = None
        self.made: list[Path] = []  # the folder and those above it that were not there
        try:
            super().__init__(*args, **named)
        except BaseException:
            with suppress(OSError):  # one holds something
                for folder in self.made:
                    folder.rmdir()
            raise

    def subcommands(self) -> dict[str, set[str]]:  # type: ignore[override]
        """Only the given subcommand: building the parsers of all takes a quarter of a second at every start."""
        every = super().subcommands()
        return {self.command: every[self.command]} if self.command in every else every

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Shapes and class count flow from the data to the model."""
        link_data_to_model(parser, trains=self.command == "fit")
        add_command_arguments(parser)

    def parse_arguments(self, parser: LightningArgumentParser, args: ArgsType) -> None:
        """Parses the command line and refuses arguments that cannot work."""
        assert isinstance(args, list)
        self.command_line = args
        self.given = Given.of(parser, args)
        self.config = parse(self.given)
        check_configuration(self.config[self.config.subcommand])

    def _parse_ckpt_path(self) -> None:
        """Does nothing. Lightning's method silently replaces arguments of the command line by those of a checkpoint."""

    def before_instantiate_classes(self) -> None:
        """Completes the configuration: names, the phase of the data, and the checkpoint."""
        config = self.config[self.subcommand]
        files = [Path(str(path)) for path in config.config or () if path is not None]  # None stands for YAML text
        kept = inheritance(files, config.model, self.command_line)
        if kept is not None:
            print(kept)
        if config.federated is not None:
            problem = "is given, and `cosmo-pl fit` trains on all recordings in one place"
            raise ConfigurationError("federated", problem, "Use `cosmo-pl federated simulate`, or leave it out")
        resolve_names(config)
        check_loggers(config.trainer)
        if self.subcommand == "fit" and config.wandb is not None:
            require("wandb", "wandb")
        kind = imported_class(config.model.class_path)
        check_options(Use(self.subcommand == "fit", vars(config.trainer), kind, vars(config.data.init_args)))
        trains = class_phase(config.model.class_path)
        if config.get("phase") not in (None, trains):
            raise ConfigurationError(
                "model",
                f"{config.model.class_path} is for {trains}, the config for {config.phase}",
                f"Use it with a *_stage{1 if trains == 'pretrain' else 2}.yaml",
            )
        follow_phase(config.data, trains)
        name_test_subjects(config.data)
        self.checkpoint = self._read_checkpoint(config)
        if self.subcommand != "fit":
            config.trainer.logger = config.trainer.enable_checkpointing = False
            config.wandb = None
            config.trainer.devices = 1  # several would pad the last batches and count some samples twice
            self.save_config_callback = None

    def _read_checkpoint(self, config: Any) -> dict[str, Any] | None:
        """Finds and reads the checkpoint, and checks that the configuration is the one of its training."""
        wanted = config.get("ckpt_path")
        if (self.subcommand != "fit" and wanted is None) or wanted == "last":
            config.ckpt_path = str(newest_checkpoint(runs_folder(config)))
            print(f"checkpoint: {config.ckpt_path}")
        if config.get("ckpt_path") is None:
            return None
        path, now = Path(config.ckpt_path), self.resolved(config)
        content = read_checkpoint(path)
        if self.subcommand == "fit":
            check_continued(path, now)
        else:
            check_evaluated(path, now, "trained_on" in content)
        return content

    def instantiate_classes(self) -> None:
        """Builds data, trainer and model. The model of a checkpoint is built from the arguments in the checkpoint."""
        config, content = self.config[self.subcommand], self.checkpoint
        given = config.model
        if content is not None and stored_config(Path(config.ckpt_path)) is not None:
            config.model = rebuilt(content, given.class_path) or given
        try:
            super().instantiate_classes()
        except (ValueError, TypeError) as error:  # an error that the parser finds only when it builds the classes
            if isinstance(error, CosmoError) or "Given value" not in str(error):
                raise
            raise refusal(error, self.given) from error
        finally:
            config.model = given
        if self.subcommand == "fit" and (bundle := getattr(self.model, "bundle", None)) is not None:
            bundle.check_sensors(self.datamodule)  # again in the setup, but that comes after all recordings are read
        if self.subcommand == "fit" and isinstance(self.model, PretrainingModule):
            self.model.check_augmentations(self.datamodule.num_augmentations)
        if content is not None and "trained_on" in content:
            trained = TrainedOn.read(content["trained_on"])
            if self.subcommand == "fit":  # the model of a checkpoint has no bundle
                self.datamodule.bundle_statistics = trained.normalization
            else:
                self.datamodule.adopt(trained)

    def resolved(self, config: Any) -> dict[str, Any]:
        """The whole configuration, as ``config.yaml`` has it."""
        resolved: dict[str, Any] = yaml.safe_load(self._parser(self.subcommand).dump(config, skip_none=False))
        return resolved

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Adds what every run has: its folder, its log, complete checkpoints and the default callbacks."""
        whole = partial(self.parser.dump, self.config, skip_link_targets=False)
        callbacks: list[Callback] = [EpochSeed(), ResultWriter(whole)]
        given = self.config_init[self.subcommand].trainer
        kwargs["plugins"] = [*as_list(given.plugins), WholeCheckpointIO()]
        mixed = self.subcommand == "fit" and self.model.mixed_precision  # evaluations stay in float32
        kwargs["precision"] = resolved_precision(given.precision, given.accelerator, mixed)
        if self.subcommand == "fit":
            callbacks += [*self.callbacks, LastCheckpoint()]
            if self.config_init.fit.wandb is not None:  # raises an error without a login
                callbacks.append(WandbResults(self.config_init.fit.wandb, flat(self.resolved(self.config.fit))))
            kwargs |= self._run_arguments()
        return super().instantiate_trainer(callbacks=[*as_list(given.callbacks), *callbacks], **kwargs)

    def _run_arguments(self) -> dict[str, Any]:
        """Arguments of the trainer that put all files of a training into one new folder."""
        config, loggers = self.config_init.fit, self.config_init.fit.trainer.logger
        if config.trainer.fast_dev_run:
            return {}
        if getattr(rank_zero_only, "rank", 0) == 0:
            runs = runs_folder(config)
            above = [each for each in (runs, *runs.parents) if not each.exists()]
            self.folder = claim_version(runs)
            self.made = [self.folder, *above]
        root = {"default_root_dir": self.folder or runs_folder(config)}
        if loggers is False:
            return root
        version = None if self.folder is None else version_number(self.folder)
        own = CSVLogger(config.run.folder, config.run.name, version, flush_logs_every_n_steps=1)
        others = [logger for logger in (*as_list(loggers), config.wandb) if isinstance(logger, Logger)]
        return {**root, "logger": [own, *others]}

    def _instantiate_trainer(self, config: dict[str, Any], callbacks: list[Callback]) -> Trainer:
        with refused(building=True):
            trainer = super()._instantiate_trainer(config, callbacks)
        for logger in trainer.loggers:
            if isinstance(logger, WandbLogger):
                started(logger)  # an error without a login, before any data are read
        return trainer

    def _run_subcommand(self, subcommand: str) -> None:
        with refused():
            super()._run_subcommand(subcommand)

    def after_fit(self) -> None:
        """Ends a W&B run."""
        for callback in self.trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(callback, WandbResults):
                callback.finish()


def as_list(value: Any) -> list[Any]:
    """A list of the values of an argument that may be one value, a list or None."""
    return value if isinstance(value, list) else [] if value is None else [value]


def resolve_names(config: Any) -> None:
    """Fills the model's arguments into the run's name, and resolves a bundle that is named by its run.

    ``name: "{bundle}-iterative"`` with the bundle ``cosmo`` is "cosmo-iterative", without one "scratch-iterative";
    the bundle ``cosmo`` is that of the newest run of this name beside it.

    Raises:
        ConfigurationError: The name refers to an argument that the model lacks, or leads out of the folder.
    """
    model, run = config.model.init_args, config.run
    if run.name is None:
        run.name = config.model.class_path.rpartition(".")[2]
    try:
        values = {key: "scratch" if value is None else str(value) for key, value in vars(model).items()}
        run.name = run.name.format(**{key: v.strip("/").replace("/", "_") for key, v in values.items()})
    except (KeyError, ValueError, IndexError, AttributeError) as error:
        raise ConfigurationError(
            "run.name",
            f"'{run.name}' has no such argument of the model ({error})",
            "Name an argument of the model in braces, or none",
        ) from error
    path = Path(run.name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise ConfigurationError("run.name", f"'{run.name}' leads out of run.folder", "Use a name below it")
    bundle = model.get("bundle")
    if bundle and Path(bundle).name == bundle:
        model.bundle = str(Path(run.folder, bundle))


def runs_folder(config: Any) -> Path:
    """Folder of all runs of a config."""
    return Path(config.run.folder, config.run.name)


def with_own_config(args: Sequence[str]) -> list[str]:
    """Adds the configuration of the checkpoint's run to the command line of an evaluation without ``--config``."""
    named = next((i for i, word in enumerate(args) if word.partition("=")[0] == "--ckpt_path"), None)
    given = {word.partition("=")[0] for word in args}
    if args[0] == "fit" or named is None or "--config" in given:
        return list(args)
    path = user_path(args[named].partition("=")[2] or "".join(args[named + 1 : named + 2]))
    config = run_of(path) / CONFIG
    if not config.is_file() and given & {"--data", "--model"}:
        return list(args)
    if not path.is_file():
        problem = f"is a folder: '{path}'" if path.is_dir() else f"there is no file '{path}'"
        raise ConfigurationError("ckpt_path", problem, "Name a checkpoint, as checkpoints/last.ckpt of a run")
    if not config.is_file():
        problem = f"'{path}' is in no run folder, whose {CONFIG} would be used"
        raise ConfigurationError("ckpt_path", problem, "Give the run's configuration by --config")
    check_config(read_yaml(config), f"run '{run_of(path)}'", ("model", "data", "trainer"))
    return [args[0], f"--config={config}", *args[1:]]


def main(args: Sequence[str], callbacks: Sequence[Callback] = ()) -> None:
    """Runs one training subcommand.

    Args:
        args: Its command line.
        callbacks: Further callbacks of a training, which do not change what is trained and are no part of its config.
    """
    # Lightning's warnings about its own internals, an unused checkpoint writer, the lack of validation data, and parts
    # that are frozen on purpose.
    for note in (
        "`isinstance.treespec, LeafSpec.` is deprecated",
        "Be aware that when using `ckpt_path`",
        "Total length of `list` across ranks is zero",
        r"Found \d+ module\(s\) in eval mode",
    ):
        warnings.filterwarnings("ignore", f".*{note}")
    keep_freed_memory()
    words = with_own_config(args)
    CosmoCLI(
        words[0],
        BaseModule,
        MultimodalDataModule,
        callbacks=callbacks,
        subclass_mode_model=True,
        subclass_mode_data=True,
        load_from_checkpoint_support=False,  # the modules' checkpoints are whole by themselves
        auto_configure_optimizers=False,  # the modules have their own, and an argument of that name
        args=words,
        parser_class=TrainingParser,
        parser_kwargs={"prog": "cosmo-pl", "description": "Train and use multimodal activity recognisers."},
        trainer_class=PreciseTrainer,
        trainer_defaults=TRAINER_DEFAULTS,
    )
