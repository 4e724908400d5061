"""The report on an import as one page of HTML, with a time line per recording; nothing is loaded from elsewhere."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from cosmo_pl.data.streams.report import REPORT, ImportFacts, read_facts
from cosmo_pl.data.streams.store import StreamRecording, StreamStore, read_store
from cosmo_pl.io import write_whole
from cosmo_pl.plots.time_line import GAP, SAMPLES, colours, time_line

PAGE = "report.html"
SHOWN = 200  # lines of a list
WHOLE = 0.99  # share of a recording in which all sensors run, from which it is not mentioned
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1200px; margin: 2rem auto; padding: 0 1rem; color: #222; }
h1 { margin-bottom: 0; } h2 { margin-top: 2.2rem; border-bottom: 1px solid #ddd; }
h3 { font-size: 1rem; margin: 1.2rem 0 0; } h3 small { font-weight: normal; color: #666; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 0.15rem 0.5rem; text-align: right; border-bottom: 1px solid #eee; vertical-align: top; }
th:first-child, td:first-child { text-align: left; }
th { white-space: normal; vertical-align: bottom; } thead th { border-bottom: 2px solid #bbb; }
.key { display: inline-block; width: 0.9em; height: 0.9em; margin: 0 0.3em 0 1em; vertical-align: -0.1em; }
svg { display: block; width: 100%; min-width: 700px; height: auto; }
svg text { font: 11px system-ui, sans-serif; fill: #333; }
td small { white-space: nowrap; } .none { color: #767676; } summary { cursor: pointer; }
"""


def write_page(folder: Path) -> Path:
    """Writes ``report.html`` beside imported recordings.

    Args:
        folder: Folder that the recordings were imported to.

    Returns:
        The page.

    Raises:
        RecordingError: The folder is damaged.
    """
    page = folder / PAGE
    write_whole(page, report_page(read_store(folder), read_facts(folder)))
    return page


def _lines(recording: str, sensor: str, facts: Mapping[str, Any]) -> Iterator[str]:
    """One line on each problem of a stream."""
    start = f"{recording}, {sensor}:"
    yield from (f"{start} {each}" for each in facts["suspicious"])
    constant, saturated = facts["constant"], facts["saturated"]
    if constant:
        yield f"{start} {_named(constant)} never changes"
    if saturated:
        share = max(saturated.values())
        yield f"{start} {_named(list(saturated))} is at its extreme in up to {share:.1%} of the samples"
    if facts["set_back"]:
        yield f"{start} the clock was set back {facts['set_back']} times"
    if facts["set_forward"]:
        yield f"{start} {facts['set_forward']} gaps last more than a day"
    for reason, count in facts["left_out"].items():
        yield f"{start} {count:,} {reason}, first in {facts['where'].get(reason, 'an unknown row')}"


def _named(channels: Sequence[str]) -> str:
    """Channels, or how many they are."""
    return ", ".join(channels) if len(channels) <= 6 else f"each of {len(channels)} channels"


def report_page(store: StreamStore, facts: ImportFacts) -> str:
    """The page as HTML."""
    colour = colours(store.activities)
    parts = [
        f"<h1>Import of {escape(store.title)}</h1>",
        f"<p>{_summary(store)}</p>",
        "<h2>Problems</h2>",
        _problems(facts),
        "<h2>Sensors</h2>",
        _sensors(store, facts),
        *_clocks(facts.clocks),
        "<h2>Labelled time</h2>",
        _labelled(store),
        "<h2>Recordings</h2>",
        f"<p>{_legend(colour)}</p>",
        *(_recording(each, store, facts, colour) for each in store.recordings),
    ]
    title = f"<title>{escape(store.title)}: import</title>"
    meta = '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    head = f'<!doctype html><html lang="en"><head>{meta}{title}<style>{STYLE}</style></head>'
    return head + "<body>" + "\n".join(parts) + "</body></html>\n"


def _summary(store: StreamStore) -> str:
    seconds = sum(each.duration for each in store.recordings)
    labelled = sum(end - start for each in store.recordings for start, end, _ in each.labels)
    without = sum(not each.labels for each in store.recordings)
    people = len({each.subject for each in store.recordings})
    rest = f" {without} recordings have no label." if without else ""
    return (
        f"{len(store.recordings)} recordings of {people} subjects, {len(store.sensors)} sensors, {clock(seconds)}, of "
        f"which {clock(labelled)} are labelled with {len(store.activities)} activities.{rest} Times are "
        "minutes:seconds, or hours:minutes:seconds."
    )


def clock(seconds: float) -> str:
    """A duration as 1:02:03."""
    whole = round(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    def row(cells: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{cell}</{tag}>" for cell in cells) + "</tr>"

    body = "".join(row(cells, "td") for cells in rows)
    return f'<div class="wide"><table><thead>{row(header, "th")}</thead><tbody>{body}</tbody></table></div>'


def _problems(facts: ImportFacts) -> str:
    details = [line for (recording, sensor), each in facts.streams.items() for line in _lines(recording, sensor, each)]
    lines = _list(facts.problems) or "<p>None was found.</p>"
    if details:
        lines += f"<details><summary>{len(details)} findings by stream</summary>{_list(details)}</details>"
    rows = [(escape(reason), f"{count:,}") for reason, count in facts.left_out.items()]
    return lines + (_table(("left out because of", "count"), rows) if rows else "")


def _list(lines: Sequence[str]) -> str:
    shown = [f"<li>{escape(line)}</li>" for line in lines[:SHOWN]]
    if len(lines) > SHOWN:
        shown.append(f"<li>and {len(lines) - SHOWN} more, see {REPORT}</li>")
    return f"<ul>{''.join(shown)}</ul>" if shown else ""


def _sensors(store: StreamStore, facts: ImportFacts) -> str:
    rows = []
    for name, sensor in store.sensors.items():
        shape, units = "\u00a0×\u00a0".join(map(str, sensor.shape)), ", ".join(dict.fromkeys(sensor.units))
        own = [found for (_, each), found in facts.streams.items() if each == name]
        cells = [name, sensor.kind, shape, units, f"{sensor.rate:g}"]
        measured = [
            _spread([each["rate"] for each in own]),
            _spread([1e3 * jitter(each) for each in own]),
            _spread([1e3 * each["interval"]["p99"] for each in own]),
            *(_sum([each[key] for each in own]) for key in COUNTS),
            _time(sum(each["gap_seconds"] for each in own)),
        ]
        rows.append([*map(escape, cells), *measured])
    return _table((*COLUMNS, *COUNTS.values(), "in gaps"), rows)


MEASURED = ("measured rate, Hz", "jitter, ms", "99 % of intervals at most, ms")
COLUMNS = ("sensor", "kind", "shape of a frame", "unit", "rate of the grid, Hz", *MEASURED)
COUNTS = {
    "samples": "samples",
    "duplicates": "duplicates",
    "out_of_order": "out of order",
    "set_back": "clock set back",
    "gaps": "gaps",
}


def jitter(facts: Mapping[str, Any]) -> float:
    """Interquartile range of the intervals between samples, in seconds."""
    return float(facts["interval"]["p75"] - facts["interval"]["p25"])


def _spread(values: Sequence[float]) -> str:
    """Median, and lowest to highest."""
    if not values:
        return ""
    low, middle, high = np.percentile(values, [0, 50, 100])
    return f"{middle:.3g}<br><small>{low:.3g} to {high:.3g}</small>"


def _sum(values: Sequence[int]) -> str:
    return f"{sum(values):,}" if sum(values) else '<span class="none">0</span>'


def _clocks(clocks: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Estimated errors of clocks and what was done about them; nothing if none was to be estimated."""
    if clocks:
        yield "<h2>Clocks</h2>"
        yield _table(("sensor", "reference", "recordings", *CLOCK_COLUMNS), map(_clock, clocks))


CLOCK_COLUMNS = ("offset, s", "standard error, s", "drift, ppm", "confidence", "correction")


def _clock(found: Mapping[str, Any]) -> list[str]:
    names = found["recordings"]
    cells = [found["sensor"], found["reference"], names[0] if len(names) == 1 else f"{len(names)} recordings"]
    cells += [f"{found['offset']:+.3f}", f"{found['deviation']:.3f}", f"{found['drift']:+.0f}"]
    cells += [f"{found['confidence']:.2f}", "corrected" if found["corrected"] else f"unchanged: {found['problem']}"]
    return [escape(cell) for cell in cells]


def _labelled(store: StreamStore) -> str:
    """Labelled time of each subject and activity."""
    seconds: dict[tuple[int, str], float] = defaultdict(float)
    whole: dict[int, float] = defaultdict(float)
    for each in store.recordings:
        whole[each.subject] += each.duration
        for start, end, activity in each.labels:
            seconds[each.subject, activity] += end - start
    rows = [
        [
            escape(_subject(store, subject)),
            *(_time(seconds[subject, activity]) for activity in store.activities),
            _time(whole[subject] - sum(seconds[subject, activity] for activity in store.activities)),
        ]
        for subject in sorted(whole)
    ]
    sums = [sum(seconds[subject, activity] for subject in whole) for activity in store.activities]
    rows.append(["all", *map(_time, sums), _time(sum(whole.values()) - sum(sums))])
    return _table(("subject", *map(escape, store.activities), "unlabelled"), rows)


def _subject(store: StreamStore, number: int) -> str:
    """Name of a subject with its number."""
    name = next((name for name, its in store.subjects.items() if its == number), "")
    return str(number) if name.isdecimal() or not name else f"{name} ({number})"


def _time(seconds: float) -> str:
    return clock(seconds) if seconds >= 0.5 else '<span class="none">0</span>'


def _legend(colour: Mapping[str, str]) -> str:
    keys = "".join(f'<span class="key" style="background:{c}"></span>{escape(name)}' for name, c in colour.items())
    bars = f'<span class="key" style="background:{SAMPLES}"></span>samples'
    gaps = f'<span class="key" style="background:{GAP}"></span>gap'
    return f"{bars}{gaps}{keys}"


def _recording(recording: StreamRecording, store: StreamStore, facts: ImportFacts, colour: Mapping[str, str]) -> str:
    subject = _subject(store, recording.subject)
    start = recording.start[:19].replace("T", " ")  # without fractions of a second
    where = f"subject {escape(subject)}, from {escape(start)} UTC, {clock(recording.duration)}"
    where += "".join(f", {each}" for each in _lacks(facts.recordings.get(recording.name, {})))
    notes = {name: _note(facts.streams.get((recording.name, name), {})) for name in store.sensors}
    picture = time_line(recording, store.sensors, colour, notes)
    return f'<h3>{escape(recording.name)} <small>{where}</small></h3><div class="wide">{picture}</div>'


def _lacks(recording: Mapping[str, Any]) -> Iterator[str]:
    """Time without one of the sensors, and labelled time without any."""
    overlap, without = recording.get("overlap"), recording.get("label_seconds_without_data", 0.0)
    if overlap is not None and overlap["share"] < WHOLE:
        yield f"all sensors together {clock(overlap['seconds'])} ({overlap['share']:.0%})"
    if without >= 1:
        yield f"{clock(without)} labelled without data"


def _note(facts: Mapping[str, Any]) -> str:
    """Measured rate and jitter of a stream."""
    return f"{facts['rate']:.4g} Hz, ± {1e3 * jitter(facts):.2g} ms" if facts else ""
