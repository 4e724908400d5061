"""Accuracy on every person of all folds, and the activities that are taken for each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean

from cosmo_pl.study.records import Record
from cosmo_pl.study.rendering.columns import Column, subjects
from cosmo_pl.study.rendering.statistics import (
    difference_of,
    grouped,
    mean_and_std,
    mean_text,
    summarize,
)
from cosmo_pl.study.rendering.style import title
from cosmo_pl.study.rendering.view import Rendered, View, unique

START = ("dataset", "method", "mean over the people of all folds")
CONFUSED = ("dataset", "method", "activity", "taken for", "share of all windows", "share of the activity", "most at")
SHOWN = 12  # confusions per method, the most frequent ones first


def accuracy(view: View) -> Rendered:
    """One row per method: mean over people, each fold, person and activity; others differ from the first method."""
    (dataset,) = view.datasets()
    column = Column(view, dataset)
    people = sorted({person for _, record in view.records() for person in record.result.get("test_subjects", [])})
    activities = unique(name for _, record in view.records() for name in record.result.get("per_class_accuracy", {}))
    rows, comparisons = [], []
    first, *others = column.methods
    for method in column.methods:
        by_fold = [[record for _, record in column.runs(method, fold)] for fold in column.folds]
        of_people = [_of_person([record for records in by_fold for record in records], person) for person in people]
        cells = [mean_and_std(summarize(records)) for records in by_fold]
        name = [column.name, title(view.methods, method), column.over_subjects(method)]
        of_activities = [_of_activity(by_fold, activity) for activity in activities]
        rows.append([*name, *cells, *of_people, *of_activities])
    for method in others:
        difference = difference_of(column.all_folds(method), column.all_folds(first))
        titles = [title(view.methods, each) for each in (method, first)]
        comparisons.append([column.name, "all folds", *titles, difference.describe()])
    folds = (f"test subjects {subjects(fold)}" for fold in column.folds)
    header = (*START, *folds, *(f"person {number}" for number in people), *activities)
    notes = ["The accuracy of an activity is the mean over the folds."] if activities else []
    return Rendered(header, rows, notes=notes, comparisons=comparisons)


def _of_person(records: Sequence[Record], person: int) -> str:
    """Mean accuracy on a person, of the runs that test the person; with their number where some have no counts."""
    tested = [record.result for record in records if person in record.result.get("test_subjects", [])]
    counts = list(filter(None, (result.get("by_subject", {}).get(str(person)) for result in tested)))
    few = f" (n={len(counts)})" if len(counts) < len(tested) else ""
    return mean_text([correct / total for correct, total in counts]) + few if counts else "-"


def _of_activity(by_fold: Sequence[Sequence[Record]], activity: str) -> str:
    """Mean over the folds of the accuracy of an activity, averaged over the runs of a fold."""
    folds = [[record.result.get("per_class_accuracy", {}).get(activity) for record in records] for records in by_fold]
    known = [[accuracy for accuracy in fold if accuracy is not None] for fold in folds]
    return f"{fmean(map(fmean, known)):.3f}" if all(known) else "-"


def confusions(view: View) -> Rendered:
    """The most frequent confusions of each method, as means over people, and the people who have most of them."""
    rows: list[list[str]] = []
    notes: list[str] = []
    for (dataset, method), pairs in grouped(view.records(lambda job: job.measure == "confusions")).items():
        start, records = [view.title(dataset), title(view.methods, method)], [record for _, record in pairs]
        rows += [[*start, *cells] for cells in _confused(records)]
        people = sorted({int(person) for record in records for person in record.result["counts"]})
        runs = "1 run" if len(records) == 1 else f"{len(records)} runs"
        notes.append(f"{', '.join(start)}: {runs} of people {subjects(people)}.")
    return Rendered(CONFUSED, rows, notes=notes)


def _confused(records: Sequence[Record]) -> Iterator[list[str]]:
    of_person: defaultdict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    people: set[str] = set()
    of_activity: defaultdict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for record in records:
        for person, counts in record.result["counts"].items():
            people.add(person)
            total = record.result["total"][person]
            for activity, row in counts.items():
                of_activity[activity][person].append(sum(row.values()) / total)
                for predicted, count in row.items():
                    if predicted != activity:
                        of_person[activity, predicted][person].append(count / total)
    runs = {person: sum(person in record.result["counts"] for record in records) for person in people}

    def means(found: Mapping[str, Sequence[float]]) -> dict[str, float]:
        return {person: sum(values) / runs[person] for person, values in found.items()}

    pairs = {pair: means(found) for pair, found in of_person.items()}
    shares = {activity: sum(means(found).values()) for activity, found in of_activity.items()}
    for pair, found in sorted(pairs.items(), key=lambda item: (-sum(item[1].values()), item[0]))[:SHOWN]:
        overall = sum(found.values()) / len(people)
        most = sorted(found, key=lambda person: -found[person])[:3]
        at = ", ".join(f"{person} ({found[person]:.3f})" for person in most)
        yield [*pair, f"{overall:.3f}", f"{sum(found.values()) / shares[pair[0]]:.2f}", at]
