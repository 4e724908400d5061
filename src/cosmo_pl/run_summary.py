"""What a user's own runs are, how far they are, and in what they differ; nothing here imports torch."""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from cosmo_pl.errors import ConfigurationError, CosmoError
from cosmo_pl.io import flat, read_json, read_yaml, shortened
from cosmo_pl.run_folder import (
    ADAPTATION,
    BUNDLE,
    BUNDLE_DESCRIPTION,
    CONFIG,
    LAST,
    find_runs,
    has_bundle,
    is_run,
    logged_curves,
    newest_test,
    started_in,
    versions,
)

UNKNOWN = "-"
HEADER = ("run", "method", "dataset", "labels", "epochs", "accuracy", "date", "size", "state")
OWN = ("run.", "trainer.logger", "config")  # arguments that every run has of its own


@dataclass(frozen=True)
class RunSummary:
    """A run, from the files that it left.

    Args:
        path: Its folder.
        config: Its configuration; empty where it cannot be read.
        result: ``metrics.json`` of its newest test; empty without a test.
        adaptation: ``adaptation.json`` of a run of `cosmo-pl adapt`; empty otherwise.
        epochs: Number of epochs in its log; None without a log.
        changed: When its newest file was written, in seconds since 1970.
        size: Bytes of all its files.
        damage: What is wrong with its files; "" for a run that is whole.
    """

    path: Path
    config: Mapping[str, Any]
    result: Mapping[str, Any]
    adaptation: Mapping[str, Any]
    epochs: int | None
    changed: float
    size: int
    damage: str = ""

    @property
    def method(self) -> str:
        """Class of the model, without "Module"."""
        return _class_name(self.config, "model").removesuffix("Module")

    @property
    def dataset(self) -> str:
        """Name of the dataset, or before a test the class of the data without "DataModule"."""
        return str(self.result.get("dataset") or _class_name(self.config, "data").removesuffix("DataModule"))

    @property
    def planned_epochs(self) -> int | None:
        """Epochs that it was to be trained for; None without a limit."""
        planned = self.adaptation.get("planned") or (self.config.get("trainer") or {}).get("max_epochs")
        return planned if isinstance(planned, int) and planned > 0 else None

    @property
    def accuracy(self) -> str:
        """Accuracy of the newest test with its 95 % interval."""
        if "accuracy" not in self.result:
            return UNKNOWN
        interval = self.result.get("bootstrap_95")
        shown = "" if interval is None else f" [{interval[0]:.3f}, {interval[1]:.3f}]"
        return f"{self.result['accuracy']:.3f}{shown}"

    @property
    def state(self) -> str:
        """Whether it is finished, unfinished or damaged; a tested run of fewer epochs may have stopped early."""
        if self.damage:
            return f"damaged: {self.damage}"
        if self.epochs is None and not self.result:
            return "unfinished: no epoch"
        planned, epochs = self.planned_epochs, self.epochs
        if planned is None or epochs is None or epochs >= planned or (self.path / BUNDLE).is_dir():
            return "finished"
        return f"{'tested' if self.result else 'unfinished'}: {epochs} of {planned} epochs"

    def row(self, root: Path) -> tuple[str, ...]:
        """Its row of a table with `HEADER`; its path is written from a folder on."""
        name = self.path.relative_to(root).as_posix() if self.path.is_relative_to(root) else str(self.path)
        epochs = UNKNOWN if self.epochs is None else str(self.epochs)
        date = datetime.fromtimestamp(self.changed).strftime("%Y-%m-%d %H:%M")
        labels = str(self.result.get("labels", self.adaptation.get("labels", UNKNOWN)))
        size = f"{self.size / 2**20:.1f} MiB"
        return name, self.method, self.dataset, labels, epochs, self.accuracy, date, size, self.state


def summarise(run: Path) -> RunSummary:
    """Reads what a run left; what cannot be read is named in `damage`."""
    damage: list[str] = []
    config = _read(run / CONFIG, damage)
    test = newest_test(run)
    result = {} if test is None else _read(test, damage)
    if (run / LAST).exists() and not zipfile.is_zipfile(run / LAST):
        damage.append(f"{LAST} is no checkpoint")
    if (run / BUNDLE).is_dir() and not has_bundle(run):
        damage.append(f"{BUNDLE} has no {BUNDLE_DESCRIPTION}")
    adaptation = _read(run / ADAPTATION, damage) if (run / ADAPTATION).is_file() else {}
    epochs = {epoch for values in curves_of(run, damage).values() for epoch in values}
    files = [path.stat() for path in run.rglob("*") if path.is_file()]
    return RunSummary(
        path=run,
        config=config,
        result=result,
        adaptation=adaptation,
        epochs=max(epochs) + 1 if epochs else adaptation.get("epochs"),
        changed=max((each.st_mtime for each in files), default=run.stat().st_mtime),
        size=sum(each.st_size for each in files),
        damage="; ".join(damage),
    )


def curves_of(run: Path, damage: list[str] | None = None) -> Mapping[str, Mapping[int, float]]:
    """Metrics of a run by epoch; none if its log cannot be read, which is added to the `damage`."""
    try:
        return logged_curves(run)
    except (ValueError, KeyError, TypeError):
        if damage is not None:
            damage.append("the log cannot be read")
        return {}


def summaries(folder: Path) -> list[RunSummary]:
    """All runs in a folder, newest first.

    Raises:
        ConfigurationError: There is none.
    """
    found = [summarise(run) for run in find_runs(folder)]
    if not found:
        problem = f"there are no runs in '{folder}'" if folder.is_dir() else f"'{folder}' does not exist"
        raise ConfigurationError("folder", problem, "Run `cosmo-pl fit` first, or name the folder of its runs")
    return sorted(found, key=lambda summary: summary.changed, reverse=True)


def checked_run(folder: Path) -> Path:
    """A folder that a user calls a run.

    Raises:
        ConfigurationError: It is none.
    """
    if is_run(folder):
        return folder
    if not folder.is_dir():
        raise ConfigurationError("run", f"'{folder}' does not exist", "`cosmo-pl runs list` shows the runs")
    inside = versions(folder)
    remedy = f"Name one of its runs, as {inside[-1]}" if inside else "`cosmo-pl runs list` shows the runs"
    raise ConfigurationError("run", f"'{folder}' is no run, a folder version_<n> with a {CONFIG}", remedy)


def differing_arguments(runs: Sequence[RunSummary]) -> list[tuple[str, ...]]:
    """Rows of each argument that is not the same in all runs: its dotted name, and its value in each run."""
    every = [flat(run.config) for run in runs]
    names = sorted({name for arguments in every for name in arguments if not name.startswith(OWN)})
    rows = [(name, *(_shown(arguments.get(name, UNKNOWN)) for arguments in every)) for name in names]
    return [row for row in rows if len(set(row[1:])) > 1]


def users_of_bundle(run: Path, others: Iterable[Path]) -> list[Path]:
    """Runs among others whose configuration names the bundle of this one.

    Args:
        run: The run that wrote the bundle.
        others: Runs to search; the run itself is left out.
    """
    if not (run / BUNDLE).is_dir():
        return []
    with_bundle = [each for each in versions(run.parent) if (each / BUNDLE).is_dir()]
    named = {run.resolve(), (run / BUNDLE).resolve()}
    if with_bundle[-1].resolve() == run.resolve():  # the folder of all runs stands for the newest
        named.add(run.parent.resolve())
    return [other for other in others if other.resolve() != run.resolve() and _bundle_of(other) in named]


def check_deletable(runs: Sequence[Path]) -> None:
    """Checks that no run that is left needs the bundle of one that is to be deleted.

    Raises:
        ConfigurationError: A folder is no run, or the configuration of another run names its bundle.
    """
    doomed = {checked_run(run).resolve() for run in runs}
    for run in runs:
        users = [user for user in users_of_bundle(run, find_runs(_top(run))) if user.resolve() not in doomed]
        if users:
            named = ", ".join(os.path.relpath(user) for user in users[:3])
            raise ConfigurationError(
                "run", f"the bundle of '{run}' is used by {named}", "Delete these as well, or use --force"
            )


def _top(run: Path) -> Path:
    """Folder of all runs, as ``runs`` of a run with the folder ``runs/utd``; that of its dataset if it is not known."""
    run, config = run.resolve(), _read(run / CONFIG, [])
    folder = Path(str((config.get("run") or {}).get("folder") or ""))
    place = started_in(run, config)
    known = bool(place.parts and folder.parts) and not folder.is_absolute() and ".." not in folder.parts
    return place / folder.parts[0] if known else run.parents[1]


def delete_runs(runs: Sequence[Path]) -> None:
    """Deletes the folders of runs.

    Raises:
        ConfigurationError: One is no run; nothing was deleted then.
    """
    for run in {checked_run(run).resolve() for run in runs}:
        shutil.rmtree(run)


def _read(path: Path, damage: list[str]) -> Mapping[str, Any]:
    try:
        found = read_yaml(path) if path.suffix == ".yaml" else read_json(path, _refused)
    except CosmoError:
        found = None
    if isinstance(found, Mapping) and KINDS.get(path.name, _is_result)(found):
        return found
    damage.append(f"{path.name} cannot be read" if path.exists() else f"{path.name} is missing")
    return {}


def _is_config(found: Mapping[str, Any]) -> bool:
    parts = (found.get(part) for part in ("model", "data", "trainer", "run"))
    return all(part is None or isinstance(part, Mapping) for part in parts)


def _is_adaptation(found: Mapping[str, Any]) -> bool:
    return all(type(found.get(name)) is int for name in ("epochs", "planned", "labels"))


def _is_result(found: Mapping[str, Any]) -> bool:
    return isinstance(found.get("accuracy", 0.0), int | float)


KINDS = {CONFIG: _is_config, ADAPTATION: _is_adaptation}


def _refused(problem: str) -> CosmoError:
    return CosmoError(problem)


def _class_name(config: Mapping[str, Any], part: str) -> str:
    described = config.get(part)
    path = described.get("class_path", UNKNOWN) if isinstance(described, Mapping) else UNKNOWN
    return str(path).rpartition(".")[2]


def _bundle_of(run: Path) -> Path | None:
    """Folder that a run's configuration names as its bundle."""
    config = _read(run / CONFIG, [])
    arguments = config.get("model") or {}
    named = (arguments.get("init_args") or {}).get("bundle") if isinstance(arguments, Mapping) else None
    return (started_in(run.resolve(), config) / named).resolve() if isinstance(named, str) else None


def _shown(value: Any) -> str:
    return "null" if value is None else shortened(str(value))
