"""A clip of IMU, depth and radar as a picture or an animation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.plots.colours import AXES
from cosmo_pl.plots.saving import saved
from cosmo_pl.simulation.radar import BIN, HIGH, LOW

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

MOMENTS = 4
FRAME_RATE = 10
SECONDS = 2.0
SERIES = (("acceleration, g", slice(0, 3)), ("rotation, 100°/s", slice(3, 6)), ("field, 10 µT", slice(6, 9)))
SCALE = (1.0, 100.0, 10.0)
LEAST_SPEED = 0.1  # m/s at both ends of the colours of the radial velocity of a clip without a faster one
DEPTH_RANGE = (1.5, 5.0)  # metres

IMAGES = {"depth": "m", "radar: intensity": "root, relative to a trunk at 2 m", "radar: speed": "m/s, away is positive"}
"""Title of an image to what its colours are."""

Clip = Mapping[str, NDArray[Any]]


def clip_picture(clip: Clip, title: str, path: Path) -> Path:
    """Plots a clip: the sensors side by side, with several moments below each other.

    Args:
        clip: ``imu`` (T, 9), ``depth`` (T, height, width) in millimetres, ``radar`` (T, 2, range, azimuth, elevation).
        title: Name of the clip.
        path: PNG to write.

    Returns:
        The path.
    """
    figure = _figure((11, 1.9 * MOMENTS + 0.6), title)
    grid = figure.add_gridspec(MOMENTS, 4, width_ratios=(1.7, 1.2, 1, 1))
    rows = np.array_split(np.arange(MOMENTS), len(SERIES))
    for number, own in enumerate(rows):
        draw_series(figure.add_subplot(grid[own[0] : own[-1] + 1, 0]), clip["imu"], number, None)
    panels = np.array([[figure.add_subplot(grid[row, column]) for column in (1, 2, 3)] for row in range(MOMENTS)])
    for row, axes in enumerate(panels):
        share = (row + 0.5) / MOMENTS
        images = [
            draw_depth(axes[0], clip["depth"], share),
            draw_radar(axes[1], clip["radar"], share),
            draw_radar(axes[2], clip["radar"], share, fastest(clip["radar"])),
        ]
        axes[0].set_ylabel(f"{share * SECONDS:.2f} s", fontsize=9)
        for panel in axes if row < MOMENTS - 1 else ():
            panel.set_xlabel("")
    for column, image, (name, unit) in zip(panels.T, images, IMAGES.items(), strict=True):
        column[0].set_title(name, fontsize=10)
        bar = figure.colorbar(image, ax=list(column), location="bottom", aspect=30, pad=0.01)
        bar.set_label(unit, fontsize=8)
        bar.ax.tick_params(labelsize=7)
    return saved(figure, path)


def clip_animation(clip: Clip, title: str, path: Path) -> Path:
    """Plots a clip as a GIF of the sensors side by side, with ten frames per second.

    Args:
        clip: As in `clip_picture`.
        title: Name of the clip.
        path: GIF to write.

    Returns:
        The path.
    """
    from matplotlib.animation import PillowWriter

    figure = _figure((10, 4), title)
    grid = figure.add_gridspec(len(SERIES), 3, width_ratios=(1.4, 1.4, 1))
    series = [figure.add_subplot(grid[row, 0]) for row in range(len(SERIES))]
    depth, radar = figure.add_subplot(grid[:, 1]), figure.add_subplot(grid[:, 2])
    writer = PillowWriter(fps=FRAME_RATE)
    path.parent.mkdir(parents=True, exist_ok=True)
    frames, speed = round(SECONDS * FRAME_RATE), fastest(clip["radar"])
    with writer.saving(figure, str(path), dpi=80):
        for frame in range(frames):
            share = (frame + 0.5) / frames
            for axes in (*series, depth, radar):
                axes.clear()
            for number, axes in enumerate(series):
                draw_series(axes, clip["imu"], number, share * SECONDS)
            draw_depth(depth, clip["depth"], share)
            draw_radar(radar, clip["radar"], share, speed)
            depth.set_title("depth", fontsize=10)
            radar.set_title("radar: speed", fontsize=10)
            writer.grab_frame()
            figure.set_layout_engine("none")  # that of the first frame stays, and each takes half of the time
    return path


def _figure(size: tuple[float, float], title: str) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, dpi=100, layout="constrained")
    figure.suptitle(title, fontsize=11)
    return figure


def draw_series(axes: Axes, imu: NDArray[Any], number: int, now: float | None) -> None:
    """Draws one sensor of the IMU over time, with a legend of its axes in the first.

    Args:
        axes: The panel.
        imu: Values (T, 9).
        number: Index of the sensor in `SERIES`.
        now: Seconds at which the present moment is marked; None for no mark.
    """
    name, channels = SERIES[number]
    clock = np.arange(len(imu)) * SECONDS / len(imu)
    for values, colour, axis in zip(imu[:, channels].T / SCALE[number], AXES, "xyz", strict=True):
        axes.plot(clock, values, color=colour, linewidth=1, label=axis)
    if number == 0:
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3, frameon=False, fontsize=8)
    if now is not None:
        axes.axvline(now, color="#000000", linewidth=1)
    axes.set_ylabel(name.replace(", ", "\n"), fontsize=8)
    axes.set_xlim(0, SECONDS)
    axes.tick_params(labelsize=7)
    if number == len(SERIES) - 1:
        axes.set_xlabel("seconds", fontsize=8)


def _at(values: NDArray[Any], share: float) -> NDArray[Any]:
    frame: NDArray[Any] = values[min(int(share * len(values)), len(values) - 1)]
    return frame


def draw_depth(axes: Axes, depth: NDArray[Any], share: float) -> AxesImage:
    """Draws depth in metres at a share of the clip, white without a reading."""
    metres = np.where(_at(depth, share) > 0, _at(depth, share) / 1000, np.nan)
    axes.set_xticks([])
    axes.set_yticks([])
    low, high = DEPTH_RANGE
    return axes.imshow(metres, cmap="viridis_r", vmin=low, vmax=high, interpolation="nearest")


def draw_radar(axes: Axes, radar: NDArray[Any], share: float, speed: float | None = None) -> AxesImage:
    """Draws radar seen from above: the largest intensity over elevation, or the velocity at it.

    Args:
        axes: The panel.
        radar: Intensity and radial velocity (T, 2, range, azimuth, elevation).
        share: Share of the clip.
        speed: Speed in m/s at both ends of the colours of the velocity; None for the intensity.
    """
    intensity, velocity = _at(radar, share).astype(float)
    extent = (LOW[1], HIGH[1], LOW[0], HIGH[0])
    look: dict[str, Any] = {"origin": "lower", "aspect": "auto", "extent": extent, "interpolation": "nearest"}
    axes.set_xlabel(f"azimuth, bins of {BIN[1]:g}°", fontsize=8)
    axes.set_ylabel("range, m", fontsize=8)
    axes.tick_params(labelsize=7)
    if speed is None:
        return axes.imshow(np.sqrt(intensity.max(axis=2)), cmap="magma", vmin=0, vmax=0.6, **look)
    return axes.imshow(_at_strongest(intensity, velocity), cmap="RdBu", vmin=-speed, vmax=speed, **look)


def fastest(radar: NDArray[Any]) -> float:
    """Largest speed of a clip in m/s that `draw_radar` shows, at least `LEAST_SPEED`.

    Args:
        radar: Intensity and radial velocity (T, 2, range, azimuth, elevation).
    """
    seen = _at_strongest(*radar.astype(float).swapaxes(0, 1))
    return max(LEAST_SPEED, float(np.abs(seen).max()))


def _at_strongest(intensity: NDArray[Any], velocity: NDArray[Any]) -> NDArray[Any]:
    """The velocity at the elevation of the largest intensity."""
    strongest = intensity.argmax(axis=-1)[..., None]
    return np.take_along_axis(velocity, strongest, axis=-1)[..., 0]
