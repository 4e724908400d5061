"""The folder of imported recordings."""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cosmo_pl.data.streams.store import (
    LabelInterval,
    Segment,
    StreamRecording,
    StreamSensor,
    StreamStore,
    read_store,
)
from cosmo_pl.errors import RecordingError

from .written import rewrite, write_streams


@pytest.fixture
def store(tmp_path: Path) -> StreamStore:
    """Two recordings of two sensors; the second stream of the first recording has a gap."""
    sensors = {
        "wrist": StreamSensor("accelerometer", 50.0, (3,), ("x", "y", "z"), ("g", "g", "g")),
        "mat": StreamSensor("pressure", 10.0, (4, 2), ("pressure",), ("au",)),
    }
    recordings = (
        StreamRecording(
            "a",
            1,
            "2024-05-01T10:00:00",
            10.0,
            (LabelInterval(1.0, 4.0, "walk"), LabelInterval(4.0, 9.0, "sit")),
            {"wrist": (Segment(0, 500, 0),), "mat": (Segment(3, 20, 0), Segment(40, 60, 20))},
        ),
        StreamRecording("b", 2, "2024-05-02T10:00:00", 2.0, (), {"wrist": (Segment(0, 100, 500),)}),
    )
    store = StreamStore(
        tmp_path,
        "Kitchen",
        sensors,
        ("walk", "sit"),
        {"anna": 1, "ben": 2},
        recordings,
        {name: str(i) * 32 + "ab" * 16 for i, name in enumerate(sensors)},
        {"files": 3},
    )
    np.save(store.path("wrist"), np.zeros((600, 3), dtype=np.float32))
    np.save(store.path("mat"), np.ones((80, 4, 2), dtype=np.float32))
    store.write()
    return store


def test_a_store_is_read_as_it_was_written(store: StreamStore) -> None:
    read = read_store(store.folder)
    assert read == store
    assert read.array("mat").shape == (80, 4, 2)
    assert read.sensors["wrist"].description.rate == 50.0


def test_the_fingerprint_is_that_of_the_content_wherever_it_comes_from(store: StreamStore, tmp_path: Path) -> None:
    assert read_store(store.folder).fingerprint == store.fingerprint
    assert replace(store, folder=tmp_path / "b", source={"files": 9}).fingerprint == store.fingerprint
    hashes = {**store.sha256, "mat": "0" * 64}
    assert replace(store, sha256=hashes).fingerprint != store.fingerprint


def test_the_longest_pause_is_kept_and_imports_of_older_versions_have_none(store: StreamStore) -> None:
    sensors = {name: replace(sensor, max_gap=2.5) for name, sensor in store.sensors.items()}
    now = replace(store, sensors=sensors)
    now.write()
    read = read_store(store.folder)
    assert read.sensors["wrist"].description.max_gap == 2.5 and read == now
    assert read.fingerprint == store.fingerprint
    path = store.folder / "streams.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    for sensor in manifest["sensors"].values():
        del sensor["max_gap"]
    path.write_text(json.dumps(manifest), encoding="utf-8")
    assert read_store(store.folder) == store


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        ("format", 2, "format is 2, not 1"),
        ("activities", ["walk"], "labels[1][2] is 'sit'"),
        ("recordings", [], "recordings is []"),
        ("sensors", {"a/b": {}}, "name of a sensor"),
        ("sha256", {}, "sha256.wrist is missing"),
    ],
)
def test_a_damaged_description_is_refused_by_field(store: StreamStore, key: str, value: object, named: str) -> None:
    path = store.folder / "streams.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    with pytest.raises(RecordingError) as refused:
        read_store(store.folder)
    assert named in str(refused.value)


def test_overlapping_labels_are_refused(store: StreamStore) -> None:
    first = replace(store.recordings[0], labels=(LabelInterval(1.0, 4.0, "walk"), LabelInterval(3.0, 5.0, "sit")))
    replace(store, recordings=(first,)).write()
    with pytest.raises(RecordingError, match="do not overlap"):
        read_store(store.folder)


def test_an_array_of_other_length_is_refused(store: StreamStore) -> None:
    np.save(store.path("wrist"), np.zeros((599, 3), dtype=np.float32))
    with pytest.raises(RecordingError, match="599"):
        read_store(store.folder).array("wrist")


def test_a_changed_array_is_refused_and_a_copied_one_is_not(tmp_path: Path) -> None:
    store = write_streams(tmp_path / "kitchen")
    rewrite(store, "mat", np.load(store.path("mat")))
    values = np.load(store.path("mat"))
    later = read_store(store.folder).path("mat").stat().st_mtime_ns + 10**9
    os.utime(store.path("mat"), ns=(later, later))
    np.testing.assert_array_equal(read_store(store.folder).array("mat"), values)
    np.save(store.path("mat"), values + 1)
    os.utime(store.path("mat"), ns=(later + 10**9, later + 10**9))
    with pytest.raises(RecordingError, match=r"mat\.npy.*has been changed since the import"):
        read_store(store.folder).array("mat")
