"""Results of a test or predict run: metrics, pictures and predictions in the folder of its checkpoint."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.loggers import CSVLogger

from cosmo_pl.data.identity import is_simulated
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.intervals import bootstrap_interval
from cosmo_pl.io import whole_file, write_json
from cosmo_pl.modules import ClassifierModule
from cosmo_pl.modules.base import TrainingRecord
from cosmo_pl.plots.confusion import plot_confusion
from cosmo_pl.provenance import environment
from cosmo_pl.run_folder import CONFIG, CONFUSION, METRICS, PREDICT, PREDICTIONS, TEST, claim_results, run_of
from cosmo_pl.version import __version__


def run_folder(trainer: Trainer) -> Path:
    """Folder of the run whose checkpoint is evaluated; else that of the trainer's logger, or the trainer's own."""
    if trainer.ckpt_path:
        return run_of(Path(str(trainer.ckpt_path)))
    logged = next((logger.log_dir for logger in trainer.loggers if isinstance(logger, CSVLogger)), None)
    return Path(logged or trainer.default_root_dir)


class ResultWriter(Callback):
    """Writes ``test_k/metrics.json`` with a picture of the confusion matrix, and ``predict_k/predictions.csv``.

    Args:
        config: Returns the whole configuration as YAML. It is hashed if the run has no ``config.yaml`` of its own.
    """

    def __init__(self, config: Callable[[], str] = str) -> None:
        self.config = config
        self.correct: dict[int, bool] = {}

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Checks that results can be written.

        Raises:
            ConfigurationError: A classifier is evaluated on plain loaders, or its predictions are not returned.
        """
        evaluated = stage in ("test", "predict") and isinstance(pl_module, ClassifierModule)
        if evaluated and getattr(trainer, "datamodule", None) is None:
            problem = "is missing, and ResultWriter writes the results of its recordings"
            raise ConfigurationError("datamodule", problem, "Give the trainer a datamodule, or remove ResultWriter")
        if evaluated and stage == "predict" and not trainer.predict_loop.return_predictions:
            problem = f"is false, and {PREDICTIONS} is written from what is returned"
            raise ConfigurationError("return_predictions", problem, "Leave it out, or remove ResultWriter")

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Resets the results of an earlier test."""
        self.correct = {}

    def on_test_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Records which samples of a batch, by index, the logits in `outputs` classify correctly."""
        if isinstance(pl_module, ClassifierModule):
            right = outputs.argmax(dim=1) == batch["label"]
            self.correct |= dict(zip(batch["index"].tolist(), right.tolist(), strict=True))

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Writes the results of a classifier's test."""
        if not isinstance(pl_module, ClassifierModule) or not trainer.is_global_zero:
            return
        data = trainer.datamodule  # type: ignore[attr-defined]
        folder = claim_results(run_folder(trainer), TEST)
        confusion = pl_module.confusion.compute().cpu().numpy()
        metrics = self.metrics(trainer, pl_module, confusion)
        write_json(folder / METRICS, metrics)
        plot_confusion(confusion, data.class_names, folder / CONFUSION)
        print(f"\n{summary(metrics)}\n{folder}")

    def metrics(self, trainer: Trainer, module: ClassifierModule, confusion: NDArray[np.int64]) -> dict[str, Any]:
        """The content of ``metrics.json``."""
        data = trainer.datamodule  # type: ignore[attr-defined]
        correct, total = int(np.trace(confusion)), int(confusion.sum())
        per_class = np.diag(confusion) / np.maximum(confusion.sum(axis=1), 1)
        present = confusion.sum(axis=1) > 0
        by_recording = counts(self.correct, data.samples.recording)
        training, trained = module.record.to_dict(), module.trained
        best = training.pop("test_acc_best_epoch", None)
        config = run_folder(trainer) / CONFIG
        text = config.read_text(encoding="utf-8") if config.exists() else self.config()
        return {
            "dataset": data.dataset,
            "title": data.title,
            "num_classes": module.num_classes,
            "method": type(module).__name__,
            "accuracy": correct / total,
            "accuracy_of": accuracy_of(module.record),
            "correct": correct,
            "total": total,
            "bootstrap_95": bootstrap_interval(list(by_recording.values())),
            "chance": 1 / module.num_classes,
            "f1_macro": float(trainer.callback_metrics["test/f1_macro"]),
            "per_class_accuracy": {
                name: float(accuracy) if tested else None
                for name, accuracy, tested in zip(data.class_names, per_class, present, strict=True)
            },
            "by_subject": counts(self.correct, data.samples.subject),
            "by_recording": by_recording,
            "confusion_matrix": confusion.tolist(),
            "attention_by_class": module.attention_by_class(),
            "test_acc_best_epoch": best,
            "labels": len(data.split.labeled) if trained is None else trained.labels,
            "unlabeled": len(data.split.unlabeled) if trained is None else trained.unlabeled,
            "test_subjects": sorted({int(s) for s in data.samples.subject[data.split.test]}),
            "parameters": sum(p.numel() for p in module.parameters()),
            "training": training,
            "checkpoint": str(trainer.ckpt_path),
            "config_sha256": hashlib.sha256(text.encode()).hexdigest(),
            "data_fingerprint": data.data_fingerprint,
            "simulated": is_simulated(data.folder),
            "version": __version__,
            "precision": str(trainer.precision),
            **environment(),
            "device": str(trainer.strategy.root_device),
        }

    def on_predict_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Writes the predictions, one row per sample."""
        if not isinstance(pl_module, ClassifierModule) or not trainer.is_global_zero:
            return
        data = trainer.datamodule  # type: ignore[attr-defined]
        path = claim_results(run_folder(trainer), PREDICT) / PREDICTIONS
        with whole_file(path) as part, part.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["recording", "start", "subject", "label", "predicted", "probability"])
            for batch in trainer.predict_loop.predictions:
                for index, label, probability in zip(
                    batch["index"].tolist(), batch["label"].tolist(), batch["probability"].cpu(), strict=True
                ):
                    found = int(probability.argmax())
                    sample = data.samples
                    where = (sample.recording[index], int(sample.start[index]), int(sample.subject[index]))
                    names = (data.class_names[label] if label >= 0 else "", data.class_names[found])
                    writer.writerow([*where, *names, f"{float(probability[found]):.4f}"])
        print(path)


def accuracy_of(record: TrainingRecord) -> str:
    """The epoch of the training that a model is from. Runs of older versions did not record the planned number."""
    epochs, planned = record.epochs, record.max_epochs
    return "last epoch" if planned in (None, -1, epochs) else f"epoch {epochs} of {planned}"


def counts(correct: Mapping[int, bool], groups: NDArray[Any]) -> dict[str, list[int]]:
    """Numbers of correct and tested samples per subject, or per recording.

    Args:
        correct: Index of a tested sample to whether it was classified correctly.
        groups: Subject or recording of each sample of the dataset (N,).

    Returns:
        Group to [correct, total], groups in ascending order.
    """
    found: dict[Any, list[int]] = {}
    for sample, right in correct.items():
        group = found.setdefault(groups[sample].item(), [0, 0])
        group[0] += right
        group[1] += 1
    return {str(group): found[group] for group in sorted(found)}


def summary(metrics: Mapping[str, Any]) -> str:
    """Lines to print after a test."""
    interval = metrics["bootstrap_95"]
    bounds = "" if interval is None else ", 95 % interval over recordings {:.3f}-{:.3f}".format(*interval)
    lines = [
        f"{metrics['dataset']}, subjects {metrics['test_subjects']}, {metrics['labels']} labels: accuracy "
        f"{metrics['accuracy']:.4f} ({metrics['correct']}/{metrics['total']}{bounds}), "
        f"chance {metrics['chance']:.3f}, macro-F1 {metrics['f1_macro']:.4f} ({metrics['accuracy_of']})"
    ]
    if metrics["test_acc_best_epoch"]:
        best = metrics["test_acc_best_epoch"]
        lines.append(
            f"best epoch on the test subjects, not a result: {best['accuracy']:.4f} (epoch {best['epoch'] + 1})"
        )
    if metrics["attention_by_class"]:
        rows = list(metrics["attention_by_class"].values())
        means = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
        lines.append("attention weights, mean over classes: " + ", ".join(f"{k} {v:.3f}" for k, v in means.items()))
    return "\n".join(lines)
