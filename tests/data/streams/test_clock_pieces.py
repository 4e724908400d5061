"""Clocks of imported recordings."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cosmo_pl.cli import main
from cosmo_pl.data.streams.clock_pieces import clock_pieces
from cosmo_pl.data.streams.store import Segment, StreamStore, read_store

from .written import write_streams


@pytest.fixture
def store(tmp_path: Path) -> StreamStore:
    """Recordings of 90 s, the second two hours after the first; the mat has a gap from 50 to 60 s in the first."""
    written = write_streams(tmp_path, subjects=(1,), labels=(), unlabeled=2, seconds=90.0)
    first, second = written.recordings
    mat = first.segments["mat"][0]
    gap = (Segment(0, 250, mat.row), Segment(300, 150, mat.row + 300))
    first = replace(first, segments={**first.segments, "mat": gap})
    return replace(written, recordings=(first, replace(second, start="2024-05-01T12:00:00")))


def test_pieces_have_no_gap_and_know_their_age(store: StreamStore) -> None:
    pieces = clock_pieces(store, "wrist", "mat")
    ages = [piece.age for piece in pieces]
    assert ages == [0.0, 60.0, 7200.0, 7245.0], "50 s, 30 s, and 90 s as two halves"
    for piece in pieces:
        assert len(piece.reference.times) == len(piece.reference.values)
        assert np.allclose(np.diff(piece.other.times), 0.2) and np.allclose(np.diff(piece.reference.times), 0.05)
    second = pieces[1]
    row = store.recordings[0].segments["mat"][1].row
    assert np.array_equal(second.other.values, store.array("mat")[row : row + 150]) and second.other.images
    assert second.other.times[0] == 60.0


def test_only_segments_that_meet_are_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: StreamStore
) -> None:
    """Segments of 2 s and 3 s with gaps: as many comparisons as there are pieces, which are those of all pairs."""
    first = store.recordings[0]
    wrist = tuple(Segment(20 * at, 40, 40 * number) for number, at in enumerate(range(0, 90, 3)))
    mat = tuple(Segment(5 * at, 15, 15 * number) for number, at in enumerate(range(1, 90, 4)))
    recording = replace(first, segments={"wrist": wrist, "mat": mat})
    spans = [[(s.first / rate, (s.first + s.frames) / rate) for s in found] for found, rate in ((wrist, 20), (mat, 5))]
    pairs = [(max(a, c), min(b, d)) for a, b in spans[0] for c, d in spans[1]]
    split, calls = np.linspace, []
    monkeypatch.setattr(np, "linspace", lambda *args: calls.append(args) or split(*args))
    pieces = clock_pieces(store, "wrist", "mat", (recording,))
    assert [piece.age for piece in pieces] == [start for start, stop in pairs if start < stop]
    assert len(calls) == len(pieces) > 20
    for piece in pieces:
        assert len(piece.reference.times) >= 20 and abs(piece.reference.times[0] - piece.other.times[0]) < 0.2


def test_the_command_prints_what_the_description_takes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_streams(Path("kitchen"), subjects=range(1, 7), labels=(), unlabeled=3, seconds=40.0, offset=0.4)
    main(["data", "clocks", "kitchen", "--out=new/clocks.png"])
    printed = capsys.readouterr().out
    assert "mat against wrist: offset +0.4" in printed and "certain enough" in printed
    assert "\nclocks:\n  mat: {offset: 0.4" in printed
    manifest = Path("kitchen/streams.json")
    content = json.loads(manifest.read_text(encoding="utf-8"))
    content["source"]["description"] = {"clocks": {"mat": {"offset": 1.5, "drift": 3}}}
    manifest.write_text(json.dumps(content), encoding="utf-8")
    main(["data", "clocks", "kitchen"])
    printed = capsys.readouterr().out
    assert "corrected already" in printed and "\nclocks:\n  mat: {offset: 1.9" in printed
    with pytest.raises(SystemExit):
        main(["data", "clocks", "kitchen", "--max_offset=-1"])
    assert "max_offset" in capsys.readouterr().err
    assert Image.open("new/clocks.png").size[0] > 500


def test_what_is_not_certain_is_unchanged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_streams(Path("kitchen"), seconds=40.0)
    main(["data", "clocks", "kitchen"])
    assert "unchanged: the confidence is 0." in (printed := capsys.readouterr().out) and "clocks: {}" in printed
    for reference in ("wrst", "mat"):
        folder = write_streams(Path(reference)).folder
        arguments = ["data", "clocks", str(folder), f"--reference={reference}"]
        if reference == "mat":
            main(arguments)
            assert "0 pieces of 20 s" in capsys.readouterr().out
        else:
            with pytest.raises(SystemExit):
                main(arguments)
            assert "reference: 'wrst' cannot be compared" in capsys.readouterr().err
    assert read_store(Path("kitchen")).sensors
