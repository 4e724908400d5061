"""The terms of the FOCAL loss against naive loops, PyTorch's own losses and closed forms."""

from __future__ import annotations

import math
from itertools import combinations

import pytest
import torch
import torch.nn.functional as F

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.losses import ContrastiveFusionLoss, FOCALLoss


def features(samples=6, views=2, modalities=2, size=6):
    torch.manual_seed(samples)
    return torch.randn(samples, views, modalities, size, dtype=torch.float64)


def contrast(one, other, sequence, temperature):
    """Anchor by anchor; negatives are of other sequences, in both sets."""
    n, both = len(one), F.normalize(torch.cat([one, other]), dim=1)
    total = 0.0
    for i in range(2 * n):
        partner = (i + n) % (2 * n)
        used = [j for j in range(2 * n) if j == partner or sequence[j % n] != sequence[i % n]]
        scores = {j: float(both[i] @ both[j]) / temperature for j in used}
        total -= scores[partner] - math.log(sum(map(math.exp, scores.values())))
    return total / (2 * n)


def ranking(x, sequence, margin):
    """Pair of sequences by pair of sequences, with mean distances over pairs of different windows."""
    groups = {g: [i for i, s in enumerate(sequence) if s == g] for g in sequence}
    terms = []
    for g, rows in groups.items():
        if len(rows) < 2:
            continue
        within = [float((x[i] - x[j]).norm()) for i in rows for j in rows if i != j]
        for h, others in groups.items():
            if h != g:
                between = [float((x[i] - x[j]).norm()) for i in rows for j in others]
                terms.append(max(0.0, sum(within) / len(within) - sum(between) / len(between) + margin))
    return sum(terms) / len(terms) if terms else 0.0


@pytest.mark.parametrize("sequence", [[0, 1, 2, 3, 4, 5], [0, 0, 1, 1, 1, 2], [7, 3, 7, 3, 7, 3]])
@pytest.mark.parametrize(("views", "modalities"), [(2, 2), (3, 2), (2, 3)])
def test_terms_equal_naive_loops(sequence, views, modalities):
    x = features(6, views, modalities)
    loss = FOCALLoss(0.3, margin=0.4)
    found = loss.terms(x, torch.tensor(sequence))
    s, p = x[..., :3], x[..., 3:]
    v_, a_ = range(views), range(modalities)
    pairs = list(combinations(a_, 2))
    shared = sum(contrast(s[:, v, a], s[:, v, b], sequence, 0.3) for v in v_ for a, b in pairs)
    private = sum(contrast(p[:, v, a], p[:, w, a], sequence, 0.3) for a in a_ for v, w in combinations(v_, 2))

    def cosine(one, other):
        target = -torch.ones(6, dtype=torch.float64)
        return float(F.cosine_embedding_loss(one, other, target))

    orthogonality = sum(cosine(s[:, v, a], p[:, v, a]) for v in v_ for a in a_)
    orthogonality += sum(cosine(p[:, v, a], p[:, v, b]) for v in v_ for a, b in pairs)
    temporal = sum(ranking(x[:, v, a], sequence, 0.4) for v in v_ for a in a_)
    expected = {"shared": shared, "private": private, "orthogonality": orthogonality, "temporal": temporal}
    assert {name: pytest.approx(value, rel=1e-6) for name, value in expected.items()} == {
        name: float(value) for name, value in found.items()
    }
    total = shared + private + 3 * orthogonality + 5 * temporal
    assert loss(x, torch.tensor(sequence)).item() == pytest.approx(total, rel=1e-6)


def test_contrast_without_sequences_is_nt_xent():
    x = features()
    found = FOCALLoss(0.2).terms(x)["private"]
    nt_xent = ContrastiveFusionLoss(0.2)
    assert found.item() == pytest.approx(sum(nt_xent(x[:, :, a, 3:]).item() for a in (0, 1)), rel=1e-9)


def test_temporal_term_is_0_without_neighbours_and_the_margin_where_all_are_equal():
    assert float(FOCALLoss().terms(features())["temporal"]) == 0
    assert float(FOCALLoss().terms(features(), torch.zeros(6))["temporal"]) == 0, "one sequence has no others"
    x = torch.ones(6, 2, 2, 4, requires_grad=True)
    found = FOCALLoss(margin=0.7).terms(x, torch.tensor([0, 0, 1, 1, 2, 2]))["temporal"]
    assert float(found) == pytest.approx(4 * 0.7, rel=1e-6)
    found.backward()
    assert x.grad.isfinite().all()


def test_temporal_term_brings_neighbours_together():
    x = features().requires_grad_()
    sequence = torch.tensor([0, 0, 0, 1, 1, 1])
    FOCALLoss().terms(x, sequence)["temporal"].backward()
    step = x.detach() - 0.5 * x.grad

    def spread(values):
        return float((values[:3] - values[:3].mean(dim=0)).norm())

    assert spread(step) < spread(x.detach())


@pytest.mark.parametrize(
    "arguments", [{"temperature": 0.0}, {"margin": -1.0}, {"shared_weight": -1.0}, {"temporal_weight": math.nan}]
)
def test_bad_arguments_are_named(arguments):
    with pytest.raises(ConfigurationError, match=next(iter(arguments))):
        FOCALLoss(**arguments)


@pytest.mark.parametrize("shape", [(4, 2, 8), (4, 1, 2, 8), (4, 2, 1, 8), (4, 2, 2, 7)])
def test_bad_shapes_are_named(shape):
    with pytest.raises(ValueError, match="features must be"):
        FOCALLoss()(torch.randn(*shape))
