"""The table of overheads from hand-made measurements."""

from __future__ import annotations

from cosmo_pl.study.rendering.overheads import HEADER, table

from .factory import jobs, record, view

COSTS = {
    "parameters": 1_234_567,
    "flops": 25_040_000,
    "bytes": {"onnx": 3_280_000, "int8": 1_060_000},
    "seconds": {
        "torch": {"p50": 0.004, "p95": 0.01},
        "onnx": {"p50": 0.0005, "p95": 0.001},
        "int8": {"p50": 0.0002, "p95": 0.0003},
    },
    "refused": None,
}
NOT_QUANTISED = {
    "parameters": 0,
    "flops": 0,
    "bytes": {"onnx": 4_000_000},
    "seconds": {"torch": {"p50": 0.004, "p95": 0.01}, "onnx": {"p50": 0.0005, "p95": 0.001}},
    "refused": "no layer",
}


def rendered(datasets, costs=COSTS):
    """The study with stages 1 of 120 s and stages 2 of 30 s; trainings that are only measured take 999 s."""
    found = {}
    for job in jobs("overheads"):
        if job.dataset not in datasets:
            continue
        if job.kind == "measure":
            told = {"seconds": {}, "overheads": costs, "device": "cpu", "threads": 1, "cores": 2}
            found[job.key] = record(job, result=told)
        else:
            short = job.arguments.get("trainer.max_epochs") == 1
            seconds = 999.0 if short else {"pretrain": 120.0, "finetune": 30.0}[job.kind]
            made = record(job).result
            training = {**made.get("training", {}), "fit_seconds": seconds}
            found[job.key] = record(
                job,
                result={"fit_seconds": seconds, "training": training}
                if job.kind == "finetune"
                else {"fit_seconds": seconds},
            )
    return table(view("overheads", "paper", found))


def test_costs_and_the_times_of_whole_trainings():
    rows = {(row[0], row[1]): dict(zip(HEADER, row, strict=True)) for row in rendered(["utd_plus", "utd"]).rows}
    assert {name for _, name in rows} == {"Cosmo", "CMC, fine-tuned", "DeepSense, shared", "AttnSense, shared"}
    row = next(row for (dataset, name), row in rows.items() if name == "Cosmo" and "plus" in dataset)
    assert (row["parameters"], row["MFLOPs"], row["MB, float"], row["MB, int8"]) == (
        "1,234,567",
        "25.0",
        "3.28",
        "1.06",
    )
    assert row["ms, PyTorch: median / 95 %"] == "4 / 10" and row["ms, int8: median / 95 %"] == "0.2 / 0.3"
    for its in rows.values():
        pretrained = its["method"] in ("Cosmo", "CMC, fine-tuned")
        assert its["minutes, stage 1"].startswith("2.00" if pretrained else "-")
        assert its["minutes, stage 2"].startswith("0.50")


def test_what_is_not_exported_says_why():
    found = rendered(["usc_plus"], NOT_QUANTISED)
    (row,) = found.rows
    assert row[HEADER.index("MB, int8")] == "-" == row[HEADER.index("ms, int8: median / 95 %")]
    assert any(note.endswith("no layer") for note in found.notes)
    assert any("0.4 s" in note for note in found.notes) and any(
        "Energy is not measured" in note for note in found.notes
    )


def test_nothing_at_all_is_rendered():
    assert rendered([]).rows == []
