"""The input of a renderer, a study with its results, and its output, a table or figure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from cosmo_pl.study.definition import Method, Study
from cosmo_pl.study.jobs import Job
from cosmo_pl.study.look import Look
from cosmo_pl.study.records import Record
from cosmo_pl.study.rendering.effect import Effect
from cosmo_pl.study.rendering.statistics import FOLDS, Pairs, number_of_folds

if TYPE_CHECKING:
    from matplotlib.figure import Figure


OURS = "cosmo"  # the method that the paper's claims are about
PLUS = "_plus"  # ending of the datasets with the recommended recipe
COMPARED = ("dataset", "test subjects", "first", "second", "first minus second, paired by seed")


@dataclass(frozen=True)
class Outcome:
    """A job of a study, and its record if it has been run."""

    job: Job
    record: Record | None


@dataclass(frozen=True)
class View:
    """A study with its results.

    Args:
        name: Its name.
        study: Its definition.
        preset: Preset that the results were run under.
        outcomes: All its jobs.
        methods: All methods by name.
        paper: Content of ``paper.yaml``.
        skipped: Dataset without results to the reason.
        others: Other presets with results to the jobs under them.
        recipes: Dataset to the recipe that its name ends with, see `Project.recipe`.
    """

    name: str
    study: Study
    preset: str
    outcomes: Sequence[Outcome]
    methods: Mapping[str, Method]
    paper: Mapping[str, Any]
    skipped: Mapping[str, str]
    others: Mapping[str, Sequence[Outcome]] = field(default_factory=dict)
    recipes: Mapping[str, str] = field(default_factory=dict)

    def under(self, preset: str) -> View:
        """The same study under one of `others`."""
        return replace(self, preset=preset, outcomes=self.others[preset], others={})

    def records(self, keep: Callable[[Job], bool] = lambda job: True) -> Pairs:
        """Jobs that have a record and that `keep` accepts."""
        return [(o.job, o.record) for o in self.outcomes if o.record is not None and keep(o.job)]

    def grid(self, number: int) -> Pairs:
        """The jobs of one grid of the study that have a record, each with the values of this grid's factors.

        A run that several cells share, such as the one at the defaults of two grids, is returned for each of them.
        """
        return [
            (replace(job, factors=factors), record)
            for job, record in self.records()
            for grid, factors in job.cells
            if grid == number
        ]

    def datasets(self) -> list[str]:
        """All datasets of the study in its order, including those without results."""
        return list(dict.fromkeys(dataset for runs in self.study.runs for dataset in runs.datasets))

    def folds(self, dataset: str) -> int:
        """Number of folds that the study runs on a dataset, 1 without a factor of folds."""
        return number_of_folds(outcome.job for outcome in self.outcomes if outcome.job.dataset == dataset)

    def defaults(self, dataset: str) -> dict[str, Any]:
        """The default of each factor that the study varies on a dataset, except for folds."""
        grids = [runs for runs in self.study.runs if dataset in runs.datasets]
        return {name: its.default for runs in grids for name, its in runs.vary.items() if name not in FOLDS}

    def is_usual(self, job: Job) -> bool:
        """Whether each factor that the study varies on the job's dataset, except for folds, has its default."""
        return all(job.factors.get(name) == value for name, value in self.defaults(job.dataset).items())

    def title(self, dataset: str) -> str:
        """Title of a dataset with its recipe, "UTD-MHAD, plus", from its results or ``paper.yaml``; or its name."""
        base, recipe = self._base(dataset), self.recipes.get(dataset, "")
        results = [record.result for _, record in self.records(lambda job: self._base(job.dataset) == base)]
        titles = [result["title"] for result in results if "title" in result]
        names = {**self.paper.get("other_datasets", {}), **self.paper.get("datasets", {})}
        titles += [names[base]] if base in names else []
        titles += [result["dataset"] for result in results if "dataset" in result]
        return f"{[*titles, base][0]}{f', {recipe}' if recipe else ''}"

    def _base(self, dataset: str) -> str:
        """A dataset without its recipe."""
        recipe = self.recipes.get(dataset)
        return dataset.removesuffix(f"_{recipe}") if recipe else dataset

    def label(self, dataset: str) -> str:
        """Title of a dataset, which says whether its recordings are simulated."""
        return self.title(dataset) + (" (simulated)" if self.simulated(dataset) else "")

    def why_empty(self, dataset: str) -> str:
        """The reason why a panel of a dataset is empty."""
        return self.skipped.get(dataset, "no result yet")

    def states(self, name: str, *datasets: str) -> bool:
        """Whether the paper has an entry of that name and any of the datasets, by default those of the study."""
        return name in self.paper and any(
            self.in_paper(dataset) in self.stated("datasets") for dataset in datasets or self.datasets()
        )

    def remarks(self, name: str) -> list[str]:
        """Remarks on an entry of the paper; none for a study on other datasets."""
        return list(self.stated(name).get("remarks", [])) if self.states(name) else []

    def named(self, method: str) -> str:
        """Name of a method in claims of the paper, by default its title."""
        its = self.methods[method]
        return str(self.stated("names").get(its.paper or "", its.title))

    def look(self, method: str) -> Look:
        """Look of a method. The name of a modality is that of its single-modal method; any other name is black."""
        return self.methods[method].look if method in self.methods else Look()

    def simulated(self, dataset: str) -> bool:
        """Whether any recordings of a dataset are simulated."""
        return any(record.simulated for _, record in self.records(lambda job: job.dataset == dataset))

    def not_comparable(self, dataset: str) -> list[str]:
        """The note on a dataset whose recordings are simulated; none on another."""
        return ["Simulated recordings: not comparable with the paper."] if self.simulated(dataset) else []

    def stated(self, name: str) -> Mapping[str, Any]:
        """What the paper states under a name of ``paper.yaml``; empty without such an entry."""
        found: Mapping[str, Any] = self.paper.get(name, {})
        return found

    def stated_of(self, name: str, dataset: str) -> Mapping[str, Any]:
        """What the paper states under a name if that entry is about the dataset; empty otherwise."""
        found = self.stated(name)
        return found if self.in_paper(dataset) == found.get("dataset") else {}

    def in_paper(self, dataset: str) -> str:
        """Name of a dataset in ``paper.yaml``: "utd" for "utd_released"."""
        return str(self.stated("inputs").get(dataset, {}).get("of", dataset))


@dataclass(frozen=True)
class Verdict:
    """Whether a claim of the paper was reproduced.

    Args:
        claim: Its location in the paper, a colon, and the claim.
        verdict: "reproduced", "not reproduced", "undecided", "too few runs" or "not comparable".
        evidence: The numbers that the verdict follows from.
        of_paper: False for a question of our own, which is judged by the same rule.
        effect: The difference to what the claim states; None where it is not one of numbers by seed.
        change: The results that would change the verdict.
    """

    claim: str
    verdict: str
    evidence: str
    of_paper: bool = True
    effect: Effect | None = None
    change: str = "-"


@dataclass(frozen=True)
class Rendered:
    """A rendered table or figure.

    Args:
        header: Column names.
        rows: Cells as text: those of the table, or the numbers of the figure (the CSV).
        figure: The picture; None for a table.
        notes: Remarks, one sentence each.
        verdicts: Verdicts on claims of the paper.
        comparisons: Methods of one kind, paired by seed; cells of `COMPARED`.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    figure: Figure | None = None
    notes: Sequence[str] = ()
    verdicts: Sequence[Verdict] = ()
    comparisons: Sequence[Sequence[str]] = ()


def unique(values: Iterable[Any]) -> list[Any]:
    """Distinct values in the order of their first appearance."""
    found: list[Any] = []
    for value in values:
        if value not in found:
            found.append(value)
    return found
