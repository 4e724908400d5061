"""The order of drawing, even spacing and halves."""

from __future__ import annotations

import numpy as np

from cosmo_pl.data.selection import balanced_order, evenly_spaced, num_different, rank_in_class, split_recordings

from .splitting import make_samples


def test_every_prefix_of_the_order_is_a_round_robin() -> None:
    labels = np.repeat([0, 1, 2], [1, 4, 2])
    rank = rank_in_class(labels, seed=5)
    assert [sorted(rank[labels == c].tolist()) for c in range(3)] == [[0], [0, 1, 2, 3], [0, 1]]
    drawn = labels[balanced_order(labels, rank, seed=5)].tolist()
    assert sorted(drawn[:3]) == [0, 1, 2] and sorted(drawn[3:5]) == [1, 2] and drawn[5:] == [1, 1]


def test_preferred_samples_come_first_in_their_class() -> None:
    labels = np.repeat([0, 1], 6)
    for seed in range(5):
        rank = rank_in_class(labels, seed, first=[4, 5, 7])
        assert {int(rank[4]), int(rank[5])} == {0, 1} and rank[7] == 0


def test_evenly_spaced_numbers_are_distinct_ordered_and_reach_both_ends() -> None:
    for count in (1, 2, 10, 101):
        for limit in range(1, count + 1):
            chosen = evenly_spaced(count, limit)
            assert len(chosen) == limit and (np.diff(chosen) > 0).all() and chosen[0] == 0
            assert chosen[-1] == count - 1 or limit == 1
            assert limit < 2 or np.ptp(np.diff(chosen)) <= 1
        for limit in (None, count, count + 1):
            assert evenly_spaced(count, limit).tolist() == list(range(count))


def test_different_samples_are_counted_up_to_the_limit() -> None:
    samples = [np.array([0.0, 1.0]), np.array([-0.0, 1.0]), np.array([1.0, 0.0]), np.array([2.0, 0.0])]
    assert [num_different(samples, limit) for limit in (1, 2, 3, 9)] == [1, 2, 3, 3]
    unread = iter([*samples, np.array([3.0, 0.0])])
    assert num_different(unread, 3) == 3 and len(list(unread)) == 1


def test_halves_keep_recordings_whole_in_every_class_and_subject() -> None:
    samples = make_samples((1, 2), 3, recordings=5)
    near, far = split_recordings(samples.label, samples.subject, samples.recording, seed=0)
    assert sorted([*near, *far]) == list(range(len(samples)))
    sides = [set(samples.recording[half].tolist()) for half in (near, far)]
    assert not sides[0] & sides[1]
    for subject, label in {*zip(samples.subject.tolist(), samples.label.tolist(), strict=True)}:
        assert [sum(name.startswith(f"s{subject}c{label}r") for name in side) for side in sides] == [2, 3]
    again = split_recordings(samples.label, samples.subject, samples.recording, seed=1)
    assert again[0].tolist() != near.tolist()


def test_numbers_of_subjects_may_be_of_any_size() -> None:
    samples = make_samples((1, 2), 3, recordings=5)
    large = np.where(samples.subject == 1, 1_234_567_890, 10**17)
    for got, expected in zip(
        split_recordings(samples.label, large, samples.recording, seed=3),
        split_recordings(samples.label, samples.subject, samples.recording, seed=3),
        strict=True,
    ):
        assert got.tolist() == expected.tolist()
