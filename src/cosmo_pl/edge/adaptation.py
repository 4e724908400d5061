"""Stage 2 on the device: from a bundle, recordings and a few labels to a recogniser, within a time limit.

A training is a run of ``cosmo-pl fit``: with the same configuration and seed it has the same result. Its folder has a
version for the first adaptation, and one for each time that it goes on.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from pytorch_lightning import Callback

from cosmo_pl.bundle import Bundle
from cosmo_pl.checkpoints import newest_checkpoint, read_checkpoint, usable_checkpoint
from cosmo_pl.edge.adaptation_config import arguments, check_one_label_file, check_trained, epochs_of
from cosmo_pl.edge.budget import Budget, peak_megabytes
from cosmo_pl.edge.given_labels import LABELS, accepted_labels, additions
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.io import write_json
from cosmo_pl.run_folder import ADAPTATION, LAST, run_of

Fit = Callable[[list[str], Sequence[Callback]], None]
"""Trains with the words of a command line, ["fit", "--config=..."], and further callbacks."""


@dataclass(frozen=True)
class AdaptationReport:
    """What an adaptation took.

    Args:
        run: Folder of the run, which `Recogniser.load` opens.
        epochs: Epochs of the training so far.
        planned: Epochs that it is planned for.
        labels: Labelled samples.
        seconds: Seconds from the start of this call to the end of its training, without the export.
        cpu_seconds: Seconds of computation in that time: of all threads, and none while other programs run.
        peak_megabytes: Largest memory of the process so far (resident set) in 10⁶ bytes, Python and PyTorch included.
        threads: Threads of PyTorch.
        time_is_up: Whether it was ended by the time limit.
    """

    run: str
    epochs: int
    planned: int
    labels: int
    seconds: float
    cpu_seconds: float
    peak_megabytes: float
    threads: int
    time_is_up: bool

    def __str__(self) -> str:
        parts = [
            f"{self.run}: {self.epochs} of {self.planned} epochs with {self.labels} labels",
            f"{self.seconds:.1f} s ({self.cpu_seconds:.1f} s of computation), threads: {self.threads}",
            f"peak memory {self.peak_megabytes:.0f} MB",
            *["the time limit has ended the training; the same command goes on"] * self.time_is_up,
        ]
        return "\n".join(parts)


def adapt(
    bundle: Path,
    data: Path,
    out: Path,
    fit: Fit,
    labels: Path | None = None,
    seconds: float | None = None,
    configs: Sequence[Path] = (),
) -> AdaptationReport:
    """Adapts a bundle to recordings, or goes on with an adaptation that ended early or gets further labels.

    Args:
        bundle: The bundle of a stage 1, or the folder of its runs.
        data: Folder that `cosmo-pl data import` has written, all of whose subjects are trained on; or a config of a
            stage 2 or of data.
        out: Folder of the adaptation.
        fit: Trains.
        labels: CSV of labels, see `cosmo_pl.data.label_file`; they are added to those of earlier calls.
        seconds: Time limit. The training ends with the last epoch within it, and after one epoch at the earliest.
        configs: Overlays that replace the second stage; the default is that of `data`, else prototypes.

    Returns:
        What it took.

    Raises:
        CosmoError: Bundle, data, labels and configs cannot be used together, or the folder cannot be trained in.
    """
    budget = Budget(seconds)
    folder = _folder(out)
    found = Bundle.load(bundle)
    files, words = arguments(found, data, configs)
    if labels is not None or (out / LABELS).is_file():
        check_one_label_file(files)
    checkpoint = usable_checkpoint(out)
    content = {} if checkpoint is None else read_checkpoint(checkpoint)
    done, earlier, epochs = int(content.get("record", {}).get("epochs", 0)), additions(out), epochs_of(files)
    with accepted_labels(labels, out, again=checkpoint is not None):
        planned = epochs * (1 + additions(out))
        if additions(out) > earlier:
            planned = max(planned, done + epochs)
        if done < planned:
            words += [f"--model.init_args.bundle={found.folder.resolve()}", f"--trainer.max_epochs={planned}"]
            words += [f"--run.folder={folder.parent}", f"--run.name={folder.name}"]
            words += [f"--data.init_args.label_file={folder / LABELS}"] if (out / LABELS).is_file() else []
            words += [] if checkpoint is None else ["--ckpt_path=last"]
            fit(["fit", *words], [budget])
        else:
            check_trained(content, data, files)
            print("all epochs are trained; it goes on with further labels")
    report = _reported(run_of(newest_checkpoint(out)), budget, planned)
    if done < planned:
        write_json(Path(report.run, ADAPTATION), asdict(report))
    return report


def _folder(out: Path) -> Path:
    """The folder that runs are trained in: of a link, which may have another name, what it points to."""
    file = next((each for each in (out, *out.parents) if each.exists() and not each.is_dir()), None)
    if file is not None:
        raise ConfigurationError("out", f"'{file}' is a file", "Name a folder")
    folder = Path(os.path.realpath(out))
    if set("{}") & set(folder.name):
        problem = f"'{folder.name}' has braces, which stand for arguments of the model in the name of a run"
        raise ConfigurationError("out", problem, "Name another folder")
    return folder


def _reported(run: Path, budget: Budget, planned: int) -> AdaptationReport:
    content = read_checkpoint(run / LAST)
    return AdaptationReport(
        run=str(run),
        epochs=int(content["record"]["epochs"]),
        planned=planned,
        labels=int(content["trained_on"]["labels"]),
        seconds=budget.seconds,
        cpu_seconds=budget.cpu_seconds,
        peak_megabytes=peak_megabytes(),
        threads=torch.get_num_threads(),
        time_is_up=budget.time_is_up,
    )
