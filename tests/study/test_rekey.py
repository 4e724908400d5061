"""Results under older names of arguments and classes get today's names and keys, and nothing else changes."""

from __future__ import annotations

import copy
import inspect
import runpy
from dataclasses import replace
from pathlib import Path

import pytest

from cosmo_pl.modules import IterativeFusionModule
from cosmo_pl.study.identity import Resolved, canonical, key_of

REKEY = runpy.run_path(str(Path(__file__).parents[2] / "experiments" / "rekey.py"))
NEIGHBORS = {"class_path": "cosmo_pl:NeighborPartners", "init_args": {"every": 2, "share": 0.5, "start_epoch": 3}}
SGD = {"momentum": 0.9, "weight_decay": 0.0001, "lr_gamma": 0.9, "optimizer": "sgd"}
STAGE1 = {"class_path": "cosmo_pl:CMCModule", "init_args": {"form": "released", "lr_milestones": [], **SGD}}
STAGE2 = {"class_path": "cosmo_pl:IterativeFusionModule", "init_args": {"lr_milestones": [350], **SGD}}


def record(model, parents=(), **arguments):
    resolved = {"model": model, "trainer": {"callbacks": [NEIGHBORS]}}
    numerics = {"cosmo_pl:NeighborPartners": "2.0", model["class_path"]: "1.1"}
    key = key_of(Resolved(resolved, numerics), parents)
    return {
        "key": key, "arguments": arguments, "parents": list(parents), "resolved": resolved, "numerics": numerics,
        "result": {"correct": 3},
    }  # fmt: skip


@pytest.fixture
def stored():
    """Files to results; the stage 2 comes before the stage 1 that it builds on."""
    callbacks = [{"class_path": "cosmo_pl.modules.NeighborPartners", "init_args": {"every": 2}}]
    first = record(STAGE1, **{"trainer.callbacks": callbacks, "model.init_args.form": "released"})
    second = record(STAGE2, [first["key"]], **{"model.init_args.optimizer": "sgd", "model.init_args.steps": 6})
    return {Path("a-2.json"): second, Path("b-1.json"): first}


def test_names_change_and_nothing_else(stored):
    found, wrong = REKEY["rekeyed"](stored)
    second, first = found.values() if list(found) == list(stored) else reversed(found.values())
    assert not wrong
    assert first["arguments"] == {
        "trainer.callbacks": [{"class_path": "cosmo_pl.callbacks.NearestNeighborPositives", "init_args": {"every": 2}}],
        "model.init_args.variant": "released",
    }
    assert first["resolved"]["model"]["init_args"]["variant"] == "released"
    (callback,) = first["resolved"]["trainer"]["callbacks"]
    assert callback["class_path"] == "cosmo_pl:NearestNeighborPositives" and callback["init_args"]["fraction"] == 0.5
    assert first["numerics"] == {"cosmo_pl:CMCModule": "1.1", "cosmo_pl:NearestNeighborPositives": "2.0"}
    assert second["arguments"] == {"model.init_args.optimizer.name": "sgd", "model.init_args.steps": 6}
    assert second["parents"] == [first["key"]] and second["result"] == {"correct": 3}
    for new in (first, second):
        assert new["key"] == key_of(Resolved(new["resolved"], new["numerics"]), new["parents"])


def test_the_settings_are_those_that_a_configuration_resolves_to(stored):
    found, _ = REKEY["rekeyed"](stored)
    settings = found[Path("a-2.json")]["resolved"]["model"]["init_args"]["optimizer"]
    default = inspect.signature(IterativeFusionModule).parameters["optimizer"].default
    assert settings == canonical(replace(default, milestones=[350]))


def test_a_second_run_changes_nothing(stored):
    once, _ = REKEY["rekeyed"](stored)
    twice, wrong = REKEY["rekeyed"](once)
    assert twice == once and not wrong


def test_what_builds_on_nothing_and_what_was_changed_by_hand_stay(stored):
    changed = copy.deepcopy(stored)
    del changed[Path("b-1.json")]
    damaged = record(STAGE1)
    damaged["resolved"]["model"]["init_args"]["form"] = "cross_view"
    _, wrong = REKEY["rekeyed"]({**changed, Path("c.json"): damaged})
    assert set(wrong) == {Path("a-2.json"), Path("c.json")}
