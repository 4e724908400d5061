"""Figure 7 from hand-made measurements."""

from __future__ import annotations

import pytest

from cosmo_pl.study.rendering.fig7 import quality
from cosmo_pl.study.rendering.formats import png_of

from .factory import jobs, record, view


def modality(weight, best, hopkins):
    return {
        "hopkins": hopkins, "hopkins_std": 0.02, "num_clusters": best, "weight": weight,
    }  # fmt: skip


def clustered():
    """Silhouettes of 2 to 108 clusters: skeletons are best at 2, the inertial sensor at the cap whatever it is."""
    limits = list(range(13, 109))
    curves = {
        "inertial": {str(k): 0.001 * k for k in range(2, 109)},
        "skeleton": {str(k): 1 / k for k in range(2, 109)},
    }
    best = {"inertial": limits, "skeleton": [2] * len(limits)}
    modalities = {
        name: {"samples": 513, "silhouettes": curve, "num_clusters": best[name]} for name, curve in curves.items()
    }
    return {
        "dataset": "UTD-MHAD", "num_classes": 27, "default_max_clusters": 54, "max_clusters": limits,
        "modalities": modalities,
    }  # fmt: skip


def measured(inertial=(0.2, 0.3, 0.4), simulated=False, laid=True, curves=True):
    """The study with the qualities of a seed for each weight of the inertial sensor."""
    found = {}
    for job in jobs("fig7"):
        if job.kind == "pretrain" and job.seed < len(inertial):
            weight = inertial[job.seed]
            told = {"inertial": modality(weight, 10, 0.7), "skeleton": modality(1 - weight, (20, 10, 3)[job.seed], 0.8)}
            found[job.key] = record(job, result={"quality": told}, simulated=simulated)
        if job.measure == "quality" and curves:
            found[job.key] = record(job, result=clustered())
        if job.measure == "embedding" and laid:
            points = {"inertial": [[0.0, 1.0], [2.0, 3.0]], "skeleton": [[4.0, 5.0]]}
            label = {"inertial": [0, 5], "skeleton": [7]}
            found[job.key] = record(job, result={"points": points, "label": label, "class_names": []})
    return view("fig7", "paper", found)


def panel(given, title):
    return next(axes for axes in quality(given).figure.axes if axes.get_title() == title)


def test_every_number_of_every_seed_is_a_row():
    rows = quality(measured()).rows
    assert ["inertial", "1", "weight", "", "0.3", "0.26"] in rows
    assert ["skeleton", "1", "num_clusters", "", "10", ""] in rows
    assert ["skeleton", "0", "silhouette", "20", "0.05", ""] in rows
    assert len(rows) == 3 * 2 * 3 + 2 * 107
    curve = [int(row[3]) for row in rows if row[:3] == ["inertial", "0", "silhouette"]]
    assert curve == list(range(2, 109))


def test_weights_are_means_over_seeds_beside_the_paper():
    axes = panel(measured(), "weights of the modalities")
    assert [bar.get_height() for bar in axes.patches] == pytest.approx([0.3, 0.7])
    ticks = [label.get_text() for label in axes.get_xticklabels()]
    assert ticks[0] == "inertial\nH 0.70 ± 0.00\nk* 10.0 ± 0.0"
    assert ticks[1] == "skeleton\nH 0.80 ± 0.00\nk* 11.0 ± 8.5"
    stated = [point for line in axes.lines if line.get_marker() == "D" for point in line.get_xydata().tolist()]
    assert stated == [[0, 0.26], [2, 0.74]]


def test_silhouettes_show_the_best_under_the_default_cap_and_the_classes():
    axes = panel(measured(), "silhouettes of k-means")
    lines = {line.get_label(): line for line in axes.lines}
    assert list(lines["inertial"].get_ydata()) == pytest.approx([0.001 * k for k in range(2, 109)])
    for modality, best, height in (("inertial", 54, 0.054), ("skeleton", 2, 0.5)):
        mark = lines[f"{modality}: k* up to 2C"]
        assert list(mark.get_xdata()) == [best] and list(mark.get_ydata()) == pytest.approx([height])
    assert {27, 54} <= {line.get_xdata()[0] for line in axes.lines if len(set(line.get_xdata())) == 1}


def test_the_clips_are_coloured_by_activity():
    axes = panel(measured(), "inertial: t-SNE of the clips")
    assert axes.get_xlabel() == "2 colours, one per activity"
    (points,) = axes.collections
    assert points.get_offsets().data.tolist() == [[0, 1], [2, 3]]
    assert points.get_array().tolist() == [0, 5]


@pytest.mark.parametrize("given", [measured(), measured(inertial=(0.4, 0.7, 0.45)), measured(inertial=())])
def test_other_sensors_are_not_compared(given):
    """Weights of 0.52 to 0.48 say nothing of a claim of 0.74 to 0.26 about another sensor."""
    weights, depth = quality(given).verdicts
    assert weights.verdict == depth.verdict == "not comparable"
    assert weights.claim == "Fig. 7, section 5.2.1: weights 0.26 of the inertial sensor and 0.74 of the depth sensor"
    assert "we compare the skeleton" in weights.evidence


def test_our_weights_stand_beside_the_claim():
    assert "inertial 0.30 ± 0.10 (n=3), skeleton 0.70 ± 0.10 (n=3)" in quality(measured()).verdicts[0].evidence


def test_whatever_is_missing_the_rest_is_shown():
    assert len(quality(measured(laid=False)).rows) == 18 + 214
    assert len(quality(measured(curves=False)).rows) == 18
    assert len(quality(measured(inertial=())).rows) == 214
    assert quality(measured(inertial=(), curves=False)).rows == []
    assert quality(measured(inertial=(), curves=False, laid=False)).figure is None
    assert "n = 2 seeds" in quality(measured(inertial=(0.2, 0.3))).notes[0]


@pytest.mark.parametrize("inertial", [(0.2, 0.3, 0.4), (0.2,), ()])
def test_twice_is_the_same(inertial):
    assert png_of(quality(measured(inertial)).figure) == png_of(quality(measured(inertial)).figure)
