"""What `cosmo-pl fit` is given to adapt a bundle: the data, the second stage and their configs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cosmo_pl.bundle import Bundle
from cosmo_pl.data.streams.store import MANIFEST, read_store
from cosmo_pl.data.trained import check_fingerprint
from cosmo_pl.errors import BundleError, ConfigurationError
from cosmo_pl.io import YAML, read_config
from cosmo_pl.run_loading import rebuilt
from cosmo_pl.shipped import config_path

DEFAULT = "model/prototypes"  # needs no back-propagation, and takes seconds


def arguments(bundle: Bundle, data: Path, configs: Sequence[Path]) -> tuple[list[Path], list[str]]:
    """The configs of an adaptation, and its command line without the bundle and the folder of the run.

    Args:
        bundle: The bundle.
        data: See `adapt`.
        configs: See `adapt`.

    Raises:
        CosmoError: The data are none, or have other sensors than the bundle.
    """
    content: dict[str, Any] = {}
    given: dict[str, Any] = {"track_test": False}
    if data.suffix in YAML:
        content = read_config(data)
        base = f"--data={data}" if "class_path" in content else f"--config={data}"
    elif (data / MANIFEST).is_file():
        base = "--data=cosmo_pl.data.StreamsDataModule"
        given |= stream_arguments(bundle, data)
    else:
        problem = f"'{data}' has no {MANIFEST}, which `cosmo-pl data import` writes"
        raise ConfigurationError("data", problem, "Import the recordings, or name a config, as cosmo:utd_plus_stage2")
    files = [data, *configs] if content else list(configs)
    words = ["--seed_everything=0", base]
    if not any("model" in read_config(path) for path in files):
        default = config_path(DEFAULT)
        files.insert(0, default)
        words.append(f"--config={default}")
        # Daily life has no equal share of every activity.
        words += [] if content else ["--model.init_args.balance=false"]
    words += [f"--config={path}" for path in configs]
    words += [f"--data.init_args.{name}={_text(value)}" for name, value in given.items()]
    words += ["--model.init_args.encoders=null"]
    words += ["--trainer.enable_progress_bar=false", "--trainer.enable_model_summary=false"]
    return files, words


def stream_arguments(bundle: Bundle, folder: Path) -> dict[str, Any]:
    """Arguments of `StreamsDataModule` for the sensors of a bundle: its windows, half of which overlap, and statistics.

    Args:
        bundle: The bundle.
        folder: Imported recordings.

    Raises:
        CosmoError: The recordings are damaged, or have other sensors.
    """
    store, known = read_store(folder), bundle.data.sensors
    differ = [f"'{name}' is missing" for name in bundle.modality_shapes if name not in store.sensors]
    for name in set(known) & set(store.sensors):
        differ += [f"'{name}': {each}" for each in store.sensors[name].description.differences(known[name])]
    if differ:
        remedy = "Use the bundle of a stage 1 with these sensors, or import them in its units and rates"
        raise BundleError(
            bundle.folder, f"was trained on other sensors than '{folder}' has: {'; '.join(differ)}", remedy
        )
    activities = list(store.activities or bundle.data.class_names)
    if not activities:
        problem = f"neither '{folder}' nor the bundle names activities"
        raise ConfigurationError("data", problem, "List them in the description of the import")
    name, shape = next(iter(bundle.modality_shapes.items()))
    window = shape[0] / store.sensors[name].rate
    return {
        "root": str(folder.resolve()),
        "modalities": list(bundle.modality_shapes),
        "window": window,
        "hop": window / 2,
        "test_subjects": [],
        "activities": activities,
        "allow_missing_classes": True,
        "transforms": {name: list(steps) for name, steps in (bundle.data.transforms or {}).items()},
        "normalization": "bundle" if bundle.normalization else "data",
    }


def epochs_of(files: Sequence[Path]) -> int:
    """Epochs of one adaptation, from the last config that gives them.

    Raises:
        ConfigurationError: None does.
    """
    trainers = [read_config(path).get("trainer") or {} for path in files]
    found = [each["max_epochs"] for each in trainers if isinstance(each, dict) and "max_epochs" in each]
    if not found or type(found[-1]) is not int or found[-1] < 1:
        raise ConfigurationError("trainer.max_epochs", "no config gives a number of epochs", "Give it in a --config")
    return found[-1]


def check_one_label_file(files: Sequence[Path]) -> None:
    """Checks that no config gives a `label_file`, which the labels of the adaptation would replace.

    Raises:
        ConfigurationError: One does.
    """
    for path in files:
        content = read_config(path)
        data = content if "init_args" in content else content.get("data") or {}
        if isinstance(data, dict) and (data.get("init_args") or {}).get("label_file") is not None:
            problem = f"'{path}' has {data['init_args']['label_file']}, which other labels would replace"
            remedy = "Add its rows to the file of --labels, and leave it out of the config"
            raise ConfigurationError("label_file", problem, remedy)


def check_trained(content: Mapping[str, Any], data: Path, files: Sequence[Path]) -> None:
    """Checks that an adaptation, all of whose epochs are trained, is of these data and this second stage.

    Args:
        content: Its checkpoint.
        data: See `adapt`. That of a config is not compared.
        files: The configs that `arguments` has found.

    Raises:
        ConfigurationError: It is of others.
    """
    models = [read_config(path).get("model") for path in files]
    if named := [each["class_path"] for each in models if isinstance(each, dict) and "class_path" in each]:
        rebuilt(content, named[-1])
    if (data / MANIFEST).is_file():
        check_fingerprint(content.get("trained_on", {}).get("fingerprint"), read_store(data).fingerprint)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
