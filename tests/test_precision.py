"""Half precision where the machine computes in it faster, and nowhere else."""

from __future__ import annotations

import pytest
import torch

from cosmo_pl.precision import resolved_precision, runs_on_bfloat16_units


@pytest.fixture
def machine(monkeypatch):
    """Pretends that the CPU has matrix units for bfloat16, and that there is a GPU."""

    def pretend(cpu, gpu=False):
        monkeypatch.setattr(
            torch.cpu, "get_capabilities", lambda: {"amx_bf16": cpu, "avx512_bf16": True}, raising=False
        )
        monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)

    return pretend


@pytest.mark.parametrize(
    ("cpu", "gpu", "accelerator", "has"),
    [
        (True, False, "auto", True), (False, False, "auto", False), (True, False, "cpu", True),
        (True, True, "auto", False), (True, True, "gpu", False), (True, True, "cpu", True), (True, False, "mps", False),
    ],
)  # fmt: skip
def test_only_the_units_of_a_cpu_count(cpu, gpu, accelerator, has, machine):
    machine(cpu, gpu)
    assert runs_on_bfloat16_units(accelerator) is has


def test_an_older_torch_says_nothing_of_the_cpu(machine, monkeypatch):
    machine(True)
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert not runs_on_bfloat16_units("cpu")


def test_auto_is_replaced_and_all_else_is_left(machine):
    machine(True)
    assert resolved_precision("auto", "cpu", mixed=True) == "bf16-mixed"
    assert resolved_precision("auto", "cpu", mixed=False) == "32-true"
    for asked in ("32-true", "16-mixed", 32, None):
        assert resolved_precision(asked, "cpu", mixed=True) == asked
    machine(False)
    assert resolved_precision("auto", "cpu", mixed=True) == "32-true"
