"""The study of half precision: pairs of runs that differ in precision alone."""

from __future__ import annotations

from cosmo_pl.study.rendering.variance import precision as table

from .factory import jobs, record, view


def test_every_run_has_a_twin_in_the_other_precision():
    found = jobs("precision", "quick")
    assert {job.arguments["trainer.precision"] for job in found} == {"32-true", "bf16-mixed"}
    rest = [(job.dataset, job.method, job.kind, job.seed, job.arguments["trainer.precision"]) for job in found]
    assert len(set(rest)) == len(rest)
    assert {each[:4] for each in rest if each[4] == "32-true"} == {each[:4] for each in rest if each[4] == "bf16-mixed"}


def test_seeds_are_paired():
    known = {
        job.key: record(job, 0.5 + 0.1 * job.seed + 0.02 * (job.arguments["trainer.precision"] == "bf16-mixed"))
        for job in jobs("precision", "quick")
        if (job.dataset, job.method, job.kind) == ("utd", "cosmo", "finetune") and job.seed < 3
    }
    rendered = table(view("precision", "quick", known))
    (row,) = rendered.rows
    cells = dict(zip(rendered.header, row, strict=True))
    assert (cells["float32"], cells["bfloat16"]) == ("0.600 ± 0.100 (n=3)", "0.620 ± 0.100 (n=3)")
    assert cells["bfloat16 minus float32, paired by seed"] == "+0.020, 95 % interval +0.020 to +0.020 (n=3)"
    assert cells["device"] == "cpu"
