"""Table 3 from hand-made records."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cosmo_pl.study.rendering.table3 import cost
from cosmo_pl.study.rendering.view import Rendered

from .factory import jobs, record, view

ALL = [job for job in jobs("table3") if job.dataset == "utd"]


def rendered(simulated: bool = False) -> Rendered:
    """Stage 1 takes 60, 61, ... minutes by seed, stage 2 one, the baselines two."""
    found = {}
    for job in ALL:
        minutes = 60 + job.seed if job.kind == "pretrain" else 1 if job.method == "cosmo" else 2
        training: dict[str, Any] = {"fit_seconds": 60.0 * minutes, "epochs": 300 if job.kind == "pretrain" else 500}
        result = training if job.kind == "pretrain" else {"training": training}
        found[job.key] = record(job, result=result, simulated=simulated)
    return cost(view("table3", "paper", found))


def rows(table: Rendered, dataset: str = "UTD-MHAD") -> dict[str, dict[str, str]]:
    return {row[1]: dict(zip(table.header, row, strict=True)) for row in table.rows if row[0] == dataset}


def test_runs_are_those_of_table_2() -> None:
    """The same runs have the same keys: the table needs no training of its own."""
    shared = {job.key for job in jobs("table3") if job.dataset in ("utd", "usc")}
    assert shared and shared <= {job.key for job in jobs("table2")}


def test_times() -> None:
    found = rows(rendered())
    assert list(found) == ["Cosmo, stage 1", "Cosmo, stage 2", "DeepSense, shared", "AttnSense, shared"]
    assert found["Cosmo, stage 1"]["minutes"] == "62.00 ± 1.58 (n=5)"
    assert found["Cosmo, stage 2"]["minutes"] == "1.00 ± 0.00 (n=5)"
    assert found["AttnSense, shared"]["minutes"] == "2.00 ± 0.00 (n=5)"
    assert (found["Cosmo, stage 1"]["epochs"], found["Cosmo, stage 2"]["epochs"]) == ("300", "500")
    assert found["Cosmo, stage 1"]["trained samples"] == "513"
    assert found["Cosmo, stage 2"]["trained samples"] == "27"


def test_paper_stands_beside_its_own_dataset_alone() -> None:
    found = rows(rendered(), "self-collected, 2% labels")
    assert found["Cosmo, stage 1"]["paper: minutes at 1 % / 2 % labels"] == "101.19 / 90.13"
    for dataset in ("UTD-MHAD", "USC-HAD"):
        stated = [row[key] for row in rows(rendered(), dataset).values() for key in row if key.startswith("paper")]
        assert len(stated) == 4 and set(stated) == {"-"}


def test_times_themselves_are_not_comparable() -> None:
    times, energies, *_ = rendered().verdicts
    assert times.claim == "Table 3, section 6.6: training times"
    assert times.verdict == energies.verdict == "not comparable"
    assert "self-collected data" in times.evidence


@pytest.mark.parametrize(
    ("stage2", "seeds", "expected"),
    [(1.0, 5, "reproduced"), (2.5, 5, "not reproduced"), (2.02, 5, "undecided"), (1.0, 2, "too few runs")],
)
def test_stage_2_against_the_baselines(stage2: float, seeds: int, expected: str) -> None:
    found = {}
    for job in (job for job in ALL if job.kind == "finetune" and job.seed < seeds):
        minutes = stage2 if job.method == "cosmo" else 2 + 0.01 * job.seed
        found[job.key] = record(job, result={"training": {"fit_seconds": 60.0 * minutes, "epochs": 500}})
    verdicts = {v.claim: v for v in cost(view("table3", "paper", found)).verdicts}
    claim = "Table 3, section 6.6: Cosmo's stage 2 is trained faster than the baselines, seconds on"
    assert verdicts[f"{claim} UTD-MHAD"].verdict == expected
    assert verdicts[f"{claim} USC-HAD"].verdict == "too few runs"


def test_times_of_uncommitted_code_are_marked() -> None:
    dirty = replace(record(ALL[0], result={"fit_seconds": 60.0, "epochs": 1}), environment={"dirty": True})
    assert rows(cost(view("table3", "paper", {ALL[0].key: dirty})))["Cosmo, stage 1"]["minutes"] == "1.00 (n=1)†"


def test_times_of_runs_with_a_core_of_their_own_count() -> None:
    shared = {"processes": 2, "threads": 1, "cores": 2}
    timed = replace(record(ALL[0], result={"fit_seconds": 60.0, "epochs": 1}), environment=shared)
    assert rows(cost(view("table3", "paper", {ALL[0].key: timed})))["Cosmo, stage 1"]["minutes"] == "1.00 (n=1)"


@pytest.mark.parametrize("environment", [{"busy": True}, {"processes": 3, "threads": 1, "cores": 2}])
def test_times_of_runs_beside_other_work_are_left_out(environment: dict[str, Any]) -> None:
    busy = replace(record(ALL[0], result={"fit_seconds": 60.0, "epochs": 1}), environment=environment)
    assert rows(cost(view("table3", "paper", {ALL[0].key: busy})))["Cosmo, stage 1"]["minutes"] == "-"


def test_machine_and_simulation_are_text() -> None:
    assert rendered().notes[0] == "Measured on cpu with 2 cores, 1 thread a run, torch 2.13.0."
    assert "Some of the recordings are simulated." not in rendered().notes
    assert "Some of the recordings are simulated." in rendered(simulated=True).notes


def test_no_result_at_all() -> None:
    table = cost(view("table3", "paper", {}))
    assert {row["minutes"] for row in rows(table, "USC-HAD").values()} == {"-"}
    assert table.notes[0] == "No run is done."
