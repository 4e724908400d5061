"""What a renderer is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from cosmo_pl.study.definition import Method, Study
from cosmo_pl.study.jobs import Job
from cosmo_pl.study.records import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure


RECIPES = ("plus", "released", "depth")  # of configs/<dataset>_<recipe>_stage1.yaml
COMPARED = ("dataset", "test subjects", "first", "second", "first less second, paired by seed")


@dataclass(frozen=True)
class Outcome:
    """A job of the study, and its record where there is one."""

    job: Job
    record: Record | None


@dataclass(frozen=True)
class View:
    """A study with the results that are there.

    Args:
        name: Its name.
        study: Its definition.
        preset: Preset that the results were run under.
        outcomes: All its jobs.
        methods: All methods by name.
        paper: Content of ``paper.yaml``.
        skipped: Dataset to the reason why it has no results.
        others: Preset to the jobs under it, of the other presets that the study has been run under.
    """

    name: str
    study: Study
    preset: str
    outcomes: Sequence[Outcome]
    methods: Mapping[str, Method]
    paper: Mapping[str, Any]
    skipped: Mapping[str, str]
    others: Mapping[str, Sequence[Outcome]] = field(default_factory=dict)

    def under(self, preset: str) -> View:
        """The same study under one of `others`."""
        return replace(self, preset=preset, outcomes=self.others[preset], others={})

    def records(self, keep: Callable[[Job], bool]) -> list[tuple[Job, Record]]:
        """Jobs that have a record and that `keep` accepts."""
        return [(o.job, o.record) for o in self.outcomes if o.record is not None and keep(o.job)]

    def grid(self, number: int) -> list[tuple[Job, Record]]:
        """What one grid of the study has: its jobs that have a record, each with the values of this grid's factors.

        A run that several cells share, as the one at the defaults of two grids, is given for each of them.
        """
        return [
            (replace(job, factors=factors), record)
            for job, record in self.records(lambda job: True)
            for grid, factors in job.cells
            if grid == number
        ]

    def datasets(self) -> list[str]:
        """All datasets that the study names, in its order, skipped ones included."""
        return list(dict.fromkeys(dataset for runs in self.study.runs for dataset in runs.datasets))

    def title(self, dataset: str) -> str:
        """Name of a dataset as a person writes it."""
        every = (outcome.record for outcome in self.outcomes if outcome.record is not None)
        return dataset_title(dataset, every, self.paper)

    def why_empty(self, dataset: str) -> str:
        """Why a panel of a dataset is empty."""
        return self.skipped.get(dataset, "no result yet")

    def states(self, name: str, *datasets: str) -> bool:
        """Whether the paper has an entry of that name, and any of the datasets, by default of the study's."""
        return name in self.paper and any(
            self.in_paper(dataset) in self.stated("datasets") for dataset in datasets or self.datasets()
        )

    def remarks(self, name: str) -> list[str]:
        """What is to be said of an entry of the paper; nothing for a study on other datasets."""
        return list(self.stated(name).get("remarks", [])) if self.states(name) else []

    def named(self, method: str) -> str:
        """A method as claims of the paper name it, else by its title."""
        its = self.methods[method]
        return str(self.stated("names").get(its.paper or "", its.title))

    def simulated(self, dataset: str) -> bool:
        """Whether any of a dataset's recordings are."""
        return any(record.simulated for _, record in self.records(lambda job: job.dataset == dataset))

    def stated(self, name: str) -> Mapping[str, Any]:
        """What the paper states under a name of ``paper.yaml``; empty where it has no such entry."""
        found: Mapping[str, Any] = self.paper.get(name, {})
        return found

    def in_paper(self, dataset: str) -> str:
        """Name under which ``paper.yaml`` has a dataset: "utd" for "utd_released"."""
        return str(self.stated("inputs").get(dataset, {}).get("of", dataset))


@dataclass(frozen=True)
class Verdict:
    """What became of a claim of the paper.

    Args:
        claim: The claim, after its place in the paper and a colon.
        verdict: "reproduced", "not reproduced", "too few runs" or "not comparable".
        evidence: The figures behind it.
        of_paper: False for a question of our own, judged by the same rule.
    """

    claim: str
    verdict: str
    evidence: str
    of_paper: bool = True


@dataclass(frozen=True)
class Rendered:
    """A rendered table or figure.

    Args:
        header: Column names.
        rows: Cells as text: the table, or the numbers behind the figure (the CSV).
        figure: The picture of a figure; None for a table.
        notes: Remarks, a sentence each.
        verdicts: Claims of the paper.
        comparisons: Methods of one kind, paired by seed; cells of `COMPARED`.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    figure: Figure | None = None
    notes: Sequence[str] = ()
    verdicts: Sequence[Verdict] = field(default_factory=tuple)
    comparisons: Sequence[Sequence[str]] = ()


def unique(values: Iterable[Any]) -> list[Any]:
    """Distinct values in the order of their first appearance."""
    found: list[Any] = []
    for value in values:
        if value not in found:
            found.append(value)
    return found


def dataset_title(dataset: str, records: Iterable[Record], paper: Mapping[str, Any]) -> str:
    """Name of a dataset as a person writes it, with its recipe: "UTD-MHAD, plus".

    Args:
        dataset: The name that its configs begin with, "utd_plus".
        records: Results, of which one of the dataset tells its title.
        paper: Content of ``paper.yaml``, which names its own datasets under ``datasets``.
    """
    base, recipe = _recipe(dataset)
    told = [record.result for record in records if _recipe(record.dataset)[0] == base]
    titles = [result["title"] for result in told if "title" in result]
    titles += [name for name in [paper.get("datasets", {}).get(base)] if name]
    titles += [result["dataset"] for result in told if "dataset" in result]
    return f"{[*titles, base][0]}{f', {recipe}' if recipe else ''}"


def _recipe(dataset: str) -> tuple[str, str]:
    """A dataset without and with the recipe that its configs end with: ("utd", "plus") of "utd_plus"."""
    base, _, end = dataset.rpartition("_")
    return (base, end) if base and end in RECIPES else (dataset, "")
