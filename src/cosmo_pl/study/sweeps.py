"""W&B sweeps, read as studies, so that they run without an account as well."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.io import parse_yaml, read_yaml
from cosmo_pl.run_folder import has_bundle, versions
from cosmo_pl.study.definition import Described, Factor, Runs, Study, parse

TRACK_TEST, VALIDATION = "data.init_args.track_test", "data.init_args.val_subjects"
BUNDLE = "model.init_args.bundle"


@dataclass(frozen=True)
class Metric(Described):
    """What a sweep selects by: accuracy on validation subjects, and nothing else."""

    name: Literal["val/acc"]
    goal: Literal["maximize"]


@dataclass(frozen=True)
class Values(Described):
    """What an argument takes in turn."""

    values: list[Any]


@dataclass(frozen=True)
class Sweep(Described):
    """A sweep as W&B defines it, as far as a study can run it: a grid over arguments of a stage 2 of Cosmo.

    Args:
        name: Its name.
        description: A heading.
        project: W&B's project.
        program: "cosmo-pl".
        method: "grid".
        metric: What it selects by.
        parameters: Argument, without dashes, to its values.
        command: Words of ``cosmo-pl fit``, with ``--config=PATH``, ``--ARGUMENT=VALUE`` and W&B's ``${args}``.
    """

    name: str
    description: str
    project: str
    program: str
    method: Literal["grid"]
    metric: Metric
    parameters: dict[str, Values]
    command: list[str]

    @property
    def datasets(self) -> list[str]:
        """Datasets of its configs, but for presets and loggers; "" for a config that is no dataset's stage 2."""
        configs = [word.removeprefix("--config=") for word in self.command if word.startswith("--config=")]
        own = [path for path in configs if not path.startswith(("experiments/presets/", "configs/logger/"))]
        found = (re.fullmatch(r"configs/(\w+)_stage2\.yaml", path) for path in own)
        return [match[1] if match else "" for match in found]

    @property
    def arguments(self) -> dict[str, Any]:
        """Arguments that all its runs share."""
        options = (re.fullmatch(r"--([\w.]+)=(.*)", word) for word in self.command)
        return {found[1]: parse_yaml(found[2], found[0]) for found in options if found and found[1] != "config"}

    @property
    def data_arguments(self) -> dict[str, Any]:
        """Those of the data, which its stage 1 has as well."""
        return {key: value for key, value in self.arguments.items() if key.startswith("data.")}


def read_sweep(root: Path, name: str) -> Study:
    """A sweep as a study: its grid of stages 2, and the one stage 1 before it, with the same arguments of the data.

    Overlays are those of the study's preset; the logger's is left out, and so is the bundle's name.

    Args:
        root: Folder that holds ``configs/`` and ``experiments/``.
        name: "sweeps/utd_lambda".

    Raises:
        ConfigurationError: It cannot be read, selects on anything but validation subjects, or its dataset is missing.
    """
    sweep = _read(root, name)
    fixed = {key: value for key, value in sweep.arguments.items() if key != BUNDLE}
    vary = {
        argument.rpartition(".")[2]: Factor(argument, given.values, phases=["finetune"])
        for argument, given in sweep.parameters.items()
    }
    subjects = ", ".join(map(str, fixed[VALIDATION]))
    return Study(
        title=sweep.description,
        render="sweep.selection",
        runs=[Runs(sweep.datasets, ["cosmo"], vary, {"pretrain": sweep.data_arguments, "finetune": fixed}, seeds=1)],
        about=f"Accuracy of the last epoch on validation subjects ({subjects}), on which neither stage has trained. "
        "Test subjects are not looked at.",
    )


def _read(root: Path, name: str) -> Sweep:
    path = root / "experiments" / f"{name}.yaml"
    sweep: Sweep = parse(Sweep, path)
    datasets, fixed = sweep.datasets, sweep.arguments
    if len(datasets) != 1 or not datasets[0]:
        raise ConfigurationError(
            str(path), "is no sweep of a stage 2 of Cosmo",
            "Give its command one --config=configs/<dataset>_stage2.yaml, and others of presets and loggers alone",
        )  # fmt: skip
    if not (root / "configs" / f"{datasets[0]}_stage2.yaml").is_file():
        raise ConfigurationError(
            str(path), f"there is no configs/{datasets[0]}_stage2.yaml", "Choose a dataset that this version has"
        )
    if not fixed.get(VALIDATION) or fixed.get(TRACK_TEST) is not False:
        raise ConfigurationError(
            str(path), "does not select on validation subjects alone",
            f"Add --{VALIDATION}=[...] and --{TRACK_TEST}=false to its command",
        )  # fmt: skip
    if not fixed.get(BUNDLE):
        raise ConfigurationError(
            str(path), "names no bundle", f"Add --{BUNDLE}=NAME, a name of its own, to its command"
        )
    if len({argument.rpartition(".")[2] for argument in sweep.parameters}) < len(sweep.parameters):
        raise ConfigurationError(str(path), "varies two arguments that end alike", "Vary one of them")
    return sweep


def start(root: Path, name: str, train: Callable[[Sequence[str]], None]) -> None:
    """Starts a sweep at W&B, trains its stage 1 unless the bundle is there, and becomes an agent of the sweep.

    Args:
        root: Folder that holds ``configs/`` and ``experiments/``, the working directory of all its runs.
        name: "sweeps/utd_lambda".
        train: `cosmo-pl` on a list of arguments.

    Raises:
        ConfigurationError: The sweep cannot be used, or W&B has no login or cannot be reached.
    """
    import wandb

    sweep = _read(root, name)
    (dataset,), bundle = sweep.datasets, sweep.arguments[BUNDLE]
    content = read_yaml(root / "experiments" / f"{name}.yaml")
    try:
        identifier = wandb.sweep(content, project=sweep.project)
    except wandb.Error as error:
        raise ConfigurationError(
            "wandb", f"no sweep can be started ({str(error).splitlines()[0].rstrip('.')})",
            f"Log in by `wandb login`, or run it without an account: `cosmo-pl study run {name}`",
        ) from error  # fmt: skip
    if not any(map(has_bundle, versions(root / "runs" / dataset / bundle))):
        given = {**sweep.data_arguments, "run.name": bundle}
        words = [f"--{key}={value if isinstance(value, str) else json.dumps(value)}" for key, value in given.items()]
        train(["fit", f"--config=configs/{dataset}_stage1.yaml", *words])
    wandb.agent(identifier, project=sweep.project)
