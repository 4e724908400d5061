"""Figure 15 from hand-made runs."""

from __future__ import annotations

import pytest

from cosmo_pl.study.render import png_of
from cosmo_pl.study.rendering.fig15 import COMPONENTS, components, distances, gain_verdict

from .factory import job, jobs, record, view

RISING = {
    "attnsense": 0.30, "cosmo_c2": 0.35,
    "cosmo_finetune": 0.53, "cosmo_c1_c2": 0.57, "cosmo_c1_c3": 0.58, "cosmo": 0.65,
}  # fmt: skip
WOBBLE = (0.0, 0.004, -0.004)


def run(accuracies, seeds=(0, 1, 2), push=(0.70, 0.72, 0.74), simulated=False):
    """The study with the accuracies of its methods, a little different each seed."""
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
            wobble = WOBBLE[each.seed] * (1 if each.method == "cosmo_c1_c2" else -1)
            found[each.key] = record(each, accuracies[each.method] + wobble, result=told, simulated=simulated)
    return view("fig15", "paper", found)


def verdicts(given):
    return [v.verdict for v in components(given).verdicts]


def test_variants_differ_from_cosmo_in_what_their_names_say():
    """λ = 0 is without C3, T_iter = 0 without C2, no parent without C1; nothing else differs."""
    found = {each.method: each for each in jobs("fig15") if each.kind == "finetune" and each.seed == 0}
    assert set(found) == set(COMPONENTS)
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
    assert verdicts(run(RISING, push=push))[3] == verdict


def test_what_cannot_be_compared():
    for given in (run(RISING, simulated=True), run({}, seeds=[])):
        assert verdicts(given) == ["not comparable"] * 4
    assert verdicts(run(RISING))[2] == "not comparable", "features of different sizes"
    assert verdicts(run(RISING, seeds=[0]))[0] == "not comparable", "a gain has no interval over one seed"
    assert verdicts(run({k: v for k, v in RISING.items() if k != "cosmo_c1_c2"}))[:2] == ["not comparable"] * 2


def pairs(method, values):
    return [(each, record(each, value)) for seed, value in enumerate(values) if (each := job(method, seed))]


def test_a_gain_is_paired_by_seed():
    """Gains of 0.24, 0.25 and 0.26: mean 0.25, t(2) s/√3 = 4.3027 · 0.01 / √3 = 0.02484."""
    ours, base = pairs("cosmo", [0.54, 0.75, 0.36]), pairs("attnsense", [0.3, 0.5, 0.1])
    found = gain_verdict("claim", ours, base, 0.2251, False)
    assert (found.verdict, found.evidence) == (
        "reproduced", "gain +0.250, 95 % interval +0.225 to +0.275 (n=3)",
    )  # fmt: skip
    assert gain_verdict("claim", ours, base, 0.2252, False).verdict == "not reproduced"
    assert gain_verdict("claim", ours, base[:1], 0.1, False).verdict == "not comparable"


def test_bars_are_the_means():
    axes = components(run(RISING)).figure.axes[0]
    assert [bar.get_width() for bar in axes.patches] == pytest.approx(list(RISING.values()))
    assert [label.get_text() for label in axes.get_yticklabels()] == list(COMPONENTS.values())


@pytest.mark.parametrize("given", [run(RISING), run({"cosmo": 0.6}, seeds=[1]), run({}, seeds=[])])
def test_twice_is_the_same(given):
    assert png_of(components(given).figure) == png_of(components(given).figure)
