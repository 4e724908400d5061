"""Figure 2 from hand-made measurements."""

from __future__ import annotations

import pytest

from cosmo_pl.study.rendering.fig2 import feature_distance
from cosmo_pl.study.rendering.formats import png_of

from .factory import jobs, record, view

PAPER = {"acc+gyro": 0.81, "attnsense": 0.77, "deepsense": 0.73, "cmc": 0.6, "cosmo": 0.5}


def measured(distances, seeds=(0, 1, 2), simulated=False):
    """The study with a measurement of every method in `distances`, 0.01 more each seed."""
    found = {}
    for job in jobs("fig2"):
        if job.kind == "measure" and job.method in distances and job.seed in seeds:
            points = {
                name: [[shift, job.seed], [shift + 1, 2.0], [shift, 3.0]] for shift, name in enumerate(["acc", "gyro"])
            }
            result = {
                "cosine_distance": distances[job.method] + 0.01 * job.seed, "points": points, "label": [0, 1, 2],
                "class_names": ["a", "b", "c"], "sizes": {"acc": 8, "gyro": 8}, "samples": 3,
            }  # fmt: skip
            found[job.key] = record(job, result=result, simulated=simulated)
    return view("fig2", "paper", found)


def verdicts(given):
    return [v.verdict for v in feature_distance(given).verdicts]


def test_mean_and_deviation_over_seeds_beside_the_paper():
    rows = feature_distance(measured(PAPER)).rows
    assert rows[0] == ["USC-HAD", "single", "0.8200", "0.0100", "3", "3", "0.8067"]
    assert [row[1] for row in rows] == [
        "single",
        "AttnSense (shared)",
        "DeepSense (shared)",
        "CMC (fine-tuned)",
        "Cosmo",
    ]
    assert [row[6] for row in rows] == ["0.8067", "0.7685", "0.7288", "", ""]


def test_one_seed_has_no_deviation():
    assert feature_distance(measured(PAPER, seeds=[1])).rows[0][2:5] == ["0.8200", "", "1"]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, ["reproduced"] * 3),
        ({"acc+gyro": 0.75}, ["not reproduced", "reproduced", "reproduced"]),
        ({"attnsense": 0.7}, ["reproduced", "not reproduced", "reproduced"]),
        ({"cosmo": 0.61}, ["reproduced", "reproduced", "not reproduced"]),
    ],
)
def test_orders_are_those_of_the_means(changed, expected):
    assert verdicts(measured(PAPER | changed)) == expected


def test_what_cannot_be_compared():
    assert verdicts(measured(PAPER, simulated=True)) == ["not comparable"] * 3
    assert verdicts(measured({})) == ["too few runs"] * 3
    only = {method: PAPER[method] for method in ("attnsense", "deepsense")}
    assert verdicts(measured(only)) == ["too few runs", "reproduced", "too few runs"]
    assert verdicts(measured(PAPER, seeds=(0, 1))) == ["too few runs"] * 3
    assert "imulated" in " ".join(feature_distance(measured(PAPER, simulated=True)).notes)


def test_the_first_seed_is_laid_out_a_panel_a_method():
    figure = feature_distance(measured(PAPER, seeds=[2, 1])).figure
    titles = [axes.get_title() for axes in figure.axes]
    assert titles[0] == "distance of the features\nof acc and gyro"
    assert all(title.endswith(",\nt-SNE") for title in titles[1:])
    panels = {axes.get_title().removesuffix(",\nt-SNE"): axes for axes in figure.axes}
    cosmo = panels["Cosmo"].collections
    assert [c.get_label() for c in cosmo] == ["features of acc", "features of gyro"]
    assert cosmo[1].get_offsets().data.tolist() == [[1, 1], [2, 2], [1, 3]], "those of seed 1"
    assert set(panels) >= {"single", "AttnSense (shared)", "DeepSense (shared)", "CMC (fine-tuned)"}


def test_without_a_method_the_others_are_shown():
    rendered = feature_distance(measured({"cosmo": 0.5}))
    assert [row[1] for row in rendered.rows] == ["Cosmo"]
    assert len([axes for axes in rendered.figure.axes if axes.texts]) == 4, "four panels say that they are empty"


def test_without_any_measurement_there_is_no_picture():
    assert feature_distance(measured({})).figure is None


@pytest.mark.parametrize("distances", [PAPER, {"cosmo": 0.5}])
def test_twice_is_the_same(distances):
    first, again = feature_distance(measured(distances)), feature_distance(measured(distances))
    assert png_of(first.figure) == png_of(again.figure) and first.rows == again.rows
