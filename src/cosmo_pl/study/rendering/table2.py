"""Table 2 of the paper: accuracy of all methods with few labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from statistics import fmean

from cosmo_pl.study.rendering.columns import Column, subjects
from cosmo_pl.study.rendering.provenance import machine, training_seconds
from cosmo_pl.study.rendering.statistics import Pairs, by_seed, common_means, difference_of, rank_correlation
from cosmo_pl.study.rendering.style import title
from cosmo_pl.study.rendering.verdict import gap_verdict, obstacle, order_verdict, value_verdict
from cosmo_pl.study.rendering.view import OURS, Rendered, Verdict, View, unique

HEADER = [
    "dataset",
    "method",
    "accuracy",
    "correct",
    "95 % interval",
    "subjects, lowest to highest",
    "mean over the subjects of all folds",
    "macro-F1",
    "minus Cosmo, paired by seed",
    "paper",
    "verdict",
    "training, s",
    "best epoch on the test subjects (not a result)",
]
OF_PAPER = ("paper", "verdict")


def accuracy(view: View) -> Rendered:
    """The table: one row for each dataset and method, in the order of ``methods.yaml``."""
    columns = [Column(view, dataset) for dataset in view.datasets()]
    rows = [_row(column, method) for column in columns for method in column.methods]
    notes = [note for column in columns for note in (*_notes(column), *_agreement(column))]
    verdicts = [verdict for column in columns for verdict in (*_values(column), *_gaps(column), *_orders(column))]
    shown = [number for number, name in enumerate(HEADER) if view.paper or name not in OF_PAPER]
    header, rows = [HEADER[number] for number in shown], [[row[number] for number in shown] for row in rows]
    return Rendered(header, rows, notes=[*notes, *_cost(view), *view.remarks("table2")], verdicts=verdicts)


def _row(column: Column, method: str) -> list[str]:
    runs, summary = column.runs(method), column.summary(method)
    paper = None if column.view.simulated(column.dataset) else column.paper(method)
    dataset, name, mean, *ranges = column.cells(method)
    correct, f1, difference = "-", "-", "-"
    if summary is not None:
        correct = f"{summary.correct}/{summary.total}"
        f1 = f"{fmean(record.result['f1_macro'] for _, record in runs):.3f}"
        difference = _difference(column, method)
    cells = [dataset, name, mean, correct, *ranges, column.over_subjects(method), f1, difference]
    stated = ["-", "-"] if paper is None else [f"{paper:.4f}", _value(column, method, paper).verdict]
    return [*cells, *stated, _seconds(column, method), _best_epoch(runs)]


def _difference(column: Column, method: str) -> str:
    return "-" if method == OURS else difference_of(column.runs(method), column.runs(OURS)).describe()


def _seconds(column: Column, method: str) -> str:
    """Mean seconds of stage 1 and of stage 2; "-" for a stage that is not timed."""
    runs = column.runs(method)
    needed = {parent.key for job, _ in runs for parent in job.parents}
    first = [record for _, record in column.view.records(lambda job: job.key in needed)]
    stages = [training_seconds(stage) for stage in (first, [record for _, record in runs]) if stage]
    return " + ".join(map(_mean_seconds, stages)) if any(stages) else "-"


def _mean_seconds(seconds: Sequence[float]) -> str:
    if not seconds:
        return "-"
    return "< 1" if fmean(seconds) < 1 else f"{fmean(seconds):.0f}"


def _best_epoch(runs: Pairs) -> str:
    best = [record.result["test_acc_best_epoch"] for _, record in runs]
    found = [each["accuracy"] for each in best if each is not None]
    return f"{fmean(found):.3f}" if found else "-"


def _notes(column: Column) -> list[str]:
    first = [runs[0][1].result for method in column.methods if (runs := column.runs(method))]
    if not first:
        return []
    tested = "; ".join(subjects(s) for s in unique(result["test_subjects"] for result in first))
    labels = ", ".join(str(n) for n in unique(result["labels"] for result in first))
    notes = [f"{column.name}: {labels} labels, test subjects {tested}, chance {first[0]['chance']:.3f}."]
    means, seeds = common_means({method: by_seed(column.runs(method)) for method in column.methods})
    if len(means) > 1:
        best = max(means, key=means.__getitem__)
        rest = "; the others have too few runs to be ranked" if len(means) < len(first) else ""
        notes.append(
            f"{column.name}: of the {len(means)} methods that share the seeds {', '.join(map(str, seeds))}, the most "
            f"accurate is {title(column.view.methods, best)}, {means[best]:.3f}{rest}."
        )
    if column.view.simulated(column.dataset):
        notes.append(f"{column.name}: simulated recordings; not comparable with the paper.")
    return notes


def _cost(view: View) -> list[str]:
    done = [o.record for o in view.outcomes if o.record is not None]
    notes = [f"{len(done)} of {len(view.outcomes)} runs are done."]
    if done:
        machines = sorted({machine(record.environment) for record in done})
        hours = sum(record.seconds for record in done) / 3600
        notes[0] += f" Together they took {hours:.2f} h, each stage 1 counted once, on {'; '.join(machines)}."
    return notes


def _agreement(column: Column) -> list[str]:
    """Rank correlations of the methods with other presets, over the means that may be ranked."""
    trained = [method for method in column.methods if column.view.methods[method].trained]
    notes = []
    for preset in column.view.others:
        other = Column(column.view.under(preset), column.dataset)
        means, others = (common_means({m: by_seed(c.runs(m)) for m in trained})[0] for c in (column, other))
        both = [method for method in means if method in others]
        if len(both) > 2:
            rho = rank_correlation([means[method] for method in both], [others[method] for method in both])
            notes.append(
                f"{column.name}: over the {len(both)} methods with enough runs under the preset {preset} as well, the "
                f"rank correlation (Spearman) of the two presets is {rho:.2f}."
            )
    return notes


def _value(column: Column, method: str, stated: float) -> Verdict:
    claim = f"{column.location(method)}: {column.view.named(method)} has {stated:.4f} on {column.name_in_paper}"
    reason = obstacle(column.view, column.dataset, [method])
    found = value_verdict(claim, column.summary(method), stated, reason)
    why = column.view.skipped.get(column.dataset)
    return found if why is None else replace(found, evidence=f"{found.evidence}: {why}")


def _values(column: Column) -> list[Verdict]:
    return [_value(column, m, stated) for m in column.methods if (stated := column.paper(m)) is not None]


def _gaps(column: Column) -> Iterator[Verdict]:
    """Whether our gaps are those that the text states."""
    stated = column.view.stated("table2").get("gaps_points", {}).get(column.view.in_paper(column.dataset), {})
    for method in column.methods:
        points = stated.get("points", {}).get(column.view.methods[method].paper)
        if points is not None:
            above = f"{points} points above {column.view.named(method)} on {column.name_in_paper}"
            claim = f"{stated['location']}: Cosmo is {above}"
            reason = obstacle(column.view, column.dataset, [OURS, method])
            yield gap_verdict(claim, column.runs(OURS), column.runs(method), points / 100, reason)


def _orders(column: Column) -> Iterator[Verdict]:
    """Whether Cosmo is above each method. Methods and folds that the paper lacks are our questions."""
    own = "simulated recordings" if column.view.simulated(column.dataset) else None
    for method in column.methods if OURS in column.methods else ():
        of_paper = column.paper(method) is not None
        if method.startswith(OURS) or (column.dataset in column.view.skipped and not of_paper):
            continue  # Cosmo and its variants; and questions of our own without any run
        tested = f", subjects {subjects(column.folds[0])}" if column.folds else ""
        if of_paper:
            source, name = (
                f"{column.location(method)}: Cosmo is above {column.view.named(method)}",
                column.name_in_paper,
            )
            reason = obstacle(column.view, column.dataset, [OURS, method])
        else:
            source = f"Our question, no claim of the paper: Cosmo is above {title(column.view.methods, method)}"
            name, reason = column.name, own
        first = order_verdict(f"{source} on {name}{tested}", column.runs(OURS), column.runs(method), reason)
        yield replace(first, of_paper=of_paper)
        if column.folds and column.dataset not in column.view.skipped:
            claim = f"Our question, no claim of the paper: Cosmo is above {title(column.view.methods, method)}"
            both = column.all_folds(OURS), column.all_folds(method)
            yield replace(order_verdict(f"{claim} on {column.name}, all folds", *both, own), of_paper=False)
