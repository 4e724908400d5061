"""Arguments of a datamodule that cannot be meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cosmo_pl.data.dead_sensors import check_sensors
from cosmo_pl.data.plausibility import check_ranges
from cosmo_pl.errors import ConfigurationError

if TYPE_CHECKING:
    from cosmo_pl.data.base import MultimodalDataModule
    from cosmo_pl.data.parts import PartLoaders
    from cosmo_pl.data.samples import Samples
    from cosmo_pl.data.split import Split

OF_THE_CLASS = ("dataset", "key", "title", "class_names", "channel_groups")


def check_training(data: MultimodalDataModule, samples: Samples, split: Split) -> None:
    """Checks that nothing lacks a modality that is trained on, that all classes have labels, and that sensors live.

    Raises:
        ConfigurationError: Labels are of test subjects whose incomplete clips are kept; a list of labels lacks a
            class; or the training samples of a modality are all alike.
    """
    rows = np.concatenate([split.labeled, split.unlabeled])
    lacking = sum(int((~there[rows]).sum()) for there in samples.present.values())
    if lacking:
        raise ConfigurationError(
            "target_label_fraction", f"labels {lacking} clips that lack a modality", "Set keep_incomplete to false"
        )
    missing = sorted(set(range(data.num_classes)) - set(samples.label[split.labeled].tolist()))
    if data.label_split is not None and len(split.labeled) and missing:
        named = ", ".join(data.class_names[label] for label in missing)
        raise ConfigurationError(
            "label_split", f"'{data.label_split}' lists no recording of {named}", "List at least one of each class"
        )
    check_sensors(data, samples, split.measured(data.include_labeled))


def check_phase(data: MultimodalDataModule) -> None:
    """Checks that the data give the part that the module trains on.

    Raises:
        ConfigurationError: Their `phase` is the other one.
    """
    module = None if data.trainer is None else data.trainer.lightning_module
    asked = getattr(module, "phase", None)
    if asked is not None and data.given_phase not in (None, asked):
        raise ConfigurationError(
            "phase", f"is '{data.given_phase}', and {type(module).__name__} trains on '{asked}'",
            "Leave it out, or use a module for that phase",
        )  # fmt: skip


def check_pretraining_batch(data: PartLoaders) -> None:
    """Checks that the pretraining has a whole batch.

    Raises:
        ConfigurationError: It has fewer samples than a batch.
    """
    samples, size = len(data.training_rows), data.pretrain_batch_size
    if samples < size:
        more = "" if data.include_labeled else ", or set include_labeled to true"
        raise ConfigurationError(
            "pretrain_batch_size", f"{size} is more than the {samples} samples of the pretraining",
            f"Use a smaller batch{more}",
        )  # fmt: skip


def check_arguments(data: MultimodalDataModule) -> None:
    """Checks arguments against the dataset, before anything is read.

    Raises:
        ConfigurationError: An argument names a modality that there is not, or the class does not say what it has to
            say of its dataset.
    """
    missing = [name for name in OF_THE_CLASS if not hasattr(data, name)]
    if missing:
        raise ConfigurationError("data", f"{type(data).__name__} has no {', '.join(missing)}", "Set it on the class")
    known, chosen = list(data.channel_groups), data.modalities
    if not chosen or len(set(chosen)) < len(chosen) or not set(chosen) <= set(known):
        raise ConfigurationError("modalities", f"{list(chosen)} cannot be used", f"Choose from {known}")
    check_ranges(data)
    for argument in ("transforms", "augmentations"):
        named = sorted(getattr(data, argument))
        if not set(named) <= set(known):
            raise ConfigurationError(argument, f"{named} has an unknown modality", f"Use {known}")
