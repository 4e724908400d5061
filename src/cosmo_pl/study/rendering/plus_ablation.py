"""What the recommended recipe is made of: a table of one change at a time."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from cosmo_pl.study.definition import Runs
from cosmo_pl.study.jobs import Job
from cosmo_pl.study.records import Record
from cosmo_pl.study.rendering import style
from cosmo_pl.study.rendering.curves import numbers
from cosmo_pl.study.rendering.statistics import paired, summarize
from cosmo_pl.study.rendering.view import Rendered, View

METHOD = "method"  # as a factor of a grid
HEADER = ("changed", "to", "accuracy", "std", "n", "correct", "total", "less the recipe, paired by seed", "by seed")
NOTES = (
    "* is what the changes are made to: one set of runs, which several rows repeat.",
    "Rows of different n are of different seeds: only the differences, over common seeds, compare like with like.",
)
NAMES = {
    "transforms": "coordinates of the skeleton",
    "velocities": "velocities of the skeleton",
    "augmentations": "augmentations",
    "num_augmentations": "augmentations of a sample, V",
    "num_fused": "mixes of an augmentation, P",
    "temperature": "temperature of stage 1",
    "positives": "nearest-neighbour positives",
    "epochs": "epochs of stage 1",
    "val_subjects": "validation subjects",
    "encoders": "encoders",
    "context": "context of self-training, steps",
    "rounds": "rounds of self-training",
    METHOD: "second stage",
}


@dataclass(frozen=True)
class Variant:
    """The recipe with one thing changed.

    Args:
        changed: What is changed.
        to: What it is changed to; * marks what is changed.
        records: Its runs of stage 2.
        base: Those of the recipe, given the same values of the grid's other factors.
    """

    changed: str
    to: str
    records: list[Record]
    base: list[Record]


def variants(view: View) -> Iterator[Variant]:
    """A variant for every value of a grid's last factor, given those of the others; methods count as one."""
    for number, runs in enumerate(view.study.runs):
        pairs = [(job, record) for job, record in view.grid(number) if job.kind == "finetune"]
        for chosen in itertools.product(*_options(view, runs)):
            varied, given = chosen[-1], chosen[:-1]
            conditions = "".join(f"; {_called(option)} {option.label}" for option in given)
            mark = (
                " *" if all(option.value == option.default for option in chosen if option.default is not None) else ""
            )
            found = [record for job, record in pairs if all(option.of(job) for option in chosen)]
            recipe = (*given, replace(varied, value=varied.default))
            base = [record for job, record in pairs if all(option.of(job) for option in recipe)]
            yield Variant(_called(varied) + conditions, varied.label + mark, found, base)


@dataclass(frozen=True)
class Option:
    """A value of a factor.

    Args:
        factor: The factor, or "method".
        value: The value.
        label: What it is called.
        default: The recipe's value; None where it has none.
    """

    factor: str
    value: Any
    label: str
    default: Any

    def of(self, job: Job) -> bool:
        """Whether a run has it."""
        return bool((job.method if self.factor == METHOD else job.factors[self.factor]) == self.value)


def _options(view: View, runs: Runs) -> list[list[Option]]:
    """For every factor of a grid its options; methods are the last factor, where there are several."""
    factors = [
        [
            Option(name, value, label, factor.default)
            for value, label in zip(factor.values, factor.labels or map(str, factor.values), strict=False)
        ]
        for name, factor in runs.vary.items()
    ]
    recipe, *others = runs.methods
    titles = {recipe: "the recipe's", **{method: style.title(view.methods, method) for method in others}}
    methods = [Option(METHOD, method, title, recipe) for method, title in titles.items()]
    return [*factors, methods] if others else factors


def _called(option: Option) -> str:
    return NAMES.get(option.factor, option.factor)


def table(view: View) -> Rendered:
    """A row a variant: accuracy on the test subjects."""
    return Rendered(HEADER, [_row(variant) for variant in variants(view)], notes=NOTES)


def _row(variant: Variant) -> list[str]:
    summary = summarize(variant.records)
    if summary is None:
        return [variant.changed, variant.to, "-", "", "0", "", "", "", ""]
    ours, recipe = ({record.seed: record.result["accuracy"] for record in of} for of in (variant.records, variant.base))
    difference = "" if variant.to.endswith("*") else paired(ours, recipe).describe()
    counts = [summary.runs, str(summary.correct), str(summary.total), difference]
    each = " ".join(numbers(*summary.values))
    return [variant.changed, variant.to, *numbers(summary.mean, summary.std), *counts, each]
