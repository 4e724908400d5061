"""Depth, pressure and other images, and radar seen from above."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.plots.viewer.drawing import TIMELINE, Drawing

if TYPE_CHECKING:
    from rerun import RecordingStream
    from rerun.blueprint import TimeAxis, View

SLOW = 0.2  # m/s: the colours of radial velocities cover at least so much to both sides
MAPS = {"depth": "viridis_r", "pressure": "inferno"}
"""Kind of a sensor to its colours, names of matplotlib."""
OTHER_MAP = "viridis"
NO_READING = np.array((24, 24, 28), dtype=np.uint8)
LEVELS = np.linspace(0, 1, 256)


class Images(Drawing):
    """Frames of one number per pixel as coloured images; the colours cover all values that were drawn so far.

    Args:
        name: Name of the sensor.
        kind: Kind of the sensor; 0 is no reading of a "depth" sensor.
    """

    def __init__(self, name: str, kind: str) -> None:
        super().__init__(name)
        self.kind = kind
        self.low, self.high = np.inf, -np.inf

    def draw(self, stream: RecordingStream, time: NDArray[Any], values: NDArray[Any]) -> None:
        """Sends images (n, height, width)."""
        import rerun as rr

        measured = values[values > 0] if self.kind == "depth" else values[np.isfinite(values)]
        if measured.size:
            low, high = np.percentile(measured, (1, 99))
            self.low, self.high = min(self.low, float(low)), max(self.high, float(high))
        colours = colour_table(MAPS.get(self.kind, OTHER_MAP))
        for second, frame in zip(time, values, strict=True):
            stream.set_time(TIMELINE, duration=float(second))
            stream.log(self.entity, rr.Image(self._coloured(frame, colours)))

    def _coloured(self, frame: NDArray[Any], colours: NDArray[np.uint8]) -> NDArray[np.uint8]:
        missing = ~np.isfinite(frame) | ((frame == 0) if self.kind == "depth" else False)
        if missing.all():  # of the first frame nothing is known
            return np.broadcast_to(NO_READING, (*frame.shape, 3))
        coloured = shaded(frame, self.low, self.high, colours)
        coloured[missing] = NO_READING
        return coloured

    def views(self, axis: TimeAxis) -> list[View]:
        """One image."""
        import rerun.blueprint as rrb

        title = self.name if self.name == self.kind else f"{self.name}: {self.kind}"
        return [rrb.Spatial2DView(origin=self.entity, name=title)]


class Radar(Drawing):
    """Radar seen from above: the largest intensity over all elevations, and the radial velocity at it.

    The colours cover all values that were drawn so far.

    Args:
        name: Name of the sensor.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.brightest, self.fastest = 1e-6, SLOW

    def draw(self, stream: RecordingStream, time: NDArray[Any], values: NDArray[Any]) -> None:
        """Sends frames (n, 2, range, azimuth, elevation) of intensity and velocity in m/s; the range grows upwards."""
        import rerun as rr

        intensity, velocity = np.moveaxis(values[:, :, ::-1].astype(np.float32), 1, 0)
        strongest = intensity.argmax(axis=-1)[..., None]
        speed = np.take_along_axis(velocity, strongest, axis=-1)[..., 0]
        brightness = np.sqrt(np.maximum(intensity.max(axis=-1), 0))  # the far limbs reflect a hundredth of the trunk
        self.brightest = max(self.brightest, float(brightness.max()))
        self.fastest = max(self.fastest, float(np.abs(speed).max()))
        tables = colour_table("magma"), colour_table("RdBu")
        for second, bright, fast in zip(time, brightness, speed, strict=True):
            stream.set_time(TIMELINE, duration=float(second))
            stream.log(f"{self.entity}/intensity", rr.Image(shaded(bright, 0.0, self.brightest, tables[0])))
            stream.log(f"{self.entity}/velocity", rr.Image(shaded(fast, -self.fastest, self.fastest, tables[1])))

    def views(self, axis: TimeAxis) -> list[View]:
        """Intensity and velocity."""
        import rerun.blueprint as rrb

        return [
            rrb.Spatial2DView(origin=f"{self.entity}/{part}", name=f"{self.name}: {part}")
            for part in ("intensity", "velocity")
        ]


def colour_table(name: str) -> NDArray[np.uint8]:
    """Colours (256, 3) of one of matplotlib's colour maps."""
    import matplotlib

    return np.asarray(matplotlib.colormaps[name](LEVELS, bytes=True)[:, :3], dtype=np.uint8)


def shaded(frame: NDArray[Any], low: float, high: float, colours: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """An image (height, width, 3) of numbers (height, width) between the two that have the first and last colour.

    NaN has the first colour.
    """
    share = (np.asarray(frame, dtype=np.float32) - low) / max(high - low, 1e-9)
    coloured: NDArray[np.uint8] = colours[(255 * np.nan_to_num(np.clip(share, 0, 1))).round().astype(np.int64)]
    return coloured
