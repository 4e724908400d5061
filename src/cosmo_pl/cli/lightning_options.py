"""Options of Lightning's Trainer that cannot work with these methods. They are refused before any data are read.

`REFUSED` lists them, each with an alternative. `refused` shortens the errors that Lightning itself raises to one line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Any

import pytorch_lightning
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.accelerators import AcceleratorRegistry

from cosmo_pl.errors import ConfigurationError, mendable
from cosmo_pl.extras import require
from cosmo_pl.modules import BaseModule

LIGHTNING = Path(pytorch_lightning.__file__).parent


def _is_one(devices: Any) -> bool:
    """Whether this is one device: a number of devices, or a list of their numbers, also as text: "0,"."""
    if isinstance(devices, str) and "," in devices:
        devices = [number for number in devices.split(",") if number]
    return len(devices) == 1 if isinstance(devices, list) else devices in (1, "1", "auto")


@dataclass(frozen=True)
class Use:
    """What a command does with a Trainer.

    Args:
        fits: Whether it trains.
        trainer: Arguments of the Trainer.
        model: Class of the model.
        data: Arguments of the data.
    """

    fits: bool
    trainer: Mapping[str, Any]
    model: type
    data: Mapping[str, Any]

    def __call__(self, option: str) -> Any:
        """Value of an argument of the Trainer."""
        return self.trainer.get(option)

    @property
    def by_hand(self) -> bool:
        """Whether the model steps its optimizers itself."""
        return issubclass(self.model, BaseModule) and self.model.manual_optimization

    @property
    def without_gradients(self) -> bool:
        """Whether the model is fitted without gradients."""
        return issubclass(self.model, BaseModule) and not self.model.has_gradients

    def named(self, option: str) -> list[tuple[str, Mapping[str, Any]]]:
        """Names and arguments of the classes that an option lists."""
        given = self(option) or []
        each = [one for one in (given if isinstance(given, list) else [given]) if hasattr(one, "class_path")]
        return [(one["class_path"].rpartition(".")[2], one.get("init_args") or {}) for one in each]

    def has(self, *callbacks: str) -> bool:
        """Whether one of these callbacks is configured."""
        return any(name in callbacks for name, _ in self.named("callbacks"))

    def monitors(self, prefix: str) -> bool:
        """Whether a callback monitors a metric whose name begins with `prefix`."""
        return any(str(arguments.get("monitor")).startswith(prefix) for _, arguments in self.named("callbacks"))

    @property
    def classifies(self) -> bool:
        """Whether a classifier is trained, whose validation needs validation subjects."""
        return self.fits and getattr(self.model, "phase", None) == "finetune"

    @property
    def lacks_accelerator(self) -> bool:
        """Whether the given accelerator is one that Lightning knows and the machine lacks."""
        name = self("accelerator")
        return name in AcceleratorRegistry and not AcceleratorRegistry[name]["accelerator"].is_available()

    @property
    def gpus(self) -> int | None:
        """Number of GPUs that are needed; None if no GPU is."""
        accelerator, devices = self("accelerator"), self("devices")
        if accelerator not in ("gpu", "cuda") and not (accelerator == "auto" and torch.cuda.is_available()):
            return None
        if isinstance(devices, list):
            return max(devices, default=-1) + 1
        return int(devices) if str(devices).isdigit() else 1


@dataclass(frozen=True)
class Refused:
    """An option that cannot work.

    Args:
        option: The Trainer's argument.
        when: Condition under which it cannot.
        problem: The reason.
        remedy: The alternative.
    """

    option: str
    when: Callable[[Use], bool]
    problem: str
    remedy: str


REFUSED = (
    Refused(
        "max_steps",
        lambda use: use.fits and use.without_gradients and use("max_steps") not in (None, -1),
        "would end an epoch before all samples are used, and the method takes no steps",
        "Use trainer.max_epochs",
    ),
    Refused(
        "accelerator",
        lambda use: use.gpus is not None and not torch.cuda.is_available(),
        "needs a GPU, and the machine has none",
        "Use --trainer.accelerator=auto",
    ),
    Refused(
        "accelerator",
        lambda use: use.lacks_accelerator,
        "names a device that the machine lacks",
        "Use --trainer.accelerator=auto",
    ),
    Refused(
        "devices",
        lambda use: (use.gpus or 0) > torch.cuda.device_count(),
        "needs more GPUs than the machine has",
        "Use fewer, or --trainer.devices=auto",
    ),
    Refused(
        "devices",
        lambda use: use.fits and use.without_gradients and not _is_one(use("devices")),
        "are several, and the method fits on all labelled samples at once",
        "Use --trainer.devices=1",
    ),
    Refused(
        "strategy",
        lambda use: use.fits and use.without_gradients and use("strategy") != "auto",
        "spreads gradients over processes, and the method has none",
        "Leave it out",
    ),
    Refused(
        "precision",
        lambda use: (
            str(use("precision"))
            in ("16-true", "bf16-true", "64-true", "64", "transformer-engine", "transformer-engine-float16")
        ),
        "changes the type of the weights, which metrics and bundles have in 32 bits",
        "Use 32-true, 16-mixed or bf16-mixed",
    ),
    Refused(
        "plugins",
        lambda use: any(name.endswith("Precision") for name, _ in use.named("plugins")),
        "sets a precision",
        "Use --trainer.precision=16-mixed or bf16-mixed",
    ),
    Refused(
        "accumulate_grad_batches",
        lambda use: use.without_gradients and use("accumulate_grad_batches") != 1,
        "accumulates gradients, and the method has none",
        "Leave it out",
    ),
    Refused(
        "accumulate_grad_batches",
        lambda use: use.by_hand and use("accumulate_grad_batches") != 1,
        "does not work with two alternating optimizers",
        "Raise data.init_args.batch_size",
    ),
    Refused(
        "gradient_clip_val",
        lambda use: use.without_gradients and bool(use("gradient_clip_val")),
        "clips gradients, and the method has none",
        "Leave it out",
    ),
    Refused(
        "gradient_clip_val",
        lambda use: use.by_hand and bool(use("gradient_clip_val")),
        "does not work with two alternating optimizers",
        "Use model.init_args.gradient_clip_val",
    ),
    Refused(
        "gradient_clip_algorithm",
        lambda use: use("gradient_clip_algorithm") is not None and not use("gradient_clip_val"),
        "is given without a largest norm, and clips nothing",
        "Give trainer.gradient_clip_val too, or leave it out",
    ),
    Refused(
        "overfit_batches",
        lambda use: bool(use("overfit_batches")),
        "would validate on augmented training batches",
        "Use trainer.limit_train_batches with a whole number",
    ),
    Refused(
        "enable_checkpointing",
        lambda use: use.fits and use("enable_checkpointing") is False,
        "leaves no checkpoint to test or go on from",
        "Leave it out",
    ),
    Refused(
        "barebones",
        lambda use: bool(use("barebones")),
        "leaves no checkpoints and no metrics",
        "Use trainer.enable_progress_bar=false for less output",
    ),
    Refused(
        "callbacks",
        lambda use: use.has("BatchSizeFinder"),
        "BatchSizeFinder changes a batch size that the run's config does not name",
        "Set data.init_args.pretrain_batch_size for a pretraining, or data.init_args.batch_size",
    ),
    Refused(
        "callbacks",
        lambda use: use.has("LearningRateFinder"),
        "LearningRateFinder changes a learning rate that the run's config does not name",
        "Set the model's learning rates, or vary them in a study",
    ),
    Refused(
        "callbacks",
        lambda use: use.by_hand and use.has("GradientAccumulationScheduler"),
        "GradientAccumulationScheduler does not work with this method",
        "Raise data.init_args.batch_size",
    ),
    Refused(
        "callbacks",
        lambda use: use.by_hand and use.has("StochasticWeightAveraging"),
        "StochasticWeightAveraging takes a model with one optimizer",
        "Leave it out",
    ),
    Refused(
        "callbacks",
        lambda use: use.without_gradients and use.has("WeightAveraging", "EMAWeightAveraging", "ModelPruning"),
        "is a callback for trained weights, and the method has none",
        "Leave it out",
    ),
    Refused(
        "callbacks",
        lambda use: use.has("Timer"),
        "Timer cannot be written into the run's config",
        "Use trainer.max_time",
    ),
    Refused(
        "callbacks",
        lambda use: use.has("BackboneFinetuning"),
        "BackboneFinetuning looks for a backbone, which no model here has",
        "Use model.init_args.frozen_encoders of IterativeFusionModule",
    ),
    Refused(
        "callbacks",
        lambda use: use.fits and use.monitors("test/"),
        "a callback would choose by the test subjects",
        "Monitor val/acc, with data.init_args.val_subjects",
    ),
    Refused(
        "callbacks",
        lambda use: use.fits and use.monitors("probe/") and not use.data.get("val_subjects"),
        "a callback would choose by the labels of samples that count as unlabelled",
        "Name validation subjects in data.init_args.val_subjects, or monitor train/loss",
    ),
    Refused(
        "callbacks",
        lambda use: use.fits and use.monitors("positives/agreement"),
        "a callback would choose by the labels of samples that count as unlabelled",
        "Monitor probe/acc, with data.init_args.val_subjects",
    ),
    Refused(
        "callbacks",
        lambda use: use.classifies and use.monitors("val/") and not use.data.get("val_subjects"),
        "a callback monitors validation subjects, and there are none",
        "Name some in data.init_args.val_subjects",
    ),
)


def check_options(use: Use) -> None:
    """Refuses options that cannot work.

    Raises:
        ConfigurationError: There is one. The message names the alternative.
    """
    for refused_option in REFUSED:
        if refused_option.when(use):
            value = use(refused_option.option)
            plain = isinstance(value, str | int | float) and value is not True
            shown = f"{value!r} " if plain or (isinstance(value, list) and not use.named(refused_option.option)) else ""
            raise ConfigurationError(
                f"trainer.{refused_option.option}", f"{shown}{refused_option.problem}", refused_option.remedy
            )


def check_loggers(trainer: Any) -> None:
    """Refuses loggers that would write outside of their folder, or that are of a package that is not installed.

    Raises:
        ConfigurationError: A name or version leads out of it, or W&B is not installed.
    """
    for logger in trainer.logger if isinstance(trainer.logger, list) else [trainer.logger]:
        if str(getattr(logger, "class_path", "")).endswith("WandbLogger"):
            require("wandb", "trainer.logger")
        given = getattr(logger, "init_args", None) or {}
        for argument in ("name", "version", "sub_dir"):
            path = Path(str(given.get(argument) or ""))
            if path.is_absolute() or ".." in path.parts:
                raise ConfigurationError(
                    f"trainer.logger.init_args.{argument}",
                    f"'{path}' leads out of save_dir",
                    "Give a name without '..', and the folder in save_dir",
                )


@contextmanager
def refused(building: bool = False) -> Iterator[None]:
    """Shortens errors of Lightning about its options to one line.

    Args:
        building: Whether only the Trainer is built, so that every error is about its arguments.

    Raises:
        ConfigurationError: Lightning refuses an option.
    """
    try:
        yield
    except MisconfigurationException as error:
        raise _one_line(error) from error
    except (ValueError, TypeError, RuntimeError, AttributeError, ModuleNotFoundError) as error:
        if mendable(error) is not None or not (building or _of_options(error)):
            raise
        raise _one_line(error) from error


def _of_options(error: Exception) -> bool:
    """Whether an error was raised where Lightning applies callbacks and the intervals of its loops."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    file = Path(trace.tb_frame.f_code.co_filename) if trace is not None else Path()
    return file.is_relative_to(LIGHTNING / "callbacks") or file == LIGHTNING / "loops" / "fit_loop.py"


def _one_line(error: Exception) -> ConfigurationError:
    text = shorten(" ".join(str(error).split()), 300, placeholder="...")
    return ConfigurationError("trainer", text.rstrip("."), "Correct that option, or leave it out")
