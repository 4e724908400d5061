"""Overheads of recognition and training, beside those that the paper states (Table 3 and Fig. 17)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cosmo_pl.study.jobs import Job
from cosmo_pl.study.rendering.provenance import is_timed, machine, training_seconds
from cosmo_pl.study.rendering.statistics import Pairs, mean_text
from cosmo_pl.study.rendering.style import title
from cosmo_pl.study.rendering.view import Rendered, View, unique

RUNTIMES = {"torch": "PyTorch", "onnx": "onnxruntime", "int8": "int8"}
HEADER = (
    "dataset",
    "method",
    "parameters",
    "MFLOPs",
    *(f"MB, {name}" for name in ("float", "int8")),
    *(f"ms, {name}: median / 95 %" for name in RUNTIMES.values()),
    *(f"minutes, stage {stage}" for stage in (1, 2)),
)
NOTES = (
    "Milliseconds are those of the processor from one sample in the sensors' units to its probabilities at one "
    "thread: preprocessing, encoders and head. A machine without other work takes as long.",
    "MB are those of the exported graphs.",
    "FLOPs are those of convolutions and products of matrices; a product and its sum are two.",
    "Minutes are those of whole trainings, without reading, testing and starting.",
    "Energy is not measured.",
)


def table(view: View) -> Rendered:
    """One row for each dataset and method that is measured."""
    measured = view.records(lambda job: job.measure == "latency")
    rows = [[*_names(view, job), *_costs(record.result["overheads"]), *_minutes(view, job)] for job, record in measured]
    return Rendered(HEADER, rows, notes=[*NOTES, *_notes(view, measured)])


def _names(view: View, job: Job) -> list[str]:
    return [view.title(job.dataset), title(view.methods, job.method)]


def _costs(its: Mapping[str, Any]) -> list[str]:
    sizes = [f"{its['bytes'][name] / 1e6:.2f}" if name in its["bytes"] else "-" for name in ("onnx", "int8")]
    seconds = [its["seconds"].get(name) for name in RUNTIMES]
    times = ["-" if each is None else f"{1e3 * each['p50']:.3g} / {1e3 * each['p95']:.3g}" for each in seconds]
    return [f"{its['parameters']:,}", f"{its['flops'] / 1e6:.1f}", *sizes, *times]


def _minutes(view: View, measured: Job) -> list[str]:
    """Training times of a method's stages 1 and 2, of its own runs and not of those that were made to be measured."""
    ends = [o.job for o in view.outcomes if o.job.cells and o.job.kind == "finetune"]
    second = {job.key for job in ends if (job.dataset, job.method) == (measured.dataset, measured.method)}
    first = {parent.key for job in ends if job.key in second for parent in job.parents}
    found = (view.records(lambda job, keys=keys: job.key in keys) for keys in (first, second))  # type: ignore[misc]
    seconds = [training_seconds(record for _, record in pairs) for pairs in found]
    return [mean_text([each / 60 for each in values], 2) if values else "-" for values in seconds]


def _notes(view: View, measured: Pairs) -> list[str]:
    limit = view.stated("fig17").get("inference_s_max")
    notes = [] if limit is None else [f"The paper states at most {limit} s for a window of two seconds, on its device."]
    notes += [f"Measured on {each}." for each in unique(machine(record.environment) for _, record in measured)]
    if not all(is_timed(record) for _, record in measured):
        notes.append("Other work shared the machine and its caches, so that some times are too long.")
    refused = {"; ".join(_names(view, job)): record.result["overheads"]["refused"] for job, record in measured}
    return [*notes, *(f"{name}: {reason}" for name, reason in refused.items() if reason)]
