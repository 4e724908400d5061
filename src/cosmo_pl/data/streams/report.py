"""``report.json``: what every stream was like, what was left out, and how much time has which label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from cosmo_pl.data.faults import FaultLog
from cosmo_pl.data.streams.clock_corrections import EstimatedClock
from cosmo_pl.data.streams.coverage import seconds_without_data
from cosmo_pl.data.streams.labelling import Labelled, seconds_by_activity
from cosmo_pl.data.streams.parts import Part
from cosmo_pl.data.streams.quality import BROKEN, EMPTY, LONE, NO_TIME, SET_BACK, StreamFacts
from cosmo_pl.data.streams.store import StreamStore
from cosmo_pl.data.streams.times import SECOND
from cosmo_pl.errors import RecordingError
from cosmo_pl.io import read_json, write_json

REPORT = "report.json"
MANY = 0.5  # share of duplicates from which times are too coarse
LOST = 0.1  # share of time in short gaps, or of gaps between samples, from which the limit of a gap is too small
SHORT = 20  # times the limit: gaps that are longer on average are pauses
FEWEST = 10  # gaps or samples that are judged
PAUSED = 0.5  # share of time in gaps that is mentioned
FASTER, SLOWER = 50, 5  # factors by which a stream may differ from its grid, to which it is averaged or interpolated
APART = 0.1  # share of the shortest sensor in which all have to run
Streams = Mapping[str, Mapping[str, Part]]  # recording to sensor to its part

REMEDIES = {
    NO_TIME: "Complete their times, or remove them",
    EMPTY: "Complete them, or describe columns that are filled at other times as another sensor",
    BROKEN: "Correct or remove them",
    LONE: "Correct their times, or remove them",
    SET_BACK: "Correct the times, or cut the file there",
}


def report_faults(streams: Streams, rates: Mapping[str, float], faults: FaultLog) -> None:
    """Reports the faults of streams, one line for each kind.

    Args:
        streams: Recording to sensor to its part.
        rates: Sensor to the frames per second of its grid.
        faults: Where they are reported.

    Raises:
        RecordingError: `faults` is strict, and data are lost or look wrong.
    """
    for reason, remedy in REMEDIES.items():
        found = [part.facts for each in streams.values() for part in each.values() if reason in part.facts.left_out]
        count = sum(facts.left_out[reason] for facts in found)
        names = [facts.where[reason] for facts in found]
        faults.report(f"streams have {count} {reason}, which are left out", names, remedy)
    listed: dict[tuple[str, str, bool], list[str]] = {}
    for name, parts in streams.items():
        for sensor, part in parts.items():
            for fault in [*_faults(part), *_losses(part.facts, rates[sensor])]:
                listed.setdefault(fault, []).append(f"{name} {sensor}")
    for (problem, remedy, mended), names in listed.items():
        faults.report(problem, names, remedy, mended)
    apart = [name for name, parts in streams.items() if _apart(parts)]
    remedy = "Correct unit, zone or start of the times, or clocks in the description"
    faults.report("recordings have sensors that hardly run at the same time", apart, remedy)


def report_units(streams: Streams, faults: FaultLog) -> None:
    """Reports sensors whose unit looks wrong in half of their recordings or more, one line for each.

    A unit that looks right in most recordings is that of the sensor, whose values are unusual in the others. The page
    of the report names these.

    Args:
        streams: All recordings, each with its sensors and their parts.
        faults: Where they are reported.

    Raises:
        RecordingError: `faults` is strict, and there is one.
    """
    for sensor in dict.fromkeys(sensor for parts in streams.values() for sensor in parts):
        facts = {name: parts[sensor].facts for name, parts in streams.items() if sensor in parts}
        odd = {name: each.suspicious for name, each in facts.items() if each.suspicious}
        if 2 * len(odd) >= len(facts) and odd:
            first = min(odd)
            problem = f"recordings of {sensor} have a unit that looks wrong: in {first}, {'; '.join(odd[first])}"
            faults.report(problem, odd, f"Correct unit or convert of sensors.{sensor} in the description")


def _faults(part: Part) -> list[tuple[str, str, bool]]:
    """Faults of a stream: problem, remedy, and whether no data are lost or wrong by it."""
    facts, found = part.facts, []
    if facts.duplicates > MANY * (facts.samples + facts.duplicates):
        remedy = "Record times with a fraction; the unit of time in the description may be wrong"
        found.append(("streams have times that are coarser than their samples", remedy, False))
    elif facts.duplicates:
        found.append(("streams have rows of the same time, of which the first is used", "Nothing is to do", True))
    if facts.out_of_order:
        found.append(("streams have rows out of order, which are sorted", "Nothing is to do", True))
    if facts.set_forward:
        remedy = "Correct the times if there was no pause"
        found.append(("streams have a gap of more than a day", remedy, False))
    if facts.constant:
        found.append(("streams have a channel that never changes", "Check the sensor", False))
    if facts.saturated:
        found.append(("streams have a channel that is saturated", "Check the range of the sensor", True))
    if not facts.frames:
        found.append(("streams have no frame on the grid", "Check the unit of time, the rate and max_gap", False))
    return found


def _losses(facts: StreamFacts, rate: float) -> list[tuple[str, str, bool]]:
    """Faults by which much of a stream is lost to gaps, or by which its times are not those that are described."""
    found, seconds = [], (facts.end - facts.start) / SECOND
    short = facts.gap_seconds <= SHORT * facts.max_gap * facts.gaps and facts.gap_seconds >= LOST * seconds
    if facts.gaps >= FEWEST and (short or facts.gaps >= LOST * facts.samples):
        remedy = "Raise max_gap of the sensor, by default 5 intervals of the first rows; or separate mixed sensors"
        found.append(("streams lose much to many short gaps", remedy, False))
    elif facts.gap_seconds > PAUSED * seconds:
        remedy = "Nothing is to do if the sensor was off; else raise max_gap or check the times"
        found.append(("streams have gaps in more than half of their time", remedy, True))
    if facts.samples >= FEWEST and not rate / SLOWER <= facts.rate <= rate * FASTER:
        remedy = "Correct the unit of time or the rate"
        found.append(("streams have a rate far from that of the description", remedy, False))
    return found


def _apart(parts: Mapping[str, Part]) -> bool:
    """Whether the sensors of a recording seldom run at the same time."""
    shortest = min(part.facts.end - part.facts.start for part in parts.values()) / SECOND
    return len(parts) > 1 and _common(parts) < max(0.0, APART * shortest)


def write_report(
    store: StreamStore,
    streams: Streams,
    labelled: Labelled,
    faults: FaultLog,
    clocks: Sequence[EstimatedClock] = (),
    unmatched: Sequence[str] = (),
) -> None:
    """Writes ``report.json``.

    Args:
        store: The imported recordings.
        streams: Their streams.
        labelled: Their labels.
        faults: What was reported.
        clocks: Estimated errors of the sensors' clocks.
        unmatched: Files that no pattern of the description matches.
    """
    by_subject: dict[int, Counter[str]] = {}
    recordings = []
    for each in store.recordings:
        seconds = seconds_by_activity(each.labels)
        by_subject.setdefault(each.subject, Counter()).update(seconds)  # type: ignore[arg-type]
        recordings.append(
            {
                "name": each.name,
                "subject": each.subject,
                "start": each.start,
                "duration": each.duration,
                "overlap": _overlap(streams[each.name]),
                "labels": seconds,
                "label_seconds_without_data": round(seconds_without_data(each, store.sensors), 3),
                "sensors": {sensor: asdict(part.facts) for sensor, part in streams[each.name].items()},
            }
        )
    left_out: Counter[str] = Counter()
    for parts in streams.values():
        for part in parts.values():
            left_out.update(part.facts.left_out)
    left_out.update({reason: len(where) for reason, where in labelled.left_out.items() if where})
    content: dict[str, Any] = {
        "title": store.title,
        "recordings": recordings,
        "label_seconds": {str(subject): dict(seconds) for subject, seconds in sorted(by_subject.items())},
        "left_out": dict(left_out),
        "unmatched": list(unmatched),
        "clocks": [_clock(each) for each in clocks],
        "faults": faults.lines,
        "remedies": faults.remedies,
    }
    write_json(store.folder / REPORT, content)


def _clock(clock: EstimatedClock) -> dict[str, Any]:
    found = clock.estimate
    return {
        "sensor": clock.sensor,
        "reference": clock.reference,
        "recordings": list(clock.recordings),
        **{key: getattr(found, key) for key in ("offset", "drift", "deviation", "confidence")},
        "corrected": found.reliable,
        "problem": found.doubt,
    }


def _overlap(parts: Mapping[str, Part]) -> dict[str, float]:
    """Seconds from the start of the last to the end of the first sensor, and share of the whole time."""
    starts, ends = ([getattr(part.facts, key) for part in parts.values()] for key in ("start", "end"))
    common, whole = max(0.0, _common(parts)), (max(ends) - min(starts)) / SECOND
    return {"seconds": common, "share": common / whole if whole else 1.0}


def _common(parts: Mapping[str, Part]) -> float:
    """Seconds from the start of the last to the end of the first sensor; negative if they are apart."""
    facts = [part.facts for part in parts.values()]
    return (min(each.end for each in facts) - max(each.start for each in facts)) / SECOND


@dataclass(frozen=True)
class ImportFacts:
    """What the import found, from ``report.json``.

    Args:
        problems: One line on each kind, with what to do about it.
        left_out: Reason to the number of what was left out for it.
        streams: Recording and sensor to its `StreamFacts` as JSON.
        clocks: Estimated errors of clocks as JSON.
        unmatched: Files that no pattern of the description matches.
        recordings: Recording to what is known of it as a whole as JSON: overlap of its sensors, labels without data.
    """

    problems: tuple[str, ...]
    left_out: Mapping[str, int]
    streams: Mapping[tuple[str, str], Mapping[str, Any]]
    clocks: Sequence[Mapping[str, Any]] = ()
    unmatched: Sequence[str] = ()
    recordings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def read_facts(folder: Path) -> ImportFacts:
    """Reads ``report.json`` of imported recordings; without it nothing was measured.

    Raises:
        RecordingError: It is damaged.
    """
    path = folder / REPORT
    content = read_json(path, partial(RecordingError, path)) if path.is_file() else {}
    streams = {
        (recording["name"], sensor): facts
        for recording in content.get("recordings", ())
        for sensor, facts in recording["sensors"].items()
    }
    faults, clocks, unmatched = (tuple(content.get(key, ())) for key in ("faults", "clocks", "unmatched"))
    remedies = content.get("remedies", {})  # earlier versions wrote none
    problems = tuple(f"{line}. {remedies[line]}." if line in remedies else line for line in faults)
    recordings = {recording["name"]: recording for recording in content.get("recordings", ())}
    return ImportFacts(problems, content.get("left_out", {}), streams, clocks, unmatched, recordings)
