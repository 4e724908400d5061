"""Accuracy with an error of a sensor's clock, and after its correction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import median
from typing import Any

from cosmo_pl.study.rendering.statistics import Pairs, difference_of, grouped, mean_and_std, summarize
from cosmo_pl.study.rendering.style import title
from cosmo_pl.study.rendering.view import Rendered, View

HEADER = (
    "dataset",
    "method",
    "error of a sensor's clock",
    "not corrected",
    "corrected",
    "not corrected minus without error, paired by seed",
    "corrected minus not corrected, paired by seed",
)
FACTOR, CORRECTED = "clock_error", "data.init_args.correct_clocks"


def table(view: View) -> Rendered:
    """One row for each error: accuracy before and after the correction, beside that without an error."""
    grids = [number for number, run in enumerate(view.study.runs) if FACTOR in run.vary]
    pairs = [pair for number in grids for pair in view.grid(number)]
    corrected = [pair for pair in pairs if CORRECTED in pair[0].arguments]
    put_in = [pair for pair in pairs if CORRECTED not in pair[0].arguments]
    rows = []
    for dataset, method in grouped(pairs):
        factor = next(view.study.runs[n].vary[FACTOR] for n in grids if dataset in view.study.runs[n].datasets)
        for value, name in factor.named:
            before, after = (_at(pairs, dataset, method, value) for pairs in (put_in, corrected))
            without = _at(put_in, dataset, method, None)
            cells = [mean_and_std(summarize([record for _, record in pairs])) for pairs in (before, after)]
            put = value is not None and before
            cells.append(difference_of(before, without).describe() if put else "-")
            cells.append(difference_of(after, before).describe() if after else "-")
            rows.append([view.title(dataset), title(view.methods, method), str(name), *cells])
    measured = view.records(lambda job: job.measure == FACTOR)
    notes = [f"{view.title(job.dataset)}: {note}" for job, record in measured for note in _notes(record.result)]
    return Rendered(HEADER, rows, notes=notes)


def _at(pairs: Pairs, dataset: str, method: str, value: Any) -> Pairs:
    return [p for p in pairs if (p[0].dataset, p[0].method, p[0].factors[FACTOR]) == (dataset, method, value)]


def _notes(result: Mapping[str, Any]) -> Iterator[str]:
    of = "sensors" if "sensors" in result else "subjects"
    recorded = ", ".join(
        f"{name} {1000 * each['offset']:+.0f} ms ({each['confidence']:.2f})"
        for name, each in zip(result[of], result["as_recorded"], strict=True)
    )
    yield f"the estimates of the {of} as recorded, and their confidence, are {recorded}."
    left = {
        kind: [value for case in result[kind] for value in case["remaining_ms"]] for kind in ("constant", "drifting")
    }
    for kind, values in left.items():
        if not values:
            continue  # no estimate as recorded is reliable
        largest = max(abs(case["offset"]) for case in result[kind])
        drift = max(abs(case["drift"]) for case in result[kind])
        put_in = f"up to {largest:.1f} s" + (f" and {drift:.0f} ppm" if drift else "")
        yield (
            f"of {len(result[kind])} random {kind} errors of {put_in}, {median(values):.0f} ms remain after the "
            f"correction (median over {of} and errors; at most {max(values):.0f} ms)."
        )
    if total := sum(len(values) for values in left.values()):
        yield f"{result['reliable']} of these {total} estimates are reliable and were used."
