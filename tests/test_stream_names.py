"""Names of streams."""

from __future__ import annotations

from cosmo_pl.stream_names import is_complete, name_of, parts_of


def test_a_stream_is_named_by_its_modalities_in_order():
    assert name_of(["gyro", "acc"]) == "gyro+acc" and name_of(["acc"]) == "acc"
    assert parts_of("gyro+acc") == ["gyro", "acc"] and parts_of("acc") == ["acc"]


def test_a_stream_is_complete_with_all_of_its_modalities():
    assert is_complete("gyro+acc", {"acc": 1, "gyro": 2, "mat": 3}) and is_complete("acc", ["acc"])
    assert not is_complete("gyro+acc", ["acc", "mat"]) and not is_complete("acc", ["acc+gyro"])
