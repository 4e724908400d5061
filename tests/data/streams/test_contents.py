"""Hashes of contents."""

from __future__ import annotations

import hashlib
import json
import shutil
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cosmo_pl.data.streams import importing, parts
from cosmo_pl.data.streams.contents import content_hashes
from cosmo_pl.data.streams.importing import import_streams
from cosmo_pl.data.streams.store import read_store

from .recorded import SENSOR, described, jittered, signal, write_csv
from .written import write_streams


def test_the_hash_is_that_of_the_bytes_and_copies_none_of_them(tmp_path: Path) -> None:
    store = write_streams(tmp_path, subjects=(1,), labels=(), unlabeled=1, seconds=20_000.0)
    content_hashes(store, ["wrist"])  # imports are no part of the memory
    tracemalloc.start()
    try:
        found = content_hashes(store, ["wrist"])
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    content = np.load(store.path("wrist")).tobytes()
    assert most < len(content) / 4
    assert found == {"s1_0": {hashlib.blake2b(content, digest_size=8).hexdigest()}}


ANKLE = SENSOR | {"files": "{subject}/ankle.csv"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Three people whose ankle sensor starts 3.7 ms before the one on the wrist."""
    for number, name in enumerate(("anna", "ben", "cleo")):
        time = jittered(20, 60, seed=number)
        write_csv(tmp_path / "home" / name / "wrist.csv", time, signal(time) + number)
        write_csv(tmp_path / "home" / name / "ankle.csv", time - 3_700_000, signal(time) - number)
    return tmp_path / "home"


@pytest.mark.parametrize(
    "more",
    [
        {"sensors": {"wrist": SENSOR, "ankle": ANKLE}},
        {"sensors": {"wrist": SENSOR | {"rate": 40}}},
        {"sensors": {"wrist": SENSOR | {"unit": "m/s2", "convert": {"from": "g"}}}},
        {"sensors": {"wrist": SENSOR}, "clocks": {"wrist": {"offset": 0.013, "drift": 40}}},
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_recordings_are_known_again_in_another_import_of_them(home: Path, tmp_path: Path, more: dict[str, Any]) -> None:
    first = import_streams(home, tmp_path / "first", described())
    second = import_streams(home, tmp_path / "second", described(**more))
    one, other = (content_hashes(store, ["wrist"]) for store in (first, second))
    assert first.fingerprint != second.fingerprint
    for name in ("anna", "ben", "cleo"):
        assert one[name] & other[name] and len(one[name]) == 2
        assert all(not one[name] & hashes for person, hashes in other.items() if person != name)


def test_hashes_do_not_change_the_fingerprint_of_an_import(home: Path, tmp_path: Path) -> None:
    """Results name the fingerprint, and imports of older versions have no hashes of recorded values."""
    store = import_streams(home, tmp_path / "out", described())
    older = replace(store, recordings=tuple(replace(each, recorded={}) for each in store.recordings))
    assert store.fingerprint == older.fingerprint
    older.write()
    assert read_store(store.folder) == older
    content = json.loads((store.folder / "streams.json").read_text(encoding="utf-8"))
    for each in content["recordings"]:
        del each["recorded"]
    (store.folder / "streams.json").write_text(json.dumps(content), encoding="utf-8")
    assert read_store(store.folder) == older
    assert all(len(found) == 1 for found in content_hashes(older, ["wrist"]).values())


def test_a_part_that_another_process_has_completed_is_taken(home: Path, tmp_path: Path, monkeypatch) -> None:
    """Workers of an import that was killed finish their recording while the next one has begun."""
    with monkeypatch.context() as killed:
        killed.setattr(importing.ImportJob, "_finished", lambda *_: None)
        import_streams(home, tmp_path / "killed", described())
    completed, write = tmp_path / "killed" / importing.PARTS, parts._write_frames

    def while_another_completes_it(path: Path, frames: Any) -> Any:
        found = write(path, frames)
        name = path.parent.name.removeprefix(".").partition(".")[0]
        shutil.copytree(completed / name, path.parent.with_name(name))
        return found

    monkeypatch.setattr(parts, "_write_frames", while_another_completes_it)
    store = import_streams(home, tmp_path / "out", described())
    monkeypatch.undo()
    assert store.fingerprint == import_streams(home, tmp_path / "expected", described()).fingerprint
