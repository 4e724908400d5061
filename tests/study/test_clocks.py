"""The study of clocks: errors put in, and what their correction leaves."""

from __future__ import annotations

from cosmo_pl.data import UTDDataModule
from cosmo_pl.study.functions import measurement
from cosmo_pl.study.rendering.clocks import table

from .factory import jobs, record, view

ACCURACY = {(None, False): 0.8, ((0.6, 0), False): 0.7, ((0.6, 0), True): 0.78}
CAMERA = {(None, False): 0.9, (None, True): 0.91, (1.5, False): 0.85, (1.5, True): 0.92}


CASE = {"offset": -0.5, "drift": 0.0, "remaining_ms": [10.0, 20.0]}


def is_corrected(job):
    return "data.init_args.correct_clocks" in job.arguments


def accuracy(job):
    error = job.factors["clock_error"]
    if job.dataset == "mex_plus":
        return CAMERA[None if error is None else error["dc"][0], is_corrected(job)]
    return ACCURACY.get((None if error is None else tuple(error), is_corrected(job)))


def measured():
    recorded = [{"offset": 0.031, "drift": 0.0, "deviation": 0.01, "confidence": 1.0}] * 2
    return {
        "subjects": [1, 2], "clips": 200, "reliable": 3, "as_recorded": recorded,
        "constant": [CASE], "drifting": [{**CASE, "drift": 70.0}],
    }  # fmt: skip


def test_the_table_has_the_accuracy_before_and_after():
    known = {
        job.key: record(job, accuracy(job) + 0.01 * job.seed)
        for job in jobs("clocks")
        if (job.method, job.kind) == ("cosmo", "finetune") and job.seed < 3 and accuracy(job) is not None
    }
    measures = [job for job in jobs("clocks") if (job.kind, job.dataset) == ("measure", "utd_plus")]
    known |= {job.key: record(job, result=measured()) for job in measures}
    rendered = table(view("clocks", "paper", known))
    rows = [dict(zip(rendered.header, row, strict=True)) for row in rendered.rows]
    without, constant, drifting, camera, late = rows
    assert (without["not corrected"], without["corrected"]) == ("0.810 ± 0.010 (n=3)", "-")
    assert (constant["not corrected"], constant["corrected"]) == ("0.710 ± 0.010 (n=3)", "0.790 ± 0.010 (n=3)")
    assert constant["not corrected minus without error, paired by seed"].startswith("-0.100")
    assert constant["corrected minus not corrected, paired by seed"].startswith("+0.080")
    assert (drifting["not corrected"], drifting["corrected"]) == ("-", "-")
    assert camera["not corrected minus without error, paired by seed"] == "-"
    assert (camera["corrected"], late["corrected"]) == ("0.920 ± 0.010 (n=3)", "0.930 ± 0.010 (n=3)")
    assert late["not corrected minus without error, paired by seed"].startswith("-0.050")
    assert any("15 ms remain" in note for note in rendered.notes)
    assert any("3 of these 4 estimates" in note for note in rendered.notes)


def test_a_sensor_of_uncertain_clock_has_an_estimate_and_no_error():
    result = {
        "sensors": ["acw", "dc"],
        "clips": 239,
        "reliable": 2,
        "as_recorded": [{"offset": 0.4, "confidence": 0.18}, {"offset": 0.75, "confidence": 0.99}],
        "constant": [{"offset": 1.5, "drift": 0.0, "remaining_ms": [9.0]}],
        "drifting": [{"offset": 0.4, "drift": -150.0, "remaining_ms": [21.0]}],
    }
    mex = [job for job in jobs("clocks") if (job.kind, job.dataset) == ("measure", "mex_plus")]
    notes = table(view("clocks", "paper", {job.key: record(job, result=result) for job in mex})).notes
    assert "of the sensors as recorded, and their confidence, are acw +400 ms (0.18), dc +750 ms (0.99)." in notes[0]
    assert "up to 0.4 s and 150 ppm, 21 ms remain" in notes[2] and "2 of these 2 estimates" in notes[3]
    nothing = {**result, "reliable": 0, **{kind: [{**CASE, "remaining_ms": []}] for kind in ("constant", "drifting")}}
    assert len(table(view("clocks", "paper", {job.key: record(job, result=nothing) for job in mex})).notes) == 1


def test_runs_without_an_error_are_those_of_other_studies():
    keys = {job.key for job in jobs("plus") if job.dataset == "utd_plus" and job.method == "cosmo"}
    plain = [job for job in jobs("clocks") if (job.method, job.kind) == ("cosmo", "finetune")]
    plain = [job for job in plain if (job.dataset, accuracy(job)) == ("utd_plus", 0.8)]
    assert len(plain) == 5 and {job.key for job in plain} <= keys


def test_what_remains_is_measured(utd_root, monkeypatch):
    monkeypatch.setattr("cosmo_pl.study.measures.clock_error.ERRORS", 2)
    data = UTDDataModule(root=str(utd_root), labels_per_class=1)
    found = measurement("clock_error")([(None, data)])
    assert found["subjects"] == list(range(1, 9)) and found["clips"] == 216
    for kind in ("constant", "drifting"):
        assert [len(case["remaining_ms"]) for case in found[kind]] == [8] * 2
    assert all(case["drift"] == 0 for case in found["constant"])
    assert any(case["drift"] != 0 for case in found["drifting"])
