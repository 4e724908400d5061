"""Figures by epoch and by activity, on hand-made results."""

from __future__ import annotations

import pytest

from cosmo_pl.data import USCDataModule
from cosmo_pl.study.rendering import fig3, fig9, fig14
from cosmo_pl.study.rendering.epochs import EpochCurve, epoch_curve, first_near_best

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
    curve = EpochCurve([5, 10, 15, 20], [0.2, 0.595, 0.58, 0.6], [None] * 4, 1)
    assert first_near_best(curve, 0.01) == 10
    assert first_near_best(curve, 0.001) == 20


def fig14_view(reached, keep=lambda job: True, skipped=None, **given):
    """Cosmo's accuracy rises until an epoch, counted from 1, and stays; all others' are 0.3 throughout."""

    def values(each):
        shift = SPREAD[each.seed]
        if each.method != "cosmo":
            return [0.3 + shift] * 100
        return [0.6 + shift if epoch + 1 >= reached else 0.6 * epoch / reached + shift for epoch in EPOCHS]

    made = {each.key: record(each, curves=curves(values(each)), **given) for each in jobs("fig14") if keep(each)}
    return view("fig14", "paper", made, skipped)


@pytest.mark.parametrize(("reached", "expected"), [(30, "reproduced"), (50, "reproduced"), (55, "not reproduced")])
def test_fig14_counts_epochs_from_one(reached, expected):
    figure = fig14.by_epoch(fig14_view(reached))
    assert [v.verdict for v in figure.verdicts] == [expected] * 3
    assert f"from epoch {reached} on" in figure.verdicts[0].evidence
    rows = [row for row in figure.rows if row[:2] == ["usc", "cosmo"]]
    assert [int(row[2]) for row in rows] == list(range(5, 101, 5))
    assert rows[-1][3:] == ["0.6000", "0.0158", "5"]


def test_fig14_draws_what_a_dataset_has():
    figure = fig14.by_epoch(fig14_view(30, keep=lambda each: each.dataset == "utd", skipped={"usc": "no USC here"}))
    utd, usc, _ = figure.figure.axes
    methods = {"Cosmo", "Cosmo's stage 1, fine-tuned", "CMC, fine-tuned", "CPC, fine-tuned", "AttnSense, shared",
               "DeepSense, shared", "skeleton alone", "inertial alone"}  # fmt: skip
    assert {line.get_label() for line in utd.lines} == methods
    assert [text.get_text() for text in usc.texts] == ["no USC here"]
    assert [v.verdict for v in figure.verdicts] == ["reproduced", "not comparable", "not comparable"]
    assert len(figure.notes) == 1


def test_fig14_on_simulated_recordings():
    figure = fig14.by_epoch(fig14_view(30, simulated=True))
    assert {v.verdict for v in figure.verdicts} == {"not comparable"}
    assert all("simulated" in note for note in figure.notes)


def fig9_view(turns, joint, **given):
    made = {}
    for each in jobs("fig9"):
        if each.kind == "finetune":
            final = (turns if each.factors["iterative_epochs"] == 5 else joint) + SPREAD[each.seed]
            loss = [2.0 - epoch / 100 for epoch in EPOCHS]
            logged = curves([final * epoch / 99 for epoch in EPOCHS], **{"train/loss": loss, "test/loss": loss})
            made[each.key] = record(each, accuracy=final, curves=logged, **given)
    return view("fig9", "paper", made)


@pytest.mark.parametrize(("joint", "expected"), [(0.5, "reproduced"), (0.6, "not reproduced"), (0.7, "not reproduced")])
def test_fig9_compares_the_ends(joint, expected):
    figure = fig9.by_epoch(fig9_view(0.6, joint))
    (found,) = figure.verdicts
    assert found.verdict == expected
    train, loss, accuracy = figure.figure.axes
    assert {line.get_label() for line in train.lines} == {"in turns of 5 epochs", "together (T_iter = 0)"}
    ends = {line.get_label(): line.get_ydata()[-1] for line in accuracy.lines}
    assert ends["in turns of 5 epochs"] == pytest.approx(0.59)  # seeds 0 to 2
    assert ends["together (T_iter = 0)"] == pytest.approx(joint - 0.01)
    assert (len(train.lines[0].get_xdata()), len(accuracy.lines[0].get_xdata())) == (100, 20)
    assert train.get_xlim() == loss.get_xlim() == accuracy.get_xlim()
    assert ["5", "train/loss", "1", "2.0000", "0.0000", "3"] in figure.rows


def test_fig9_without_results():
    figure = fig9.by_epoch(view("fig9", "paper", {}, {"utd": "no UTD here"}))
    assert figure.rows == [] and [v.verdict for v in figure.verdicts] == ["not comparable"]
    assert [text.get_text() for axes in figure.figure.axes for text in axes.texts] == ["no UTD here"] * 3


NAMES = USCDataModule.class_names
BETTER = paper()["fig3"]["acc_better"]


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
    assert [row[0] for row in figure.rows] == [*BETTER, *(name for name in NAMES if name not in BETTER)]
    assert figure.rows[0] == ["walking forward", "acc", "0.6000", "0.0158", "5", "0.4000", "0.0158", "5"]
    heights = [bar.get_height() for bar in figure.figure.axes[0].patches]
    assert heights == pytest.approx([0.6] * 5 + [0.2] * 7 + [0.4] * 12)


def test_fig3_needs_every_activity():
    figure = fig3.by_activity(fig3_view(lambda name: 0.2 if name in ("walking left", "sitting") else 0.6))
    first, second = figure.verdicts
    assert first.verdict == second.verdict == "not reproduced"
    assert first.evidence.startswith("1 of 5 do not hold: walking left;")
    assert second.evidence.startswith("6 of 7 do not hold: running forward, ")


def test_fig3_cannot_be_judged_by_one_seed_or_on_simulated_recordings():
    one = fig3.by_activity(fig3_view(lambda name: 0.6, seeds=1))
    simulated = fig3.by_activity(fig3_view(lambda name: 0.6, simulated=True))
    none = fig3.by_activity(view("fig3", "paper", {}, {"usc": "no USC here"}))
    for figure, reason in ((one, "one seed"), (simulated, "simulated"), (none, "no such run")):
        assert [v.verdict for v in figure.verdicts] == ["not comparable"] * 2
        assert all(reason in v.evidence for v in figure.verdicts)
    assert none.rows == [] and [text.get_text() for text in none.figure.axes[0].texts] == ["no USC here"]


def test_fig3_leaves_out_an_activity_that_was_not_tested():
    """One that no test subject did has no accuracy."""
    made = {}
    for each in jobs("fig3"):
        by_class = {name: None if name == "sleeping" else 0.4 + SPREAD[each.seed] for name in NAMES}
        made[each.key] = record(each, result={"per_class_accuracy": by_class})
    figure = fig3.by_activity(view("fig3", "paper", made))
    assert [row for row in figure.rows if row[0] == "sleeping"] == [["sleeping", "gyro", "", "", "0", "", "", "0"]]
    assert len(figure.figure.axes[0].patches) == 2 * 11
