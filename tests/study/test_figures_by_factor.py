"""Figures of accuracy against a factor: what they plot, tell and conclude, on hand-made results."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from cosmo_pl.study.rendering import factors
from cosmo_pl.study.rendering.factors import HEADER

from .factory import jobs, paper, record, records, view

SPREAD = {0: -0.01, 1: 0.0, 2: 0.01}  # by seed; the sample's standard deviation is 0.01
RENDERERS = {
    "fig4": factors.fig4, "fig11": factors.fig11, "fig12": factors.fig12, "fig13": factors.fig13,
    "fig16": factors.fig16,
}  # fmt: skip
every_figure = pytest.mark.parametrize("name", RENDERERS)


def rendered(name, accuracy, keep=lambda job: True, **given):
    """A figure with results of the jobs that are kept; `accuracy` is that of the mean over seeds.

    `inputs`: as if ours were the paper's.
    """
    made = [job for job in jobs(name) if keep(job)]
    skipped, inputs = given.pop("skipped", {}), given.pop("inputs", True)
    found = records(made, lambda job: accuracy(job) + SPREAD[job.seed], **given)
    same = {name: what for name, what in paper().items() if name != "inputs"}
    return RENDERERS[name](replace(view(name, "paper", found, skipped), paper=same if inputs else paper()))


def table(figure):
    """Rows as dictionaries."""
    return [dict(zip(figure.header, row, strict=True)) for row in figure.rows]


def verdict(figure, *words):
    """The one verdict whose claim has all words."""
    (found,) = [v for v in figure.verdicts if all(word in v.claim for word in words)]
    return found


def lines(axes):
    """Label to the points of each line."""
    return {line.get_label(): list(line.get_ydata()) for line in axes.lines}


def ticks(axes):
    return [tick.get_text() for tick in axes.get_xticklabels()]


@every_figure
def test_a_point_is_the_mean_over_seeds_with_its_sample_deviation(name):
    figure = rendered(name, lambda job: 0.6)
    for row in table(figure):
        if row["n"] == "3":
            margin = 4.302653 * 0.01 / math.sqrt(3)  # Student's t with 2 degrees of freedom
            told = [float(row[key]) for key in ("accuracy", "std", "low 95 %", "high 95 %")]
            assert told == pytest.approx([0.6, 0.01, 0.6 - margin, 0.6 + margin], abs=6e-5)
            assert (row["correct"], row["total"]) == ("360", "600")
    axes = figure.figure.axes[0]
    for band in axes.collections:
        heights = band.get_paths()[0].vertices[:, 1]
        assert (heights.min(), heights.max()) == pytest.approx((0.59, 0.61))
    assert axes.collections


@every_figure
def test_every_cell_of_every_grid_is_there_once(name):
    figure = rendered(name, lambda job: 0.6)
    study = view(name, "paper", {}).study
    told = [(row["dataset"], row["factor"], row["value"], row["method"]) for row in table(figure)]
    assert len(told) == len(set(told))
    size = sum(
        len(runs.datasets) * len(runs.methods) * len(factor.values)
        for runs in study.runs
        for factor in runs.vary.values()
    )
    assert len(told) == size
    assert tuple(figure.header) == HEADER


@every_figure
def test_nothing_has_been_run(name):
    figure = rendered(
        name,
        lambda job: 0.6,
        keep=lambda job: False,
        skipped=dict.fromkeys(("utd", "usc", "self_collected"), "nothing here"),
    )
    assert figure.rows == [] and list(figure.notes) == []
    assert {v.verdict for v in figure.verdicts} <= {"too few runs", "not comparable"} and figure.verdicts
    assert figure.figure is None


def test_what_has_no_run_yet_is_said_in_its_place():
    """Cosmo alone, and only at 5 % of the labels of UTD-MHAD."""

    def keep(job):
        return job.dataset == "utd" and job.method == "cosmo" and job.factors.get("label_rate") == 0.05

    figure = rendered("fig11", lambda job: 0.6, keep=keep)
    utd, *others = figure.figure.axes
    ticks = [label.get_text().partition("\n")[0] for label in utd.get_xticklabels()]
    said = {ticks[round(text.get_position()[0])] for text in utd.texts if text.get_text() == "no run yet"}
    assert said == set(ticks) - {"5 %"}
    label = " ".join(utd.get_xlabel().split("\n"))
    assert "no run yet: CMC, fine-tuned; AttnSense, shared" in label and "Cosmo" not in label
    assert all(not axes.axison for axes in others)


@every_figure
def test_simulated_recordings_are_not_compared(name):
    figure = rendered(name, lambda job: 0.6, simulated=True)
    assert {v.verdict for v in figure.verdicts} == {"not comparable"}
    assert all("simulated recordings" in note for note in figure.notes) and figure.notes
    assert figure.rows and {row[figure.header.index("paper")] for row in figure.rows} == {""}
    assert not [v.evidence for v in figure.verdicts if "paper" in v.evidence]
    assert not [line for axes in figure.figure.axes for line in axes.lines if line.get_label() == "paper"]
    assert all("simulated" in axes.get_title() for axes in figure.figure.axes)


@every_figure
def test_a_second_time_it_is_the_same(name):
    def one():
        figure = rendered(name, lambda job: 0.6)
        canvas = FigureCanvasAgg(figure.figure)
        canvas.draw()
        return bytes(canvas.buffer_rgba()), figure.rows, figure.notes, figure.verdicts

    assert one() == one()


@every_figure
def test_only_inputs_of_the_paper_are_compared(name):
    figure = rendered(name, lambda job: 0.6, inputs=False)
    judged = [v.claim for v in figure.verdicts if v.verdict in ("reproduced", "not reproduced")]
    assert all("USC-HAD" in claim for claim in judged)
    assert bool(judged) == (name == "fig4"), "one seed on USC-HAD in Fig. 11"


def test_one_seed_has_no_band_and_no_interval_without_counts():
    figure = rendered("fig4", lambda job: 0.5, keep=lambda job: job.seed == 1)
    row = table(figure)[0]
    assert (row["std"], row["n"]) == ("", "1")
    assert (row["low 95 %"], row["high 95 %"], row["subjects, lowest to highest"]) == ("", "", "-")
    assert "bands" not in figure.notes[0]
    assert {v.verdict for v in figure.verdicts} == {"too few runs"}


def test_uncommitted_code_is_marked():
    made = records(jobs("fig4"))
    marked = {key: replace(its, environment={"commit": "1", "dirty": True}) if its.method == "acc" else its
              for key, its in made.items()}  # fmt: skip
    figure = factors.fig4(view("fig4", "paper", marked))
    assert {row["n"] for row in table(figure) if row["method"] == "acc alone"} == {"3†"}
    assert {row["n"] for row in table(figure) if row["method"] != "acc alone"} == {"3"}
    assert figure.figure.axes[0].get_title() == "USC-HAD †"


def test_fig4_claims():
    ours = {"deepsense": 0.4243, "attnsense": 0.6, "acc": 0.4464}
    figure = rendered("fig4", lambda job: ours[job.method] + (0.1 if job.method == "deepsense" else 0) * (
        job.factors["label_rate"] == 0.1))  # fmt: skip
    assert verdict(figure, "DeepSense has 0.4243 with 200").verdict == "reproduced"
    assert verdict(figure, "the accelerometer alone has").verdict == "reproduced"
    assert verdict(figure, "AttnSense").verdict == "not reproduced"
    assert "higher" in verdict(figure, "AttnSense").evidence
    assert verdict(figure, "with 200 labels", "above DeepSense").verdict == "reproduced"
    assert verdict(figure, "with 2,000 labels").verdict == "reproduced"
    flat = rendered("fig4", lambda job: ours[job.method])
    assert verdict(flat, "with 2,000 labels").verdict == "not reproduced"
    assert [row["paper"] for row in table(flat) if row["value"] == "0.01"] == ["0.4243", "0.4872", "0.4464"]


def test_fig11_has_a_panel_a_dataset_and_the_papers_figures_at_few_labels():
    figure = rendered("fig11", lambda job: 0.5 if job.method == "cpc" else 0.6)
    utd, usc, own = figure.figure.axes
    assert [axes.get_title() for axes in (utd, usc, own)] == ["UTD-MHAD", "USC-HAD", "self-collected"]
    assert [label.split("\n")[0] for label in ticks(utd)] == ["5 %", "10 %", "20 %", "40 %"]
    assert [label.split("\n")[0] for label in ticks(usc)] == ["1 %", "5 %", "20 %"]
    stated = {(row["dataset"], row["method"]): (row["value"], row["paper"]) for row in table(figure) if row["paper"]}
    assert stated["utd", "Cosmo"] == ("0.05", "0.6093")
    assert stated["usc", "CPC, fine-tuned"] == ("0.01", "0.5856")
    assert {method for dataset, method in stated if dataset == "utd"} == {
        "Cosmo", "CMC, fine-tuned", "AttnSense, shared",
    }  # fmt: skip
    assert utd.get_ylim() == usc.get_ylim()
    assert verdict(figure, "points above CPC", "20 %").verdict == "too few runs"  # one seed
    assert verdict(figure, "AttnSense with all", "UTD-MHAD").verdict == "not comparable"


@pytest.mark.parametrize(
    ("weak", "expected"), [(None, "reproduced"), ("cmc", "undecided"), ("random_forest", "reproduced")]
)
def test_fig11_needs_cosmo_above_every_baseline_at_every_rate(weak, expected):
    """The forest is no baseline of the paper."""

    def accuracy(job):
        above = 0.1 * (job.method == "cosmo") + 0.1 * (job.method == weak and job.factors.get("label_rate") == 0.2)
        return 0.5 + above

    found = verdict(rendered("fig11", accuracy), "at all label rates on UTD-MHAD")
    assert found.verdict == expected
    if weak == "cmc":
        assert found.evidence.startswith("1 of 8 are undecided: CMC at 20 %")
    assert verdict(rendered("fig11", accuracy), "at all label rates on USC-HAD").verdict == "too few runs"
    assert verdict(rendered("fig11", accuracy, inputs=False), "all label rates on UTD").verdict == "not comparable"


def test_fig11_takes_one_stage_1_for_all_amounts():
    found = jobs("fig11")
    for dataset, method in (("utd", "cosmo"), ("utd", "cmc"), ("usc", "cosmo"), ("usc", "cpc")):
        those = [job for job in found if (job.dataset, job.method, job.seed) == (dataset, method, 0)]
        stage1 = [job for job in those if job.kind == "pretrain"]
        assert len(stage1) == 1 and stage1[0].arguments["data.init_args.include_labeled"] is True
        assert {parent.key for job in those if job.kind == "finetune" for parent in job.parents} == {stage1[0].key}


def test_fig13_takes_the_stage_1_of_fig11():
    both = [{job.key for job in jobs(name) if (job.kind, job.method) == ("pretrain", "cosmo") and job.dataset == "utd"}
            for name in ("fig11", "fig13")]  # fmt: skip
    assert both[0] == both[1] != set()


@pytest.mark.parametrize("shared", ["fig3", "fig9", "fig14"])
def test_figures_that_take_runs_of_the_table(shared):
    table2 = {job.key for job in jobs("table2")}
    for job in jobs(shared):
        if job.factors.get("iterative_epochs", 5) == 5:
            assert job.key in table2


def test_fig12_tells_how_many_clips_stage_1_saw():
    clips = {3: 81, 6: 162, 12: 324, 24: 648, None: 513}
    made = {
        job.key: record(job, result={"unlabeled": clips[job.factors["unlabeled_per_labeled"]]}) for job in jobs("fig12")
    }
    figure = factors.fig12(view("fig12", "paper", made))
    assert ticks(figure.figure.axes[0]) == ["3\n81 clips", "6\n162 clips", "12\n324 clips", "all\n513 clips"]


@pytest.mark.parametrize(
    ("accuracies", "expected"),
    [((0.4, 0.5, 0.6, 0.7), "reproduced"), ((0.4, 0.6, 0.5, 0.7), "not reproduced"), ((0.5,) * 4, "undecided")],
)
def test_fig12_needs_every_step_to_rise(accuracies, expected):
    ours = dict(zip((3, 6, 12, None), accuracies, strict=True))
    figure = rendered(
        "fig12", lambda job: ours.get(job.factors["unlabeled_per_labeled"], 0.5) if job.method == "cosmo" else 0.5
    )
    assert verdict(figure, "rises", "UTD-MHAD").verdict == expected


def test_fig13_compares_all_target_labels_with_none():
    figure = rendered("fig13", lambda job: 0.5 + 0.2 * job.factors.get("target_label_fraction", 0) * (
        job.method == "cosmo"))  # fmt: skip
    assert verdict(figure, "of Cosmo on UTD-MHAD").verdict == "reproduced"
    assert verdict(figure, "of AttnSense on UTD-MHAD").verdict == "undecided"
    assert verdict(figure, "280").verdict == "too few runs"
    assert ticks(figure.figure.axes[0]) == ["0 %", "50 %", "100 %"]
    assert lines(figure.figure.axes[0])["Cosmo"] == pytest.approx([0.5, 0.6, 0.7])


def fig16_accuracy(job):
    """0.6 at the defaults; less for narrow ranges, other turns and large batches."""
    cells = {name: value for _, factors in job.cells for name, value in factors.items()}
    narrow = cells.get("weight_range", [0.1, 0.9])[0] - 0.1
    turns = cells.get("iterative_epochs", 5) != 5
    return 0.6 - narrow / 3 - 0.1 * turns - 0.1 * (cells.get("pretrain_batch_size", 32) > 32)


def test_fig16_shows_the_run_at_the_defaults_in_every_panel():
    figure = rendered("fig16", fig16_accuracy)
    ranges, turns, batches = figure.figure.axes
    assert lines(ranges)["Cosmo"] == pytest.approx([0.6, 0.6 - 0.2 / 3, 0.5])
    assert lines(turns)["Cosmo"] == pytest.approx([0.5, 0.5, 0.6, 0.5])
    assert lines(batches)["Cosmo"] == pytest.approx([0.6, 0.6, 0.5])
    assert ticks(ranges) == ["0.1\nto 0.9", "0.3\nto 0.7", "0.4\nto 0.6"]
    assert ticks(turns) == ["0", "1", "5", "20"]
    assert ticks(batches) == ["16", "32", "128"]
    for word in ("range 0.1", "T_iter", "larger batches"):
        assert verdict(figure, word).verdict == "reproduced"
    assert verdict(figure, "from 0.1 to 0.9").verdict == "reproduced"
    assert verdict(figure, "from 0.4 to 0.6").verdict == "not reproduced"


def test_fig16_best_turn_has_to_be_above_all_others():
    def other(job):
        turns = [factors.get("iterative_epochs") for _, factors in job.cells]
        return 0.6 if 20 in turns else fig16_accuracy(job)

    found = verdict(rendered("fig16", other), "T_iter")
    assert found.verdict == "undecided"
    assert found.evidence.startswith("1 of 3 are undecided: 5 above 20; 5 above 20: 0.600 against 0.600")


def test_what_is_drawn_is_what_is_there():
    """A value without runs leaves a gap, not a zero."""
    figure = rendered("fig13", lambda job: 0.5, keep=lambda job: job.factors.get("target_label_fraction") != 0.5)
    (line,) = [line for line in figure.figure.axes[0].lines if line.get_label() == "Cosmo"]
    assert list(line.get_xdata()) == [0, 2]
    assert ticks(figure.figure.axes[0]) == ["0 %", "50 %", "100 %"]
    assert figure.notes[0].startswith("UTD-MHAD: n = 0 to 3 ")
