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

MOMENTS = 4
FRAME_RATE = 10
SECONDS = 2.0
SERIES = (("acceleration, g", slice(0, 3)), ("rotation, 100°/s", slice(3, 6)), ("field, 10 µT", slice(6, 9)))
SCALE = (1.0, 100.0, 10.0)
MAX_SPEED = 1.0  # m/s at both ends of the colours of the radial velocity
DEPTH_RANGE = (1.5, 5.0)  # metres

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
        _series(figure.add_subplot(grid[own[0] : own[-1] + 1, 0]), clip["imu"], number, None)
    for row in range(MOMENTS):
        share = (row + 0.5) / MOMENTS
        axes = [figure.add_subplot(grid[row, column]) for column in (1, 2, 3)]
        _depth(axes[0], clip["depth"], share)
        axes[0].set_ylabel(f"{share * SECONDS:.2f} s", fontsize=9)
        _radar(axes[1], clip["radar"], share, doppler=False)
        _radar(axes[2], clip["radar"], share, doppler=True)
        for panel, name in zip(axes, ("depth", "radar: intensity", "radar: speed"), strict=True):
            panel.set_title(name if row == 0 else "", fontsize=10)
            if row < MOMENTS - 1:
                panel.set_xlabel("")
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
    frames = round(SECONDS * FRAME_RATE)
    with writer.saving(figure, str(path), dpi=80):
        for frame in range(frames):
            share = (frame + 0.5) / frames
            for axes in (*series, depth, radar):
                axes.clear()
            for number, axes in enumerate(series):
                _series(axes, clip["imu"], number, share * SECONDS)
            _depth(depth, clip["depth"], share)
            _radar(radar, clip["radar"], share, doppler=True)
            depth.set_title("depth", fontsize=10)
            radar.set_title("radar: speed", fontsize=10)
            writer.grab_frame()
    return path


def _figure(size: tuple[float, float], title: str) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, dpi=100, layout="constrained")
    figure.suptitle(title, fontsize=11)
    return figure


def _series(axes: Axes, imu: NDArray[Any], number: int, now: float | None) -> None:
    """One sensor of the IMU over time, with a line at the present moment."""
    name, channels = SERIES[number]
    clock = np.arange(len(imu)) * SECONDS / len(imu)
    for values, colour in zip(imu[:, channels].T / SCALE[number], AXES, strict=True):
        axes.plot(clock, values, color=colour, linewidth=1)
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


def _depth(axes: Axes, depth: NDArray[Any], share: float) -> None:
    """Depth, white without a reading."""
    metres = np.where(_at(depth, share) > 0, _at(depth, share) / 1000, np.nan)
    axes.imshow(metres, cmap="viridis_r", vmin=DEPTH_RANGE[0], vmax=DEPTH_RANGE[1], interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])


def _radar(axes: Axes, radar: NDArray[Any], share: float, doppler: bool) -> None:
    """Seen from above: the largest intensity over elevation, or the velocity at it."""
    intensity, velocity = _at(radar, share).astype(float)
    extent = (LOW[1], HIGH[1], LOW[0], HIGH[0])
    look: dict[str, Any] = {"origin": "lower", "aspect": "auto", "extent": extent, "interpolation": "nearest"}
    if doppler:
        strongest = intensity.argmax(axis=2)[..., None]
        seen = np.take_along_axis(velocity, strongest, axis=2)[..., 0]
        axes.imshow(seen, cmap="RdBu", vmin=-MAX_SPEED, vmax=MAX_SPEED, **look)
    else:
        axes.imshow(np.sqrt(intensity.max(axis=2)), cmap="magma", vmin=0, vmax=0.6, **look)
    axes.set_xlabel(f"azimuth, bins of {BIN[1]:g}°", fontsize=8)
    axes.set_ylabel("range, m", fontsize=8)
    axes.tick_params(labelsize=7)
