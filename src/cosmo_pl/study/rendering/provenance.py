"""The provenance of results: their code, machine, precision and roundings, and the seconds of their trainings."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from cosmo_pl.study.lineage import is_of_others
from cosmo_pl.study.records import Record

OTHERS = "others"  # entry of a record's environment: it used another training than that of its parent's record

MARK = "†"  # marks results of uncommitted code, or of another training than their parent's record


def dirty(record: Record) -> bool:
    """Whether a record is marked: it, or a run that it uses, is of uncommitted code or of another training.

    One whose commit is unknown is not marked.
    """
    return bool(record.environment.get("dirty") or record.environment.get(OTHERS))


def marked(records: Iterable[Record]) -> str:
    """The mark if one of the records is marked; else nothing."""
    return MARK if any(map(dirty, records)) else ""


def with_marks(record: Record, parents: Sequence[Record | None]) -> Record:
    """A record with the marks that its parents give it.

    Args:
        record: The record.
        parents: Those of its parents, with their own marks; None for one without a record.
    """
    known = [parent.environment for parent in parents if parent is not None]
    marks = {name: True for name in ("dirty", OTHERS) if any(environment.get(name) for environment in known)}
    marks |= {OTHERS: True} if is_of_others(record, parents) else {}
    return replace(record, environment={**record.environment, **marks})


def training_of(record: Record) -> Mapping[str, Any]:
    """The record of the training: of a stage 1 the result itself, of a stage 2 the entry ``training``."""
    training: Mapping[str, Any] = record.result.get("training", record.result)
    return training


def is_timed(record: Record) -> bool:
    """Whether the seconds of its training are meaningful: it had its cores alone."""
    processes, threads, cores = (int(record.environment.get(name) or 1) for name in ("processes", "threads", "cores"))
    return not record.environment.get("busy") and (processes == 1 or processes * threads <= cores)


def training_seconds(records: Iterable[Record]) -> list[float]:
    """Seconds of the trainings that are timed."""
    return [float(training_of(record)["fit_seconds"]) for record in records if is_timed(record)]


def provenance(records: Iterable[Record]) -> str:
    """The provenance of results in a sentence: their number, their code, and roundings and precisions that differ."""
    every = list({record.key: record for record in records}.values())
    if not every:
        return "There are no results."
    uncommitted = sum(bool(record.environment.get("dirty")) for record in every)
    others = sum(bool(record.environment.get(OTHERS)) for record in every)
    unknown = sum(not record.environment.get("commit") for record in every)
    unnamed = sum(record.kind == "measure" and bool(record.parents and not record.parent_results) for record in every)
    parts = [f"{len(every)} {'result' if len(every) == 1 else 'results'}"]
    parts += [f"{uncommitted} from uncommitted code ({MARK})"] if uncommitted else []
    parts += [f"{others} of a training that was repeated since with another result ({MARK})"] if others else []
    parts += [f"{unknown} from an unknown commit"] if unknown else []
    parts += [f"{unnamed} perhaps of a training that was repeated since"] if unnamed else []
    parts.append(f"package {_counted(record.version for record in every)}")
    precisions = [precision for record in every if (precision := record.environment.get("precision"))]
    parts += [f"precision {_counted(precisions)}"] if len(set(precisions)) > 1 else []
    return "; ".join([*parts, *_roundings(every)]) + "."


def _roundings(records: Iterable[Record]) -> list[str]:
    """Classes whose results have several roundings: they agree within the spread over seeds, not in every digit."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for record in records:
        for name, numerics in record.numerics.items():
            found[name].append(numerics)
    several = {name: numerics for name, numerics in sorted(found.items()) if len(set(numerics)) > 1}
    return [f"{name.split(':')[-1]} {_counted(numerics)}" for name, numerics in several.items()]


def _counted(values: Iterable[str]) -> str:
    """Distinct values, with their numbers where there are several: "0.1.0", or "0.1.0 (5), 0.2.0 (3)"."""
    found = sorted(Counter(values).items())
    return found[0][0] if len(found) == 1 else ", ".join(f"{value} ({count})" for value, count in found)


def machine(environment: Mapping[str, Any]) -> str:
    """The machine of a record as text: "AMD EPYC with 2 cores, 1 thread a run, torch 2.13.0"; or "cpu"."""
    device, cores, threads, torch = (environment.get(name, "?") for name in ("device", "cores", "threads", "torch"))
    device = environment.get("cpu", device) if device == "cpu" else device
    shared = f", shared by {count} processes" if (count := environment.get("processes", 1)) > 1 else ""
    return (
        f"{device} with {cores} cores, {threads} {'thread' if threads == 1 else 'threads'} a run, torch {torch}{shared}"
    )
