"""`cosmo-pl view`: recordings and predictions in the Rerun viewer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cosmo_pl.constraints import NonNegativeInt


def view(
    target: str,
    recording: str | None = None,
    subject: NonNegativeInt | None = None,
    dataset: str | None = None,
    root: str | None = None,
    save: str | None = None,
    serve: bool = False,
) -> None:
    """Shows sensors, skeleton, depth, pressure and radar, truth and predictions on one time line, in the Rerun viewer.

    It needs the extra `viewer`. By default a window opens.

    Args:
        target: Name of a recording, for instance a1_s7_t1, Subject11/a1t1 or 05_01_1, or one of its files; a dataset's
            folder or one in it; FOLDER or FOLDER/NAME of imported recordings; a run, whose tested recordings are shown
            with its predictions; or the folder of an exported model.
        recording: Name of one of several recordings, or of those that the model is tested on; the first by default.
        subject: Number of a subject, all of whose recordings are shown, one after another.
        dataset: Dataset of the recording: its key, the class path of a datamodule, or a YAML file with data; by default
            all datasets in the root are searched.
        root: Folder that contains the datasets' folders; by default $COSMO_PL_DATA, else data, or those of the run.
        save: File to write instead, ending in .rrd, which the Rerun viewer opens on any machine.
        serve: Serve a page for browsers instead, until Ctrl-C is pressed.
    """
    from cosmo_pl.edge.viewing import showing
    from cosmo_pl.plots.viewer.destination import check_destination

    path = None if save is None else Path(save)
    check_destination(path, serve)
    showing(target, recording, subject, dataset, root).show(path, serve)
    if path is not None:
        print(f"{path} ({path.stat().st_size / 2**20:.1f} MiB); `rerun {path}` shows it")


def main(args: Sequence[str]) -> None:
    """Runs `cosmo-pl view`."""
    from cosmo_pl.parsing import run_command

    run_command([view], ["view", *args], "cosmo-pl")
