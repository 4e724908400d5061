"""Eq. 3: fusion weights inside their range, uniform where they are random, and the views made of them."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.stats import ks_2samp
from torch import Tensor

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.fusion import FusionAugmentation
from cosmo_pl.losses import ContrastiveFusionLoss

SAMPLINGS = ["auto", "grid", "random"]
RANDOM_RANGES = [
    (2, (0.1, 0.9)), (2, (0.4, 0.6)), (2, (0.2, 0.6)), (2, (0.0, 1.0)), (2, (0.49, 0.51)),
    (3, (0.1, 0.9)), (3, (0.0, 1.0)), (3, (0.3, 0.4)), (3, (0.05, 0.4)), (3, (0.32, 0.9)), (3, (0.0, 0.34)),
    (4, (0.1, 0.9)), (4, (0.2, 0.3)), (4, (0.0, 0.3)), (4, (0.24, 1.0)),
]  # fmt: skip


def unit_features(modalities: int, samples: int = 6, size: int = 8, seed: int = 0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [F.normalize(torch.randn(samples, size, generator=generator), dim=1) for _ in range(modalities)]


def test_views_by_hand() -> None:
    """Weights 1/4, 1/2, 3/4 of (1, 0) and (0, 1)."""
    augment = FusionAugmentation(3, (0.25, 0.75))
    views = augment([torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])])
    expected = [[1 / math.sqrt(10), 3 / math.sqrt(10)], [math.sqrt(0.5)] * 2, [3 / math.sqrt(10), 1 / math.sqrt(10)]]
    torch.testing.assert_close(views, torch.tensor([expected]))


def test_concatenated_views_by_hand() -> None:
    augment = FusionAugmentation(2, (0.25, 0.75), mode="concat")
    views = augment([torch.tensor([[1.0, 0.0]]), torch.tensor([[0.6, 0.8]])])
    expected = torch.tensor([[[0.25, 0.0, 0.45, 0.6], [0.75, 0.0, 0.15, 0.2]]]) / math.sqrt(0.625)
    torch.testing.assert_close(views, expected)


@pytest.mark.parametrize(("modalities", "mode"), [(2, "sum"), (3, "sum"), (4, "sum"), (3, "concat")])
def test_views_equal_eq_3_written_as_loops(modalities: int, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    features = unit_features(modalities)
    augment = FusionAugmentation(5, sampling="random", mode=mode)
    alpha = augment.weights(modalities)
    monkeypatch.setattr(augment, "weights", lambda _: alpha)
    views = augment(features)
    assert views.shape == (6, 5, 8 if mode == "sum" else 8 * modalities)
    for n in range(6):
        for k in range(5):
            parts = [alpha[k, j] * features[j][n] for j in range(modalities)]
            fused = sum(parts) if mode == "sum" else torch.cat(parts)
            assert isinstance(fused, Tensor)
            torch.testing.assert_close(views[n, k], fused / fused.norm())


@pytest.mark.parametrize(
    ("weight_range", "expected"),
    [
        ((0.1, 0.9), [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]),
        ((0.2, 0.8), [0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]),
        ((0.3, 0.7), [0.3, 0.4, 0.5, 0.6, 0.7]),
        ((0.4, 0.6), [0.4, 0.5, 0.6]),
    ],
)
def test_default_views_are_the_papers_grid(weight_range: tuple[float, float], expected: list[float]) -> None:
    augment = FusionAugmentation(weight_range=weight_range)
    assert augment.num_fused == len(expected)
    alpha = augment.weights(2)
    torch.testing.assert_close(alpha[:, 0], torch.tensor(expected))
    torch.testing.assert_close(alpha[:, 1], 1 - torch.tensor(expected))
    assert torch.equal(alpha, augment.weights(2))


def test_default_is_nine_views() -> None:
    assert FusionAugmentation().num_fused == 9
    assert FusionAugmentation()(unit_features(2)).shape == (6, 9, 8)


@pytest.mark.parametrize("weight_range", [(0.1, 0.9), (0.4, 0.6), (0.2, 0.6), (0.45, 0.9), (0.0, 1.0), (0.49, 0.51)])
def test_grid_weights_are_distinct_within_the_range_and_sum_to_one(weight_range: tuple[float, float]) -> None:
    alpha = FusionAugmentation(7, weight_range).weights(2)
    check_weights(alpha, (7, 2), weight_range)
    assert len(alpha[:, 0].unique()) == 7


@pytest.mark.parametrize(("modalities", "weight_range"), RANDOM_RANGES)
def test_random_weights_are_within_the_range_and_sum_to_one(modalities: int, weight_range: tuple[float, float]) -> None:
    torch.manual_seed(0)
    alpha = FusionAugmentation(200, weight_range, "random").weights(modalities)
    check_weights(alpha, (200, modalities), weight_range)
    assert len(alpha.unique(dim=0)) == 200


def check_weights(alpha: Tensor, shape: tuple[int, int], weight_range: tuple[float, float]) -> None:
    assert alpha.shape == shape
    torch.testing.assert_close(alpha.sum(dim=1), torch.ones(len(alpha)), rtol=0, atol=1e-5)
    assert alpha.min() >= weight_range[0] - 1e-5 and alpha.max() <= weight_range[1] + 1e-5


@pytest.mark.parametrize(
    ("modalities", "weight_range"),
    [(2, (0.1, 0.9)), (2, (0.3, 0.6)), (3, (0.1, 0.9)), (3, (0.2, 0.5)), (3, (0.05, 0.4)), (4, (0.05, 0.35))],
)
def test_random_weights_are_uniform(modalities: int, weight_range: tuple[float, float]) -> None:
    """Against plain rejection: Dirichlet(1) is uniform on the simplex, what lies in the range is kept."""
    low, high = weight_range
    draws = np.random.default_rng(0).dirichlet(np.ones(modalities), 400_000)
    plain = draws[((draws >= low) & (draws <= high)).all(axis=1)][:3000]
    assert len(plain) == 3000
    torch.manual_seed(1)
    alpha = FusionAugmentation(3000, weight_range, "random").weights(modalities).double().numpy()
    statistics = [
        *(lambda a, j=j: a[:, j] for j in range(modalities)),
        lambda a: a.max(axis=1), lambda a: a.min(axis=1), lambda a: a[:, 0] - a[:, 1],
    ]  # fmt: skip
    for statistic in statistics:
        assert ks_2samp(statistic(alpha), statistic(plain)).pvalue > 1e-3


def test_random_weights_are_drawn_anew_each_batch_and_follow_the_seed() -> None:
    augment = FusionAugmentation(4, sampling="random")
    torch.manual_seed(3)
    first, second = augment.weights(3), augment.weights(3)
    torch.manual_seed(3)
    assert torch.equal(first, augment.weights(3)) and not torch.equal(first, second)


def test_all_samples_of_a_batch_share_their_weights() -> None:
    one = [feature[:1] for feature in unit_features(3)]
    views = FusionAugmentation(4, sampling="random")([feature.expand(5, -1) for feature in one])
    torch.testing.assert_close(views, views[:1].expand(5, -1, -1))
    assert not torch.allclose(views[:, 0], views[:, 1])


@pytest.mark.parametrize("mode", ["sum", "concat"])
@pytest.mark.parametrize("modalities", [2, 3, 4])
def test_views_have_unit_norm(modalities: int, mode: str) -> None:
    features = [10.0**j * feature for j, feature in enumerate(unit_features(modalities))]
    views = FusionAugmentation(6, sampling="random", mode=mode)(features)
    torch.testing.assert_close(views.norm(dim=2), torch.ones(6, 6))


def test_opposite_features_stay_finite() -> None:
    feature = unit_features(1)[0].requires_grad_()
    views = FusionAugmentation()([feature, -feature])
    assert torch.isfinite(views).all()
    torch.testing.assert_close(views[:, 0], -feature)  # weights 0.1 and 0.9
    torch.testing.assert_close(views[:, -1], feature)
    assert views[:, 4].norm(dim=1).max() <= 1 + 1e-5  # weights 0.5 and 0.5: no direction is left
    loss = ContrastiveFusionLoss()(views)
    loss.backward()
    assert torch.isfinite(loss) and feature.grad is not None and torch.isfinite(feature.grad).all()


def positive_similarities(views: Tensor) -> Tensor:
    return views @ views.transpose(1, 2)


def test_concatenation_makes_positives_independent_of_the_features() -> None:
    augment = FusionAugmentation(mode="concat")
    alpha = F.normalize(augment.weights(2), dim=1)
    for seed in range(3):
        found = positive_similarities(augment(unit_features(2, seed=seed)))
        torch.testing.assert_close(found, (alpha @ alpha.T).expand(6, -1, -1))


def test_the_sum_makes_positives_depend_on_the_features() -> None:
    first, second = (positive_similarities(FusionAugmentation()(unit_features(2, seed=seed))) for seed in (0, 1))
    assert (first - second).abs().max() > 0.1


def test_agreeing_modalities_reach_the_floor_of_the_loss() -> None:
    feature = torch.eye(4)
    loss = ContrastiveFusionLoss(0.02)(FusionAugmentation()({"acc": feature, "gyro": feature}))
    assert float(loss) == pytest.approx(math.log(8), abs=1e-5)


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_dict_list_and_tuple_are_the_same(sampling: str) -> None:
    a, b = unit_features(2)
    results = []
    for features in ({"z": a, "a": b}, [a, b], (a, b)):
        torch.manual_seed(0)
        results.append(FusionAugmentation(sampling=sampling)(features))
    assert torch.equal(results[0], results[1]) and torch.equal(results[0], results[2])


def test_gradient_reaches_every_modality() -> None:
    features = [feature.requires_grad_() for feature in unit_features(3)]
    ContrastiveFusionLoss()(FusionAugmentation(sampling="random")(features)).backward()
    assert all(f.grad is not None and f.grad.abs().max() > 1e-6 for f in features)


def test_keeps_the_features_dtype() -> None:
    views = FusionAugmentation()([feature.double() for feature in unit_features(2)])
    assert views.dtype == torch.float64
    torch.testing.assert_close(views.norm(dim=2), torch.ones(6, 9, dtype=torch.float64))


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ({"weight_range": (-0.1, 0.9)}, "weight_range"),
        ({"weight_range": (0.1, 1.1)}, "weight_range"),
        ({"weight_range": (0.9, 0.1)}, "weight_range"),
        ({"weight_range": (math.nan, 0.9)}, "weight_range"),
        ({"weight_range": (0.1, math.nan)}, "weight_range"),
        ({"sampling": "uniform"}, "sampling"),
        ({"mode": "mean"}, "mode"),
        ({"num_fused": 1}, "num_fused"),
        ({"num_fused": 0}, "num_fused"),
        ({"weight_range": (0.5, 0.5)}, "num_fused"),
    ],
)
def test_refuses_arguments_out_of_range(arguments: dict[str, object], argument: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        FusionAugmentation(**arguments)
    assert argument in caught.value.argument


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize(
    ("modalities", "weight_range"),
    [
        (1, (0.1, 0.9)),
        (0, (0.1, 0.9)),
        (2, (0.6, 0.9)),
        (2, (0.1, 0.4)),
        (3, (0.4, 0.6)),
        (3, (0.1, 0.3)),
        (4, (0.3, 1)),
    ],
)
def test_refuses_ranges_without_weights(modalities: int, weight_range: tuple[float, float], sampling: str) -> None:
    with pytest.raises(ConfigurationError, match="weight_range"):
        FusionAugmentation(3, weight_range, sampling).weights(modalities)


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("weight_range", [(0.1, 0.5), (0.5, 0.9), (0.5, 0.5)])
def test_refuses_ranges_that_leave_one_weighting(weight_range: tuple[float, float], sampling: str) -> None:
    """With a single possible weighting all views are the same: nothing is augmented."""
    with pytest.raises(ConfigurationError, match="weight_range"):
        FusionAugmentation(5, weight_range, sampling).weights(2)


@pytest.mark.parametrize("modalities", [3, 4])
def test_refuses_a_grid_for_more_than_two_modalities_and_names_the_remedy(modalities: int) -> None:
    with pytest.raises(ConfigurationError, match="random"):
        FusionAugmentation(sampling="grid").weights(modalities)


def test_auto_is_the_grid_for_two_modalities_and_draws_nothing() -> None:
    before = torch.get_rng_state()
    assert torch.equal(FusionAugmentation().weights(2), FusionAugmentation(sampling="grid").weights(2))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("modalities", [3, 4])
def test_auto_is_random_for_more_than_two_modalities(modalities: int) -> None:
    torch.manual_seed(3)
    drawn = FusionAugmentation(6).weights(modalities)
    torch.manual_seed(3)
    assert torch.equal(drawn, FusionAugmentation(6, sampling="random").weights(modalities))
    assert drawn.shape == (6, modalities) and len(drawn.unique(dim=0)) == 6


@pytest.mark.parametrize("mode", ["sum", "concat"])
def test_modalities_whose_weights_are_all_zero_count_equally(mode: Literal["sum", "concat"]) -> None:
    features = unit_features(2, samples=2)
    views = FusionAugmentation(3, (0.0, 1.0), mode=mode)(features, torch.tensor([[True, False], [True, True]]))
    zero = torch.zeros(8)
    own = features[0][0] if mode == "sum" else torch.cat([features[0][0], zero])
    torch.testing.assert_close(views[0], own.expand(3, -1))
    torch.testing.assert_close(views[1], FusionAugmentation(3, (0.0, 1.0), mode=mode)(features)[1])


def test_what_a_missing_modality_holds_does_not_matter() -> None:
    features = {name: each.clone() for name, each in zip("ab", unit_features(2, samples=2), strict=True)}
    features["b"][0] = torch.nan
    views = FusionAugmentation(3)(features, torch.tensor([[True, False], [True, True]]))
    assert views.isfinite().all()
    torch.testing.assert_close(views[0], features["a"][0].expand(3, -1))
