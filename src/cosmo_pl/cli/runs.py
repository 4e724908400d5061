"""`cosmo-pl runs list|compare|delete`: one's own runs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from cosmo_pl.errors import ConfigurationError


def list_(folder: str = "runs") -> None:
    """Lists the runs in a folder, newest first, with their accuracy and its 95 % interval, and how far they are.

    Args:
        folder: The folder; runs in folders below it are found.
    """
    from cosmo_pl.io import aligned
    from cosmo_pl.run_summary import HEADER, summaries

    root = Path(folder)
    print(aligned([HEADER, *(summary.row(root) for summary in summaries(root))]))


def compare(runs: list[str], out: str | None = None) -> None:
    """Shows in which arguments runs differ, and their accuracies; draws their curves.

    Args:
        runs: Folders of at least two runs.
        out: PNG that gets loss and accuracy by epoch; none by default.
    """
    from cosmo_pl.io import aligned
    from cosmo_pl.run_summary import checked_run, curves_of, differing_arguments, summarise

    if len(runs) < 2:
        raise ConfigurationError("runs", "one run has nothing to be compared with", "Name at least two")
    found = [summarise(checked_run(Path(run))) for run in runs]
    results = [
        ("accuracy, 95 % interval", *(each.accuracy for each in found)),
        ("labels", *(str(each.result.get("labels", "-")) for each in found)),
        ("epochs", *(str(each.epochs) for each in found)),
        ("state", *(each.state for each in found)),
    ]
    print(aligned([("", *runs), *results, *differing_arguments(found)]))
    if out is not None:
        from cosmo_pl.plots.run_curves import plot_curves

        print(plot_curves({run: curves_of(Path(run)) for run in runs}, Path(out)))


def delete(runs: list[str], yes: bool = False, force: bool = False) -> None:
    """Deletes runs: all that is in their folders.

    Args:
        runs: Folders of runs, version_<n>.
        yes: Do not ask for a confirmation.
        force: Delete bundles that the configuration of another run names.
    """
    from cosmo_pl.run_summary import check_deletable, checked_run, delete_runs

    folders = [checked_run(Path(run)) for run in runs]
    if not force:
        check_deletable(folders)
    if not yes and not _confirmed(runs):
        print("nothing was deleted")
        return
    delete_runs(folders)
    print(f"{len(folders)} runs deleted")


def _confirmed(runs: Sequence[str]) -> bool:
    if not sys.stdin.isatty():
        raise ConfigurationError("yes", "a confirmation is needed, and there is no terminal to ask at", "Use --yes")
    return input(f"Delete {', '.join(runs)}? [y/N] ").strip().lower() in ("y", "yes")


def main(args: Sequence[str]) -> None:
    """Runs one runs subcommand; none of them is `list`."""
    from cosmo_pl.parsing import run_command

    run_command([list_, compare, delete], args or ["list"], "cosmo-pl runs")
