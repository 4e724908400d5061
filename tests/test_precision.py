"""Half precision where the machine computes in it faster, and nowhere else."""

from __future__ import annotations

import pytest
import torch

from cosmo_pl.precision import has_bfloat16_units, resolved_precision


@pytest.fixture
def machine(monkeypatch):
    """Pretends that the CPU and a GPU have matrix units for bfloat16; None: there is no GPU."""

    def pretend(cpu, gpu=None):
        monkeypatch.setattr(
            torch.cpu, "get_capabilities", lambda: {"amx_bf16": cpu, "avx512_bf16": True}, raising=False
        )
        monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu is not None)
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: gpu)

    return pretend


@pytest.mark.parametrize(
    ("cpu", "gpu", "accelerator", "has"),
    [
        (True, None, "auto", True), (False, None, "auto", False), (True, None, "cpu", True),
        (False, True, "auto", True), (True, False, "auto", False), (True, False, "gpu", False),
        (True, False, "cpu", True), (True, None, "mps", False),
    ],
)  # fmt: skip
def test_units_are_those_of_the_device_that_is_used(cpu, gpu, accelerator, has, machine):
    machine(cpu, gpu)
    assert has_bfloat16_units(accelerator) is has


def test_an_older_torch_says_nothing_of_the_cpu(machine, monkeypatch):
    machine(True)
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert not has_bfloat16_units("cpu")


def test_auto_is_replaced_and_all_else_is_left(machine):
    machine(True)
    assert resolved_precision("auto", "cpu", mixed=True) == "bf16-mixed"
    assert resolved_precision("auto", "cpu", mixed=False) == "32-true"
    for asked in ("32-true", "16-mixed", 32, None):
        assert resolved_precision(asked, "cpu", mixed=True) == asked
    machine(False)
    assert resolved_precision("auto", "cpu", mixed=True) == "32-true"
