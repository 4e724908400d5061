"""Trained models and their data, built again from the folder of a run, without a trainer."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jsonargparse import Namespace
from pytorch_lightning.cli import LightningArgumentParser

from cosmo_pl.checkpoints import read_checkpoint
from cosmo_pl.data import MultimodalDataModule
from cosmo_pl.errors import ConfigurationError, mendable
from cosmo_pl.io import read_config, read_yaml
from cosmo_pl.modules import BaseModule
from cosmo_pl.parsing import parse_content
from cosmo_pl.run_folder import CONFIG, LAST, run_of
from cosmo_pl.training_parser import follow_phase, link_data_to_model, parser_of
from cosmo_pl.trust import check_config, class_name

VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


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
    check_config(config, f"run '{folder}'")
    parser = parser_of("model", "data")
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


def load_data(configs: Sequence[Path], given: Mapping[str, Any] | None = None) -> MultimodalDataModule:
    """The data of a config with its overlays, set up; whatever else they say is left aside.

    Args:
        configs: A ``*_stage1.yaml`` or ``*_stage2.yaml``, whose ``phase`` the data take, and overlays on it.
        given: See `make_data`.

    Raises:
        CosmoError: There is no config that names data, or the data cannot be used.
    """
    return _ready(make_data(configs, given))


def make_data(configs: Sequence[Path], given: Mapping[str, Any] | None = None) -> MultimodalDataModule:
    """The data of a config with its overlays before the setup: nothing has been read.

    Args:
        configs: As those of `load_data`; also a YAML with the class path of a datamodule and its arguments alone.
        given: Arguments of the data that replace those of the configs.

    Raises:
        CosmoError: There is no config that names data, or an argument cannot be used.
    """
    parser = parser_of("data")
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
    return _instantiate(parser_of(*parts), Namespace(**parts))  # type: ignore[no-untyped-call]


def _instantiate(parser: LightningArgumentParser, parsed: Any) -> Any:
    try:
        return parser.instantiate(parsed)
    except ValueError as error:
        found = mendable(error)
        if found is None:
            raise
        raise found from error


def _ready(data: MultimodalDataModule) -> MultimodalDataModule:
    data.prepare_data()
    data.setup()
    return data
