"""The definition of a study: a YAML in ``experiments/``, its methods, and the preset that it is run under."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from inspect import signature
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_type_hints

from cosmo_pl.errors import ConfigurationError, choices, mendable
from cosmo_pl.io import read_yaml
from cosmo_pl.parsing import parse_content
from cosmo_pl.study.look import Look

FitPhase = Literal["pretrain", "finetune"]
ALL_PHASES: list[FitPhase] = ["pretrain", "finetune"]
# Not Any, not even inside: the parser would build the object that a mapping with a class path describes.
Value = bool | int | float | str | list | dict | None  # type: ignore[type-arg]


class Described:
    """A part of a YAML file; null is accepted only for fields where None has a meaning."""

    def __post_init__(self) -> None:
        kind: Any = type(self)
        for name in _without_null(kind):
            if getattr(self, name) is None:  # the parser accepts null in place of any default
                raise ConfigurationError(name, "is null", "Give it a value, or leave it out")


@cache
def _without_null(kind: Any) -> list[str]:
    return [name for name, hint in get_type_hints(kind).items() if NoneType not in get_args(hint)]


@dataclass(frozen=True)
class Factor(Described):
    """An argument that a study varies.

    Args:
        argument: The argument, as on the command line, without dashes.
        values: Its values.
        default: Its value in the configs, or a name for it that `labels` explains. It is not passed on, so that the run
            is the same as in other studies.
        phases: Phases that have the argument.
        labels: Names of the values in tables; by default the values themselves.

    Raises:
        ConfigurationError: There is no value, one is listed twice, or there is not one label for each.
    """

    argument: str
    values: list[Value]
    default: Value = None
    phases: list[FitPhase] = field(default_factory=lambda: list(ALL_PHASES))
    labels: list[str] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_some("values", self.values)
        _check_once("values", self.values)
        if self.labels is not None and len(self.labels) != len(self.values):
            problem = f"there are {len(self.labels)} for {len(self.values)} values"
            raise ConfigurationError("labels", problem, "Give each value one label")

    @property
    def named(self) -> list[tuple[Value, str]]:
        """The values with their labels."""
        return list(zip(self.values, self.labels or map(str, self.values), strict=True))


@dataclass(frozen=True)
class Runs(Described):
    """One grid of a study: datasets × methods × values of every factor × seeds.

    Args:
        datasets: Datasets, as the parts before ``_stage1.yaml`` of the names in ``configs/``.
        methods: Names in ``methods.yaml`` or of overlays in ``configs/model/``; "acc+gyro" stands for the runs of two
            methods, which are measured together.
        vary: Name to factor.
        arguments: Phase to fixed arguments.
        seeds: Largest number of the preset's seeds; None takes all.
        until: Last phase that is run.
        measure: Name of a function of `cosmo_pl.study.measures`, applied to each run.
        presets: Presets under which the grid is expanded; None for all.

    Raises:
        ConfigurationError: A subject is in two folds of a factor, so that a mean over folds would count it twice; a
            dataset or method is listed twice; or the grid has no seeds, or no methods but what only methods have.
    """

    datasets: list[str]
    methods: list[str] = field(default_factory=list)
    vary: dict[str, Factor] = field(default_factory=dict)
    arguments: dict[FitPhase, dict[str, Value]] = field(default_factory=dict)
    seeds: int | None = None
    until: FitPhase = "finetune"
    measure: str | None = None
    presets: list[str] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_phases(self.arguments)
        if self.seeds is not None and self.seeds < 1:
            raise ConfigurationError("seeds", f"is {self.seeds}", "Give at least 1, or leave it out")
        if not self.methods:
            self._check_without_methods()
        for listed in ("datasets", "methods"):
            _check_once(listed, getattr(self, listed))
        for name, factor in self.vary.items():
            if factor.argument == "data.init_args.test_subjects":
                _check_disjoint(name, factor.values)

    def _check_without_methods(self) -> None:
        """A grid without methods measures the data as its configs have them."""
        if self.measure is None:
            raise ConfigurationError("methods", "there is none, and nothing to measure", "Name a method or a measure")
        for name in ("vary", "arguments"):
            if getattr(self, name):
                raise ConfigurationError(name, "has no effect without methods", "Name a method, or leave it out")

    def under(self, preset: str) -> bool:
        """Whether the grid is expanded under a preset."""
        return self.presets is None or preset in self.presets


def _check_phases(arguments: Mapping[Any, Any]) -> None:
    """Refuses arguments of unknown phases, which no run would receive."""
    for phase in arguments:
        if phase not in ALL_PHASES:
            raise ConfigurationError("arguments", f"there is no phase '{phase}'", choices(str(phase), ALL_PHASES))


def _check_some(name: str, values: Sequence[Any]) -> None:
    """Refuses an empty list: a study would have no runs."""
    if not values:
        raise ConfigurationError(name, "is empty", "List one at least")


def _check_once(name: str, values: Iterable[Any]) -> None:
    """Refuses what is listed twice: tables would count its runs twice."""
    twice = [value for value, count in Counter(map(repr, values)).items() if count > 1]
    if twice:
        raise ConfigurationError(name, f"{twice[0]} is listed twice", "List it once")


def _check_disjoint(name: str, folds: list[Any]) -> None:
    scalar = [fold for fold in folds if not isinstance(fold, list)]
    if scalar:
        remedy = "Write each value as a list, as in [7, 8]"
        raise ConfigurationError(f"vary.{name}", f"{scalar[0]!r} is no list of subjects", remedy)
    subjects = Counter(subject for fold in folds for subject in fold)
    twice = sorted(subject for subject, count in subjects.items() if count > 1)
    if twice:
        raise ConfigurationError(f"vary.{name}", f"subjects {twice} are in two folds", "Leave them in one fold only")


@dataclass(frozen=True)
class Study(Described):
    """A table or figure.

    Args:
        title: Its heading.
        render: Function of `cosmo_pl.study.rendering` that renders it, "table2.accuracy".
        runs: Grids of its runs.
        about: One or two sentences on its content and its protocol.
        needs: Package of an extra that its runs need, see `cosmo_pl.extras`. Without it, "all" studies leave it out.
        section: Section of the list of studies; those whose titles begin with "Table" or "Figure" are the paper's.
        short: Its name in that list; by default the title.
    """

    title: str
    render: str
    runs: list[Runs]
    about: str = ""
    needs: str | None = None
    section: str = "Further studies"
    short: str = ""


@dataclass(frozen=True)
class Method(Described):
    """A row of the tables, with the configs and arguments of its runs.

    Args:
        title: Its name in tables and figures.
        pretrain: Overlays of ``configs/model/`` on stage 1; None for a method without pretraining.
        finetune: Overlays on stage 2.
        arguments: Phase to arguments.
        by_dataset: Dataset to phase to further arguments.
        datasets: Datasets on which it can be run; None for all.
        pretrain_on: Dataset to another one whose stage 1 is used, as the parts before ``_stage1.yaml``.
        first: Method whose stage 1 is run before, and whose bundle the stage 1 of this one uses.
        trained: False for methods without epochs, whose runs are the same under all presets.
        paper: Its name in ``paper.yaml``.
        look: Its look in figures.
    """

    title: str
    pretrain: list[str] | None = None
    finetune: list[str] = field(default_factory=list)
    arguments: dict[FitPhase, dict[str, Value]] = field(default_factory=dict)
    by_dataset: dict[str, dict[FitPhase, dict[str, Value]]] = field(default_factory=dict)
    datasets: list[str] | None = None
    pretrain_on: dict[str, str] = field(default_factory=dict)
    first: str | None = None
    trained: bool = True
    paper: str | None = None
    look: Look = field(default_factory=Look)

    def __post_init__(self) -> None:
        super().__post_init__()
        for arguments in (self.arguments, *self.by_dataset.values()):
            _check_phases(arguments)


@dataclass(frozen=True)
class Preset(Described):
    """Length and number of the runs: ``presets/<name>/preset.yaml``, with overlays beside it.

    ``<dataset>_data.yaml`` is an overlay on all runs on a dataset; ``<dataset>_stage1.yaml`` and ``_stage2.yaml`` are
    overlays on those of methods that are trained in epochs.

    Args:
        about: Its purpose.
        seeds: Seeds of labels, initialisation and shuffling.
        values: Largest number of values of each factor; None takes all.
        arguments: Phase to arguments of all runs, which override all others.
        committed_code: Whether its runs start only from committed code.
    """

    about: str
    seeds: list[int]
    values: int | None = None
    arguments: dict[FitPhase, dict[str, Value]] = field(default_factory=dict)
    committed_code: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_some("seeds", self.seeds)
        _check_once("seeds", self.seeds)
        if self.values is not None and self.values < 1:
            raise ConfigurationError("values", f"is {self.values}", "Use 1 or more, or leave it out for all")
        _check_phases(self.arguments)


def overlay_method(path: Path) -> Method:
    """The method of an overlay of ``configs/model/`` that ``methods.yaml`` does not contain.

    A pretraining method is fine-tuned by ``finetune.yaml``. Any other method is a second stage: on the stage 1 of Cosmo
    if its class takes a bundle that the overlay does not name, else without a first.

    Raises:
        ConfigurationError: The overlay names no class of a model that can be imported.
    """
    from cosmo_pl.run_loading import class_phase, imported_class

    try:
        model = read_yaml(path)["model"]
        phase = class_phase(model["class_path"])
        takes_bundle = "bundle" in signature(imported_class(model["class_path"])).parameters
    except Exception as error:  # whatever another package raises on import
        problem = f"names no model that can be imported ({type(error).__name__}: {error})"
        raise ConfigurationError(str(path), problem, "Give it model.class_path, of an installed package") from error
    if phase == "pretrain":
        return Method(path.stem, pretrain=[path.stem], finetune=["finetune"])
    of_stage_1 = takes_bundle and "bundle" not in (model.get("init_args") or {})
    return Method(path.stem, pretrain=[] if of_stage_1 else None, finetune=[path.stem])


def parse(kind: Any, path: Path) -> Any:
    """The content of a YAML file as a dataclass or a dict of dataclasses.

    Raises:
        ConfigurationError: The file is missing or no YAML, lacks a key or has an unknown key.
    """
    return _parsed(kind, path, path.absolute(), path.stat().st_mtime_ns if path.is_file() else 0)


@cache  # a command reads the same few files up to a hundred times, and parsing methods.yaml takes 0.4 s
def _parsed(kind: Any, path: Path, absolute: Path, changed: int) -> Any:
    from jsonargparse import ArgumentParser

    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--content", type=kind)
    try:
        return parser.instantiate(parse_content(parser, read_yaml(path), path, key="content")).content
    except ValueError as error:
        found = mendable(error)
        if isinstance(found, ConfigurationError) and not str(found).startswith(str(path)):
            raise found.within(str(path)) from error
        raise found or error from error
