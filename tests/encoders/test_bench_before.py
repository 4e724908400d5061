"""What `make bench` compares today's encoders with computes the same."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

from cosmo_pl.encoders import Encoder, InertialEncoder, SkeletonEncoder, TemporalEncoder

PATH = Path(__file__).parents[2] / "experiments" / "bench_before.py"
CASES: dict[str, tuple[Encoder, tuple[int, ...]]] = {
    "inertial": (InertialEncoder(dropout=0.0), (40, 6)),
    "skeleton": (SkeletonEncoder((8, 8, 8, 4), dropout=0.0), (18, 16, 3)),
    "temporal": (TemporalEncoder(60, (8, 8), strides=(1, 2), velocities=True), (40, 20, 3)),
}


@pytest.fixture(scope="module")
def before() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bench_before", PATH)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["bench_before"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", CASES)
def test_encoders_compute_the_same_as_before(before: ModuleType, name: str) -> None:
    torch.manual_seed(0)
    encoder, shape = CASES[name]
    old = before.as_before(encoder)
    before.check_equal(encoder, old, torch.randn(3, *shape))
    x = torch.randn(3, *shape, dtype=torch.float64, requires_grad=True)
    outputs, gradients = [], []
    for each in (encoder.double().train(), old.double().train()):
        out = each(x)
        weighting = torch.arange(out.numel(), dtype=out.dtype).reshape(out.shape).sin()
        outputs.append(out)
        gradients.append(torch.autograd.grad((out * weighting).sum(), [x, *each.parameters()]))
    torch.testing.assert_close(*outputs, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(*gradients, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(dict(encoder.named_buffers()), dict(old.named_buffers()), rtol=1e-9, atol=1e-9)


def test_a_comparison_of_other_weights_is_refused(before: ModuleType) -> None:
    encoder, shape = InertialEncoder(dropout=0.0), (40, 6)
    with pytest.raises(AssertionError):
        before.check_equal(encoder, before.as_before(InertialEncoder(dropout=0.0)), torch.randn(3, *shape))


@pytest.mark.parametrize("name", ["SGD", "AdamW"])
def test_unfused_optimizers_step_the_same(before: ModuleType, name: str) -> None:
    torch.manual_seed(0)
    fused, plain = (torch.nn.Parameter(torch.ones(5)) for _ in range(2))
    optimizers = [getattr(torch.optim, name)([value], lr=0.1, fused=True) for value in (fused, plain)]
    before.unfused(optimizers[1])
    for value, optimizer in zip((fused, plain), optimizers, strict=True):
        value.grad = torch.arange(5.0)
        optimizer.step()
    torch.testing.assert_close(fused, plain)
