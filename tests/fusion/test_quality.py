"""Hopkins statistic, number of clusters and the quality weights made of them."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from cosmo_pl.fusion import (
    ModalityQuality,
    hopkins_statistic,
    modality_quality,
    optimal_num_clusters,
    principal_scores,
    quality,
)
from cosmo_pl.fusion.quality import MIN_POINTS, best_num_clusters

Array = NDArray[np.float64]


def uniform(count: int, size: int, seed: int = 0) -> Array:
    return np.random.default_rng([9, seed]).uniform(size=(count, size))  # not the stream that the statistic draws from


def blobs(clusters: int, each: int = 20, size: int = 3, spread: float = 0.02, seed: int = 0) -> Array:
    """Clusters around corners of a grid of side 1."""
    generator = np.random.default_rng(seed)
    corners = np.array(list(product(range(3), repeat=size)), dtype=float)
    centres = corners[generator.permutation(len(corners))[:clusters]]
    points = np.repeat(centres, each, axis=0)
    return points + generator.normal(0, spread, points.shape)


def naive_hopkins(points: Array, draws: int, power: float, seed: int) -> list[float]:
    """H = Σ u^d / (Σ u^d + Σ w^d) term by term, and random numbers of its own."""
    generator = np.random.default_rng(seed)
    m = min(max(10, math.ceil(len(points) / 10)), len(points) // 2)
    values = []
    for _ in range(draws):
        u = w = 0.0
        for i in generator.permutation(len(points))[:m]:
            w += np.linalg.norm(points[i] - np.delete(points, i, axis=0), axis=1).min() ** power
            place = generator.uniform(points.min(axis=0), points.max(axis=0))
            u += np.linalg.norm(place - points, axis=1).min() ** power
        values.append(u / (u + w))
    return values


@pytest.mark.parametrize(("count", "size", "power"), [(24, 2, 1.0), (24, 2, 2.0), (15, 3, 1.0), (8, 2, 1.0)])
def test_hopkins_equals_its_definition(count: int, size: int, power: float) -> None:
    """In distribution over draws: mean within 5 standard errors, spread within 20 %."""
    points = uniform(count, size) ** 2 * [1, *[5] * (size - 1)]  # neither uniform nor isotropic
    expected = naive_hopkins(points, 300, power, seed=1)
    mean, std = hopkins_statistic(points, num_draws=600, power=power, seed=2)
    assert mean == pytest.approx(np.mean(expected), abs=5 * np.std(expected) / math.sqrt(300))
    assert std == pytest.approx(np.std(expected), rel=0.2)


@pytest.mark.parametrize("power", [1.0, 2.0])
@pytest.mark.parametrize(("count", "size"), [(300, 2), (1000, 2), (500, 1)])
def test_hopkins_of_uniform_points_is_a_half(count: int, size: int, power: float) -> None:
    values = [hopkins_statistic(uniform(count, size, seed), power=power)[0] for seed in range(5)]
    assert np.mean(values) == pytest.approx(0.5, abs=0.04)


def test_hopkins_orders_regular_uniform_and_clustered_points() -> None:
    grid = np.array(list(product(range(20), repeat=2)), dtype=float)
    regular, even, clustered = (hopkins_statistic(x)[0] for x in (grid, uniform(400, 2), blobs(4, 100, 2)))
    assert regular < 0.35 and clustered > 0.9
    assert regular < even - 0.1 and even < clustered - 0.1


def test_hopkins_rises_towards_one_as_clusters_tighten() -> None:
    values = [hopkins_statistic(blobs(5, 40, 2, spread))[0] for spread in (0.3, 0.1, 0.03, 0.001)]
    assert values == sorted(values) and values[-1] > 0.99


def test_hopkins_is_free_of_place_and_scale() -> None:
    points = blobs(3)
    moved = hopkins_statistic(points * 1e-3 + 50)
    assert moved == pytest.approx(hopkins_statistic(points), rel=1e-6)


def test_hopkins_of_many_dimensions_is_finite_at_every_scale() -> None:
    points = uniform(200, 300)
    found = [hopkins_statistic(scale * points, num_draws=5, power=300.0)[0] for scale in (1e-3, 1.0, 5.0, 1e6)]
    assert found == pytest.approx([found[1]] * 4, rel=1e-6) and 0 < found[1] < 1


@pytest.mark.parametrize(("count", "drawn"), [(60, 10), (195, 20), (800, 80)])
def test_hopkins_draws_a_tenth_of_the_points(count: int, drawn: int) -> None:
    """For uniform points and d = D it is Beta(m, m) distributed, whose standard deviation tells m."""
    spread = [hopkins_statistic(uniform(count, 2, seed), num_draws=150, power=2.0)[1] for seed in range(4)]
    assert np.mean(spread) == pytest.approx(1 / (2 * math.sqrt(2 * drawn + 1)), rel=0.2)


def test_hopkins_states_the_deviation_of_its_repetitions() -> None:
    points = uniform(100, 2)
    first = hopkins_statistic(points, num_draws=1)[0]
    mean, std = hopkins_statistic(points, num_draws=2)
    assert std == pytest.approx(abs(mean - first))


def test_hopkins_follows_its_seed() -> None:
    points = uniform(100, 3)
    assert hopkins_statistic(points, seed=4) == hopkins_statistic(points, seed=4)
    assert hopkins_statistic(points, seed=4) != hopkins_statistic(points, seed=5)
    assert hopkins_statistic(points, num_draws=1)[1] == 0


@pytest.mark.parametrize("clusters", [2, 3, 5, 7])
def test_finds_the_number_of_separated_clusters(clusters: int) -> None:
    points = blobs(clusters, seed=clusters)
    best, curve = optimal_num_clusters(points, 9, num_seeds=2)
    assert best == clusters
    assert list(curve) == list(range(2, 10))
    assert curve[clusters] > 0.9 and curve[clusters] == max(curve.values())
    assert all(-1 <= value <= 1 for value in curve.values())


def test_number_of_clusters_follows_its_seed_and_not_the_order() -> None:
    points = uniform(60, 2)
    first = optimal_num_clusters(points, 4, num_seeds=2, seed=1)
    assert first == optimal_num_clusters(points, 4, num_seeds=2, seed=1)
    best, _ = optimal_num_clusters(blobs(4)[::-1], 6, num_seeds=1)
    assert best == 4


@pytest.mark.parametrize(
    ("scores", "expected"),
    [({}, 2), ({4: 0.9}, 4), ({3: 0.9, 5: 0.9}, 3), ({2: 0.1, 6: 0.7, 4: 0.7}, 4)],
)
def test_takes_the_smallest_of_equally_good_numbers(
    scores: dict[int, float], expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sklearn.metrics.silhouette_score", lambda _, labels: scores.get(len(set(labels)), 0.5))
    best, curve = optimal_num_clusters(uniform(40, 2), 6, num_seeds=1)
    assert best == expected
    assert curve == {k: scores.get(k, 0.5) for k in range(2, 7)}


def test_runs_of_k_means_have_seeds_of_their_own() -> None:
    points = uniform(80, 2)
    first, second = (optimal_num_clusters(points, 8, num_seeds=1, seed=seed)[1] for seed in (3, 4))
    assert first != second
    both = optimal_num_clusters(points, 8, num_seeds=2, seed=3)[1]
    assert both == pytest.approx({k: (first[k] + second[k]) / 2 for k in first})


def test_averages_the_silhouettes_of_its_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    values = iter([0.2, 0.4, 0.9, 0.1, 0.2, 0.3])
    monkeypatch.setattr("sklearn.metrics.silhouette_score", lambda *_: next(values))
    best, curve = optimal_num_clusters(uniform(20, 2), 3, num_seeds=3)
    assert best == 2 and curve == pytest.approx({2: 0.5, 3: 0.2})


def test_clusters_each_number_once_a_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    monkeypatch.setattr("sklearn.metrics.silhouette_score", lambda _, labels: calls.append(len(set(labels))) or 0.5)
    modality_quality({"a": uniform(30, 2)}, 2, num_seeds=3)
    assert sorted(calls) == [2] * 3 + [3] * 3 + [4] * 3


@pytest.mark.parametrize(("count", "limit", "tried"), [(30, 100, range(2, 11)), (30, 4, range(2, 5)), (5, 9, [2])])
def test_tries_at_most_a_third_of_the_points(count: int, limit: int, tried: list[int]) -> None:
    calls: list[int] = []
    _, curve = optimal_num_clusters(uniform(count, 2), limit, num_seeds=1, advance=lambda: calls.append(1))
    assert list(curve) == list(tried) and len(calls) == len(curve)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_refuses_a_single_value_that_is_not_finite(value: float) -> None:
    x = np.random.default_rng(0).normal(size=(50, 4, 3))
    x[17, 2, 1] = value
    with pytest.raises(ValueError, match="finite"):
        principal_scores(x)
    with pytest.raises(ValueError, match="finite"):
        modality_quality({"good": x[:17], "bad": x}, 2)


def test_ten_distinct_samples_are_enough() -> None:
    x = np.random.default_rng(0).normal(size=(MIN_POINTS, 3))
    measured = modality_quality({"a": x, "b": x * 2 + 1}, 3)
    assert measured["a"].weight == pytest.approx(0.5) and list(measured["a"].silhouettes) == [2, 3]


def patch_measures(monkeypatch: pytest.MonkeyPatch, values: list[tuple[float, int]]) -> None:
    """Gives each modality in turn (H, k*)."""
    hopkins, clusters = iter([h for h, _ in values]), iter([k for _, k in values])
    monkeypatch.setattr(quality, "hopkins_statistic", lambda *_, **__: (next(hopkins), 0.01))
    monkeypatch.setattr(quality, "optimal_num_clusters", lambda *_, **__: (next(clusters), {2: 0.5}))


@pytest.mark.parametrize(
    ("num_classes", "measures", "expected"),
    [
        (27, [(0.8513, 24), (0.5, 22)], [0.7394, 0.2606]),  # Fig. 7: depth 0.74, inertial 0.26
        (27, [(0.8513, 30), (0.5, 32)], [0.7394, 0.2606]),  # c is a distance, whichever side
        (10, [(0.6, 10), (0.6, 9)], [2 / 3, 1 / 3]),  # c = 0 counts as 1/2
        (10, [(0.6, 10), (0.9, 10)], [0.4, 0.6]),
        (10, [(0.5, 9), (0.8, 6), (0.9, 13)], [0.5, 0.2, 0.3]),
    ],
)
def test_weights_by_hand(
    num_classes: int, measures: list[tuple[float, int]], expected: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    patch_measures(monkeypatch, measures)
    measured = modality_quality({f"m{j}": uniform(20, 2, j) for j in range(len(measures))}, num_classes)
    assert [m.weight for m in measured.values()] == pytest.approx(expected, abs=5e-5)
    assert [(m.hopkins, m.num_clusters) for m in measured.values()] == measures
    assert all(m.hopkins_std == 0.01 and m.silhouettes == {2: 0.5} for m in measured.values())


@pytest.mark.parametrize("hopkins", [0.3, 0.5, 0.9])
def test_as_many_clusters_as_classes_rank_above_one_off_and_stay_finite(
    hopkins: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = []
    for found in (10, 11, 12, 20):
        patch_measures(monkeypatch, [(hopkins, found), (0.5, 15)])
        measured = modality_quality({"a": uniform(20, 2), "b": uniform(20, 2)}, 10)
        weights.append(measured["a"].weight)
        assert measured["a"].weight + measured["b"].weight == pytest.approx(1)
    assert weights == sorted(weights, reverse=True) and len(set(weights)) == 4 and 0 < weights[-1] < weights[0] < 1


@pytest.mark.parametrize(("cap", "best"), [(None, 7), (9, 7), (7, 7), (6, 4), (4, 4), (3, 3), (2, 2), (1, 2)])
def test_the_best_number_under_a_cap_is_that_of_a_search_up_to_it(cap: int | None, best: int) -> None:
    assert best_num_clusters({2: 0.1, 3: 0.2, 4: 0.3, 5: 0.3, 6: 0.25, 7: 0.5, 8: 0.4, 9: 0.1}, cap) == best


@pytest.mark.parametrize(("cap", "tried"), [(None, range(2, 9)), (3, [2, 3]), (6, range(2, 7)), (50, range(2, 21))])
def test_clusters_are_searched_up_to_the_cap(cap: int | None, tried: list[int]) -> None:
    measured = modality_quality({"a": blobs(4, 15)}, 4, num_seeds=1, max_clusters=cap)["a"]
    assert list(measured.silhouettes) == list(tried)
    assert measured.at_edge == (cap == 3) and measured.num_clusters == (3 if cap == 3 else 4)


def test_weights_of_real_measurements() -> None:
    """Four clusters at four classes against noise: the clustered modality gets most of the weight."""
    x = {"clustered": blobs(4, 15), "noise": uniform(60, 3), "copy": np.tile(blobs(4, 15), (3, 1))}
    calls: list[int] = []
    measured = modality_quality(x, 4, seed=1, advance=lambda: calls.append(1))
    assert list(measured) == list(x)
    assert sum(m.weight for m in measured.values()) == pytest.approx(1)
    assert measured["clustered"].num_clusters == 4 and measured["clustered"].hopkins > measured["noise"].hopkins
    assert measured["clustered"].weight > measured["noise"].weight
    assert measured["copy"] == measured["clustered"]
    assert all(list(m.silhouettes) == list(range(2, 9)) for m in measured.values()) and len(calls) == 3 * 7
    for m in measured.values():
        best = max(m.silhouettes.values())
        assert m.silhouettes[m.num_clusters] == best
    q = {name: m.hopkins / max(abs(m.num_clusters - 4), 0.5) for name, m in measured.items()}
    assert {n: m.weight for n, m in measured.items()} == pytest.approx({n: v / sum(q.values()) for n, v in q.items()})
    assert measured == modality_quality(x, 4, seed=1)


@pytest.mark.parametrize(("best", "edge"), [(8, False), (9, True), (10, True)])
def test_the_last_tenth_of_the_numbers_tried_is_the_edge(best: int, edge: bool) -> None:
    assert ModalityQuality(0.8, 0.0, best, dict.fromkeys(range(2, 11), 0.1), 1.0).at_edge is edge
