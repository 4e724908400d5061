"""The loss of many features is that of few, in less memory."""

from __future__ import annotations

import pytest
import torch

from cosmo_pl.losses import ContrastiveFusionLoss, contrastive_fusion, tiles


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "TILE", 4)


def naive(features: torch.Tensor, temperature: float) -> torch.Tensor:
    count = len(features)
    rows = [
        torch.stack([features[s] @ features[a] / temperature for a in range(count) if a != s]).exp().sum().log()
        for s in range(count)
    ]
    return torch.stack(rows)


@pytest.mark.parametrize("count", [2, 3, 4, 5, 8, 11])
@pytest.mark.parametrize("temperature", [0.07, 1.0])
def test_equals_the_definition(count: int, temperature: float) -> None:
    torch.manual_seed(0)
    features = torch.nn.functional.normalize(torch.randn(count, 3, dtype=torch.float64), dim=1).requires_grad_()
    found, expected = tiles.similarity_logsumexp(features, temperature), naive(features, temperature)
    torch.testing.assert_close(found, expected)
    weighting = torch.randn(count, dtype=torch.float64)
    gradients = [torch.autograd.grad((values * weighting).sum(), features)[0] for values in (found, expected)]
    torch.testing.assert_close(*gradients)


def test_gradient_equals_finite_differences() -> None:
    torch.manual_seed(0)
    features = torch.randn(6, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: tiles.similarity_logsumexp(x, 0.5), features)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_the_loss_takes_tiles_above_a_size_and_is_the_same(reduction: str, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    views = torch.randn(5, 3, 4, dtype=torch.float64, requires_grad=True)
    loss = ContrastiveFusionLoss(0.1, reduction)  # type: ignore[arg-type]
    calls: list[int] = []

    def counted(features: torch.Tensor, temperature: float) -> torch.Tensor:
        calls.append(len(features))
        return tiles.similarity_logsumexp(features, temperature)

    monkeypatch.setattr(contrastive_fusion, "similarity_logsumexp", counted)
    found = []
    for limit in (15, 14):
        monkeypatch.setattr(contrastive_fusion, "TILED_FROM", limit)
        value = loss(views)
        found.append((value, torch.autograd.grad(value, views)[0]))
    assert calls == [15]
    torch.testing.assert_close(found[0], found[1])


def test_no_matrix_of_all_similarities_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    rows = tiles._rows
    monkeypatch.setattr(tiles, "_rows", lambda *given: sizes.append((found := rows(*given)).shape) or found)
    features = torch.randn(10, 3, requires_grad=True)
    tiles.similarity_logsumexp(features, 1.0).sum().backward()
    assert sizes == [(4, 10), (4, 10), (2, 10)] * 2
