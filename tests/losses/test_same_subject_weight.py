"""Negatives of the same subject with another weight, in both contrastive losses, against naive loops."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.losses import ContrastiveFusionLoss, CrossViewLoss
from cosmo_pl.losses.contrastive_fusion import TILED_FROM

LOSSES = (ContrastiveFusionLoss, CrossViewLoss)
SUBJECTS = torch.tensor([[1, 1], [1, 2], [2, 2], [3, 3], [1, 1]])  # a view of the second sample is of another person


def views(*shape):
    torch.manual_seed(0)
    return torch.randn(*shape, dtype=torch.float64)


def test_fusion_equals_the_naive_loop():
    x, weight = F.normalize(views(5, 2, 4), dim=2), 2.5
    total = 0.0
    keys = [(n, p) for n in range(5) for p in range(2)]
    for n, p in keys:
        norm = 0.0
        for m, q in keys:
            if (m, q) != (n, p):
                same = m != n and SUBJECTS[m, q] == SUBJECTS[n, p]
                norm += (weight if same else 1) * math.exp(float(x[n, p] @ x[m, q]) / 0.2)
        total -= float(x[n, p] @ x[n, 1 - p]) / 0.2 - math.log(norm)
    found = ContrastiveFusionLoss(0.2, same_subject_weight=weight)(x, SUBJECTS)
    assert found.item() == pytest.approx(total / 10, rel=1e-6)


def test_cross_view_equals_the_naive_loop():
    x, weight = F.normalize(views(5, 3, 2, 4), dim=3), 0.4
    keys = [(n, k) for n in range(5) for k in range(2)]
    terms = []
    for a in range(3):
        for b in range(3):
            for n, k in keys if a != b else ():
                scores = {(m, q): float(x[n, a, k] @ x[m, b, q]) / 0.2 for m, q in keys}
                norm = sum(
                    (weight if m != n and SUBJECTS[m, q] == SUBJECTS[n, k] else 1) * math.exp(score)
                    for (m, q), score in scores.items()
                )
                terms.append(math.log(norm) - sum(scores[n, q] for q in range(2)) / 2)
    found = CrossViewLoss(0.2, weight)(x, SUBJECTS)
    assert found.item() == pytest.approx(sum(terms) / len(terms), rel=1e-6)


@pytest.mark.parametrize("kind", LOSSES)
def test_weight_1_and_different_subjects_change_nothing(kind):
    x = views(6, 2, 4)
    plain = kind(0.2)(x).item()
    per_view = 2 if kind is ContrastiveFusionLoss else 1
    apart = torch.arange(6).unsqueeze(1).expand(6, per_view)
    alike = torch.zeros(6, per_view)
    assert kind(0.2, same_subject_weight=1.0)(x, alike).item() == pytest.approx(plain, rel=1e-9)
    assert kind(0.2, same_subject_weight=9.0)(x, apart).item() == pytest.approx(plain, rel=1e-9)
    assert kind(0.2, same_subject_weight=9.0)(x, alike).item() > plain
    assert kind(0.2)(x, alike).item() == plain, "without a weight subjects are not used"


def test_closed_form_of_equal_views():
    """N samples of one subject with P equal views: log(P - 1 + w (N - 1) P)."""
    found = ContrastiveFusionLoss(0.5, same_subject_weight=3.0)(torch.ones(4, 2, 3), torch.zeros(4, 2))
    assert found.item() == pytest.approx(math.log(1 + 3 * 3 * 2), rel=1e-6)


def test_many_views_take_the_weights_as_well():
    samples = TILED_FROM // 2 + 1
    found = ContrastiveFusionLoss(0.5, same_subject_weight=3.0)(torch.ones(samples, 2, 3), torch.zeros(samples, 2))
    assert found.item() == pytest.approx(math.log(1 + 3 * (samples - 1) * 2), rel=1e-5)


@pytest.mark.parametrize("kind", LOSSES)
@pytest.mark.parametrize("weight", [0.0, -1.0, math.inf])
def test_bad_weights_are_named(kind, weight):
    with pytest.raises(ConfigurationError, match="same_subject_weight"):
        kind(same_subject_weight=weight)


@pytest.mark.parametrize("subject", [None, torch.zeros(4), torch.zeros(4, 3)])
def test_missing_subjects_are_named(subject):
    with pytest.raises(ValueError, match="same_subject_weight needs the subject"):
        ContrastiveFusionLoss(same_subject_weight=2.0)(torch.randn(4, 2, 3), subject)
