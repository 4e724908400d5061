"""Time lines of recordings as SVG: sensors as bars, their gaps, and labels as intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from cosmo_pl.data.streams.store import Segment, StreamRecording, StreamSensor
from cosmo_pl.plots.colours import class_colour, text_colour

WIDTH, LEFT, RIGHT = 1000, 110, 120  # pixels: of the picture, of the names, of the notes
ROW, BAR, AXIS = 20, 14, 18
SAMPLES, GAP, UNLABELLED = "#5b6f82", "#f5c6c2", "#eeeeee"
STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)
TICKS = 10
LETTER = 6.5  # pixels


def colours(activities: Sequence[str]) -> dict[str, str]:
    """Activity to colour."""
    return {activity: class_colour(number) for number, activity in enumerate(activities)}


def time_line(
    recording: StreamRecording,
    sensors: Mapping[str, StreamSensor],
    colour: Mapping[str, str],
    notes: Mapping[str, str],
) -> str:
    """A recording as SVG: a row of each sensor, and one of the labels.

    Args:
        recording: The recording.
        sensors: Sensor to its description.
        colour: Activity to colour.
        notes: Sensor to what is written behind its row.
    """
    scale = (WIDTH - LEFT - RIGHT) / max(recording.duration, 1e-9)
    parts, top = [], 0
    for name, sensor in sensors.items():
        parts.append(_text(0, top + 11, name))
        parts += _sensor(recording.segments.get(name, ()), sensor.rate, scale, top)
        parts.append(_text(WIDTH - RIGHT + 8, top + 11, notes.get(name, "")))
        top += ROW
    parts.append(_text(0, top + 11, "labels"))
    parts.append(_bar(0, recording.duration, scale, top, UNLABELLED, "unlabelled"))
    for start, end, activity in recording.labels:
        parts.append(_bar(start, end, scale, top, colour[activity], f"{activity}, {start:g} to {end:g} s"))
        if (end - start) * scale > LETTER * len(activity) + 6:
            x, ink = LEFT + (start + end) / 2 * scale, text_colour(colour[activity])
            parts.append(
                f'<text x="{x:.0f}" y="{top + 11}" text-anchor="middle" style="fill:{ink}">{escape(activity)}</text>'
            )
    top += ROW
    parts += _axis(recording.duration, scale, top)
    label = escape(f"Time line of {recording.name}", quote=True)
    size = f'viewBox="0 0 {WIDTH} {top + AXIS}"'
    return f'<svg {size} role="img" aria-label="{label}">{"".join(parts)}</svg>'


def _sensor(segments: Sequence[Segment], rate: float, scale: float, top: int) -> list[str]:
    """Bars of the segments over one of the gaps; segments less than half a pixel apart are one bar."""
    if not segments:
        return [_text(LEFT, top + 11, "not recorded")]
    spans: list[tuple[float, float]] = []
    for segment in segments:
        start, end = segment.seconds(rate)
        if spans and (start - spans[-1][1]) * scale < 0.5:
            spans[-1] = spans[-1][0], end
        else:
            spans.append((start, end))
    hidden = len(segments) - len(spans)
    title = f"{len(segments) - 1} gaps" + (f", {hidden} of them too short to be seen" if hidden else "")
    whole = _bar(spans[0][0], spans[-1][1], scale, top, GAP, title)
    return [whole, *(_bar(start, end, scale, top, SAMPLES, title) for start, end in spans)]


def _bar(start: float, end: float, scale: float, top: int, colour: str, title: str) -> str:
    x, width = LEFT + start * scale, max((end - start) * scale, 0.5)
    box = f'x="{x:.1f}" y="{top}" width="{width:.1f}" height="{BAR}" fill="{colour}"'
    return f"<rect {box}><title>{escape(title)}</title></rect>"


def _text(x: float, y: float, text: str) -> str:
    return f'<text x="{x:g}" y="{y:g}">{escape(text)}</text>' if text else ""


def _axis(duration: float, scale: float, top: int) -> list[str]:
    step = next(
        (step for step in STEPS if duration / step <= TICKS), STEPS[-1] * (1 + int(duration / STEPS[-1] / TICKS))
    )
    ticks = range(0, int(duration) + 1, step)
    parts = []
    for second in ticks:
        x = LEFT + second * scale
        text = f"{second} s" if duration < 120 else f"{second // 60}:{second % 60:02d}"
        if duration >= 7200:
            text = f"{second // 3600}:{second // 60 % 60:02d} h"
        parts.append(f'<path d="M{x:.1f} {top - 4}v4" stroke="#999"/>')
        parts.append(f'<text x="{x:.1f}" y="{top + 12}" text-anchor="middle">{text}</text>')
    return parts
