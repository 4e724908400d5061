"""The loss of CMC-CMKM against the released computation written as loops, and against CMC's loss."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.losses import CrossViewLoss, KnowledgeMiningLoss


def samples(n=6, m=2, d=5):
    torch.manual_seed(n + m)
    z = F.normalize(torch.randn(m, n, 4, dtype=torch.float64), dim=2)
    return torch.randn(n, m, d, dtype=torch.float64) * 3, z @ z.mT


def naive(views, similarity, temperature, k, weight):
    n, m, _ = views.shape
    unit = F.normalize(views, dim=2)
    mined = [
        [sorted((j for j in range(n) if j != i), key=lambda j: -similarity[a, i, j])[:k] for i in range(n)]
        for a in range(m)
    ]
    terms = []
    for a in range(m):
        for b in range(m):
            for i in range(n) if a != b else ():
                across = [math.exp(float(unit[i, a] @ unit[j, b]) / temperature) for j in range(n)]
                within = [math.exp(float(unit[i, a] @ unit[j, a])) for j in range(n)]
                positive = sum(across[j] for j in {i, *mined[b][i]}) + sum(within[j] for j in mined[a][i])
                negative = sum(across[j] for j in set(range(n)) - {i, *mined[b][i]})
                negative += weight * sum(within[j] for j in set(range(n)) - {i, *mined[a][i]})
                terms.append(-math.log(positive / (positive + negative)))
    return sum(terms) / len(terms)


@pytest.mark.parametrize("modalities", [2, 3])
@pytest.mark.parametrize(("k", "weight"), [(1, 1.0), (2, 0.3), (0, 1.0), (1, 0.0)])
def test_equals_the_naive_loop(modalities, k, weight):
    views, similarity = samples(6, modalities)
    found = KnowledgeMiningLoss(0.2, k, weight)(views, similarity)
    assert found.item() == pytest.approx(naive(views, similarity, 0.2, k, weight), rel=1e-9)


def test_without_mining_and_negatives_of_the_modality_it_is_cmc():
    views, similarity = samples(7, 3)
    found = KnowledgeMiningLoss(0.1, 0, 0.0)(views, similarity)
    assert found.item() == pytest.approx(CrossViewLoss(0.1)(views).item(), rel=1e-9)


def test_a_small_temperature_stays_finite_and_has_a_gradient():
    views, similarity = samples()
    views = views.float().requires_grad_()
    loss = KnowledgeMiningLoss(0.005, 1, 0.0)(views, similarity.float())
    loss.backward()
    assert loss.isfinite() and views.grad.isfinite().all()


def test_mined_samples_are_brought_together():
    """Samples 0 and 1 are mined by each other: a step makes them more similar across modalities."""
    views, _ = samples(4)
    similarity = torch.eye(4).repeat(2, 1, 1)
    similarity[:, [0, 1, 2, 3], [1, 0, 3, 2]] = 0.9
    views = views.requires_grad_()
    KnowledgeMiningLoss(0.5)(views, similarity).backward()
    step = views.detach() - 0.5 * views.grad

    def agreement(v):
        return float(F.cosine_similarity(v[[0, 1, 2, 3], 0], v[[1, 0, 3, 2], 1]).mean())

    assert agreement(step) > agreement(views.detach())


@pytest.mark.parametrize("arguments", [{"temperature": 0.0}, {"num_positives": -1}, {"intra_weight": -1.0}])
def test_bad_arguments_are_named(arguments):
    with pytest.raises(ConfigurationError, match=next(iter(arguments))):
        KnowledgeMiningLoss(**arguments)


@pytest.mark.parametrize(("shape", "other"), [((4, 8), (4, 4)), ((4, 1, 8), (1, 4, 4)), ((4, 2, 8), (2, 4, 3))])
def test_bad_shapes_are_named(shape, other):
    with pytest.raises(ValueError, match="views must be"):
        KnowledgeMiningLoss()(torch.randn(*shape), torch.randn(*other))


def test_too_few_samples_are_named():
    with pytest.raises(ValueError, match="2 samples have no 2 others"):
        KnowledgeMiningLoss(num_positives=2)(torch.randn(2, 2, 3), torch.randn(2, 2, 2))
