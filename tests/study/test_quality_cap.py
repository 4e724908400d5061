"""The weights by the cap of the cluster search, from hand-made measurements."""

from __future__ import annotations

import pytest

from cosmo_pl.study.rendering.formats import png_of
from cosmo_pl.study.rendering.quality_cap import weights

from .factory import jobs, record, view

CAPS = [2, 3, 4, 5, 6, 7, 8]


def result(dataset, **modalities):
    measured = {
        name: {"samples": 90, "hopkins": 0.8, "hopkins_std": 0.01, "num_clusters": best, "weight": weight}
        for name, (best, weight) in modalities.items()
    }
    return {
        "dataset": dataset, "num_classes": 3, "default_max_clusters": 6, "max_clusters": CAPS, "modalities": measured,
    }  # fmt: skip


def given(simulated=False, datasets=("utd", "usc")):
    found = {
        "utd": result(
            "Set of two",
            inertial=(CAPS, [0.5, 0.9, 0.5, 0.3, 0.25, 0.2, 0.1]),
            skeleton=([2] * 7, [0.5, 0.1, 0.5, 0.7, 0.75, 0.8, 0.9]),
        ),
        "usc": result("Set of one", acc=([2, 2, 4, 4, 4, 4, 4], [1.0] * 7)),
    }  # fmt: skip
    made = {
        job.key: record(job, result=found[job.dataset], simulated=simulated)
        for job in jobs("quality_cap")
        if job.dataset in datasets
    }
    return view("quality_cap", "paper", made, {name: "nothing" for name in found if name not in datasets})


def test_every_cap_is_a_row_with_the_default_marked():
    rows = weights(given()).rows
    assert len(rows) == 3 * len(CAPS)
    assert ["Set of two", "inertial", "3", "3", "0.9", "C"] in rows
    assert ["Set of two", "inertial", "6", "6", "0.25", "2C, the default"] in rows
    assert ["Set of one", "acc", "8", "4", "1", ""] in rows


def test_a_column_for_each_dataset_with_the_weight_above_the_best_number():
    figure = weights(given()).figure
    top, other, bottom, _ = figure.axes
    assert [axes.get_title() for axes in (top, other)] == ["Set of two", "Set of one"]
    lines = {line.get_label(): line for line in top.lines}
    assert list(lines["inertial"].get_xdata()) == CAPS and list(lines["skeleton"].get_ydata())[-1] == 0.9
    assert set(lines["2C, the default limit"].get_xdata()) == {6}
    assert list({line.get_label(): line for line in bottom.lines}["inertial"].get_ydata()) == CAPS


def test_each_dataset_has_a_legend_of_its_own():
    figure = weights(given()).figure
    legends = [axes.get_legend() for axes in figure.axes[2:]]
    names = [[text.get_text() for text in legend.get_texts()] for legend in legends]
    assert [each[:-2] for each in names] == [["inertial", "skeleton"], ["acc"]] and not figure.legends


def test_the_notes_say_how_far_the_cap_moves_the_weight():
    first, second = weights(given()).notes
    assert "inertial 0.25 at the default (0.10 to 0.90 over limits 2 to 8)" in first
    assert "k* equal to the limit for 7 of 7 limits" in first
    assert "acc 1.00 at the default" in second and "for 2 of 7 limits" in second


def test_what_is_not_there_is_said_and_what_is_simulated():
    rendered = weights(given(simulated=True, datasets=("utd",)))
    assert rendered.figure.axes[0].get_title() == "Set of two (simulated)"
    assert {row[0] for row in rendered.rows} == {"Set of two"}
    assert [text.get_text() for text in rendered.figure.axes[1].texts] == ["nothing"]
    assert weights(given(datasets=())).rows == [] and weights(given(datasets=())).figure is None


@pytest.mark.parametrize("datasets", [("utd", "usc"), ("utd",)])
def test_twice_is_the_same(datasets):
    assert png_of(weights(given(datasets=datasets)).figure) == png_of(weights(given(datasets=datasets)).figure)
