"""Runs one job through the entry points that users have, and gathers its record."""

from __future__ import annotations

import gc
import json
import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from logging import StreamHandler
from pathlib import Path
from typing import Any

from cosmo_pl.checkpoints import usable_checkpoint
from cosmo_pl.data.identity import is_simulated
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.fields import Field
from cosmo_pl.io import keep_json, kept_json
from cosmo_pl.provenance import code_state, environment
from cosmo_pl.run_folder import BUNDLE, BUNDLE_DESCRIPTION, logged_curves, newest_test, run_of
from cosmo_pl.shipped import project_config
from cosmo_pl.study.functions import measurement
from cosmo_pl.study.identity import options
from cosmo_pl.study.jobs import Job, Project, identified
from cosmo_pl.study.lineage import digest
from cosmo_pl.study.records import Record
from cosmo_pl.study.workspace import Workspace
from cosmo_pl.trust import allowing, class_paths
from cosmo_pl.version import __version__

PARTS = ("train/loss", "train/loss_floor", "train/acc", "val/loss", "val/acc", "test/loss", "test/acc", "phase")
DATA = "data.init_args."
GEOMETRY = ("val/cosine_distance", "val/alignment", "val/uniformity")
COMPARABLE = "32-true"  # precision of runs that request none: machines' own would differ within a table
CURVES = (*PARTS, "probe/acc", *GEOMETRY)


@dataclass(frozen=True)
class EntryPoints:
    """The parts of the command line that a study uses.

    Args:
        train: `cosmo-pl fit|test` on a list of arguments.
        load_run: Gives the model and the data of a run's folder.
        load_data: Gives the data of composed configs, with arguments of the data on top.
        federated: `cosmo-pl federated` on a list of arguments.
    """

    train: Callable[[Sequence[str]], None]
    load_run: Callable[[Path], tuple[Any, Any]]
    load_data: Callable[[Sequence[Path], Mapping[str, Any]], Any]
    federated: Callable[[Sequence[str]], None]


@dataclass(frozen=True)
class Executor:
    """Runs jobs.

    Args:
        project: The folder with the configs, which it resolves again at each run.
        workspace: The folder of the runs.
        entry: The entry points of the command line.
        progress_bar: Whether trainings show progress bars.
    """

    project: Project
    workspace: Workspace
    entry: EntryPoints
    progress_bar: bool = False

    def __call__(self, job: Job) -> Record:
        """Runs a job, or resumes a killed run of it.

        Raises:
            CosmoError: Its data or configs cannot be used, or have changed since the job was made.
        """
        if identified(job, self.project).key != job.key:
            remedy = "Start the study again, which makes the runs of the configs as they are now"
            raise ConfigurationError("configs", f"{', '.join(job.configs)} have changed since the study began", remedy)
        start = time.perf_counter()
        packages = {path.partition(":")[0] for path in class_paths(job.resolved.arguments)}
        with self._logged(job), allowing(*packages):  # the project's own configs name them
            if job.kind == "measure":
                found = self._measure(job)
            else:
                self._fit(job)
                gather = self._pretrained if job.kind == "pretrain" else self._tested if job.tested else self._validated
                found = gather(job)
        gc.collect()  # trainer, module and data form cycles, and one process makes hundreds of runs
        training = found["result"].get("training", found["result"])
        return Record(
            key=job.key,
            kind=job.kind,
            dataset=job.dataset,
            method=job.method,
            seed=job.seed,
            preset=job.preset,
            configs=job.configs,
            arguments=dict(job.arguments),
            parents=tuple(parent.key for parent in job.parents),
            measure=job.measure,
            seconds=round(max(time.perf_counter() - start, training.get("fit_seconds", 0.0)), 1),
            version=__version__,
            environment={**environment(), **self._code(job), "precision": training.pop("precision", None)},
            resolved=dict(job.resolved.arguments),
            numerics=dict(job.resolved.numerics),
            parent_results=[self._digest(parent) for parent in job.parents],
            **found,
        )

    def arguments(self, job: Job) -> list[str]:
        """Command line of a fit and of its test, without the subcommand."""
        run = self.workspace.run(job)
        arguments = dict(job.arguments)
        if "precision" not in job.resolved.arguments.get("trainer", {}):
            arguments["trainer.precision"] = COMPARABLE
        if job.parents:
            arguments["model.init_args.bundle"] = str(self.workspace.run(job.parents[0]))
        arguments |= {
            "run.folder": str(run.parent),
            "run.name": run.name,
            "trainer.enable_progress_bar": self.progress_bar,
            "trainer.enable_model_summary": False,
        }
        configs = [f"--config={project_config(self.project.root, path)}" for path in job.configs]
        return configs + options(arguments)

    @contextmanager
    def _logged(self, job: Job) -> Iterator[None]:
        """Sends the output of a run to its folder, unless progress bars are shown."""
        if self.progress_bar:
            yield
            return
        with (
            self.workspace.log(job).open("a", encoding="utf-8") as log,
            redirect_stdout(log),
            redirect_stderr(log),
        ):
            loggers = map(logging.getLogger, ("pytorch_lightning", "lightning_fabric"))
            handlers = [h for logger in loggers for h in logger.handlers if isinstance(h, StreamHandler)]
            before = [handler.stream for handler in handlers]  # the stream at the time of their creation
            try:
                for handler in handlers:
                    handler.stream = log  # setStream would write to the old stream, which may be closed
                yield
            finally:
                for handler, stream in zip(handlers, before, strict=True):
                    handler.stream = stream

    def _fit(self, job: Job) -> None:
        if job.kind == "pretrain" and self.workspace.usable(job):
            if self._is_of_these_recordings(job):
                return  # its training ended, and its record was not kept or has been removed
            self.workspace.remove_checkpoints(job)  # which the new training would resume
        if job.resolved.arguments.get("federated") is not None:
            self._keep_code(job, resumed=bool(self.workspace.versions(job)))
            self.entry.federated(["simulate", *self.arguments(job)])  # goes on with the round where it was
            return
        checkpoint = usable_checkpoint(self.workspace.run(job))  # of a run that was killed
        self._keep_code(job, resumed=checkpoint is not None)
        resume = [] if checkpoint is None else [f"--ckpt_path={checkpoint}"]
        self.entry.train(["fit", *self.arguments(job), *resume])
        if (trained := usable_checkpoint(self.workspace.run(job))) is not None:
            self.workspace.mark_trained(run_of(trained))

    def _is_of_these_recordings(self, job: Job) -> bool:
        """Whether the bundle of a stage 1 is of the recordings on disk; that of a federation is not compared."""
        if job.resolved.arguments.get("federated") is not None:
            return True
        return bool(self._bundle(job)["data_fingerprint"] == self._data(job).data_fingerprint)

    def _data(self, job: Job) -> Any:
        """The data of a job without parents."""
        given = {name: value for name, value in job.arguments.items() if name.startswith(DATA)}
        configs = [project_config(self.project.root, path) for path in job.configs]
        return self.entry.load_data(configs, {name.removeprefix(DATA): value for name, value in given.items()})

    def _bundle(self, job: Job) -> dict[str, Any]:
        """The description of the bundle of a stage 1."""
        path = self._run(job) / BUNDLE / BUNDLE_DESCRIPTION
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found

    def _keep_code(self, job: Job, resumed: bool) -> None:
        """Writes which code a training is of: that of its beginning, as later code may only have finished it."""
        commit, dirty = code_state()
        if resumed:
            began = self._code(job)
            commit, dirty = began.get("commit"), dirty or began.get("dirty")
        keep_json(self.workspace.code(job), {"commit": commit, "dirty": dirty})

    def _code(self, job: Job) -> dict[str, Any]:
        """What `_keep_code` wrote; empty for a measurement."""
        return kept_json(self.workspace.code(job)) or {}

    def _run(self, job: Job) -> Path:
        run = self.workspace.finished(job)
        assert run is not None, f"{job.name} has no finished run in {self.workspace.run(job)}"
        return run

    def _curves(self, job: Job) -> dict[str, list[float | None]]:
        return curves(self.workspace.versions(job))

    def _digest(self, job: Job) -> str:
        """Digest of the training whose files others use: its record may be of another, on another machine."""
        tests = [path for run in self.workspace.versions(job) if (path := newest_test(run)) is not None]
        tested = json.loads(tests[-1].read_text(encoding="utf-8")) if tests else {}
        return digest(self._curves(job), tested.get("correct"))

    def _pretrained(self, job: Job) -> dict[str, Any]:
        bundle = self._bundle(job)
        kept = ("fit_seconds", "epochs", "unlabeled", "precision", "federated")
        return {
            "result": {
                **{key: bundle["training"][key] for key in kept if key in bundle["training"]},
                "quality": {name: _without_curve(measured) for name, measured in bundle["quality"].items()},
            },
            "curves": self._curves(job),
            "simulated": bundle["training"]["simulated"],
            "data_fingerprint": bundle["data_fingerprint"],
        }

    def _tested(self, job: Job) -> dict[str, Any]:
        self.entry.train(["test", *self.arguments(job)])
        path = newest_test(self._run(job))
        assert path is not None, "it has just been tested"
        metrics = json.loads(path.read_text(encoding="utf-8"))
        metrics["training"].pop("bundle", None)  # a path of this machine; the record contains the parents' keys
        # Other fields of the record, paths of this machine, or too large.
        elsewhere = {"confusion_matrix", "simulated", "data_fingerprint", "version", "precision", "checkpoint"}
        elsewhere |= set(environment())
        return {
            "result": {key: value for key, value in metrics.items() if key not in elsewhere},
            "curves": self._curves(job),
            "simulated": metrics["simulated"],
            "data_fingerprint": metrics["data_fingerprint"],
        }

    def _validated(self, job: Job) -> dict[str, Any]:
        """The record of a run that must not evaluate test subjects: the accuracy on the validation subjects."""
        model, data = self.entry.load_run(self._run(job))
        found = self._curves(job)
        return {
            "result": {"val_accuracy": found["val/acc"][-1], "training": model.record.to_dict()},
            "curves": found,
            "simulated": is_simulated(data.folder),
            "data_fingerprint": data.data_fingerprint,
        }

    def _measure(self, job: Job) -> dict[str, Any]:
        function = measurement(str(job.measure))
        if job.parents:
            runs = [self.entry.load_run(self._run(parent)) for parent in job.parents]
        else:
            runs = [(None, self._data(job))]
        data, result = runs[0][1], function(runs)
        _check_returned(str(job.measure), result)
        return {
            "result": result,
            "simulated": is_simulated(data.folder),
            "data_fingerprint": data.data_fingerprint,
        }


def _check_returned(measure: str, result: Any) -> None:
    """Checks that a measurement has returned what a record can contain."""
    try:
        returned = Field(result)
        returned.mapping()
        returned.finite()
    except ValueError as error:
        remedy = "Return a mapping of names to finite numbers, texts, lists and mappings"
        raise ConfigurationError("measure", f"the result of '{measure}' cannot be kept ({error})", remedy) from error


def _without_curve(quality: Mapping[str, Any]) -> dict[str, Any]:
    """Quality of a modality without its silhouettes, which are the same in all stages 1 on the same data."""
    return {name: value for name, value in quality.items() if name != "silhouettes"}


def curves(runs: Iterable[Path]) -> dict[str, list[float | None]]:
    """Curves by epoch from the CSV logs of a run and of the runs that resumed it; the later log takes precedence."""
    found: dict[str, dict[int, float]] = {}
    for run in runs:
        for name, values in logged_curves(run).items():
            found.setdefault(name, {}).update(values)
    names = [name for name in CURVES if name in found]
    order = sorted({epoch for values in found.values() for epoch in values})
    if not names:
        return {}
    return {"epoch": list(order), **{name: [_rounded(found[name].get(e)) for e in order] for name in names}}


def _rounded(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(f"{value:.5g}")
