"""Inference in three lines: a trained classifier, from its checkpoint alone, applied to arrays of sensor values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cosmo_pl.checkpoints import checkpoint_in, read_checkpoint
from cosmo_pl.data.samples import samples_at_once
from cosmo_pl.data.trained import TrainedOn
from cosmo_pl.data.transforms import Transform, built_transforms
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.exported import ExportedRecogniser, Prediction, checked_samples, is_exported
from cosmo_pl.io import read_yaml, user_path
from cosmo_pl.modules import BaseModule, ClassifierModule
from cosmo_pl.modules.base.encoding import Streams
from cosmo_pl.run_folder import CONFIG, run_of
from cosmo_pl.run_loading import make_data, rebuilt
from cosmo_pl.sensors import SensorDescription
from cosmo_pl.trust import check_config, load_class

SAMPLES_AT_ONCE = 256
AGAIN = "Train again with this version, or give another run"

__all__ = ["Prediction", "Recogniser"]


class Recogniser:
    """A trained classifier with the preprocessing of its training.

    Example:
        >>> from cosmo_pl import Recogniser
        >>> recogniser = Recogniser.load("runs/utd/cosmo-iterative/version_0")  # doctest: +SKIP
        >>> recogniser.predict({"inertial": accelerations_and_rates, "skeleton": joints}).name  # doctest: +SKIP
        ('clap', 'wave', 'clap')

    Args:
        module: The classifier; it is switched to eval mode. Move it to a GPU by ``recogniser.module.to("cuda")``.
        trained: What it was trained on: names of the activities, and statistics of the standardisation.
        transforms: Modality to the preprocessing steps of the training, in order.
    """

    def __init__(
        self, module: ClassifierModule, trained: TrainedOn, transforms: Mapping[str, Sequence[Transform]]
    ) -> None:
        self.module = module.eval()
        self.trained = trained
        self.transforms = transforms

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the activities, in the order of the probabilities."""
        return self.trained.class_names

    @property
    def modality_shapes(self) -> dict[str, tuple[int, ...]]:
        """Modality to the shape of one sample; the first axis is time."""
        shapes: Mapping[str, Sequence[int]] = self.module.hparams["modality_shapes"]
        return {name: tuple(shape) for name, shape in shapes.items()}

    @property
    def streams(self) -> tuple[str, ...]:
        """What is encoded, weighted and therefore switched as one: a modality, or several as "acc+gyro"."""
        encoders = getattr(self.module, "encoders", None)
        return tuple(encoders if isinstance(encoders, Streams) else self.modality_shapes)

    @property
    def sensors(self) -> Mapping[str, SensorDescription]:
        """Modality to what it measures: kind, channels, units and rate; empty where the run does not say so."""
        return self.trained.sensors

    @property
    def levels(self) -> Mapping[str, float]:
        """Modality to the root mean square of its training samples in its unit, where they are not transformed."""
        statistics = {name: self.trained.normalization[name] for name in self.modality_shapes}
        return {name: found.level for name, found in statistics.items() if not self.transforms.get(name)}

    @property
    def window(self) -> float | None:
        """Seconds of a sample; None for clips of different lengths, and where the run does not say so."""
        return self.trained.window

    @classmethod
    def load(cls, run: str | Path) -> AnyRecogniser:
        """Loads a trained classifier. Recordings are not needed.

        Args:
            run: Folder of a run, ``runs/utd/cosmo-iterative/version_0``; the folder of such runs, whose newest is
                taken; a checkpoint; or a folder that `cosmo-pl export` wrote.

        Raises:
            ConfigurationError: There is no checkpoint, or it is of a pretraining, of a training on plain loaders, of a
                version that did not store the preprocessing, or of a training with `normalization` "adapt".
            CodeError: It names a class of a package that is not trusted, see `cosmo_pl.trust`.
        """
        if is_exported(user_path(run)):
            return ExportedRecogniser.load(run)
        return cls.of_run(run)

    @classmethod
    def of_run(cls, run: str | Path) -> Recogniser:
        """As `load`, of a run or a checkpoint alone."""
        path = checkpoint_in(user_path(run))
        checkpoint = read_checkpoint(path)
        module = _module(checkpoint, path)
        if module.trained is None:
            raise ConfigurationError("run", f"'{path}' does not say how its samples were standardised", AGAIN)
        if module.trained.adapted:
            problem = f"'{path}' standardises each person by all of their recordings (normalization adapt)"
            raise ConfigurationError(
                "run", problem, "Use `cosmo-pl predict`, or train with normalization data or bundle"
            )
        return cls(module, module.trained, _transforms(module.trained, path))

    def predict(self, arrays: Mapping[str, Any]) -> Prediction:
        """Recognises the activities of samples.

        Args:
            arrays: Modality to samples (N, *shape), or one sample (*shape), in the sensor's units and with the shape
                that `modality_shapes` says. A modality that is left out counts as missing in all samples, where the
                method can do without it.

        Returns:
            Labels, names and probabilities of the N samples; of one sample N is 1.

        Raises:
            ConfigurationError: A modality is unknown, of another shape, empty, or holds values that are not finite, or
                so large that probabilities are NaN; or the method needs one that is left out.
        """
        checked = checked_samples(arrays, self.modality_shapes)
        samples = {name: torch.from_numpy(values) for name, values in checked.items()}
        count = len(next(iter(samples.values())))
        step = min(SAMPLES_AT_ONCE, *(samples_at_once(values.shape[1:]) for values in samples.values()))
        parts = [
            self._classified({name: values[start : start + step] for name, values in samples.items()})
            for start in range(0, count, step)
        ]
        probability = torch.cat([each for each, _ in parts]).numpy()
        check_probability(probability)
        attention = torch.cat([weights for _, weights in parts]).numpy()
        label = probability.argmax(axis=1)
        names = tuple(self.class_names[each] for each in label)
        return Prediction(label, names, probability, dict(zip(self.module.attends_to, attention.T, strict=True)))

    def _classified(self, samples: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Probabilities (N, C) and attention weights (N, M), M = 0 without attention."""
        with torch.inference_mode():
            inputs = {name: self._prepared(name, values).to(self.module.device) for name, values in samples.items()}
            logits, weights = self.module.classify(inputs)
        weights = logits.new_zeros(len(logits), 0) if weights is None else weights
        return logits.softmax(dim=1).float().cpu(), weights.float().cpu()

    def _prepared(self, name: str, values: Tensor) -> Tensor:
        for transform in self.transforms.get(name, ()):
            values = transform(values)
        return self.trained.normalization[name].apply(values)


AnyRecogniser = Recogniser | ExportedRecogniser
"""What `Recogniser.load` returns."""


def check_probability(probability: NDArray[np.float32]) -> None:
    """Refuses probabilities (N, C) that no activity can be chosen by.

    Raises:
        ConfigurationError: They hold NaN.
    """
    broken = np.flatnonzero(np.isnan(probability).any(axis=1))
    if len(broken):
        problem = f"give probabilities that are NaN in {len(broken)} samples, first in sample {broken[0]}"
        remedy = "Give values in the units of the sensors; these are too large, or all equal"
        raise ConfigurationError("arrays", problem, remedy)


def _module(checkpoint: Mapping[str, Any], path: Path) -> ClassifierModule:
    """The classifier that a checkpoint is of."""
    if "class_path" not in checkpoint:
        raise ConfigurationError("run", f"'{path}' is of an older version and does not name its class", AGAIN)
    kind = load_class(checkpoint["class_path"], BaseModule, f"checkpoint '{path}'")
    if not issubclass(kind, ClassifierModule):
        problem = f"'{path}' is of {kind.__name__}, which pretrains encoders and recognises nothing"
        raise ConfigurationError("run", problem, "Give the run of a stage 2")
    module = rebuilt(checkpoint, checkpoint["class_path"])
    if module is None:
        raise ConfigurationError("run", f"'{path}' lacks arguments of {kind.__name__}", AGAIN)
    assert isinstance(module, ClassifierModule)
    module.load_state_dict(checkpoint["state_dict"])
    module.on_load_checkpoint(dict(checkpoint))
    return module


def _transforms(trained: TrainedOn, path: Path) -> Mapping[str, Sequence[Transform]]:
    """The preprocessing steps of a training: those in the checkpoint, else those of the configuration beside it."""
    if trained.transforms is not None:
        return built_transforms(trained.transforms, f"checkpoint '{path}'")
    config = run_of(path) / CONFIG
    if not config.is_file():
        raise ConfigurationError("run", f"'{path}' does not say what its samples were transformed by", AGAIN)
    check_config(read_yaml(config), f"run '{config.parent}'", ["data"])
    return make_data([config]).transforms
