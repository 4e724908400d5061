"""Eq. 5 to 9 with weights set by hand, and the limits of quality guidance."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.fusion import QualityGuidedAttention
from cosmo_pl.fusion.attention import ConcatScore, DotProductScore

DIMS = {"imu": 2, "skeleton": 2}
QUALITY = {"imu": 0.3, "skeleton": 0.7}


def features(dims: dict[str, int], samples: int = 5, seed: int = 0, scale: float = 1.0) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {name: scale * torch.randn(samples, size, generator=generator) for name, size in dims.items()}


def identity_score(dims: dict[str, int]) -> DotProductScore:
    """h = z, W = 1, b = 0 in two dimensions."""
    score = DotProductScore(dims, attention_dim=2)
    with torch.no_grad():
        for layer in (*score.embed.values(), score.hidden):
            assert isinstance(layer, nn.Linear)
            layer.weight.copy_(torch.eye(2))
            layer.bias.zero_()
    return score


def by_hand(quality_lambda: float = 0.8, mode: str = "concat") -> QualityGuidedAttention:
    attention = QualityGuidedAttention(DIMS, QUALITY, quality_lambda, mode)
    attention.score = identity_score(DIMS)
    return attention


# z_imu = (1, 0): score tanh(1)·1/√2 = 0.538528; z_skeleton = (0, 2): tanh(2)·2/√2 = 1.363341.
# Softmax: 1/(1 + exp(0.824812)) = 0.304743 and 0.695257. Guided, λ = 0.8: 0.2·0.304743 + 0.8·0.3 = 0.300949.
SAMPLE = {"imu": torch.tensor([[1.0, 0.0]]), "skeleton": torch.tensor([[0.0, 2.0]])}


def test_scores_by_hand() -> None:
    torch.testing.assert_close(identity_score(DIMS)(SAMPLE), torch.tensor([[0.538528, 1.363341]]), rtol=0, atol=2e-6)


@pytest.mark.parametrize(("quality_lambda", "imu"), [(0.0, 0.304743), (0.8, 0.300949), (0.5, 0.302372), (1.0, 0.3)])
def test_guided_weights_by_hand(quality_lambda: float, imu: float) -> None:
    weights = by_hand(quality_lambda).weights(SAMPLE)
    torch.testing.assert_close(weights, torch.tensor([[imu, 1 - imu]]), rtol=0, atol=2e-6)


def test_fused_features_by_hand() -> None:
    fused, weights = by_hand(mode="concat")(SAMPLE)
    torch.testing.assert_close(fused, torch.tensor([[0.300949, 0.0, 0.0, 1.398103]]), rtol=0, atol=3e-6)
    torch.testing.assert_close(weights, by_hand().weights(SAMPLE))
    fused, _ = by_hand(mode="sum")(SAMPLE)
    torch.testing.assert_close(fused, torch.tensor([[0.300949, 1.398103]]), rtol=0, atol=3e-6)


def test_scores_equal_eq_5_and_6_written_as_loops() -> None:
    dims = {"a": 3, "b": 5, "c": 4}
    torch.manual_seed(0)
    score = DotProductScore(dims, attention_dim=7).double().requires_grad_(False)
    z = {name: value.double() for name, value in features(dims).items()}
    scores = score(z)
    assert scores.shape == (5, 3)
    weight, bias = score.hidden.weight, score.hidden.bias
    for column, name in enumerate(dims):
        embed = score.embed[name]
        assert isinstance(embed, nn.Linear)
        for n in range(5):
            h = [
                sum(float(embed.weight[i, d]) * float(z[name][n, d]) for d in range(dims[name])) + float(embed.bias[i])
                for i in range(7)
            ]
            mu = [math.tanh(sum(float(weight[i, j]) * h[j] for j in range(7)) + float(bias[i])) for i in range(7)]
            expected = sum(m * x for m, x in zip(mu, h, strict=True)) / math.sqrt(7)
            assert float(scores[n, column]) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("score", ["dot", "concat_mlp"])
@pytest.mark.parametrize("quality_lambda", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("modalities", [2, 3, 5])
def test_any_number_of_modalities(modalities: int, quality_lambda: float, score: str) -> None:
    dims = {f"m{j}": 3 + j for j in range(modalities)}
    attention = QualityGuidedAttention(dims, dict.fromkeys(dims, 1.0), quality_lambda, "concat", score)
    fused, weights = attention.eval()(features(dims, scale=5.0))
    assert fused.shape == (5, sum(dims.values())) and weights.shape == (5, modalities)
    assert weights.min() >= 0
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(5))
    if quality_lambda == 1:
        torch.testing.assert_close(weights, torch.full((5, modalities), 1 / modalities))
    else:
        assert (weights - weights[0]).abs().max() > 1e-4  # learned weights differ between samples


def test_lambda_one_is_quality_alone_whatever_the_features() -> None:
    attention = QualityGuidedAttention(DIMS, QUALITY, 1.0)
    for seed in range(3):
        weights = attention.weights(features(DIMS, seed=seed, scale=100.0))
        torch.testing.assert_close(weights, torch.tensor([[0.3, 0.7]]).expand(5, 2))


def test_lambda_zero_is_learned_attention_alone_whatever_the_quality() -> None:
    torch.manual_seed(0)
    guided = QualityGuidedAttention(DIMS, {"imu": 1.0, "skeleton": 0.0}, 0.0)
    plain = QualityGuidedAttention(DIMS, None, 0.0)
    plain.score.load_state_dict(guided.score.state_dict())
    z = features(DIMS)
    assert torch.equal(guided.weights(z), plain.weights(z))
    torch.testing.assert_close(guided.weights(z), torch.softmax(guided.score(z), dim=1))


def test_default_lambda_is_the_released_one() -> None:
    torch.manual_seed(0)
    z, attention = features(DIMS), QualityGuidedAttention(DIMS, QUALITY)
    learned = torch.softmax(attention.score(z), dim=1)
    torch.testing.assert_close(attention.weights(z), 0.2 * learned + 0.8 * torch.tensor([0.3, 0.7]))


def test_lambda_mixes_linearly() -> None:
    low, middle, high = (by_hand(value).weights(features(DIMS)) for value in (0.0, 0.25, 1.0))
    torch.testing.assert_close(middle, 0.75 * low + 0.25 * high)


@pytest.mark.parametrize("quality_lambda", [0.0, 0.4, 1.0])
def test_both_kinds_of_weights_are_shared_among_the_modalities_that_a_sample_has(quality_lambda: float) -> None:
    dims, quality = {"a": 2, "b": 2, "c": 2, "d": 2}, torch.tensor([0.4, 0.3, 0.3, 0.0])
    attention = QualityGuidedAttention(dims, dict(zip(dims, quality.tolist(), strict=True)), quality_lambda)
    mask = torch.tensor(
        [[True, True, False, True], [False, False, True, True], [True] * 4, [False, False, False, True]]
    )
    z = features(dims, samples=4)
    score, weights = attention.score(z), attention.weights(z, mask)
    for n, has in enumerate(mask):
        learned = torch.softmax(score[n][has], dim=0)
        known = quality[has] / quality[has].sum() if quality[has].any() else torch.ones(int(has.sum())) / has.sum()
        expected = torch.zeros(4)
        expected[has] = (1 - quality_lambda) * learned + quality_lambda * known
        torch.testing.assert_close(weights[n], expected)


def test_quality_weights_are_scaled_and_belong_to_their_names() -> None:
    dims = {"imu": 2, "skeleton": 2, "depth": 2}
    attention = QualityGuidedAttention(dims, {"depth": 10, "imu": 6, "skeleton": 4}, 1.0)
    torch.testing.assert_close(attention.weights(features(dims))[0], torch.tensor([0.3, 0.2, 0.5]))
    assert attention.names == ("imu", "skeleton", "depth")


def test_quality_is_stored_but_not_trained() -> None:
    attention = QualityGuidedAttention(DIMS, QUALITY)
    assert "quality" in attention.state_dict()
    assert "quality" not in dict(attention.named_parameters())
    fused, _ = attention(features(DIMS))
    fused.square().sum().backward()
    gradients = [parameter.grad for parameter in attention.parameters()]
    assert all(g is not None for g in gradients) and any(g.abs().max() > 0 for g in gradients if g is not None)


@pytest.mark.parametrize("score", ["dot", "concat_mlp"])
def test_order_of_the_batchs_modalities_does_not_matter(score: str) -> None:
    dims = {"b": 3, "a": 4, "c": 5}
    attention = QualityGuidedAttention(dims, {"a": 1, "b": 2, "c": 3}, 0.5, "concat", score).eval()
    z = features(dims)
    for got, expected in zip(attention({name: z[name] for name in ("c", "a", "b")}), attention(z), strict=True):
        assert torch.equal(got, expected)


@pytest.mark.parametrize("shape", [(4,), (7, 4), (3, 2, 4)])
def test_fuses_sequences_with_one_weight_a_sample(shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(0)
    dims = {"a": 4, "b": 4, "c": 4}
    z = {name: torch.randn(5, *shape, generator=generator) for name in dims}
    weights = torch.rand(5, 3, generator=generator)
    total = QualityGuidedAttention(dims, quality_lambda=0, mode="sum").fuse(z, weights)
    joined = QualityGuidedAttention(dims, quality_lambda=0, mode="concat").fuse(z, weights)
    assert total.shape == (5, *shape) and joined.shape == (5, *shape[:-1], 12)
    for n in range(5):
        parts = [weights[n, j] * z[name][n] for j, name in enumerate(dims)]
        torch.testing.assert_close(total[n], sum(parts))
        torch.testing.assert_close(joined[n], torch.cat(parts, dim=-1))


def test_concatenates_sequences_of_different_sizes() -> None:
    dims = {"imu": 472, "skeleton": 168}
    z = {"imu": torch.ones(2, 16, 472), "skeleton": torch.ones(2, 16, 168)}
    fused = QualityGuidedAttention(dims, quality_lambda=0).fuse(z, torch.tensor([[0.25, 0.75], [1.0, 0.0]]))
    assert fused.shape == (2, 16, 640)
    assert (fused[0, :, :472] == 0.25).all() and (fused[0, :, 472:] == 0.75).all()
    assert (fused[1, :, :472] == 1).all() and (fused[1, :, 472:] == 0).all()


@pytest.mark.parametrize("training", [True, False])
def test_last_tanh_bounds_the_released_weights(training: bool) -> None:
    torch.manual_seed(0)
    attention = QualityGuidedAttention(DIMS, None, 0.0, "concat", "concat_mlp").train(training)
    with torch.no_grad():  # drive the last layer into saturation, one sample to each side
        last = [layer for layer in attention.score.mlp if isinstance(layer, nn.BatchNorm1d)][-1]
        last.weight.copy_(torch.tensor([1e3, -1e3]))
        attention.score.mlp[-3].weight[1] = attention.score.mlp[-3].weight[0]
        weights = attention.weights(features(DIMS, samples=64, scale=10.0))
    assert float(weights.min()) == pytest.approx(1 / (1 + math.exp(2)), abs=1e-4)
    assert float(weights.max()) == pytest.approx(1 / (1 + math.exp(-2)), abs=1e-4)
    assert weights.min() >= 0.119 and weights.max() <= 0.881


def test_released_guidance_bounds_the_skeletons_weight() -> None:
    """Quality 0.3 and 0.7 with λ = 0.8 leave the skeleton 0.584 to 0.736."""
    attention = QualityGuidedAttention(DIMS, QUALITY, 0.8, "concat", "concat_mlp").eval()
    extremes = torch.tensor([[1.0, -1.0], [-1.0, 1.0]])
    attention.score.forward = lambda _: extremes
    skeleton = attention.weights(SAMPLE)[:, 1]
    torch.testing.assert_close(skeleton, torch.tensor([0.5838, 0.7362]), rtol=0, atol=1e-4)


def test_released_score_has_the_released_size() -> None:
    score = ConcatScore({"imu": 7552, "skeleton": 2688})
    assert sum(parameter.numel() for parameter in score.parameters()) == pytest.approx(16.55e6, rel=1e-3)


def test_dot_score_is_the_default_of_size_128() -> None:
    attention = QualityGuidedAttention({"imu": 7552, "skeleton": 2688}, QUALITY)
    assert isinstance(attention.score, DotProductScore)
    expected = (7552 + 2688 + 128) * 128 + 3 * 128
    assert sum(parameter.numel() for parameter in attention.parameters()) == expected


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ({"quality_lambda": -0.1, "quality_weights": QUALITY}, "quality_lambda"),
        ({"quality_lambda": 1.1, "quality_weights": QUALITY}, "quality_lambda"),
        ({"quality_lambda": math.nan, "quality_weights": QUALITY}, "quality_lambda"),
        ({"quality_weights": QUALITY, "mode": "mean"}, "mode"),
        ({"quality_weights": QUALITY, "score": "cosine"}, "score"),
        ({"quality_weights": None}, "quality_weights"),
        ({"quality_weights": None, "quality_lambda": 0.01}, "quality_weights"),
        ({"quality_weights": {}}, "quality_weights"),
        ({"quality_weights": {"imu": 1.0}}, "quality_weights"),
        ({"quality_weights": {"imu": 1.0, "depth": 1.0}}, "quality_weights"),
        ({"quality_weights": {**QUALITY, "depth": 1.0}}, "quality_weights"),
        ({"quality_weights": {"imu": -0.1, "skeleton": 1.1}}, "quality_weights"),
        ({"quality_weights": {"imu": 0.0, "skeleton": 0.0}}, "quality_weights"),
        ({"quality_weights": {"imu": math.nan, "skeleton": 1.0}}, "quality_weights"),
        ({"quality_weights": {"imu": 1.0, "skeleton": math.nan}}, "quality_weights"),
        ({"quality_weights": {"imu": math.inf, "skeleton": 1.0}}, "quality_weights"),
    ],
)
def test_refuses_arguments_that_cannot_work(arguments: dict[str, object], argument: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        QualityGuidedAttention(DIMS, **arguments)
    assert argument in caught.value.argument


def test_refuses_the_sum_of_features_of_different_sizes() -> None:
    with pytest.raises(ConfigurationError, match="concat") as caught:
        QualityGuidedAttention({"imu": 7552, "skeleton": 2688}, QUALITY, mode="sum")
    assert caught.value.argument == "mode"


def test_weights_are_in_single_precision_under_autocast() -> None:
    torch.manual_seed(0)
    attention = QualityGuidedAttention({"a": 8, "b": 8}, None, 0.0)
    with torch.autocast("cpu", torch.bfloat16):
        weights = attention.weights({"a": torch.randn(50, 8), "b": torch.randn(50, 8)})
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(50), rtol=0, atol=1e-6)
