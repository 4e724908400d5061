"""Table 3 from hand-made records."""

from __future__ import annotations

from typing import Any

from cosmo_pl.study.rendering.table3 import cost
from cosmo_pl.study.rendering.view import Rendered

from .factory import jobs, record, view

ALL = [job for job in jobs("table3") if job.dataset == "utd"]


def rendered(joules: float | None = None, simulated: bool = False) -> Rendered:
    """Stage 1 takes 60, 61, ... minutes by seed, stage 2 one, the baselines two."""
    found = {}
    for job in ALL:
        minutes = 60 + job.seed if job.kind == "pretrain" else 1 if job.method == "cosmo" else 2
        training: dict[str, Any] = {"fit_seconds": 60.0 * minutes, "epochs": 300 if job.kind == "pretrain" else 500}
        training |= {} if joules is None else {"fit_joules": joules}
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


def test_paper_stands_beside() -> None:
    found = rows(rendered())
    assert found["Cosmo, stage 1"]["paper: minutes at 1 % / 2 % labels"] == "101.19 / 90.13"
    assert found["DeepSense, shared"]["paper: kJ at 1 % / 2 % labels"] == "30.99 / 60.90"


def test_energy_only_where_it_was_measured() -> None:
    without, measured = rendered(), rendered(joules=12_345.0)
    assert {row["energy, kJ"] for row in rows(without).values()} == {"-"}
    assert any(note.startswith("Energy was not measured") for note in without.notes)
    assert rows(measured)["Cosmo, stage 2"]["energy, kJ"] == "12.35 ± 0.00 (n=5)"
    assert not any(note.startswith("Energy was not measured") for note in measured.notes)


def test_nothing_is_comparable() -> None:
    table = rendered()
    assert [verdict.verdict for verdict in table.verdicts] == ["not comparable"] * 2
    assert "Table 3, section 6.6: training times" in {verdict.claim for verdict in table.verdicts}


def test_machine_and_simulation_are_told() -> None:
    assert rendered().notes[0] == "Measured on cpu with 2 cores, 1 thread a run, torch 2.13.0."
    assert "Some of the recordings are simulated." not in rendered().notes
    assert "Some of the recordings are simulated." in rendered(simulated=True).notes


def test_no_result_at_all() -> None:
    table = cost(view("table3", "paper", {}))
    assert {row["minutes"] for row in rows(table, "USC-HAD").values()} == {"-"}
    assert table.notes[0] == "No run is done."
