"""Checks that a resumed training or an evaluation has the configuration of the training."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.io import flat, read_yaml
from cosmo_pl.run_folder import ASIDE, CONFIG, run_of, started_in
from cosmo_pl.study.identity import TRAINING

LABELS = "label_file"  # labels can be added later
LENGTH = {"max_epochs", "min_epochs", "max_steps", "min_steps", "max_time"}
SUBJECTS = {"test_subjects", "val_subjects", "folds", "fold"}
# Arguments of the data that an evaluation may change.
OF_EVALUATION = {
    *ASIDE,
    "phase",
    LABELS,
    "batch_size",
    "pretrain_batch_size",
    "track_test",
    "max_test_samples",
    "keep_incomplete",
    "strict",
}


def check_continued(checkpoint: Path, config: Mapping[str, Any]) -> None:
    """Checks that a resumed training has the configuration that it began with.

    Devices, workers, loggers and the file of labels may change. The number of epochs may change unless the schedule
    depends on it.

    Args:
        checkpoint: The checkpoint. Without a stored configuration in its run nothing is checked.
        config: The whole configuration.

    Raises:
        ConfigurationError: An argument that changes results differs, or steps limit a training. The message names it.
    """
    then = stored_config(checkpoint)
    if then is None:
        return
    if any((one.get("trainer") or {}).get("max_steps") not in (None, -1) for one in (then, config)):
        problem = "ends a training in an epoch, from which it cannot be resumed with the same result"
        raise ConfigurationError("trainer.max_steps", problem, "Give max_epochs, or train without --ckpt_path")
    then = _with_same_bundle(then, config, run_of(checkpoint))
    optimizer = config["model"].get("init_args", {}).get("optimizer")
    scheduled = isinstance(optimizer, Mapping) and optimizer.get("schedule") == "cosine"
    trainer = {*TRAINING, "precision"} - (set() if scheduled else LENGTH)
    differ = [
        *differences("model", then, config),
        *differences("data", then, config, free=ASIDE | {"phase", LABELS}),
        *differences("trainer", then, config, only=trainer),
    ]
    if then.get("seed_everything") != config.get("seed_everything"):
        differ.append(f"seed_everything {then.get('seed_everything')} -> {config.get('seed_everything')}")
    refuse(checkpoint, differ, "began with", "Give those, or train from the start without --ckpt_path")


def check_evaluated(checkpoint: Path, config: Mapping[str, Any], knows_its_data: bool) -> None:
    """Checks that a model is evaluated with the arguments that it was trained with.

    Args:
        checkpoint: The trained model.
        config: The whole configuration.
        knows_its_data: Whether the checkpoint describes its training data, so that other subjects can be tested.

    Raises:
        ConfigurationError: An argument differs. The message names it.
    """
    then = stored_config(checkpoint)
    if then is None:
        return
    then = _with_same_bundle(then, config, run_of(checkpoint))
    free = OF_EVALUATION | (SUBJECTS if knows_its_data else set())
    differ = [*differences("model", then, config), *differences("data", then, config, free=free)]
    refuse(checkpoint, differ, "was trained with", f"Give those, as in --config {run_of(checkpoint) / CONFIG}")


def stored_config(checkpoint: Path) -> dict[str, Any] | None:
    """The configuration of the run that a checkpoint belongs to; None if the run has none."""
    path = run_of(checkpoint) / CONFIG
    return read_yaml(path) if path.is_file() else None


def _with_same_bundle(then: dict[str, Any], now: Mapping[str, Any], run: Path) -> dict[str, Any]:
    """The earlier configuration, with the later one's path of the bundle if both paths lead to the same folder."""
    old, new = ((config.get("model") or {}).get("init_args") or {} for config in (then, now))
    if not (old.get("bundle") and new.get("bundle")):
        return then
    if os.path.realpath(started_in(run, then) / str(old["bundle"])) != os.path.realpath(new["bundle"]):
        return then
    return {**then, "model": {**then["model"], "init_args": {**old, "bundle": new["bundle"]}}}


def differences(
    part: str,
    then: Mapping[str, Any],
    now: Mapping[str, Any],
    free: Collection[str] = (),
    only: Collection[str] | None = None,
) -> list[str]:
    """Arguments of a part of two configurations that differ: "data.init_args.stride 70 -> 50".

    Args:
        part: Its key.
        then: The earlier configuration.
        now: The later one.
        free: Names of arguments that may differ.
        only: Names of arguments that are compared; None for all.
    """
    old, new = flat(then.get(part) or {}), flat(now[part])
    names = {key: key.removeprefix("init_args.").partition(".")[0] for key in old.keys() | new.keys()}
    return [
        f"{part}.{key} {old.get(key)} -> {new.get(key)}"
        for key, name in sorted(names.items())
        if old.get(key) != new.get(key) and name not in free and (only is None or name in only)
    ]


def refuse(checkpoint: Path, differ: Collection[str], did: str, remedy: str) -> None:
    """Raises the error that names what differs, if anything does."""
    if differ:
        raise ConfigurationError("ckpt_path", f"'{checkpoint}' {did} other arguments: {'; '.join(differ)}", remedy)
