"""The few results that stand for all: the recommended recipe beside the paper's and methods without training."""

from __future__ import annotations

from typing import Any

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.study.rendering.columns import Column, subjects
from cosmo_pl.study.rendering.statistics import mean_and_std
from cosmo_pl.study.rendering.style import title
from cosmo_pl.study.rendering.view import OURS, PLUS, View

STUDY = "plus"  # the study that has all these runs
DATASETS = ("utd", "usc", "mex")
ROWS = (
    *(("plus", "cosmo"), ("plus", "cmc_plus"), ("paper", "cosmo")),
    *(("", "dtw"), ("", "nearest_neighbor"), ("", "random_forest"), ("plus", "random_forest_self")),
)
RECIPES = {"plus": "recipe `plus`", "paper": "the paper's recipe"}
BEGIN, END = "<!-- headline:begin -->", "<!-- headline:end -->"


def table(view: View) -> list[list[str]]:
    """Accuracy as mean ± standard deviation over n seeds: a row for each method, a column for each dataset.

    Args:
        view: The study `STUDY`.

    Returns:
        The header, the methods, the recipe over the subjects of all folds, and chance.
    """
    rows = [
        [_name(view, recipe, method), *(_accuracy(view, recipe, method, each) for each in DATASETS)]
        for recipe, method in ROWS
    ]
    everybody = [_column(view, "plus", each).over_subjects(OURS) for each in DATASETS]
    rows.append([f"{_name(view, 'plus', OURS)}, over the subjects of all folds", *everybody])
    return [["method", *(_heading(view, each) for each in DATASETS)], *rows, ["chance", *_chance(view)]]


def insert(text: str, content: str) -> str:
    """Text with the content between the markers `BEGIN` and `END`, in place of what stands there.

    Raises:
        ConfigurationError: The text lacks a marker.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ConfigurationError("output", f"lacks the markers {BEGIN} and {END}", "Put them where the table goes")
    return f"{before}{begin}\n{content}\n{end}{after}"


def _name(view: View, recipe: str, method: str) -> str:
    its = title(view.methods, method)
    return f"{its}, {RECIPES[recipe]}" if recipe and view.methods[method].trained else its


def _column(view: View, recipe: str, dataset: str) -> Column:
    return Column(view, dataset + PLUS if recipe == "plus" else dataset)


def _accuracy(view: View, recipe: str, method: str, dataset: str) -> str:
    return mean_and_std(_column(view, recipe, dataset).summary(method))


def _first(view: View, dataset: str) -> dict[str, Any]:
    """A result of the dataset; all of them have its labels and test subjects."""
    runs = (_column(view, recipe, dataset).runs(method) for recipe, method in ROWS)
    return next((pairs[0][1].result for pairs in runs if pairs), {})


def _heading(view: View, dataset: str) -> str:
    its = _first(view, dataset)
    if not its:
        return view.title(dataset)
    return f"{view.title(dataset)}, {its['labels']} labels, test subjects {subjects(its['test_subjects'])}"


def _chance(view: View) -> list[str]:
    found = [_first(view, dataset).get("chance") for dataset in DATASETS]
    return ["-" if chance is None else f"{chance:.3f}" for chance in found]
