"""What all figures share: panels, colours, bands, the legend; and the cells of a grid that they are drawn from."""

from __future__ import annotations

from typing import get_args, get_type_hints

import pytest

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.study.definition import Method, parse
from cosmo_pl.study.jobs import expand
from cosmo_pl.study.look import HEX, Colour, Look
from cosmo_pl.study.rendering import style

from .factory import PROJECT, jobs, records, view

IN_TABLES_ONLY = ("person_", "motion_", "gravity_", "context_1500", "with_subject_7")


def test_every_method_has_a_look_of_its_own():
    """The same sensor's place on two datasets aside, of which no panel has both. No figure shows a method of MEx."""
    methods = {
        name: method
        for name, method in PROJECT.methods().items()
        if not name.startswith(IN_TABLES_ONLY) and not set(method.datasets or ()) & {"mex", "mex_plus"}
    }
    assert not [name for name, method in methods.items() if method.look == Look()]
    for dataset in ("utd", "usc", "self_collected"):
        looks = [method.look for method in methods.values() if method.datasets in (None, [dataset])]
        assert len(set(looks)) == len(looks)
    assert methods["cosmo"].look.hex == methods["cosmo_probe"].look.hex != methods["cmc"].look.hex


def test_a_look_is_one_that_matplotlib_draws():
    from matplotlib.colors import to_hex
    from matplotlib.lines import Line2D

    for colour in get_args(Colour):
        assert to_hex(HEX[colour]) == HEX[colour].lower()
    for marker in get_args(get_type_hints(Look)["marker"]):
        for line in get_args(get_type_hints(Look)["line"]):
            drawn = Line2D([0], [0], marker=marker, linestyle=line)
            assert (drawn.get_marker(), drawn.get_linestyle()) == (marker, line)


def test_an_unknown_colour_is_refused_with_the_file(tmp_path):
    path = tmp_path / "methods.yaml"
    path.write_text("mine: {title: Mine, look: {colour: mauve}}\n")
    with pytest.raises(ConfigurationError, match=r"methods\.yaml.*mauve"):
        parse(dict[str, Method], path)


def test_a_method_without_a_look_is_black(shown):
    assert shown.look("cosmo").colour == "vermilion"
    assert shown.look("not_a_method") == Look()


def test_new_figure():
    figure, axes = style.new_figure(columns=3, rows=2)
    assert axes.shape == (2, 3)
    assert tuple(figure.get_size_inches()) == (8.0, 7.6)
    figure, axes = style.new_figure(width=6, height=2.5)
    assert axes.shape == (1, 1) and tuple(figure.get_size_inches()) == (6.0, 2.5)


def test_a_figure_does_not_depend_on_the_users_settings():
    import matplotlib

    with matplotlib.rc_context({"font.size": 30, "axes.grid": False}):
        _, axes = style.new_figure()
    assert axes[0, 0].xaxis.label.get_fontsize() == 10.5
    assert axes[0, 0].xaxis.get_gridlines()[0].get_visible()


def test_band_is_one_deviation_on_either_side():
    _, axes = style.new_figure()
    style.band(axes[0, 0], [0, 1], [0.5, 0.6], [0.1, None], color="#123456", label="x")
    (line,), (area,) = axes[0, 0].lines, axes[0, 0].collections
    assert list(line.get_ydata()) == [0.5, 0.6] and line.get_color() == "#123456"
    corners = {(round(x, 6), round(y, 6)) for x, y in area.get_paths()[0].vertices}
    assert corners == {(0.0, 0.4), (0.0, 0.6), (1.0, 0.6)}


def test_legend_names_everything_once_and_the_paper_last():
    figure, axes = style.new_figure(columns=2)
    for place in axes[0]:
        style.stated_point(place, 0, 0.6, HEX["blue"])
        style.method_band(place, Look("blue"), "Cosmo", [0], [0.5], [None])
    style.legend(figure)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["Cosmo", "paper"]


def test_methods_of_one_look_share_an_entry_of_the_legend():
    figure, axes = style.new_figure(columns=2)
    for place, name in zip(axes[0], ("skeleton", "acc"), strict=True):
        style.method_band(place, Look("sky"), f"{name} alone", [0], [0.5], [None])
        style.method_band(place, Look("sky", line="--"), "Cosmo", [0], [0.5], [None])
    style.legend(figure)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["skeleton / acc alone", "Cosmo"]


def test_ticks_of_a_logarithmic_axis_are_few_plain_numbers():
    for last, expected in ((160, ["20", "50", "100"]), (9000, ["10", "100", "1000"])):
        figure, axes = style.new_figure(columns=3)
        axes[0, 0].plot([10, last], [0, 1])
        style.log_scale(axes[0, 0])
        figure.canvas.draw()
        labels = [text.get_text() for text in axes[0, 0].get_xticklabels(which="both")]
        assert set(expected) <= set(labels)
        assert not any("times" in label for label in labels)


def test_a_figure_without_anything_in_any_panel_is_none():
    figure, axes = style.new_figure(columns=2)
    style.empty(axes[0, 0], "no result yet")
    assert style.unless_empty(figure) is figure
    style.empty(axes[0, 1], "no result yet")
    assert style.unless_empty(figure) is None


def test_the_reds_are_dark_enough_for_white_paper():
    def light(value):
        return value / 12.92 if value <= 0.03928 else ((value + 0.055) / 1.055) ** 2.4

    for name in ("vermilion", "salmon", "rust", "maroon"):
        red, green, blue = (light(int(HEX[name][at : at + 2], 16) / 255) for at in (1, 3, 5))
        assert 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05) >= 3


def test_legend_is_no_wider_than_the_figure():
    figure, axes = style.new_figure()
    for number in range(6):
        axes[0, 0].plot([0], [0], label=f"method {number} with a name that needs much room")
    style.legend(figure, columns=3)
    (legend,) = figure.legends
    assert legend.get_window_extent().width <= figure.bbox.width
    assert len(legend.get_texts()) == 6


def test_panels_beside_each_other_have_one_scale():
    _, axes = style.new_figure(columns=2)
    style.share_heights(axes[0])
    axes[0, 0].plot([0, 1])
    axes[0, 1].plot([5, 9])
    low, high = axes[0, 0].get_ylim()
    assert (low, high) == axes[0, 1].get_ylim()
    assert low < 0 and high > 9


@pytest.fixture
def shown():
    found = records(jobs("fig16"))
    return view("fig16", "paper", found)


def test_a_grid_has_all_its_cells(shown):
    """The run at the defaults is one run and a cell of each grid, with that grid's factor."""
    sizes = {"weight_range": 3, "iterative_epochs": 4, "pretrain_batch_size": 3}
    keys = []
    for number, (factor, size) in enumerate(sizes.items()):
        cells = shown.grid(number)
        assert len(cells) == 3 * size
        assert all(set(job.factors) == {factor} for job, _ in cells)
        default = shown.study.runs[number].vary[factor].default
        keys.append({job.key for job, _ in cells if job.factors[factor] == default})
    assert keys[0] == keys[1] == keys[2] and len(keys[0]) == 3
    finetuned = [o for o in shown.outcomes if o.job.kind == "finetune"]
    assert len(finetuned) == 3 * (3 + 4 + 3 - 2)


def test_a_grid_has_no_ancestors_and_no_missing_records(shown):
    assert {job.kind for number in range(3) for job, _ in shown.grid(number)} == {"finetune"}
    assert view("fig16", "paper", {}).grid(0) == []


def test_a_run_that_a_factor_does_not_touch_is_in_every_cell():
    """A method without stage 1 is the same run whatever stage 1 is given."""
    from dataclasses import replace

    study = PROJECT.study("fig12")
    untouched = replace(study, runs=[replace(study.runs[0], methods=["attnsense"], seeds=1)])
    (job,) = expand(PROJECT, untouched, "paper")
    assert [factors["unlabeled_per_labeled"] for _, factors in job.cells] == [3, 6, 12, None]
