"""Imports other than that of a training: their sensors and activities, and who is in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cosmo_pl.data import JointDataModule, StreamsDataModule
from cosmo_pl.data.streams.store import StreamStore, read_store
from cosmo_pl.data.trained import TrainedOn
from cosmo_pl.errors import ConfigurationError

from .written import rewrite, write_streams

Change = Callable[[StreamStore], StreamStore]


def made(folder: Path, **arguments: Any) -> StreamsDataModule:
    return StreamsDataModule(root=str(folder), **{"labels_per_class": 2, "pretrain_batch_size": 8, **arguments})


@pytest.fixture
def trained(tmp_path: Path) -> TrainedOn:
    """The data of a training on subjects 1 to 4."""
    data = made(write_streams(tmp_path / "kitchen").folder, test_subjects=[5])
    data.setup()
    return data.trained_on


def sensor(**changes: Any) -> Change:
    return lambda store: replace(store, sensors={**store.sensors, "wrist": replace(store.sensors["wrist"], **changes)})


@pytest.mark.parametrize(
    ("changed", "arguments", "named"),
    [
        (sensor(units=("m/s2",) * 3), {}, "'wrist' of Kitchen .*unit m/s2, not g"),
        (sensor(kind="gyroscope"), {}, "kind gyroscope, not accelerometer"),
        (sensor(rate=10.0), {}, r"rate 10 Hz, not 20 Hz; samples \(20, 3\), not \(40, 3\)"),
        (sensor(rate=10.0), {"window": 4.0}, "rate 10 Hz, not 20 Hz"),
        (sensor(channels=("z", "y", "x")), {}, "channels z y x, not x y z"),
        (sensor(), {"window": 4.0}, r"'wrist' of Kitchen .*: samples \(80, 3\), not \(40, 3\)"),
    ],
)
def test_a_trained_model_refuses_other_sensors(
    trained: TrainedOn, tmp_path: Path, changed: Change, arguments: dict[str, Any], named: str
) -> None:
    changed(write_streams(tmp_path / "other")).write()
    with pytest.raises(ConfigurationError, match=named):
        made(tmp_path / "other", **arguments).adopt(trained)


def test_transforms_are_those_of_the_training(trained: TrainedOn, tmp_path: Path) -> None:
    step = {"class_path": "cosmo_pl.data.transforms.Decimate", "init_args": {}}
    with pytest.raises(ConfigurationError, match="transforms none, not Decimate"):
        made(tmp_path / "kitchen").adopt(replace(trained, transforms={"wrist": (step,)}))


def test_what_an_older_checkpoint_does_not_say_is_not_compared(trained: TrainedOn, tmp_path: Path) -> None:
    sensor(units=("m/s2",) * 3)(write_streams(tmp_path / "other")).write()
    described = {name: value for name, value in trained.described().items() if name not in ("shapes", "sensors")}
    made(tmp_path / "other").adopt(TrainedOn.read(described))
    with pytest.raises(ConfigurationError, match=r"window: is 4\.0 s, and the model was trained on windows of 2 s"):
        made(tmp_path / "other", window=4.0).adopt(TrainedOn.read(described))


def test_a_person_may_have_labels_of_some_activities_in_another_order(trained: TrainedOn, tmp_path: Path) -> None:
    store = write_streams(tmp_path / "new", subjects=(6,), labels=("jump", "walk"))
    replace(store, activities=("jump", "walk")).write()
    data = made(tmp_path / "new", test_subjects=[6])
    data.adopt(trained)
    data.setup()
    assert data.class_names == ("walk", "sit", "jump")
    assert set(data.samples.label[data.split.test].tolist()) == {0, 2}


def test_an_activity_that_the_model_does_not_know_is_named(trained: TrainedOn, tmp_path: Path) -> None:
    store = write_streams(tmp_path / "new", subjects=(6,))
    replace(store, activities=("walk", "sit", "jump", "swim")).write()
    with pytest.raises(ConfigurationError, match=r"has the activities \['swim'\].*in an import, map or leave out"):
        made(tmp_path / "new").adopt(trained)


def renumbered(store: StreamStore, folder: Path, numbers: dict[int, int], labels: bool = True) -> Path:
    """The same recordings in another import, under other numbers and names, and without labels on request."""
    write_streams(folder)
    recordings = tuple(
        replace(each, name=f"r{each.name}", subject=numbers[each.subject], labels=each.labels if labels else ())
        for each in store.recordings
    )
    replace(store, folder=folder, recordings=recordings).write()
    return folder


def test_who_was_trained_on_is_not_tested_under_another_number_with_other_windows(
    trained: TrainedOn, tmp_path: Path
) -> None:
    numbers = {1: 5, 2: 1, 3: 2, 4: 3, 5: 4}
    other = renumbered(read_store(tmp_path / "kitchen"), tmp_path / "more", numbers)
    data = made(other, test_subjects=[5], hop=0.5)
    data.adopt(trained)
    with pytest.raises(ConfigurationError, match="was trained on 3 of these recordings: rs1_0"):
        data.setup()
    data = made(other, test_subjects=[4], hop=0.5)
    data.adopt(trained)
    data.setup()
    assert set(data.samples.subject[data.split.test].tolist()) == {4}


def test_recordings_are_known_by_what_was_measured(tmp_path: Path) -> None:
    store = write_streams(tmp_path / "kitchen")
    again = renumbered(store, tmp_path / "more", {each: each for each in range(1, 6)}, labels=False)
    first, second = made(tmp_path / "kitchen").content_hashes(), made(again).content_hashes()
    assert {f"r{name}": hashes for name, hashes in first.items()} == second
    alone = made(again, modalities=["mat"]).content_hashes()
    assert all(len(alone[name]) == 1 and alone[name] < hashes for name, hashes in second.items())
    assert len({each for hashes in first.values() for each in hashes}) == 2 * len(first)
    joint = JointDataModule([made(tmp_path / "kitchen"), made(again)])
    assert joint.content_hashes().keys() == {*(f"0/{name}" for name in first), *(f"1/{name}" for name in second)}


def test_a_sensor_that_measured_nothing_is_no_ones(tmp_path: Path) -> None:
    store = write_streams(tmp_path / "kitchen")
    values = np.load(store.path("mat"))
    rewrite(store, "mat", np.zeros_like(values))
    assert {len(hashes) for hashes in made(tmp_path / "kitchen").content_hashes().values()} == {1}
