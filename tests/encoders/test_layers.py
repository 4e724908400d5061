"""Layers are PyTorch's, computed another way; dropout is in distribution."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import nn

from cosmo_pl.encoders.layers import ConvBlock, Dropout

COUNT = 100_000


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("p", [0.05, 0.5, 0.9])
def test_drops_the_share_and_scales_the_rest(p: float, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    x = torch.rand(COUNT, dtype=dtype) + 0.5
    out = Dropout(p)(x)
    kept = out != 0
    assert out.dtype == dtype
    torch.testing.assert_close(out[kept], x[kept] / (1 - p), rtol=1e-4, atol=0)
    share, error = 1 - kept.double().mean().item(), math.sqrt(p * (1 - p) / COUNT)
    assert share == pytest.approx(p, abs=4 * error)


@pytest.mark.parametrize("p", [0.2, 0.5])
def test_half_precision_drops_the_share_too(p: float) -> None:
    torch.manual_seed(0)
    out = Dropout(p)(torch.ones(COUNT, dtype=torch.bfloat16))
    assert out.dtype == torch.bfloat16
    assert (out == 0).double().mean().item() == pytest.approx(p, abs=0.006)


def test_values_are_dropped_independently_of_each_other() -> None:
    torch.manual_seed(0)
    kept = (Dropout(0.5)(torch.ones(400, 50, 5)) != 0).double() - 0.5
    for axis in range(3):
        neighbours = (kept * kept.roll(1, dims=axis)).mean().item() * 4
        assert abs(neighbours) < 4 / math.sqrt(kept.numel())


def test_draws_anew_and_follows_the_seed() -> None:
    x = torch.ones(1000)
    torch.manual_seed(1)
    first, second = Dropout()(x), Dropout()(x)
    torch.manual_seed(1)
    assert torch.equal(first, Dropout()(x)) and not torch.equal(first, second)


def test_gradient_is_the_mask() -> None:
    torch.manual_seed(0)
    x = (torch.rand(1000) + 0.5).requires_grad_()
    out = Dropout(0.25)(x)
    out.sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad * x.detach(), out.detach())


@pytest.mark.parametrize(("p", "training"), [(0.5, False), (1.0, False), (0.0, True)])
def test_changes_nothing_in_eval_mode_or_without_a_probability(p: float, training: bool) -> None:
    x = torch.randn(1000)
    assert torch.equal(Dropout(p).train(training)(x), x)


@pytest.mark.parametrize("p", [0.999993, 1 - 1e-7])
def test_a_probability_near_one_drops_nearly_everything(p: float) -> None:
    assert Dropout(p)(torch.ones(10_000)).count_nonzero() < 20


def test_probability_one_drops_everything() -> None:
    assert torch.equal(Dropout(1.0)(torch.ones(10)), nn.Dropout(1.0)(torch.ones(10)))


class Plain(nn.Sequential):
    """The same layers one by one, with a dropout that keeps what another has kept."""

    def __init__(self, block: ConvBlock, kept: torch.Tensor | float) -> None:
        super().__init__(copy.deepcopy(block[0]), copy.deepcopy(block[1]), nn.ReLU())
        self.kept = kept

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) * self.kept


BLOCKS = {
    "1d": (nn.Conv1d(3, 5, 3, 2), nn.BatchNorm1d(5), (4, 3, 30)),
    "2d": (nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), (4, 3, 9, 8)),
    "3d": (nn.Conv3d(3, 5, 3), nn.BatchNorm3d(5), (4, 3, 7, 6, 5)),
    "channels last": (nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), (4, 3, 9, 8)),
}


@pytest.mark.parametrize("p", [0.0, 0.5, 0.3])
@pytest.mark.parametrize("name", BLOCKS)
def test_a_block_equals_its_layers_forward_and_backward(name: str, p: float) -> None:
    torch.manual_seed(0)
    conv, norm, shape = BLOCKS[name]
    block = ConvBlock(copy.deepcopy(conv), copy.deepcopy(norm), p).double()
    nn.init.normal_(block[1].weight)
    x = torch.randn(shape, dtype=torch.float64)
    x = x.contiguous(memory_format=torch.channels_last) if name == "channels last" else x
    before = copy.deepcopy(block)
    mine = x.clone().requires_grad_()
    out = block(mine)
    whole = Plain(before, 1.0)(x)
    kept = (out != 0) | (whole == 0)
    scale = (out[kept & (whole > 0)] / whole[kept & (whole > 0)]).mean().item()
    assert scale == pytest.approx(1 / (1 - p), rel=1e-4)
    plain, theirs = Plain(before, kept * scale), x.clone().requires_grad_()
    expected = plain(theirs)
    torch.testing.assert_close(out, expected)
    weighting = torch.randn(out.shape, dtype=out.dtype)
    found = torch.autograd.grad((out * weighting).sum(), [mine, *block.parameters()])
    torch.testing.assert_close(found, torch.autograd.grad((expected * weighting).sum(), [theirs, *plain.parameters()]))
    torch.testing.assert_close(dict(block[1].named_buffers()), dict(plain[1].named_buffers()))


def test_a_block_in_eval_mode_is_its_layers() -> None:
    conv, norm, shape = BLOCKS["2d"]
    block = ConvBlock(conv, norm, 0.5).eval()
    x = torch.randn(shape)
    assert torch.equal(block(x), nn.functional.relu(norm(conv(x))))


def test_a_block_drops_its_share_of_what_is_positive() -> None:
    torch.manual_seed(0)
    block = ConvBlock(nn.Conv2d(1, 4, 1), nn.BatchNorm2d(4), 0.2)
    nn.init.constant_(block[1].bias, 10.0)
    with torch.autocast("cpu", torch.bfloat16):
        out = block(torch.randn(50, 1, 40, 30))
    assert out.dtype == torch.bfloat16
    assert (out == 0).double().mean().item() == pytest.approx(0.2, abs=0.004)


def test_a_norm_in_eval_mode_alone_keeps_its_statistics() -> None:
    torch.manual_seed(0)
    conv, norm = nn.Conv1d(3, 5, 3), nn.BatchNorm1d(5)
    block = ConvBlock(conv, norm, 0.0).train()
    norm.eval()
    x = torch.randn(4, 3, 30)
    torch.testing.assert_close(block(x), nn.functional.relu(norm(conv(x))))
    assert not norm.running_mean.any() and norm.num_batches_tracked == 0
