"""The contrastive multiview loss against naive loops and closed forms."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.losses import ContrastiveFusionLoss, CrossViewLoss


def naive(views, temperature):
    """Anchor by anchor and candidate by candidate; the candidates are of the other view only."""
    n, m, _ = views.shape
    unit = F.normalize(views, dim=2)
    total, count = 0.0, 0
    for a in range(m):
        for b in range(m):
            if a == b:
                continue
            for i in range(n):
                scores = [float(unit[i, a] @ unit[j, b]) / temperature for j in range(n)]
                total -= scores[i] - math.log(sum(math.exp(s) for s in scores))
                count += 1
    return total / count


@pytest.mark.parametrize("num_views", [2, 3, 4])
@pytest.mark.parametrize("temperature", [0.07, 0.5])
def test_equals_the_naive_loop(num_views, temperature):
    torch.manual_seed(num_views)
    views = torch.randn(7, num_views, 5, dtype=torch.float64) * 3
    assert CrossViewLoss(temperature)(views).item() == pytest.approx(naive(views, temperature), rel=1e-9)


@pytest.mark.parametrize("num_views", [2, 3])
def test_swapping_views_changes_nothing(num_views):
    torch.manual_seed(0)
    views = torch.randn(6, num_views, 4, dtype=torch.float64)
    loss = CrossViewLoss()
    swapped = views[:, torch.arange(num_views).flip(0)]
    assert loss(swapped).item() == pytest.approx(loss(views).item(), rel=1e-12)
    assert loss(views.flip(0)).item() == pytest.approx(loss(views).item(), rel=1e-12)


def test_closed_forms():
    equal = torch.ones(9, 3, 4)
    assert CrossViewLoss()(equal).item() == pytest.approx(math.log(9), rel=1e-6)
    apart = torch.eye(9).unsqueeze(1).expand(9, 2, 9)
    # One positive of similarity 1 among eight orthogonal ones.
    expected = math.log(1 + 8 * math.exp(-1 / 0.2))
    assert CrossViewLoss(0.2)(apart).item() == pytest.approx(expected, rel=1e-6)


def test_no_negatives_in_the_same_view():
    """One view of all samples in one place, the other orthogonal to it: likeness within a view costs nothing.

    Every similarity across the views is 0, so the loss is log N; with negatives of the same view it would be more.
    """
    collapsed = torch.tensor([1.0, 0.0, 0.0]).expand(6, 3)
    other = F.normalize(torch.tensor([[0.0, 1.0, 0.2 * n] for n in range(6)]), dim=1)
    views = torch.stack([collapsed, other], dim=1)
    assert CrossViewLoss(0.1)(views).item() == pytest.approx(math.log(6), rel=1e-6)
    assert ContrastiveFusionLoss(0.1)(views).item() > math.log(2 * 6 - 1) + 1


def test_gradient_pulls_a_pair_together():
    views = torch.tensor([[[1.0, 0.0], [0.6, 0.8]], [[-1.0, 0.0], [-0.6, -0.8]]], requires_grad=True)
    CrossViewLoss(0.5)(views).backward()
    step = views.detach() - 0.1 * views.grad

    def agreement(v):
        return F.cosine_similarity(v[:, 0], v[:, 1]).mean()

    assert agreement(step) > agreement(views.detach())


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.inf, math.nan])
def test_bad_temperature_is_named(temperature):
    with pytest.raises(ConfigurationError, match="temperature"):
        CrossViewLoss(temperature)


@pytest.mark.parametrize("shape", [(4, 8), (4, 1, 8)])
def test_bad_shapes_are_named(shape):
    with pytest.raises(ValueError, match="views must be"):
        CrossViewLoss()(torch.randn(*shape))


def test_several_examples_of_a_view_are_all_positives():
    """Against a loop over anchors, with V examples: the mean over the positives of the other view."""
    torch.manual_seed(0)
    n, m, v = 4, 3, 2
    views = F.normalize(torch.randn(n, m, v, 6, dtype=torch.float64), dim=3)
    total, count = 0.0, 0
    for a in range(m):
        for b in range(m):
            for i in range(n) if a != b else ():
                for k in range(v):
                    scores = {(j, q): float(views[i, a, k] @ views[j, b, q]) / 0.3 for j in range(n) for q in range(v)}
                    norm = math.log(sum(math.exp(s) for s in scores.values()))
                    total -= sum(scores[i, q] - norm for q in range(v)) / v
                    count += 1
    assert CrossViewLoss(0.3)(views).item() == pytest.approx(total / count, rel=1e-9)
    single = views[:, :, :1]
    assert CrossViewLoss()(single).item() == pytest.approx(CrossViewLoss()(single.squeeze(2)).item(), rel=1e-12)
    equal = torch.ones(5, 2, 3, 4)
    assert CrossViewLoss()(equal).item() == pytest.approx(math.log(15), rel=1e-6)
