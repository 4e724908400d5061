"""A new person: accuracy on each test subject, as it is, adapted, and with labels of the subject."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import fmean
from typing import TYPE_CHECKING

from cosmo_pl.study.jobs import Job
from cosmo_pl.study.look import HEX
from cosmo_pl.study.rendering import style
from cosmo_pl.study.rendering.provenance import marked
from cosmo_pl.study.rendering.statistics import Difference, Pairs, mean_and_n, mean_and_std, paired, summarize
from cosmo_pl.study.rendering.view import Rendered, View, unique

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ByKind = Mapping[str, Pairs]
"""Kind of adaptation to its runs."""
STAGES = {"person": "the recipe's", "person_tuned": "fine-tuned"}
"""Beginning of the names of methods to the name of their second stage; the end is the kind of adaptation."""
BASE = "0"  # neither labels nor unlabelled samples of the person
COLOURS = {"person": HEX["vermilion"], "person_tuned": HEX["blue"]}
NOTES = (
    "About the first three quarters of a person's recordings of each class are for adaptation. The rest is tested, in "
    "all columns alike. Labels are per class of the person.",
    "Mean and worst person need a run of every person. The mean of a seed is over all persons; the worst person is the "
    "one with the lowest mean of its column.",
    "An interval over the seeds is for these people with other labels and initial weights; one over the people, each "
    "by the mean over the seeds, is for other people.",
    "A thin line is a person, a thick one the mean over persons, each by the mean over the seeds that there are. "
    "Fine-tuning uses labels alone, so its lines have no dot at adaptation without a label.",
)


def accuracy(view: View) -> Rendered:
    """A line for each dataset, second stage and person, and their mean and worst person; a column per adaptation."""
    pairs = view.records(lambda job: job.kind == "finetune" and _stage(job.method) in STAGES)
    kinds = unique(_kind(method) for method in view.methods if any(job.method == method for job, _ in pairs))
    rows: list[list[str]] = []
    comparisons: list[list[str]] = []
    lines: dict[str, dict[str, ByKind]] = {}
    names = {kind: _title(view, kind) for kind in kinds}
    for dataset in unique(job.dataset for job, _ in pairs):
        for stage in [stage for stage in STAGES if any(_is(job, dataset, stage) for job, _ in pairs)]:
            own = [(job, record) for job, record in pairs if _is(job, dataset, stage)]
            found = {kind: [(j, r) for j, r in own if _kind(j.method) == kind] for kind in kinds}
            lines.setdefault(dataset, {})[stage] = found
            start = [view.title(dataset), STAGES[stage]]
            planned = [o.job for o in view.outcomes if o.job.kind == "finetune" and _is(o.job, dataset, stage)]
            rows += [[*start, *cells] for cells in _rows(found, sorted(set(map(person, planned))))]
            comparisons += [[dataset, "all", *cells] for cells in _comparisons(view, stage, found)]
    header = ("dataset", "second stage", "person", *names.values())
    figure = _figure({view.title(dataset): of_stages for dataset, of_stages in lines.items()}, names)
    return Rendered(header, rows, figure, notes=NOTES, comparisons=comparisons)


def _title(view: View, kind: str) -> str:
    """Title of a kind of adaptation, of which fine-tuning has only labels."""
    names = (f"{stage}_{kind}" for stage in reversed(STAGES))
    return style.title(view.methods, next(name for name in names if name in view.methods))


def _rows(found: ByKind, people: list[int]) -> Iterator[list[str]]:
    for each in people:
        of_person = [[record for job, record in runs if person(job) == each] for runs in found.values()]
        yield [str(each), *(mean_and_std(summarize(records)) for records in of_person)]
    yield ["mean", *(_mean(runs, people) for runs in found.values())]
    yield ["worst person", *(_worst(runs, people) for runs in found.values())]


def _mean(runs: Pairs, people: list[int]) -> str:
    return mean_and_n(list(over_people(runs, people).values()), marked(record for _, record in runs))


def _worst(runs: Pairs, people: list[int]) -> str:
    means = _of_people(runs)
    if not people or set(means) < set(people):
        return "-"
    worst = min(means.values())
    those = sorted(each for each, mean in means.items() if mean == worst)
    return f"{worst:.3f} (person {those[0]})" if len(those) == 1 else f"{worst:.3f} ({len(those)} persons)"


def _of_people(runs: Pairs) -> dict[int, float]:
    """Person to the mean accuracy over seeds."""
    accuracies: dict[int, list[float]] = {}
    for job, record in runs:
        accuracies.setdefault(person(job), []).append(float(record.result["accuracy"]))
    return {each: fmean(values) for each, values in accuracies.items()}


def _figure(datasets: Mapping[str, Mapping[str, ByKind]], names: Mapping[str, str]) -> Figure | None:
    """A panel for each dataset, with a colour for each second stage; None without runs.

    Args:
        datasets: Title of each dataset to the runs of each second stage by kind of adaptation.
        names: Kind of adaptation to its title.
    """
    if not datasets:
        return None
    figure, grid = style.new_figure(rows=len(datasets), height=0.8 + 2.9 * len(datasets))
    style.share_heights(grid[:, 0])
    for axes, (dataset, of_stages) in zip(grid[:, 0], datasets.items(), strict=True):
        kinds = [kind for kind in names if any(found[kind] for found in of_stages.values())]
        for stage, found in of_stages.items():
            _lines(axes, stage, {kind: found[kind] for kind in kinds})
        axes.set_title(dataset)
        axes.set_xticks(range(len(kinds)), [names[kind] for kind in kinds])
        axes.set_ylabel("accuracy on the person")
    style.legend(figure, columns=2)
    return figure


def _lines(axes: Axes, stage: str, found: ByKind) -> None:
    """A thin line for each person, and a thick one for the mean of the persons that have a run of every kind."""
    points = {at: means for at, runs in enumerate(found.values()) if (means := _of_people(runs))}
    people = sorted(set.intersection(*map(set, points.values()))) if points else []
    for number, each in enumerate(people):
        label = f"{STAGES[stage]} second stage: one person" if number == 0 else None
        accuracies = [means[each] for means in points.values()]
        axes.plot(list(points), accuracies, color=COLOURS[stage], lw=0.8, alpha=0.45, label=label)
    if people:
        mean = [fmean(means[each] for each in people) for means in points.values()]
        label = f"{STAGES[stage]} second stage: mean"
        axes.plot(list(points), mean, color=COLOURS[stage], lw=2.6, marker="o", label=label)


def _comparisons(view: View, stage: str, found: ByKind) -> Iterator[list[str]]:
    """Each kind of adaptation against none, over the people that both have."""
    for kind, runs in found.items():
        if kind == BASE or not runs or not found.get(BASE):
            continue
        people = sorted(set(map(person, _jobs(runs))) & set(map(person, _jobs(found[BASE]))))
        ours, theirs = over_people(runs, people), over_people(found[BASE], people)
        titles = [f"{STAGES[stage]}, {style.title(view.methods, f'{stage}_{each}')}" for each in (kind, BASE)]
        seeds = ours.keys() & theirs.keys()
        both = ([(job, r) for job, r in pairs if job.seed in seeds] for pairs in (runs, found[BASE]))
        of_people = paired(*map(_of_people, both)) if seeds else Difference(())
        yield [*titles, f"{paired(ours, theirs).describe()}; {of_people.describe('over the people')}"]


def over_people(runs: Pairs, people: list[int]) -> dict[int, float]:
    """Seed to the mean accuracy over people, of the seeds that have a run of each of them."""
    by_seed: dict[int, dict[int, float]] = {}
    for job, record in runs:
        by_seed.setdefault(job.seed, {})[person(job)] = float(record.result["accuracy"])
    return {
        s: fmean(by_seed[s][p] for p in people) for s in sorted(by_seed) if people and set(people) <= set(by_seed[s])
    }


def person(job: Job) -> int:
    """The tested person of a run."""
    (subject,) = job.factors["person"]
    return int(subject)


def _jobs(runs: Pairs) -> Iterator[Job]:
    return (job for job, _ in runs)


def _is(job: Job, dataset: str, stage: str) -> bool:
    return job.dataset == dataset and _stage(job.method) == stage


def _stage(method: str) -> str:
    return method.rpartition("_")[0]


def _kind(method: str) -> str:
    return method.rpartition("_")[2]
