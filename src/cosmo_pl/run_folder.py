"""The layout of a run's folder, ``<folder>/<name>/version_<n>``. No other file of the package knows it."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cosmo_pl.storage import writing

CONFIG = "config.yaml"
LOG = "metrics.csv"
ADAPTATION = "adaptation.json"
CHECKPOINTS = "checkpoints"
LAST_NAME, PREVIOUS_NAME = "last.ckpt", "previous.ckpt"
LAST = f"{CHECKPOINTS}/{LAST_NAME}"
BUNDLE = "bundle"
BUNDLE_DESCRIPTION = "bundle.json"
BUNDLE_WEIGHTS = "encoders.safetensors"
VERSION = "version_"
TEST, PREDICT = "test_", "predict_"  # folders of the results of the run's tests and predictions
METRICS, CONFUSION, PREDICTIONS = "metrics.json", "confusion_matrix.png", "predictions.csv"
ASIDE = {"root", "cache_dir", "num_workers", "in_memory"}
"""Arguments of the data in a run's configuration that change no sample: where recordings are, how they are read."""


def claim_version(runs: Path) -> Path:
    """Makes the folder of a new run, which no other process has or gets.

    Args:
        runs: Folder of all runs of a config.

    Returns:
        ``version_<n>`` below it, where n is one more than the largest.
    """
    with writing(runs):
        runs.mkdir(parents=True, exist_ok=True)
    return _new_folder(runs, VERSION, max((version_number(run) for run in versions(runs)), default=-1) + 1)


def claim_results(run: Path, kind: str) -> Path:
    """Makes the folder of new results of a run; earlier results are never overwritten.

    Args:
        run: Folder of the run.
        kind: `TEST` or `PREDICT`.

    Returns:
        ``test_<k>`` or ``predict_<k>`` below it, where k is the first free number.
    """
    run.mkdir(parents=True, exist_ok=True)
    return _new_folder(run, kind, 0)


def version_number(run: Path) -> int:
    """The n of ``version_<n>``."""
    return int(run.name.removeprefix(VERSION))


def versions(runs: Path) -> list[Path]:
    """Runs of a config, oldest first."""
    return _numbered(runs, VERSION)


def has_bundle(run: Path) -> bool:
    """Whether a run has written its bundle, as stage 1 does at its end."""
    return (run / BUNDLE / BUNDLE_DESCRIPTION).is_file()


def find_bundle(folder: Path) -> Path | None:
    """The folder itself if it is a bundle, else ``bundle/`` of its newest run with a bundle; None without one."""
    if (folder / BUNDLE_DESCRIPTION).is_file():
        return folder
    return next((run / BUNDLE for run in (*reversed(versions(folder)), folder) if has_bundle(run)), None)


def has_checkpoint(run: Path) -> bool:
    """Whether a run has a last checkpoint."""
    return (run / LAST).is_file()


def is_run(folder: Path) -> bool:
    """Whether a folder is that of a run, finished or not."""
    number = folder.name.removeprefix(VERSION)
    named = folder.name.startswith(VERSION) and number.isdecimal()
    return named and any((folder / name).exists() for name in (CONFIG, LOG, CHECKPOINTS, BUNDLE))


def find_runs(folder: Path) -> list[Path]:
    """All runs in a folder, the folder itself included; hidden folders and other checkouts are left out."""
    found: list[Path] = []
    for name, folders, files in os.walk(folder):
        if is_run(Path(name)):
            found.append(Path(name))
            folders.clear()
        elif ".git" in (*folders, *files) and Path(name) != folder:
            folders.clear()
        folders[:] = sorted(each for each in folders if not each.startswith("."))
    return found


def started_in(run: Path, config: Mapping[str, Any]) -> Path:
    """The working directory of a run's training, which its relative paths start from; today's if it is not known."""
    named = config.get("run") or {}
    parts = Path(*(str(named.get(name) or "") for name in ("folder", "name")), run.name).parts
    place = run.absolute().parts
    return Path(*place[: -len(parts)]) if place[-len(parts) :] == parts else Path()


def finished_tests(run: Path) -> list[Path]:
    """Metrics of all tests of a run, the newest last."""
    return [folder / METRICS for folder in _numbered(run, TEST) if (folder / METRICS).is_file()]


def newest_test(run: Path) -> Path | None:
    """Metrics of the newest test of a run, None for a run that was not tested."""
    return next(reversed(finished_tests(run)), None)


def logged_curves(run: Path) -> dict[str, dict[int, float]]:
    """Name of each metric in a run's CSV log to its values by epoch, from 0; empty where there is no log.

    The last row of a killed run can be incomplete, and is left out.
    """
    curves: dict[str, dict[int, float]] = {}
    if not (run / LOG).is_file():
        return curves
    with (run / LOG).open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(line for line in file if line.endswith("\n")) if None not in row.values()]
    for row in rows:
        epoch = int(row.pop("epoch"))
        for name, value in row.items():
            if value and name != "step":
                curves.setdefault(name, {})[epoch] = float(value)
    return curves


def run_of(checkpoint: Path) -> Path:
    """Folder of the run that a checkpoint belongs to."""
    return checkpoint.parent.parent if checkpoint.parent.name == CHECKPOINTS else checkpoint.parent


def name_of(run: Path) -> tuple[str, ...]:
    """Folder of the runs, name of the config's runs, and version of a run: ("utd", "cosmo", "version_0")."""
    return run.parts[-3:]


def _numbered(folder: Path, stem: str) -> list[Path]:
    found = {path: path.name.removeprefix(stem) for path in folder.glob(f"{stem}*")}
    return sorted((path for path, number in found.items() if number.isdecimal()), key=lambda path: int(found[path]))


def _new_folder(parent: Path, stem: str, number: int) -> Path:
    while True:
        folder = parent / f"{stem}{number}"
        try:
            folder.mkdir()
        except FileExistsError:  # of an earlier result, or of a process that was faster
            number += 1
        else:
            return folder
