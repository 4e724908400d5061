"""The runs of a study: its expanded grids, each run with the key of its result."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from textwrap import shorten
from typing import Any, Literal

from cosmo_pl.errors import ConfigurationError, choices, located
from cosmo_pl.extras import installed
from cosmo_pl.io import read_yaml
from cosmo_pl.shipped import project_config, shipped_root
from cosmo_pl.study.definition import (
    FitPhase,
    Method,
    Preset,
    Runs,
    Study,
    overlay_method,
    parse,
)
from cosmo_pl.study.functions import measurement_version
from cosmo_pl.study.identity import Part, Resolved, canonical, key_of
from cosmo_pl.study.resolving import Resolve, Resolver
from cosmo_pl.study.sweeps import TRACK_TEST, read_sweep

Kind = Literal["pretrain", "finetune", "measure"]
STAGE: dict[FitPhase, int] = {"pretrain": 1, "finetune": 2}
STAGE_2 = "_stage2.yaml"


@dataclass(frozen=True)
class Job:
    """One run: a stage 1, a stage 2 or a measurement.

    Args:
        kind: Kind of the run.
        dataset: Its dataset.
        method: Its method, several joined by "+", or "" for a measurement of the data only.
        seed: Seed of labels, initialisation and shuffling.
        preset: Preset under which it was expanded.
        factors: Values of the factors that its study varies.
        configs: Config and overlays, relative to the project's folder.
        arguments: Arguments that override the configs.
        parents: Runs whose results it uses: the stage 1 of a stage 2, or the runs that a measurement measures.
        measure: Name of the measurement.
        key: Hash of everything that its numbers depend on, see `identity.key_of`. The same run in two studies has one
            key.
        resolved: Its configuration with all defaults.
        cells: Its cells in the study: index of the grid and values of that grid's factors. A run at the defaults of
            two grids has a cell in both; a run that does not depend on a factor has several cells in one grid.
    """

    kind: Kind
    dataset: str
    method: str
    seed: int
    preset: str
    factors: Mapping[str, Any] = field(compare=False)
    configs: tuple[str, ...] = field(compare=False)
    arguments: Mapping[str, Any] = field(compare=False)
    parents: tuple[Job, ...]
    measure: str | None = None
    key: str = ""
    resolved: Resolved = field(default_factory=lambda: Resolved({}), compare=False, repr=False)
    cells: tuple[tuple[int, Mapping[str, Any]], ...] = field(default=(), compare=False)

    @property
    def name(self) -> str:
        """Readable name: "utd cosmo seed 0 finetune"."""
        varied = [shorten(f"{name}={value}", 60, placeholder="...") for name, value in self.factors.items()]
        return " ".join([self.dataset, self.method, f"seed {self.seed}", *varied, self.measure or self.kind]).strip()

    @property
    def tested(self) -> bool:
        """Whether a stage 2 is tested on the test subjects; runs of sweeps, which select on others, are not."""
        return bool(self.arguments.get(TRACK_TEST, True))


@dataclass(frozen=True)
class Project:
    """The folders that studies are read from.

    Args:
        root: Folder that holds ``configs/`` and ``experiments/``.
        resolve: Adds all defaults to the configuration of a run.
    """

    root: Path = Path()
    resolve: Resolve = field(default_factory=Resolver, compare=False)

    @property
    def experiments(self) -> Path:
        """Folder of the studies."""
        return self.root / "experiments"

    def studies(self) -> list[str]:
        """Names of all studies: the tables of the paper, then short names before long ones."""
        aside = {"methods", "paper"}
        names = [path.stem for path in self.experiments.glob("*.yaml") if path.stem not in aside]
        return sorted(names, key=lambda name: (not name.startswith("table"), len(name), name))

    def sweeps(self) -> list[str]:
        """Names of all sweeps: "sweeps/utd_lambda"."""
        return sorted(f"sweeps/{path.stem}" for path in self.experiments.glob("sweeps/*.yaml"))

    def study(self, name: str) -> Study:
        """Reads a study, or a sweep as one.

        Raises:
            ConfigurationError: There is none with that name, or it cannot be read.
        """
        if name in self.sweeps():
            return read_sweep(self.root, name)
        if name not in self.studies():
            raise ConfigurationError("study", f"there is no '{name}'", choices(name, [*self.studies(), *self.sweeps()]))
        study: Study = parse(Study, self.experiments / f"{name}.yaml")
        return study

    def methods(self, study: Study | None = None) -> dict[str, Method]:
        """All methods by name, in the order of the tables, and then the other ones that a study names.

        These are overlays of the project, or else shipped methods or overlays.
        """
        methods = _methods_of(self.experiments)
        names = [n for runs in (study.runs if study else ()) for names in runs.methods for n in names.split("+")]
        for name in names:
            if name not in methods and (found := self._other_method(name)) is not None:
                methods[name] = found
                names += [found.first] if found.first else []
        return methods

    def _other_method(self, name: str) -> Method | None:
        overlay = f"configs/model/{name}.yaml"
        shipped = {} if (self.root / overlay).is_file() else _methods_of(shipped_root() / "experiments")
        if name in shipped:
            return replace(shipped[name], datasets=None)  # which are shipped datasets
        path = project_config(self.root, overlay)
        return overlay_method(path) if path.is_file() else None

    def presets(self) -> list[str]:
        """Names of all presets."""
        return sorted(path.parent.name for path in self.experiments.glob("presets/*/preset.yaml"))

    def preset(self, name: str) -> Preset:
        """Reads a preset.

        Raises:
            ConfigurationError: There is none with that name, or it cannot be read.
        """
        if name not in self.presets():
            raise ConfigurationError("preset", f"there is no '{name}'", choices(name, self.presets()))
        preset: Preset = parse(Preset, self.experiments / "presets" / name / "preset.yaml")
        return preset

    def jobs(self, name: str, preset: str, strict: bool = False) -> list[Job]:
        """Jobs of a study, or of "all" that the installed packages can run, each once.

        Args:
            name: Name of the study, or "all".
            preset: Name of the preset.
            strict: Whether to refuse defaults of factors that are not the configs' values, and values that are one run.

        Raises:
            ConfigurationError: There is no such study or preset, it names a method that does not exist, or a default is
                refused.
        """
        names = [each for each in self.studies() if installed(self.study(each).needs)] if name == "all" else [name]
        found: dict[str, Job] = {}
        for each in names:
            study = self.study(each)
            with located(f"study '{each}'"):
                jobs = expand(self, study, preset)
                if strict:
                    _check_defaults(study, jobs)
                    _check_values(study, jobs, self.preset(preset))
            found |= {job.key: job for job in jobs}
        return sorted(found.values(), key=lambda job: job.seed)

    def paper(self) -> dict[str, Any]:
        """What the paper states; empty without a ``paper.yaml``."""
        path = self.experiments / "paper.yaml"
        content: dict[str, Any] = read_yaml(path) if path.is_file() else {}
        return content

    def datasets(self) -> list[str]:
        """Names of all datasets with configs."""
        return sorted(path.name.removesuffix(STAGE_2) for path in (self.root / "configs").glob(f"*{STAGE_2}"))

    def has_dataset(self, dataset: str) -> bool:
        """Whether configs of a dataset exist."""
        return (self.root / "configs" / f"{dataset}{STAGE_2}").is_file()

    def recipe(self, dataset: str) -> str:
        """Recipe that a dataset is named for: "plus" of "utd_plus", "" without configs of the name before it."""
        base, _, recipe = dataset.rpartition("_")
        return recipe if base and self.has_dataset(base) else ""


def _methods_of(experiments: Path) -> dict[str, Method]:
    path = experiments / "methods.yaml"
    return dict(parse(dict[str, Method], path)) if path.is_file() else {}


def expand(project: Project, study: Study, preset: str) -> list[Job]:
    """All jobs of a study under a preset, each once, parents before their children, one seed after the other.

    Datasets without configs have no jobs.

    Raises:
        ConfigurationError: The study names a method or preset that does not exist.
    """
    maker = _Maker(project, preset, project.methods(study))
    found: dict[str, Job] = {}
    for grid, runs in enumerate(study.runs):
        with located(f"runs.{grid}"):
            jobs = list(maker.jobs(runs))
        for job in jobs:
            for each in (*_ancestors(job), job):
                found.setdefault(each.key, each)
            known = found[job.key]
            found[job.key] = replace(known, cells=(*known.cells, (grid, job.factors)))
    return sorted(found.values(), key=lambda job: job.seed)  # stable: parents stay before their children


def _check_defaults(study: Study, jobs: Sequence[Job]) -> None:
    """Refuses a default that is not the configs' value, as tables would name a value that did not run."""
    for job in jobs:
        for grid, name, value in ((grid, *factor) for grid, factors in job.cells for factor in factors.items()):
            factor = study.runs[grid].vary[name]
            if factor.labels is not None or value != factor.default:
                continue
            for fit in (*_ancestors(job), job):
                found = fit.resolved.value(factor.argument)
                if fit.kind in factor.phases and factor.argument not in fit.arguments and found != canonical(value):
                    problem = f"is {value!r}, and {factor.argument} is {found!r} in the configs of {fit.name}"
                    remedy = "Correct it, or give the values labels"
                    raise ConfigurationError(f"runs.{grid}.vary.{name}.default", problem, remedy)


def _check_values(study: Study, jobs: Sequence[Job], preset: Preset) -> None:
    """Refuses two values of a factor that make the same run, as tables would name the same result for both."""
    fixed = {argument for arguments in preset.arguments.values() for argument in arguments}
    for job in jobs:
        kinds = {fit.kind for fit in (*_ancestors(job), job)}
        for (grid, one), (other_grid, other) in itertools.combinations(job.cells, 2):
            for name, factor in study.runs[grid].vary.items() if grid == other_grid else ():
                if one.get(name) != other.get(name) and kinds & {*factor.phases} and factor.argument not in fixed:
                    problem = f"{one.get(name)!r} and {other.get(name)!r} make the same run, {job.name}"
                    remedy = "Correct the default: a value that equals it is left to the configs"
                    raise ConfigurationError(f"runs.{grid}.vary.{name}.values", problem, remedy)


def choose(
    jobs: Sequence[Job], key: str | None, datasets: Sequence[str] | None, methods: Sequence[str] | None = None
) -> list[Job]:
    """The job of a key, or the jobs of some datasets and methods with the stages 1 that they need.

    Raises:
        ConfigurationError: There is no such job.
    """
    _check_known("datasets", datasets, {job.dataset for job in jobs})
    _check_known("methods", methods, {job.method for job in jobs})
    wanted = [
        job
        for job in jobs
        if key in (None, job.key)
        and (not datasets or job.dataset in datasets)
        and (not methods or job.method in methods)
    ]
    needed = {each.key for job in wanted for each in (job, *(_ancestors(job) if key is None else ()))}
    chosen = [job for job in jobs if job.key in needed]
    if not chosen and key is None:
        problem = "has no runs: its datasets have no configs, or not these methods"
        raise ConfigurationError("study", problem, "Choose others")
    if not chosen:
        raise ConfigurationError("key", f"the study has no run '{key}'", "The names of its results end with the keys")
    return chosen


def _check_known(option: str, chosen: Sequence[str] | None, known: set[str]) -> None:
    if chosen is not None and not chosen:
        raise ConfigurationError(option, "is an empty list", "Name some, or leave it out for all")
    if unknown := sorted(set(chosen or ()) - known):
        raise ConfigurationError(
            option, f"the study has no {', '.join(unknown)}", f"Choose from {', '.join(sorted(known))}"
        )


def _ancestors(job: Job) -> Iterator[Job]:
    for parent in job.parents:
        yield from _ancestors(parent)
        yield parent


class _Maker:
    """Makes jobs of grids."""

    def __init__(self, project: Project, preset: str, methods: Mapping[str, Method]) -> None:
        self.project, self.preset, self.methods = project, preset, methods
        self.settings = project.preset(preset)

    def jobs(self, runs: Runs) -> Iterator[Job]:
        """The last jobs of one grid; the jobs that they need are their parents."""
        for dataset in filter(self.project.has_dataset, runs.datasets if runs.under(self.preset) else []):
            if not runs.methods:
                configs = self._configs(dataset, "pretrain", [], True)
                job = Job("measure", dataset, "", 0, self.preset, {}, configs, {}, (), runs.measure)
                yield identified(job, self.project)
                continue
            values = itertools.product(*(factor.values[: self.settings.values] for factor in runs.vary.values()))
            for chosen, seed, method in itertools.product(values, self.settings.seeds[: runs.seeds], runs.methods):
                factors = dict(zip(runs.vary, chosen, strict=True))
                fits = [self._fit(runs, dataset, name, seed, factors) for name in method.split("+")]
                ends = tuple(fit for fit in fits if fit is not None)
                if len(ends) < len(fits):
                    continue
                if runs.measure is None:
                    yield from ends
                else:
                    job = Job("measure", dataset, method, seed, self.preset, factors, (), {}, ends, runs.measure)
                    yield identified(job, self.project)

    def _fit(self, runs: Runs, dataset: str, name: str, seed: int, factors: Mapping[str, Any]) -> Job | None:
        """The last fit of a method, None where the method is not for the dataset."""
        if name not in self.methods:
            raise ConfigurationError("methods", f"there is no '{name}'", choices(name, self.methods))
        method = self.methods[name]
        if method.datasets is not None and dataset not in method.datasets:
            return None
        job: Job | None = None
        if method.first is not None:
            job = self._fit(replace(runs, until="pretrain"), dataset, method.first, seed, factors)
        overlays: dict[FitPhase, list[str] | None] = {"pretrain": method.pretrain, "finetune": method.finetune}
        for phase, chosen in overlays.items():
            if chosen is None or (runs.until == "pretrain" and phase == "finetune"):
                continue
            on = method.pretrain_on.get(dataset, dataset) if phase == "pretrain" else dataset
            arguments: dict[str, Any] = {"seed_everything": seed, "data.init_args.label_seed": seed}
            for source in (method.arguments, method.by_dataset.get(on, {}), runs.arguments):
                arguments |= source.get(phase, {})
            own = {factor: value for factor, value in factors.items() if phase in runs.vary[factor].phases}
            for factor, value in own.items():
                if value != runs.vary[factor].default:
                    arguments[runs.vary[factor].argument] = value
            arguments |= self.settings.arguments.get(phase, {})
            configs = self._configs(on, phase, chosen, method.trained)
            parents = (job,) if job is not None else ()
            # A stage 1 belongs to the pretraining method, as several second stages share it.
            of = name if phase == "finetune" else (chosen[-1] if chosen else "cosmo")
            varied = own if phase == "pretrain" else factors  # a stage 2 also has the factors of its stage 1
            job = Job(phase, on, of, seed, self.preset, varied, configs, arguments, parents)
            job = identified(job, self.project)
        return job

    def _configs(self, dataset: str, phase: FitPhase, overlays: Sequence[str], trained: bool) -> tuple[str, ...]:
        base = f"{dataset}_stage{STAGE[phase]}.yaml"
        own = [f"{dataset}_data.yaml", *([base] if trained else [])]
        presets = [
            path for path in (f"experiments/presets/{self.preset}/{name}" for name in own) if self._is_file(path)
        ]
        return (f"configs/{base}", *presets, *(f"configs/model/{name}.yaml" for name in overlays))

    def _is_file(self, path: str) -> bool:
        return (self.project.root / path).is_file()


def cells_of(jobs: Iterable[Job]) -> dict[str, list[Job]]:
    """Cells of a study with their runs, which differ in their seeds. A stage 1 that only other runs use has none."""
    cells: dict[str, list[Job]] = {}
    for job in jobs:
        for grid, factors in job.cells:
            name = json.dumps([grid, job.dataset, job.method, job.measure or job.kind, factors], sort_keys=True)
            cells.setdefault(name, []).append(job)
    return cells


def identified(job: Job, project: Project) -> Job:
    """A job with the key and the resolved configuration that its configs give now."""
    resolved = Resolved({})
    if job.configs:
        part: Part = "data" if job.kind == "measure" else "child" if job.parents else "all"
        resolved = project.resolve(project.root, job.configs, job.arguments, part)
    if job.measure is not None:
        numerics = {**resolved.numerics, f"measure:{job.measure}": measurement_version(job.measure)}
        resolved = Resolved({**resolved.arguments, "measure": job.measure}, numerics)
    return replace(job, key=key_of(resolved, [parent.key for parent in job.parents]), resolved=resolved)
