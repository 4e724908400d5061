"""The skeleton's convolution is PyTorch's, computed another way."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from cosmo_pl.encoders.skeleton import NarrowConv3d

CASES = [
    ((5, 5, 2), (2, 3, 9, 8, 3)),
    ((5, 5, 1), (2, 3, 9, 8, 3)),
    ((5, 2, 3), (2, 3, 9, 8, 3)),
    ((1, 1, 1), (2, 1, 4, 5, 3)),
    ((1, 1, 3), (2, 4, 4, 5, 3)),
    ((3, 2, 2), (1, 2, 3, 2, 2)),  # a single place in all directions
    ((2, 3, 2), (3, 2, 6, 5, 5)),  # more than three coordinates
    ((2, 3, 3), (3, 1, 6, 5, 6)),
    ((4, 1, 2), (1, 2, 6, 3, 3)),
]
cases = pytest.mark.parametrize(("kernel", "shape"), CASES)


def pair(kernel: tuple[int, int, int], channels: int, bias: bool = True) -> tuple[NarrowConv3d, nn.Conv3d]:
    torch.manual_seed(0)
    narrow = NarrowConv3d(channels, 5, kernel, bias=bias).double()
    plain = nn.Conv3d(channels, 5, kernel, bias=bias).double()
    plain.load_state_dict(narrow.state_dict())
    return narrow, plain


def convolved(layer: nn.Conv3d, x: Tensor) -> Tensor:
    """(N, C, T, J, D) to (N, C', T', J', D')."""
    if not isinstance(layer, NarrowConv3d):
        return layer(x)
    beside = layer.beside(x.movedim(1, 4).movedim(3, 1))  # (N, D, T, J, C)
    return layer(beside).unflatten(0, (len(x), -1)).movedim(1, 4)


def gradients(layer: nn.Conv3d, x: Tensor) -> tuple[Tensor, list[Tensor]]:
    x = x.clone().requires_grad_()
    out = convolved(layer, x)
    weighting = torch.arange(out.numel(), dtype=out.dtype).reshape(out.shape).sin()
    return out.detach(), list(torch.autograd.grad((out * weighting).sum(), [x, *layer.parameters()]))


@pytest.mark.parametrize("bias", [True, False])
@cases
def test_equals_conv3d_forward_and_backward(kernel: tuple[int, int, int], shape: tuple[int, ...], bias: bool) -> None:
    narrow, plain = pair(kernel, shape[1], bias)
    x = torch.randn(shape, dtype=torch.float64)
    (out, found), (expected_out, expected) = gradients(narrow, x), gradients(plain, x)
    assert len(found) == (3 if bias else 2)
    torch.testing.assert_close(out, expected_out, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("order", [(0, 4, 2, 3, 1), (0, 1, 3, 2, 4), (4, 1, 2, 3, 0)])
def test_accepts_any_layout_of_memory(order: tuple[int, ...]) -> None:
    narrow, plain = pair((3, 2, 2), 2)
    x = torch.randn(2, 2, 6, 5, 3, dtype=torch.float64)
    strided = x.permute(order).contiguous().permute(*(order.index(axis) for axis in range(5)))
    assert not strided.is_contiguous()
    torch.testing.assert_close(convolved(narrow, strided), plain(x), rtol=1e-12, atol=1e-12)


def test_is_a_conv3d_to_a_checkpoint() -> None:
    narrow, plain = pair((5, 5, 2), 3)
    assert {name: value.shape for name, value in narrow.state_dict().items()} == {
        name: value.shape for name, value in plain.state_dict().items()
    }


@pytest.mark.parametrize("shape", [(2, 3, 4, 8, 3), (2, 3, 9, 4, 3), (2, 3, 9, 8, 1), (2, 4, 9, 8, 3)])
def test_refuses_what_conv3d_refuses(shape: tuple[int, ...]) -> None:
    narrow, plain = pair((5, 5, 2), 3)
    x = torch.randn(shape, dtype=torch.float64)
    for layer in (plain, narrow):
        with pytest.raises(RuntimeError):
            convolved(layer, x)


def test_autocast_computes_in_half_precision() -> None:
    narrow, plain = (layer.float() for layer in pair((3, 2, 2), 2))
    x = torch.randn(2, 2, 6, 5, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = convolved(narrow, x)
    assert out.dtype == torch.bfloat16
    torch.testing.assert_close(out.float(), plain(x), rtol=0.05, atol=0.05)
