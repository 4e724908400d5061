"""The look of all figures: names of methods, and elements that several figures share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cosmo_pl.study.rendering.provenance import MARK, dirty

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from cosmo_pl.study.definition import Method
    from cosmo_pl.study.look import Look
    from cosmo_pl.study.records import Record

NOT_RUN = "no run yet"
PAPER = "#7A7A7A"  # grey: figures of the paper without a method of their own


def heading(name: str, records: Iterable[Record]) -> str:
    """Title of a panel, with marks for simulated recordings and for records that are marked."""
    every = list(records)
    simulated = " (simulated)" if any(record.simulated for record in every) else ""
    return name + simulated + (f" {MARK}" if any(map(dirty, every)) else "")


def title(methods: Mapping[str, Method], method: str) -> str:
    """Name of a method in figures."""
    return methods[method].title if method in methods else method


def new_figure(columns: int = 1, rows: int = 1, width: float = 8.0, height: float | None = None) -> tuple[Figure, Any]:
    """An empty figure whose text is readable at 800 pixels.

    Args:
        columns: Number of columns of panels.
        rows: Number of rows of panels.
        width: Width of the whole figure in inches.
        height: Its height; 3.8 inches per row by default.

    Returns:
        The figure, and its axes as an array (rows, columns).
    """
    import matplotlib
    from matplotlib.figure import Figure

    plain: dict[Any, Any] = {
        "font.family": ["DejaVu Sans"],
        "font.size": 10.5,
        "axes.titlesize": 11.5,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": "#E6E6E6",
    }
    with matplotlib.rc_context(plain):
        figure = Figure(figsize=(width, 3.8 * rows if height is None else height), dpi=120, layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False)
    return figure, axes


def band(axes: Axes, x: Sequence[float], means: Sequence[float], stds: Sequence[float | None], **line: Any) -> None:
    """Plots a line with a band of one standard deviation on either side.

    Args:
        axes: The panel.
        x: Horizontal positions.
        means: Means.
        stds: Standard deviations; None for a mean of one value.
        **line: Keywords of `Axes.plot`: ``color``, ``label``, ``marker``.
    """
    low = [mean - (std or 0.0) for mean, std in zip(means, stds, strict=True)]
    high = [mean + (std or 0.0) for mean, std in zip(means, stds, strict=True)]
    (plotted,) = axes.plot(x, means, **line)
    axes.fill_between(x, low, high, color=plotted.get_color(), alpha=0.15, linewidth=0)


def method_band(
    axes: Axes,
    look: Look,
    label: str,
    x: Sequence[float],
    means: Sequence[float],
    stds: Sequence[float | None],
    markers: bool = True,
) -> None:
    """Plots a `band` in the look of a method, with or without markers at its points."""
    marker = {"marker": look.marker, "markersize": 5.5} if markers else {}
    band(axes, x, means, stds, color=look.hex, linestyle=look.line, linewidth=1.8, label=label, **marker)


def halo() -> list[Any]:
    """Path effects that give a marker or whisker a white edge, by which it is seen on a dark bar."""
    from matplotlib.patheffects import withStroke

    return [withStroke(linewidth=4, foreground="#FFFFFF")]


def stated_point(axes: Axes, x: float, value: float, edge: str = PAPER, on_bar: bool = False) -> None:
    """Plots a number of the paper as a hollow diamond above everything else; it is grey in the legend.

    Args:
        axes: The panel.
        x: Horizontal position.
        value: The number.
        edge: Colour of the diamond.
        on_bar: Whether it may be on a bar, which asks for a `halo`.
    """
    shape: dict[str, Any] = {"linestyle": "none", "marker": "D", "markersize": 8, "markeredgewidth": 1.6}
    over: dict[str, Any] = {"path_effects": halo()} if on_bar else {}
    axes.plot([x], [value], markerfacecolor="none", markeredgecolor=edge, zorder=5, **over, **shape)
    axes.plot([], [], markerfacecolor="none", markeredgecolor=PAPER, label="paper", **shape)


def empty(axes: Axes, reason: str) -> None:
    """Writes into a panel why it is empty."""
    import textwrap

    axes.set_axis_off()
    middle: dict[str, Any] = {"ha": "center", "va": "center", "transform": axes.transAxes}
    axes.text(0.5, 0.5, textwrap.fill(reason, 42), color=PAPER, wrap=True, **middle)


def not_run(axes: Axes, x: float, y: float = 0.5, **look: Any) -> None:
    """Writes "no run yet" in place of what is missing, upright by default.

    Args:
        axes: The panel.
        x: Position on the horizontal axis.
        y: Share of the panel's height; with another ``transform``, a position of it.
        **look: Keywords of `Axes.text` in place of the usual ones.
    """
    usual: dict[str, Any] = {"rotation": 90, "ha": "center", "va": "center", "transform": axes.get_xaxis_transform()}
    axes.text(x, y, NOT_RUN, color=PAPER, bbox={"color": "white", "pad": 1}, **{**usual, **look})


def share_heights(row: Sequence[Axes]) -> None:
    """Gives the panels of a row one vertical scale. Call it before anything is plotted, so that everything fits."""
    for axes in row[1:]:
        axes.sharey(row[0])


def log_scale(axes: Axes) -> None:
    """Gives the horizontal axis a logarithmic scale with plain numbers. Call it after everything is plotted."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axes.set_xscale("log")
    low, high = axes.get_xlim()
    # Powers of ten alone are too few ticks for a short range; all multiples of them would overlap.
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 30 * low else (1,)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())


def unless_empty(figure: Figure) -> Figure | None:
    """The figure; None where every panel is `empty`, so that a page says so in words instead."""
    return figure if any(axes.axison for axes in figure.axes) else None


def legend(figure: Figure, columns: int = 4) -> None:
    """Adds one legend below all panels, without duplicates, and with the entries of the paper last.

    Lines of one look share an entry: the panels of a figure have methods of their own, whose looks recur.

    Args:
        figure: The figure.
        columns: Columns of the legend; fewer where they would be wider than the figure.
    """
    named: dict[str, Any] = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            named.setdefault(label, handle)
    named = dict(sorted(_merged(named).items(), key=lambda item: item[0].startswith("paper")))
    place: dict[str, Any] = {"loc": "outside lower center", "frameon": False, "fontsize": 10}
    for count in range(min(columns, len(named)), 0, -1):
        added = figure.legend(list(named.values()), list(named), ncols=count, **place)
        if count == 1 or added.get_window_extent().width <= figure.bbox.width:
            return
        added.remove()


def _merged(named: Mapping[str, Any]) -> dict[str, Any]:
    """Label to handle, where handles of one look are one with a joint label."""
    alike: dict[Any, list[str]] = {}
    for label, handle in named.items():
        alike.setdefault(_look(handle), []).append(label)
    return {_joint(labels): named[labels[0]] for labels in alike.values()}


def _look(handle: Any) -> Any:
    """What a line looks like in a legend; other handles are like themselves alone."""
    from matplotlib.container import ErrorbarContainer
    from matplotlib.lines import Line2D

    line = handle[0] if isinstance(handle, ErrorbarContainer) else handle
    if not isinstance(line, Line2D):
        return id(handle)
    look = (line.get_linestyle(), line.get_linewidth(), line.get_marker(), line.get_color())
    return *look, line.get_markerfacecolor(), line.get_markeredgecolor()


def _joint(labels: Sequence[str]) -> str:
    """One label for several: "skeleton / acc alone" for "skeleton alone" and "acc alone"."""
    *_, last = words = [label.split() for label in labels]
    common = 0
    while len(words) > 1 and all(len(each) > common + 1 and each[-1 - common] == last[-1 - common] for each in words):
        common += 1
    first = " / ".join(" ".join(each[: len(each) - common]) for each in words)
    return " ".join([first, *last[len(last) - common :]])
