"""Figures by epoch and by activity, on hand-made results."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cosmo_pl.data import USCDataModule
from cosmo_pl.study.rendering import epochs, fig3
from cosmo_pl.study.rendering.epochs import epoch_curve, epochs_to_best, first_near_best

from .factory import job, jobs, paper, record, view

EPOCHS = list(range(100))
SPREAD = (-0.02, -0.01, 0.0, 0.01, 0.02)  # by seed


def curves(values, **more):
    """What a run logged by epoch; test accuracies every fifth epoch only."""
    seen = [value if epoch % 5 == 4 else None for epoch, value in zip(EPOCHS, values, strict=True)]
    return {"epoch": EPOCHS, "test/acc": seen, **more}


def test_curve_over_runs():
    a = record(job(seed=0), curves={"epoch": [0, 1, 2], "test/acc": [0.1, None, 0.3]})
    b = record(job(seed=1), curves={"epoch": [0, 1, 2], "test/acc": [0.3, 0.4, 0.5]})
    silent = record(job(seed=2))
    curve = epoch_curve([a, b, silent], "test/acc")
    assert (curve.epochs, curve.n) == ([1, 3], 2)
    assert curve.means == pytest.approx([0.2, 0.4])
    assert curve.stds == pytest.approx([0.02**0.5] * 2)
    assert epoch_curve([b], "test/acc").stds == [None] * 3
    assert epoch_curve([silent], "test/acc") is None and epoch_curve([], "test/acc") is None
    assert epoch_curve([a, record(job(seed=3), curves={"epoch": [1], "test/acc": [0.1]})], "test/acc") is None


def test_first_epoch_near_the_best():
    curve = {5: 0.2, 10: 0.595, 15: 0.58, 20: 0.6}
    assert first_near_best(curve, 0.01) == 10
    assert first_near_best(curve, 0.001) == 20
    runs = [(job(seed=3), record(job(seed=3), curves={"epoch": [4, 9, 14], "test/acc": [0.2, None, 0.3]}))]
    assert epochs_to_best([*runs, (job(), record(job()))], "test/acc", 0.01) == {3: 15.0}


def fig14_view(reached, keep=lambda job: True, skipped=None, others=5, **given):
    """Cosmo's accuracy rises until an epoch, counted from 1, and stays; the others' until another one."""

    def values(each):
        shift = SPREAD[each.seed]
        if each.method != "cosmo":
            best = others - 5 * (each.seed == 0)
            return [0.3 + shift if epoch + 1 >= best else 0.1 for epoch in EPOCHS]
        return [0.6 + shift if epoch + 1 >= reached else 0.6 * epoch / reached + shift for epoch in EPOCHS]

    made = {each.key: record(each, curves=curves(values(each)), **given) for each in jobs("fig14") if keep(each)}
    return view("fig14", "paper", made, skipped)


@pytest.mark.parametrize(("reached", "expected"), [(30, "reproduced"), (50, "reproduced"), (55, "not reproduced")])
def test_fig14_counts_epochs_from_one(reached, expected):
    figure = epochs.fig14(fig14_view(reached))
    found = {v.claim.split(" on ")[-1]: v for v in figure.verdicts if "at its best" in v.claim}
    assert found["USC-HAD"].verdict == expected
    assert f"from epoch {reached} on" in found["USC-HAD"].evidence
    assert found["UTD-MHAD"].verdict == "not comparable" and "canonical coordinates" in found["UTD-MHAD"].evidence
    rows = [row for row in figure.rows if row[:2] == ["usc", "cosmo"]]
    assert [int(row[2]) for row in rows] == list(range(5, 101, 5))
    assert rows[-1][3:] == ["0.6000", "0.0158", "5"]


def test_fig14_draws_what_a_dataset_has():
    figure = epochs.fig14(fig14_view(30, keep=lambda each: each.dataset == "utd", skipped={"usc": "no USC here"}))
    utd, usc, _ = figure.figure.axes
    methods = {"Cosmo", "Cosmo's stage 1, fine-tuned", "CMC, fine-tuned", "CPC, fine-tuned", "AttnSense, shared",
               "DeepSense, shared", "skeleton alone", "inertial alone"}  # fmt: skip
    assert {line.get_label() for line in utd.lines} == methods
    assert [text.get_text() for text in usc.texts] == ["no USC here"]
    assert {v.verdict for v in figure.verdicts if "USC-HAD" in v.claim} == {"too few runs"}
    assert len(figure.notes) == 1


@pytest.mark.parametrize(
    ("others", "seeds", "expected"),
    [(60, 5, "reproduced"), (30, 5, "undecided"), (60, 2, "too few runs")],
)
def test_fig14_compares_how_fast_methods_converge(others, seeds, expected):
    """Cosmo at epoch 30 for every seed, the others at one epoch too, but five earlier for seed 0."""
    figure = epochs.fig14(fig14_view(30, keep=lambda each: each.seed < seeds, others=others))
    (found,) = [v for v in figure.verdicts if "fewer epochs" in v.claim and "USC-HAD" in v.claim]
    assert found.verdict == expected
    if expected == "reproduced":
        assert "CMC: 59.0 against 30.0; difference +29.0, 95 % interval +26.2 to +31.8 (n=5)" in found.evidence


def test_fig14_on_simulated_recordings():
    figure = epochs.fig14(fig14_view(30, simulated=True))
    assert {v.verdict for v in figure.verdicts} == {"not comparable"}
    assert all("simulated" in note for note in figure.notes)
    assert not [patch for axes in figure.figure.axes for patch in axes.patches if patch.get_label().startswith("paper")]


def fig9_view(turns, joint, **given):
    made = {}
    for each in jobs("fig9"):
        if each.kind == "finetune":
            final = (turns if each.factors["iterative_epochs"] == 5 else joint) + SPREAD[each.seed]
            loss = [2.0 - epoch / 100 for epoch in EPOCHS]
            logged = curves([final * epoch / 99 for epoch in EPOCHS], **{"train/loss": loss, "test/loss": loss})
            made[each.key] = record(each, accuracy=final, curves=logged, **given)
    return view("fig9", "paper", made)


@pytest.mark.parametrize(("joint", "expected"), [(0.5, "reproduced"), (0.6, "undecided"), (0.7, "not reproduced")])
def test_fig9_compares_the_ends(joint, expected):
    given = fig9_view(0.6, joint)
    figure = epochs.fig9(given)
    assert figure.verdicts[1].verdict == "not comparable", "on skeletons in other coordinates"
    same = {name: what for name, what in paper().items() if name != "inputs"}
    assert epochs.fig9(replace(given, paper=same)).verdicts[1].verdict == expected
    train, loss, accuracy = figure.figure.axes
    assert {line.get_label() for line in train.lines} == {"alternating every 5 epochs", "joint training (T_iter = 0)"}
    ends = {line.get_label(): line.get_ydata()[-1] for line in accuracy.lines}
    assert ends["alternating every 5 epochs"] == pytest.approx(0.59)  # seeds 0 to 2
    assert ends["joint training (T_iter = 0)"] == pytest.approx(joint - 0.01)
    assert (len(train.lines[0].get_xdata()), len(accuracy.lines[0].get_xdata())) == (100, 20)
    assert train.get_xlim() == loss.get_xlim() == accuracy.get_xlim()
    assert ["5", "train/loss", "1", "2.0000", "0.0000", "3"] in figure.rows


def test_fig9_without_results():
    figure = epochs.fig9(view("fig9", "paper", {}, {"utd": "no UTD here"}))
    assert figure.rows == [] and [v.verdict for v in figure.verdicts] == ["too few runs", "not comparable"]
    assert figure.figure is None


def test_fig9_says_which_training_has_no_run_yet():
    made = {
        each.key: record(each, curves={"epoch": [0], "train/loss": [2.0], "test/loss": [2.0], "test/acc": [0.5]})
        for each in jobs("fig9")
        if each.kind == "finetune" and each.factors.get("iterative_epochs") == 5
    }
    train, *_ = epochs.fig9(view("fig9", "paper", made)).figure.axes
    assert train.get_legend_handles_labels()[1] == [
        "alternating every 5 epochs",
        "joint training (T_iter = 0): no run yet",
    ]


def wave(height, seeds=3, noise=0.0, **given):
    """Stage 2 in phases of five epochs, in which the loss falls by 0.01 an epoch; it is higher in every other phase."""
    random = np.random.default_rng(0)
    found = {}
    for each in jobs("fig9"):
        if each.kind == "finetune" and each.seed < seeds and each.factors["iterative_epochs"] == 5:
            phase = [float(epoch // 5 % 2) for epoch in EPOCHS]
            loss = [
                2 - 0.01 * epoch + height * (1 - on) + noise * random.normal()
                for epoch, on in zip(EPOCHS, phase, strict=True)
            ]
            found[each.key] = record(each, curves={"epoch": EPOCHS, "train/loss": loss, "phase": phase}, **given)
    return epochs.fig9(view("fig9", "paper", found)).verdicts[0]


@pytest.mark.parametrize(
    ("height", "seeds", "expected"),
    [(0.5, 3, "reproduced"), (0.0, 3, "undecided"), (0.5, 2, "too few runs")],
)
def test_fig9_judges_the_steps_of_the_training_loss(height, seeds, expected):
    found = wave(height, seeds, noise=0.0 if height else 0.1)
    assert found.claim.startswith("Fig. 9, section 5.2: the training loss moves in steps")
    assert found.verdict == expected
    if height:  # jumps of .49 and .51 in turn, 10 and 9 of them
        assert found.evidence.startswith(f"{(10 * 0.51 + 9 * 0.49) / 19:.3f} against 0.010")
    assert wave(height, simulated=True).verdict == "not comparable"


NAMES = USCDataModule.class_names
BETTER = paper()["fig3"]["better"]["acc"]


def fig3_view(acc, seeds=5, **given):
    """Results where the gyroscope has 0.4 of every activity, shifted by the seed, and the accelerometer `acc(name)`."""
    made = {}
    for each in jobs("fig3"):
        if each.seed < seeds:
            by_class = {n: (acc(n) if each.method == "acc" else 0.4) + SPREAD[each.seed] for n in NAMES}
            made[each.key] = record(each, result={"per_class_accuracy": by_class}, **given)
    return view("fig3", "paper", made)


def test_the_paper_names_activities_of_the_dataset():
    assert set(BETTER) < set(NAMES)


def test_fig3_as_the_paper_has_it():
    figure = fig3.by_activity(fig3_view(lambda name: 0.6 if name in BETTER else 0.2))
    assert [v.verdict for v in figure.verdicts] == ["reproduced", "reproduced"]
    assert [row[0] for row in figure.rows] == [*BETTER, *sorted(set(NAMES) - set(BETTER))]
    assert figure.rows[0] == ["walking forward", "acc", "0.6000", "0.0158", "5", "0.4000", "0.0158", "5"]
    heights = [bar.get_height() for bar in figure.figure.axes[0].patches]
    assert heights == pytest.approx([0.6] * 5 + [0.2] * 7 + [0.4] * 12)


def test_fig3_has_one_order_whatever_the_order_of_the_records():
    """Records of several ages have the activities in several orders."""
    shown = fig3_view(lambda name: 0.6)
    back = {
        outcome.job.key: record(
            outcome.job,
            result={"per_class_accuracy": dict(reversed(outcome.record.result["per_class_accuracy"].items()))},
        )
        for outcome in shown.outcomes
        if outcome.record is not None and outcome.job.kind == "finetune"
    }
    first, second = (fig3.by_activity(each).rows for each in (shown, view("fig3", "paper", back)))
    assert [row[0] for row in first] == [row[0] for row in second]


def test_fig3_needs_every_activity():
    figure = fig3.by_activity(fig3_view(lambda name: 0.2 if name in ("walking left", "sitting") else 0.6))
    first, second = figure.verdicts
    assert first.verdict == second.verdict == "not reproduced"
    assert first.evidence.startswith("1 of 5 do not hold: walking left;")
    assert second.evidence.startswith("6 of 7 do not hold: elevator down, elevator up, ")


def test_fig3_cannot_be_judged_by_two_seeds_or_on_simulated_recordings():
    two = fig3.by_activity(fig3_view(lambda name: 0.6, seeds=2))
    simulated = fig3.by_activity(fig3_view(lambda name: 0.6, simulated=True))
    none = fig3.by_activity(view("fig3", "paper", {}, {"usc": "no USC here"}))
    for figure, verdict, reason in (
        (two, "too few runs", "n=2"), (simulated, "not comparable", "simulated"),
    ):  # fmt: skip
        assert [v.verdict for v in figure.verdicts] == [verdict] * 2
        assert all(reason in v.evidence for v in figure.verdicts)
    assert none.verdicts[0].verdict == "too few runs"
    assert none.rows == [] and none.figure is None


def test_fig3_leaves_out_an_activity_that_was_not_tested():
    """One that no test subject did has no accuracy."""
    made = {}
    for each in jobs("fig3"):
        by_class = {name: None if name == "sleeping" else 0.4 + SPREAD[each.seed] for name in NAMES}
        made[each.key] = record(each, result={"per_class_accuracy": by_class})
    figure = fig3.by_activity(view("fig3", "paper", made))
    assert [row for row in figure.rows if row[0] == "sleeping"] == [["sleeping", "gyro", "", "", "0", "", "", "0"]]
    assert len(figure.figure.axes[0].patches) == 2 * 11
