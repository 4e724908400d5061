"""W&B sweeps, which are read as studies, so that they also run without an account."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.extras import require
from cosmo_pl.io import parse_yaml, read_yaml
from cosmo_pl.run_folder import has_bundle, versions
from cosmo_pl.study.definition import Described, Factor, Runs, Study, parse
from cosmo_pl.study.identity import options

LABEL_SEED = "label_seed"
TRACK_TEST, VALIDATION = "data.init_args.track_test", "data.init_args.val_subjects"
BUNDLE = "model.init_args.bundle"


@dataclass(frozen=True)
class Metric(Described):
    """The metric that a sweep selects by, which is always the accuracy on validation subjects."""

    name: Literal["val/acc"]
    goal: Literal["maximize"]


@dataclass(frozen=True)
class Values(Described):
    """The values of an argument."""

    values: list[Any]


@dataclass(frozen=True)
class Sweep(Described):
    """A sweep of W&B that a study can run: a grid over arguments of a stage 2 of Cosmo.

    Args:
        name: Its name.
        description: Its heading.
        project: Project of W&B.
        program: "cosmo-pl".
        method: "grid".
        metric: The metric that it selects by.
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
        """Datasets of its configs, without presets and loggers; "" for a config that is no stage 2 of a dataset."""
        configs = [word.removeprefix("--config=") for word in self.command if word.startswith("--config=")]
        own = [path for path in configs if not path.startswith(("experiments/presets/", "configs/logger/"))]
        found = (re.fullmatch(r"configs/(\w+)_stage2\.yaml", path) for path in own)
        return [match[1] if match else "" for match in found]

    @property
    def arguments(self) -> dict[str, Any]:
        """Arguments that all its runs share."""
        matches = (re.fullmatch(r"--([\w.]+)=(.*)", word) for word in self.command)
        return {found[1]: parse_yaml(found[2], found[0]) for found in matches if found and found[1] != "config"}

    @property
    def data_arguments(self) -> dict[str, Any]:
        """Arguments of the data, which its stage 1 has as well."""
        return {key: value for key, value in self.arguments.items() if key.startswith("data.")}


def read_sweep(root: Path, name: str) -> Study:
    """A sweep as a study: its grid of stages 2, and the stage 1 that they share, with the same arguments of the data.

    The overlays are those of the study's preset. The overlay of the logger and the name of the bundle are left out.

    Args:
        root: Folder that holds ``configs/`` and ``experiments/``.
        name: "sweeps/utd_lambda".

    Raises:
        ConfigurationError: It cannot be read, selects on anything but validation subjects, varies anything but the
            labels and one argument, or its dataset is missing.
    """
    sweep = _read(root, name)
    fixed = {key: value for key, value in sweep.arguments.items() if key != BUNDLE}
    vary = {
        argument.rpartition(".")[2]: Factor(argument, swept.values, phases=["finetune"])
        for argument, swept in sweep.parameters.items()
    }
    if LABEL_SEED not in vary or len(vary) != 2:  # no picture shows other grids
        problem, remedy = (
            f"varies {' and '.join(sweep.parameters)}",
            f"Vary data.init_args.{LABEL_SEED} and one argument",
        )
        raise ConfigurationError(f"{name}.yaml", problem, f"{remedy}, or run it at W&B")
    subjects = ", ".join(map(str, fixed[VALIDATION]))
    return Study(
        title=sweep.description,
        render="selection.sweep",
        runs=[Runs(sweep.datasets, ["cosmo"], vary, {"pretrain": sweep.data_arguments, "finetune": fixed}, seeds=1)],
        about=f"Accuracy of the last epoch on validation subjects ({subjects}), which neither stage was trained on. "
        "Test subjects are not evaluated.",
    )


def _read(root: Path, name: str) -> Sweep:
    path = root / "experiments" / f"{name}.yaml"
    sweep: Sweep = parse(Sweep, path)
    datasets, fixed = sweep.datasets, sweep.arguments
    if len(datasets) != 1 or not datasets[0]:
        remedy = "Give its command one --config=configs/<dataset>_stage2.yaml, beside those of presets and loggers"
        raise ConfigurationError(str(path), "is no sweep of a stage 2 of Cosmo", remedy)
    if not (root / "configs" / f"{datasets[0]}_stage2.yaml").is_file():
        raise ConfigurationError(
            str(path), f"there is no configs/{datasets[0]}_stage2.yaml", "Choose a dataset that this version has"
        )
    if not fixed.get(VALIDATION) or fixed.get(TRACK_TEST) is not False:
        remedy = f"Add --{VALIDATION}=[...] and --{TRACK_TEST}=false to its command"
        raise ConfigurationError(str(path), "does not select on validation subjects only", remedy)
    if not fixed.get(BUNDLE):
        raise ConfigurationError(
            str(path), "names no bundle", f"Add --{BUNDLE}=NAME, a name of its own, to its command"
        )
    if len({argument.rpartition(".")[2] for argument in sweep.parameters}) < len(sweep.parameters):
        raise ConfigurationError(str(path), "varies two arguments of one name", "Vary one of them")
    return sweep


def start(root: Path, name: str, train: Callable[[Sequence[str]], None]) -> None:
    """Starts a sweep at W&B, trains its stage 1 unless it has a bundle, and becomes an agent of the sweep.

    Args:
        root: Folder that holds ``configs/`` and ``experiments/``, the working directory of all its runs.
        name: "sweeps/utd_lambda".
        train: `cosmo-pl` on a list of arguments.

    Raises:
        ConfigurationError: The sweep cannot be used, or W&B is not installed, has no login or cannot be reached.
    """
    require("wandb", "sweep")
    import wandb

    sweep = _read(root, name)
    (dataset,), bundle = sweep.datasets, sweep.arguments[BUNDLE]
    content = read_yaml(root / "experiments" / f"{name}.yaml")
    try:
        identifier = wandb.sweep(content, project=sweep.project)
    except wandb.Error as error:
        problem = f"no sweep can be started ({str(error).splitlines()[0].rstrip('.')})"
        remedy = f"Log in by `wandb login`, or run it without an account: `cosmo-pl study run {name}`"
        raise ConfigurationError("wandb", problem, remedy) from error
    if not any(map(has_bundle, versions(root / "runs" / dataset / bundle))):
        words = options({**sweep.data_arguments, "run.name": bundle})
        train(["fit", f"--config=configs/{dataset}_stage1.yaml", *words])
    wandb.agent(identifier, project=sweep.project)
