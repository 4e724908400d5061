"""What lies where in the folder of a run, ``<folder>/<name>/version_<n>``: the only place that knows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.storage import LAST_NAME, PREVIOUS_NAME, writing

CONFIG = "config.yaml"
CHECKPOINTS = "checkpoints"
LAST = f"{CHECKPOINTS}/{LAST_NAME}"
BUNDLE = "bundle"
VERSION = "version_"


def claim_version(runs: Path) -> Path:
    """Makes the folder of a new run, which no other process has or gets.

    Args:
        runs: Folder of all runs of a config.

    Returns:
        ``version_<n>`` below it, n one more than the largest.
    """
    with writing(runs):
        runs.mkdir(parents=True, exist_ok=True)
    while True:
        number = max((version_number(run) for run in versions(runs)), default=-1) + 1
        try:
            (runs / f"{VERSION}{number}").mkdir()
            return runs / f"{VERSION}{number}"
        except FileExistsError:  # another process was faster
            continue


def version_number(run: Path) -> int:
    """The n of ``version_<n>``."""
    return int(run.name.removeprefix(VERSION))


def versions(runs: Path) -> list[Path]:
    """Runs of a config, oldest first."""
    found = (path for path in runs.glob(f"{VERSION}*") if path.name.removeprefix(VERSION).isdigit())
    return sorted(found, key=version_number)


def run_of(checkpoint: Path) -> Path:
    """Folder of the run that a checkpoint belongs to."""
    return checkpoint.parent.parent if checkpoint.parent.name == CHECKPOINTS else checkpoint.parent


def usable_checkpoint(runs: Path) -> Path | None:
    """Newest checkpoint of the runs that can be read, None without; says which damaged ones were skipped."""
    return next(_usable(runs), None)


def newest_checkpoint(runs: Path) -> Path:
    """Newest checkpoint of the runs that can be read.

    Raises:
        ConfigurationError: There is none.
    """
    found = usable_checkpoint(runs)
    if found is None:
        raise ConfigurationError(
            "ckpt_path", f"no run in '{runs}' has a checkpoint that can be used", "Run `cosmo-pl fit` first"
        )
    return found


def _usable(runs: Path) -> Iterator[Path]:
    from cosmo_pl.checkpoints import read_checkpoint  # torch, which drawing a study does without

    for run in reversed(versions(runs)):
        for name in (LAST_NAME, PREVIOUS_NAME):
            path = run / CHECKPOINTS / name
            if not path.exists():
                continue
            try:
                read_checkpoint(path)
            except ConfigurationError as error:
                print(f"skipped: {error}")
                continue
            yield path
