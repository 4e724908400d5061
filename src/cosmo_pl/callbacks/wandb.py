"""Content of a Weights & Biases run beside the metrics: the whole config, the confusion matrix, the bundle."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.loggers import WandbLogger
from pytorch_lightning.utilities import rank_zero_only

from cosmo_pl.data.loading import Batch
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.modules import ClassifierModule
from cosmo_pl.modules.base import PretrainingModule, evaluated
from cosmo_pl.run_folder import BUNDLE_DESCRIPTION, name_of


def started(logger: WandbLogger) -> Any:
    """The W&B run of a logger.

    Raises:
        ConfigurationError: W&B has no login, or cannot be reached.
    """
    import wandb

    try:
        return logger.experiment
    except wandb.Error as error:
        problem = f"no run can be started ({str(error).splitlines()[0].rstrip('.')})"
        raise ConfigurationError("wandb", problem, "Log in by `wandb login`, or set WANDB_MODE=offline") from error


class WandbResults(Callback):
    """Starts the W&B run of a training before anything is computed, and completes it.

    Args:
        logger: Logger of the run.
        config: The whole configuration, with dotted keys: those of the command line, and so of sweeps.

    Raises:
        ConfigurationError: W&B has no login, or cannot be reached.
    """

    def __init__(self, logger: WandbLogger, config: Mapping[str, Any]) -> None:
        self.logger, self.config = logger, config
        self._start()

    @rank_zero_only
    def _start(self) -> None:
        run = started(self.logger)
        # A sweep agent has set, and locked, the values that it varies.
        run.config.update({key: value for key, value in self.config.items() if key not in run.config})

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Names the run after its folder, "utd/cosmo/version_0", unless the config names it."""
        folder = trainer.log_dir  # on every rank, because the ranks agree on it
        if trainer.is_global_zero and folder and self.config.get("wandb.init_args.name") is None:
            self.logger.experiment.name = "/".join(name_of(Path(folder)))

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Logs the confusion matrix of the trained model on validation subjects, else on tracked test subjects."""
        data = trainer.datamodule  # type: ignore[attr-defined]
        if not isinstance(pl_module, ClassifierModule) or not data.val_parts or not trainer.is_global_zero:
            return
        import wandb

        part = next(iter(data.val_parts))
        label, predicted = predict(pl_module, data.val_dataloader()[0])
        matrix = wandb.plot.confusion_matrix(
            y_true=label, preds=predicted, class_names=list(data.class_names), title=f"{part} subjects, last epoch"
        )
        self.logger.experiment.log({f"{part}/confusion_matrix": matrix})

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Logs the bundle of a pretraining, which the module writes at the end of the fit."""
        folder = pl_module.bundle_folder if isinstance(pl_module, PretrainingModule) else None
        if folder is not None and trainer.is_global_zero:
            self.logger.experiment.log_artifact(bundle_artifact(folder))

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Ends the run as failed."""
        self.finish(exit_code=1)

    @rank_zero_only
    def finish(self, exit_code: int = 0) -> None:
        """Ends the run. Otherwise a later run of the same process would continue it."""
        self.logger.experiment.finish(exit_code=exit_code)


def predict(module: ClassifierModule, batches: Iterable[Batch]) -> tuple[list[int], list[int]]:
    """True and predicted class of every sample, in eval mode."""
    label: list[int] = []
    predicted: list[int] = []
    for batch, logits in evaluated(module, batches):
        label += batch["label"].tolist()
        predicted += logits.argmax(dim=1).tolist()
    return label, predicted


def bundle_artifact(folder: Path) -> Any:
    """A bundle as a W&B artifact, named after its runs, "utd-cosmo", with the quality weights as metadata.

    Args:
        folder: The bundle, ``<save_dir>/<name>/version_<n>/bundle``.
    """
    import wandb

    description = json.loads((folder / BUNDLE_DESCRIPTION).read_text(encoding="utf-8"))
    artifact = wandb.Artifact(
        re.sub(r"[^\w.-]", "_", "-".join(name_of(folder.parent)[:2])),
        type="bundle",
        metadata={
            "quality_weights": {name: quality["weight"] for name, quality in description["quality"].items()},
            "method": description["training"]["method"],
            "data_fingerprint": description["data_fingerprint"],
        },
    )
    artifact.add_dir(str(folder))
    return artifact
