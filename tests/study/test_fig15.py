"""Figure 15 from hand-made runs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cosmo_pl.study.rendering.fig15 import COMPONENTS, components, correlations, distances
from cosmo_pl.study.rendering.formats import png_of

from .factory import job, jobs, paper, record, view

RISING = {
    "attnsense": 0.30, "cosmo_c2": 0.35,
    "cosmo_finetune": 0.53, "cosmo_c1_c2": 0.57, "cosmo_c1_c3": 0.58, "cosmo": 0.65,
}  # fmt: skip
ALONE = ("skeleton", "inertial")
WOBBLE = (0.0, 0.004, -0.004)


def run(accuracies, seeds=(0, 1, 2), push=(0.70, 0.72, 0.74), simulated=False, inputs=True):
    """The study with the accuracies of its methods, a little different each seed; `inputs`: as if the paper's."""
    found = {}
    for each in jobs("fig15"):
        if each.seed not in seeds:
            continue
        if each.kind == "pretrain":
            start = 0.8 if each.method == "cosmo" else 0.9
            curves = {"epoch": [0, 1, 2], "val/cosine_distance": [start, None, 0.1 * (1 + each.seed)]}
            found[each.key] = record(each, curves=curves, simulated=simulated)
        elif each.method in accuracies:
            weights = {"inertial": 1 - push[each.seed], "skeleton": push[each.seed]}
            told = {"attention_by_class": {"push": weights, "walk": {"inertial": 0.5, "skeleton": 0.5}}}
            told["per_class_accuracy"] = {"push": 0.9 if each.method == "skeleton" else 0.1, "walk": 0.5}
            wobble = WOBBLE[each.seed] * (1 if each.method == "cosmo_c1_c2" else -1)
            found[each.key] = record(each, accuracies[each.method] + wobble, result=told, simulated=simulated)
    given = view("fig15", "paper", found)
    same_inputs = {name: what for name, what in paper().items() if name != "inputs"}
    return replace(given, paper=same_inputs if inputs else paper())


def verdicts(given):
    return [v.verdict for v in components(given).verdicts]


def test_variants_differ_from_cosmo_in_what_their_names_say():
    """λ = 0 is without C3, T_iter = 0 without C2, no parent without C1; nothing else differs."""
    found = {each.method: each for each in jobs("fig15") if each.kind == "finetune" and each.seed == 0}
    assert set(found) == {*COMPONENTS, *ALONE}
    whole = found["cosmo"]
    guided, iterated = "model.init_args.quality_lambda", "model.init_args.iterative_epochs"
    for method, without in {"cosmo_c1_c2": {guided: 0}, "cosmo_c1_c3": {iterated: 0}}.items():
        assert found[method].arguments == whole.arguments | without
        assert found[method].configs == whole.configs and found[method].parents == whole.parents
    alone = found["cosmo_c2"]
    assert alone.parents == () and alone.configs == whole.configs
    assert alone.arguments == whole.arguments | {guided: 0, "model.init_args.bundle": None}
    assert found["cosmo_finetune"].parents == whole.parents


def test_no_run_of_the_headline_table_is_run_again():
    table = {each.key for each in jobs("table2")}
    new = {each.method for each in jobs("fig15") if each.key not in table}
    assert new == {"cosmo_c2", "cosmo_c1_c2", "cosmo_c1_c3"}


def test_rows_of_all_three_parts():
    rows = components(run(RISING)).rows
    assert rows[0] == ["accuracy", "none: AttnSense", "", "0.3000", "0.0040", "3", ""]
    assert ["distance", "cosmo", "epoch 3", "0.2000", "0.1000", "3", "0.7028"] in rows
    assert ["distance", "cmc", "epoch 1", "0.9000", "0.0000", "3", ""] in rows
    assert ["skeleton weight", "cosmo", "push", "0.7200", "0.0200", "3", "0.722"] in rows
    assert len(rows) == 6 + 4 + 2


def test_epochs_without_a_distance_are_left_out():
    assert distances(run(RISING), "cosmo") == {1: [0.8] * 3, 3: pytest.approx([0.1, 0.2, 0.3])}


@pytest.mark.parametrize(
    ("changed", "gain", "rises"),
    [
        ({}, "reproduced", "reproduced"),
        ({"attnsense": 0.34}, "not reproduced", "reproduced"),
        ({"cosmo": 0.575}, "reproduced", "not reproduced"),
        ({"cosmo_c1_c3": 0.52}, "reproduced", "not reproduced"),
    ],
)
def test_claims_of_the_ablation(changed, gain, rises):
    assert verdicts(run(RISING | changed))[:2] == [gain, rises]


@pytest.mark.parametrize(
    ("push", "verdict"), [((0.70, 0.72, 0.74), "reproduced"), ((0.60, 0.61, 0.62), "not reproduced")]
)
def test_weight_on_push(push, verdict):
    assert verdicts(run(RISING, push=push))[4] == verdict


def test_what_cannot_be_compared():
    for given in (run(RISING, simulated=True), run(RISING, inputs=False)):
        assert verdicts(given) == ["not comparable"] * 6
    assert verdicts(run({}, seeds=[])) == ["too few runs"] * 2 + ["not comparable"] * 2 + ["too few runs"] * 2
    assert verdicts(run(RISING))[2:4] == ["not comparable"] * 2, "features of different sizes"
    assert verdicts(run(RISING, seeds=[0, 1]))[0] == "too few runs"
    assert verdicts(run({k: v for k, v in RISING.items() if k != "cosmo_c1_c2"}))[:2] == ["too few runs"] * 2


def attending(seed, weights, better, worse):
    """Runs of one seed: skeleton weights by activity, and accuracies of the skeleton and of the other sensor alone."""
    made = []
    for method, key, values in (
        ("cosmo", "attention_by_class", [{"skeleton": weight, "inertial": 1 - weight} for weight in weights]),
        ("skeleton", "per_class_accuracy", better), ("inertial", "per_class_accuracy", worse),
    ):  # fmt: skip
        each = job(method, seed)
        made.append([(each, record(each, result={key: dict(zip("abcd", values, strict=True))}))])
    return made


def test_attention_is_correlated_with_the_advantage_of_the_sensor():
    """Advantages 0.1, 0.2, 0.3, 0.4; weights in the ranks 2, 1, 3, 4: rho = 1 - 6 × 2 / 60."""
    ours, better, worse = attending(0, [0.5, 0.4, 0.6, 0.7], [0.3, 0.6, 0.4, 0.9], [0.2, 0.4, 0.1, 0.5])
    assert correlations(ours, better, worse, "skeleton") == pytest.approx({0: 0.8})
    assert correlations(ours, better, worse, "inertial") == pytest.approx({0: -0.8})
    assert correlations(ours, better, [], "skeleton") == {}, "no run of the other sensor alone"
    flat = attending(0, [0.5] * 4, [0.3, 0.6, 0.4, 0.9], [0.2, 0.4, 0.1, 0.5])
    assert correlations(*flat, "skeleton") == {}, "equal weights have no ranks"


@pytest.mark.parametrize(("push", "expected"), [((0.70, 0.72, 0.74), "reproduced"), ((0.30, 0.72, 0.74), "undecided")])
def test_weights_that_follow_the_accuracy(push, expected):
    """Two activities: the skeleton is better on push alone, so its weight has to be larger there for every seed."""
    accuracies = RISING | dict.fromkeys(ALONE, 0.4)
    assert verdicts(run(accuracies, push=push))[5] == expected
    (row,) = [row for row in components(run(accuracies)).rows if row[0] == "correlation of weight and accuracy"]
    assert row[3:6] == ["1.0000", "0.0000", "3"]
    assert verdicts(run(accuracies, seeds=(0, 1)))[5] == "too few runs"


def test_bars_are_the_means():
    axes = components(run(RISING)).figure.axes[0]
    assert [bar.get_width() for bar in axes.patches] == pytest.approx(list(RISING.values()))
    assert [label.get_text() for label in axes.get_yticklabels()] == list(COMPONENTS.values())


def test_a_bar_without_a_run_says_so():
    axes = components(run({method: RISING[method] for method in ("attnsense", "cosmo")})).figure.axes[0]
    heights = [text.get_position()[1] for text in axes.texts if text.get_text() == "no run yet"]
    assert [list(COMPONENTS)[height] for height in heights] == [
        "cosmo_c2",
        "cosmo_finetune",
        "cosmo_c1_c2",
        "cosmo_c1_c3",
    ]
    assert components(run({}, seeds=[])).figure is None


@pytest.mark.parametrize("given", [run(RISING), run({"cosmo": 0.6}, seeds=[1])])
def test_twice_is_the_same(given):
    assert png_of(components(given).figure) == png_of(components(given).figure)
