"""Table 1: the measurement on recordings, and its rendering."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cosmo_pl.data import USCDataModule, UTDDataModule
from cosmo_pl.study.measures.describe import describe
from cosmo_pl.study.records import Record
from cosmo_pl.study.rendering.table1 import datasets
from cosmo_pl.study.rendering.view import Rendered

from .factory import jobs, record, view

UTD: dict[str, Any] = {
    "title": "UTD-MHAD",
    "modalities": {"inertial": [120, 6], "skeleton": [40, 20, 3]},
    "classes": 27,
    "subjects": 8,
    "recordings": 861,
    "samples": 861,
    "train_subjects": [1, 2, 3, 4, 5, 6],
    "test_subjects": [7, 8],
    "train_samples": 646,
    "labeled": 27,
    "unlabeled": 513,
    "test_samples": 215,
}


def rendered(simulated: bool = False, **changed: Any) -> Rendered:
    found: dict[str, Record] = {}
    for each in jobs("table1"):
        if each.dataset == "utd":
            found[each.key] = record(each, result=UTD | changed, simulated=simulated)
    return datasets(view("table1", "paper", found))


def verdicts(table: Rendered, dataset: str) -> dict[str, str]:
    return {v.claim.split(" has ")[1]: v.verdict for v in table.verdicts if f" {dataset} has " in v.claim}


def test_what_is_measured_on_clips(utd_root: Path) -> None:
    data = UTDDataModule(root=str(utd_root), labels_per_class=1, test_subjects=[2, 8])
    data.setup()
    assert describe([(None, data)]) == {
        "title": "UTD-MHAD",
        "modalities": {"inertial": [120, 6], "skeleton": [40, 20, 3]},
        "classes": 27,
        "subjects": 8,
        "recordings": 8 * 27,
        "samples": 8 * 27,
        "train_subjects": [1, 3, 4, 5, 6, 7],
        "test_subjects": [2, 8],
        "train_samples": 6 * 27,
        "labeled": 27,
        "unlabeled": 5 * 27,
        "test_samples": 2 * 27,
    }


def test_windows_are_more_than_recordings(usc_root: Path) -> None:
    data = USCDataModule(root=str(usc_root), labels_per_class=1)
    data.setup()
    found = describe([(None, data)])
    assert found["recordings"] == 14 * 12 < found["samples"]
    assert found["train_subjects"] == list(range(1, 11))
    assert found["train_samples"] + found["test_samples"] == found["samples"]
    assert found["test_samples"] == int(np.isin(data.samples.subject, [11, 12, 13, 14]).sum())


def test_modalities_are_those_in_use(utd_root: Path) -> None:
    data = UTDDataModule(root=str(utd_root), labels_per_class=1, modalities=["skeleton"])
    data.setup()
    assert describe([(None, data)])["modalities"] == {"skeleton": [40, 20, 3]}


def test_rows_are_ours_beside_the_papers() -> None:
    table = rendered()
    cells = [dict(zip(table.header, row, strict=True)) for row in table.rows]
    ours = next(row for row in cells if row["source"] == "on disk")
    stated = next(row for row in cells if row["source"] == "paper" and row["dataset"] == "UTD-MHAD")
    assert ours["modalities (shape of a sample)"] == "inertial 120×6, skeleton 40×20×3"
    assert (ours["samples"], stated["samples"]) == ("861", "864")
    assert (ours["test subjects"], stated["test subjects"]) == ("2", "2")
    assert (ours["test samples"], stated["test samples"]) == ("215", "216")
    assert (ours["labelled"], stated["labelled"], ours["unlabelled"]) == ("27", "27", "513")
    assert [row["dataset"] for row in cells] == ["USC-HAD", "UTD-MHAD", "UTD-MHAD", "self-collected"]


def test_counts_are_judged() -> None:
    table = rendered()
    assert verdicts(table, "UTD-MHAD") == {
        "27 activities": "reproduced",
        "8 subjects": "reproduced",
        "864 samples": "not reproduced",
        "6 training subjects": "reproduced",
        "2 test subjects": "reproduced",
    }
    assert set(verdicts(table, "self-collected").values()) == {"too few runs"}
    assert verdicts(rendered(test_subjects=[8]), "UTD-MHAD")["2 test subjects"] == "not reproduced"


def test_simulated_recordings_are_told_and_not_compared() -> None:
    table = rendered(simulated=True)
    assert set(verdicts(table, "UTD-MHAD").values()) == {"not comparable"}
    assert any(note.startswith("UTD-MHAD: simulated recordings") for note in table.notes)
    assert "simulated" in {row[1] for row in table.rows}


def test_nothing_measured_leaves_the_papers_rows() -> None:
    table = datasets(view("table1", "paper", {}))
    assert {row[1] for row in table.rows} == {"paper"}
    assert {verdict.verdict for verdict in table.verdicts} == {"too few runs"}


def test_official_recordings(real_root: Path) -> None:
    if not (real_root / "UTD-MHAD").is_dir():
        pytest.skip("no UTD-MHAD there")
    data = UTDDataModule(root=str(real_root))
    data.setup()
    assert describe([(None, data)]) == UTD
