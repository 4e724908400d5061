"""How all figures look: colours, markers and names of methods, and what is drawn again and again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cosmo_pl.study.rendering.statistics import MARK, dirty

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from cosmo_pl.study.definition import Method
    from cosmo_pl.study.records import Record

PAPER = "#7A7A7A"  # what the paper states, unless it stands beside its method: grey

# Okabe and Ito's palette, which the colour-blind tell apart, without its yellow, too pale for a line.
VERMILION, BLUE, GREEN, PURPLE, ORANGE, SKY, BLACK = (
    "#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000",
)  # fmt: skip
CLASSICAL = "#8C6D46"  # brown, beside the palette: the methods without training


@dataclass(frozen=True)
class Look:
    """How a method is drawn: one colour a family, told apart inside it by line and marker."""

    colour: str
    marker: str = "o"
    line: str = "-"


LOOKS = {
    "cosmo": Look(VERMILION),
    "cosmo_finetune": Look(VERMILION, "s", "--"),
    "cosmo_probe": Look(VERMILION, "^", ":"),
    "cosmo_c2": Look("#F5C4A5", "<", ":"),  # Cosmo's components: tints
    "cosmo_c1_c2": Look("#EE9D6B", ">", "--"),
    "cosmo_c1_c3": Look("#E27C3C", "v", "-."),
    "cosmo_dropout": Look(VERMILION, "D", "-."),
    "cmc": Look(BLUE, "s"),
    "cmc_probe": Look(BLUE, "^", ":"),
    "cmc_released": Look(BLUE, "D", "--"),
    "cpc": Look(GREEN, "D"),
    "cpc_probe": Look(GREEN, "^", ":"),
    "attnsense": Look(PURPLE, "v"),
    "attnsense_original": Look(PURPLE, "v", "--"),
    "deepsense": Look(ORANGE, "P"),
    "deepsense_original": Look(ORANGE, "P", "--"),
    "skeleton": Look(SKY, "X"),
    "acc": Look(SKY, "X"),
    "inertial": Look(BLACK, "d"),
    "gyro": Look(BLACK, "d"),
    "depth": Look(SKY, "X"),
    "imu": Look(BLACK, "d"),
    "radar": Look(CLASSICAL, "d"),
    "cmc_plus": Look(BLUE, "h", "-."),
    "cpc_plus": Look(GREEN, "h", "-."),
    "plus_labels_alone": Look(VERMILION, "*", ":"),
    "plus_unbalanced": Look(VERMILION, "v", "-."),
    "plus_turns_quality": Look("#F5C4A5", "P", "-"),
    "plus_turns": Look("#EE9D6B", "X", "-"),
    "plus_quality": Look("#E27C3C", "D", "-"),
    "plus_joint": Look(VERMILION, "d", "--"),
    "plus_forest": Look(VERMILION, "<", ":"),
    "plus_no_context": Look(VERMILION, ">", "-."),
    "two_sensors": Look(VERMILION, "P", "--"),
    "dtw": Look(CLASSICAL, "<", "-."),
    "nearest_neighbor": Look(CLASSICAL, ">", ":"),
    "random_forest": Look(CLASSICAL, "h", "--"),
    "random_forest_self": Look(CLASSICAL, "p", "-"),
}


def look(method: str) -> Look:
    """How a method is drawn; one that no figure knows yet in black."""
    return LOOKS.get(method, Look(BLACK))


def colour(method: str) -> str:
    """Colour of a method, or of a modality that is a method alone."""
    return look(method).colour


def heading(name: str, records: Iterable[Record]) -> str:
    """Name over a panel; with what has to be said of the results in it: simulated recordings, uncommitted code."""
    every = list(records)
    simulated = " (simulated)" if any(record.simulated for record in every) else ""
    return name + simulated + (f" {MARK}" if any(map(dirty, every)) else "")


def title(methods: Mapping[str, Method], method: str) -> str:
    """Name of a method in figures."""
    return methods[method].title if method in methods else method


def new_figure(columns: int = 1, rows: int = 1, width: float = 8.0, height: float | None = None) -> tuple[Figure, Any]:
    """An empty figure whose text is readable at 800 pixels.

    Args:
        columns: Panels beside each other.
        rows: Panels below each other.
        width: Width of the whole figure in inches.
        height: Its height; None takes 3.8 a row.

    Returns:
        The figure, and its axes as an array (rows, columns).
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    plain: dict[Any, Any] = {
        "font.family": ["DejaVu Sans"], "font.size": 10.5, "axes.titlesize": 11.5, "axes.spines.top": False,
        "axes.spines.right": False, "axes.grid": True, "axes.axisbelow": True, "grid.color": "#E6E6E6",
    }  # fmt: skip
    with matplotlib.rc_context(plain):
        figure = Figure(figsize=(width, 3.8 * rows if height is None else height), dpi=120, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(rows, columns, squeeze=False)
    return figure, axes


def band(axes: Axes, x: Sequence[float], means: Sequence[float], stds: Sequence[float | None], **line: Any) -> None:
    """A line with a band of one standard deviation on either side, where there is one.

    Args:
        axes: Where it is drawn.
        x: Positions.
        means: Heights.
        stds: Standard deviations; None where there is one value only.
        **line: Keywords of `Axes.plot`: ``color``, ``label``, ``marker``.
    """
    spread = [0.0 if std is None else std for std in stds]
    low = [mean - s for mean, s in zip(means, spread, strict=True)]
    high = [mean + s for mean, s in zip(means, spread, strict=True)]
    (drawn,) = axes.plot(x, means, **line)
    axes.fill_between(x, low, high, color=drawn.get_color(), alpha=0.15, linewidth=0)


def method_band(
    axes: Axes,
    method: str,
    label: str,
    x: Sequence[float],
    means: Sequence[float],
    stds: Sequence[float | None],
    markers: bool = True,
) -> None:
    """A `band` in the look of a method, with markers at its points unless there are too many."""
    its = look(method)
    marker = {"marker": its.marker, "markersize": 5.5} if markers else {}
    band(axes, x, means, stds, color=its.colour, linestyle=its.line, linewidth=1.8, label=label, **marker)


def stated_point(axes: Axes, x: float, value: float, edge: str = PAPER, label: str = "paper") -> None:
    """A figure of the paper at one place: a hollow diamond, over everything else; grey in the legend."""
    shape: dict[str, Any] = {"linestyle": "none", "marker": "D", "markersize": 8, "markeredgewidth": 1.6}
    axes.plot([x], [value], markerfacecolor="none", markeredgecolor=edge, zorder=5, **shape)
    axes.plot([], [], markerfacecolor="none", markeredgecolor=PAPER, label=label, **shape)


def empty(axes: Axes, reason: str) -> None:
    """Writes into a panel why it is empty."""
    import textwrap

    axes.set_axis_off()
    axes.text(
        0.5, 0.5, textwrap.fill(reason, 42), ha="center", va="center", transform=axes.transAxes, color=PAPER, wrap=True
    )


def share_heights(row: Sequence[Axes]) -> None:
    """Gives panels beside each other one vertical scale; before anything is drawn, so that all of it fits."""
    for axes in row[1:]:
        axes.sharey(row[0])


def legend(figure: Figure, columns: int = 4) -> None:
    """One legend below all panels; what several panels show is named once, what the paper states last."""
    named: dict[str, Any] = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            named.setdefault(label, handle)
    if named:
        named = dict(sorted(named.items(), key=lambda item: item[0].startswith("paper")))
        figure.legend(
            list(named.values()), list(named), loc="outside lower center", ncols=min(columns, len(named)),
            frameon=False, fontsize=10,
        )  # fmt: skip
