"""Figure 17 from hand-made measurements."""

from __future__ import annotations

import pytest

from cosmo_pl.study.rendering.fig17 import time_and_accuracy
from cosmo_pl.study.rendering.formats import png_of

from .factory import jobs, record, view


def run(datasets=("utd", "usc"), seconds=0.01, simulated=False):
    """The study: 0.6 and 0.01 more each seed on the datasets, and `seconds` one at a time, a fifth in batches."""
    found = {}
    for job in jobs("fig17"):
        if job.dataset in datasets and job.kind == "measure":
            told = {"seconds": {"1": seconds, "64": seconds / 5}, "device": "cpu", "threads": 1, "cores": 2}
            found[job.key] = record(job, result=told, simulated=simulated)
        elif job.dataset in datasets and job.kind == "finetune":
            found[job.key] = record(job, 0.6 + 0.01 * job.seed, simulated=simulated)
    return view("fig17", "paper", found, skipped={"usc": "no recordings"} if "usc" not in datasets else {})


def test_all_runs_are_those_of_the_headline_table():
    table = {job.key for job in jobs("table2")}
    assert all(job.key in table for job in jobs("fig17") if job.kind == "finetune" and job.cells)
    assert {job.seed for job in jobs("fig17") if job.kind == "measure"} == {0}


def test_time_of_the_first_seed_and_accuracy_over_all():
    rows = time_and_accuracy(run()).rows
    assert ["UTD-MHAD", "Cosmo", "0.01", "0.002", "cpu", "1", "0.6200", "0.0158", "5"] in rows
    assert len(rows) == 2 * 4


def test_points_stand_where_they_were_measured():
    figure = time_and_accuracy(run()).figure
    points = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
    assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in points] == [
        (pytest.approx(10), pytest.approx(0.62)), (pytest.approx(2), pytest.approx(0.62)),
    ]  # fmt: skip
    assert any(list(line.get_xdata()) == [400, 400] for line in figure.axes[0].lines), "the paper's limit"


def test_accuracy_without_a_time_and_a_dataset_without_results():
    given = run(datasets=["utd"])
    rendered = time_and_accuracy(given)
    assert {row[0] for row in rendered.rows} == {"UTD-MHAD"}
    assert any("no recordings" in text.get_text() for text in rendered.figure.axes[1].texts)
    without = [outcome for outcome in given.outcomes if outcome.job.kind != "measure"]
    rows = time_and_accuracy(type(given)(**{**vars(given), "outcomes": without})).rows
    assert ["UTD-MHAD", "Cosmo", "", "", "", "", "0.6200", "0.0158", "5"] in rows


def test_times_depend_on_the_machine_and_the_papers_accuracies_on_its_data():
    limit, *accuracies = time_and_accuracy(run(seconds=0.03)).verdicts
    assert limit.verdict == "not comparable" and "0.03 s" in limit.evidence
    assert [v.verdict for v in accuracies] == ["not comparable"] * 3
    assert all("never published" in v.evidence for v in accuracies)
    assert "Cosmo has 0.6042 on self-collected" in accuracies[0].claim


def test_nothing_at_all_is_rendered():
    rendered = time_and_accuracy(run(datasets=[]))
    assert rendered.rows == [] and rendered.figure is None and rendered.verdicts
    assert any("no machine yet" in note for note in rendered.notes)


@pytest.mark.parametrize("datasets", [("utd", "usc"), ("usc",)])
def test_twice_is_the_same(datasets):
    assert png_of(time_and_accuracy(run(datasets)).figure) == png_of(time_and_accuracy(run(datasets)).figure)
