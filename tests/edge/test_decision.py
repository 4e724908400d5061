"""Decisions from probabilities: temperature, "none of these", and the forward algorithm, against naive versions."""

from __future__ import annotations

import json
from itertools import pairwise, product

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from cosmo_pl.edge.decision import Decision, Smoother, score
from cosmo_pl.errors import ConfigurationError

TRANSITIONS = ((0.8, 0.15, 0.05), (0.1, 0.7, 0.2), (0.25, 0.25, 0.5))


def windows(count, classes=3, seed=0):
    return torch.randn(count, classes, generator=torch.Generator().manual_seed(seed)).double().softmax(dim=1).numpy()


@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_probabilities_are_calibrated_as_logits_are(temperature):
    logits = 5 * torch.randn(50, 4, generator=torch.Generator().manual_seed(1)).double()
    found = Decision(temperature).apply(logits.softmax(dim=1).numpy())
    assert found == pytest.approx((logits / temperature).softmax(dim=1).numpy(), abs=1e-9)
    assert np.array_equal(found.argmax(axis=1), logits.argmax(dim=1).numpy())


def test_a_probability_that_was_rounded_to_nothing_stays_a_probability():
    found = Decision(0.1).apply([[1.0, 0.0], [0.0, 1.0]])
    assert np.isfinite(found).all() and found.sum(axis=1) == pytest.approx(1)


def test_only_windows_below_the_threshold_are_rejected():
    probability = np.array([[0.5, 0.3, 0.2], [0.4, 0.35, 0.25], [0.9, 0.05, 0.05]])
    assert Decision(threshold=0.5).rejects(probability).tolist() == [False, True, False]
    assert not Decision().rejects(probability).any()
    assert Decision(threshold=1.0).rejects(probability).all()


def test_a_distance_lowers_the_score_and_a_window_of_it_is_rejected():
    probability, distance = np.array([[0.9, 0.1], [0.9, 0.1], [0.55, 0.45]]), [0.0, 0.2, -1e-7]
    assert score(probability, distance) == pytest.approx([0.9, 0.9 * np.exp(-1), 0.55])
    decision = Decision(threshold=0.6, score_threshold=0.5)
    assert decision.rejects(probability, distance).tolist() == [False, True, False]
    assert decision.rejects(probability).tolist() == [False, False, True], "without distances, by probability alone"
    assert Decision(threshold=0.6).rejects(probability, distance).tolist() == [False, False, True]
    assert Decision.read(json.loads(json.dumps(decision.described()))) == decision
    older = {key: value for key, value in decision.described().items() if key != "score_threshold"}
    assert Decision.read(older) == Decision(threshold=0.6)


@pytest.mark.parametrize("distance", [[0.1], [0.1, float("nan")], [[0.1, 0.1]]])
def test_other_distances_than_windows_are_refused(distance):
    with pytest.raises(ConfigurationError, match=r"distance: .* Give 2 distances, one for each window"):
        Decision(score_threshold=0.5).rejects([[0.9, 0.1], [0.6, 0.4]], distance)


def test_a_score_threshold_out_of_range_is_refused():
    with pytest.raises(ConfigurationError, match=r"score_threshold: is 1.5"):
        Decision(score_threshold=1.5)


def paths(probability):
    """Probability of each activity at the last window: the sum over all paths of activities."""
    total = np.zeros(3)
    for path in product(range(3), repeat=len(probability)):
        weight = 1.0
        for before, after in pairwise(path):
            weight *= TRANSITIONS[before][after]
        for window, activity in zip(probability, path, strict=True):
            weight *= window[activity]
        total[path[-1]] += weight
    return total / total.sum()


def test_the_smoother_sums_over_all_paths():
    probability = windows(6)
    smoother = Smoother(TRANSITIONS)
    for count, window in enumerate(probability, start=1):
        assert smoother.update(window) == pytest.approx(paths(probability[:count]))


def test_two_activities_have_a_closed_form():
    """The odds of the state are the odds of the window times those that are predicted."""
    stay = 0.9
    smoother = Smoother([[stay, 1 - stay], [1 - stay, stay]])
    odds = 1.0
    for first in (0.7, 0.2, 0.6, 0.95):
        odds *= first / (1 - first)
        assert smoother.update([first, 1 - first])[0] == pytest.approx(odds / (1 + odds))
        state = odds / (1 + odds)
        odds = (stay * state + (1 - stay) * (1 - state)) / ((1 - stay) * state + stay * (1 - state))


def test_without_memory_the_windows_stay_as_they_are():
    equal = np.full((3, 3), 1 / 3)
    probability = windows(20)
    smoother = Smoother(equal)
    assert np.stack([smoother.update(window) for window in probability]) == pytest.approx(probability)


def test_one_wrong_window_is_smoothed_away_and_a_change_is_followed():
    smoother = Decision(transitions=TRANSITIONS).smoother()
    assert smoother is not None
    first, second = [0.8, 0.1, 0.1], [0.1, 0.8, 0.1]
    states = [smoother.update(each).argmax() for each in (first, first, first, [0.4, 0.5, 0.1], first)]
    assert states == [0] * 5
    assert [smoother.update(second).argmax() for _ in range(3)][-1] == 1
    assert Decision().smoother() is None


def test_a_certain_window_excludes_nothing_forever():
    smoother = Smoother(TRANSITIONS)
    smoother.update([1.0, 0.0, 0.0])
    for _ in range(10):
        state = smoother.update([0.0, 0.0, 1.0])
    assert np.isfinite(state).all() and state.argmax() == 2


def test_a_broken_window_leaves_the_state_as_it_was():
    one, other = Smoother(TRANSITIONS), Smoother(TRANSITIONS)
    for smoother in (one, other):
        smoother.update([0.6, 0.3, 0.1])
    with pytest.raises(ConfigurationError, match="NaN"):
        one.update([np.nan, 0.5, 0.5])
    assert np.array_equal(one.update([0.2, 0.2, 0.6]), other.update([0.2, 0.2, 0.6]))


@pytest.mark.parametrize("decision", [Decision(), Decision(1.7, 0.35, TRANSITIONS)])
def test_a_decision_is_read_back_from_json(decision):
    assert Decision.read(json.loads(json.dumps(decision.described()))) == decision


def described(**changes):
    return {**Decision(1.7, 0.35, TRANSITIONS).described(), **changes}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "decision: decision is None, not a mapping"),
        ({"temperature": 1.0}, "decision: decision.threshold is missing"),
        (described(temperature=0), "decision: temperature: is 0.0. Use a finite number above 0"),
        (described(temperature="1"), "decision.temperature is '1', not a number"),
        (described(temperature=float("nan")), "decision.temperature is nan"),
        (described(threshold=1.5), "threshold: is 1.5"),
        (described(transitions=[[1.0, 0.0]]), r"transitions: has rows of the lengths \[2\]"),
        (described(transitions=[[0.5, 0.4], [0, 1]]), "transitions: has a row that is no probabilities"),
        (described(transitions=[[2, -1], [0, 1]]), r"transitions\[0\]\[0\] is 2, not a number from 0 to 1"),
        (described(transitions=[]), "transitions"),
        (described(transitions="all"), "decision.transitions is 'all', not a list"),
    ],
)
def test_a_damaged_description_is_named(content, message):
    with pytest.raises(ConfigurationError, match=message):
        Decision.read(content)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Decision(transitions=TRANSITIONS).apply([[0.5, 0.5]]), r"has the shape \(1, 2\). Give \(N, 3\)"),
        (lambda: Decision().apply([0.5, 0.5]), r"has the shape \(2,\). Give \(N, C\)"),
        (lambda: Decision().apply([[np.nan, 1.0]]), "holds NaN"),
        (lambda: Decision().rejects([[3.0, -1.0]]), r"outside \[0, 1\]"),
        (lambda: Smoother(TRANSITIONS).update([0.5, 0.5]), "probability: has the shape"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ConfigurationError, match=message):
        call()


def test_log_softmax_of_torch_agrees_on_large_logits():
    logits = torch.tensor([[40.0, -40.0, 0.0]]).double()
    found = Decision(8.0).apply(F.softmax(logits, dim=1).numpy())
    assert found.argmax() == 0 and np.isfinite(found).all()
