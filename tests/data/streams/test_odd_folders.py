"""Drafts of folders with an odd file: it is named and left out, and the others are described as without it."""

from __future__ import annotations

import os
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from cosmo_pl.data.streams.importing import import_streams
from cosmo_pl.data.streams.patterns import Pattern
from cosmo_pl.data.streams.sniffing import sniff
from cosmo_pl.errors import ConfigurationError, RecordingError

from .recorded import SECOND, START, drafted, jittered, record, signal, write_csv

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
FIRST = START // SECOND
PEOPLE = ("anna", "ben", "cleo", "dora", "emil")


@pytest.mark.parametrize("content", ["", "time,x,y,z\n"])
def test_an_empty_file_does_not_make_a_sensor_of_each_person(tmp_path: Path, content: str) -> None:
    record(tmp_path / "home", [f"{name}/wrist.csv" for name in PEOPLE])
    (tmp_path / "home/cleo/wrist.csv").write_text(content)
    found = sniff(tmp_path / "home")
    assert [each.files.text for each in found.description.sensors.values()] == ["{subject}/wrist.csv"]
    assert any("cleo/wrist.csv" in line for line in found.unknown)


def test_a_first_row_without_time_leaves_the_zone_to_other_files(tmp_path: Path) -> None:
    time, home = jittered(10, 50), tmp_path / "home"
    for name in PEOPLE[:2]:
        local = [(datetime.fromtimestamp(t / SECOND, UTC) + timedelta(hours=2)).isoformat()[:-6] for t in time]
        write_csv(home / name / "wrist.csv", ["", *local[1:]] if name == "anna" else local, signal(time))
        write_csv(home / name / "ankle.csv", [str(round(t / 1e6)) for t in time], signal(time))
    assert sniff(home).description.sensors["wrist"].time.zone == "Etc/GMT-2"


def test_arrays_without_columns_are_left_out(tmp_path: Path) -> None:
    record(tmp_path / "home", ["anna/wrist.csv", "ben/wrist.csv"])
    np.savez(tmp_path / "home/anna/ankle.npz", x=np.zeros((5, 0)))
    found = sniff(tmp_path / "home")
    assert list(found.description.sensors) == ["wrist"] and any("ankle.npz" in line for line in found.unknown)


@pytest.mark.parametrize("odd", [b"M\xfcller/wrist.csv", b"anna/wrist\xe4.csv"])
def test_a_name_that_is_not_in_utf8_is_refused_before_anything_is_read(tmp_path: Path, odd: bytes) -> None:
    """As on old disks, and of archives unpacked by other systems; what would be imported could not be read."""
    record(tmp_path / "home", ["anna/wrist.csv"])
    description = sniff(tmp_path / "home").description
    path = tmp_path / "home" / os.fsdecode(odd)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes((tmp_path / "home/anna/wrist.csv").read_bytes())
    description = replace(
        description,
        sensors={k: replace(v, files=Pattern("{subject}/wrist*.csv")) for k, v in description.sensors.items()},
    )
    with pytest.raises(RecordingError, match=r"\\udc.*: has a name that is not in UTF-8\. Rename it, or its folder"):
        import_streams(tmp_path / "home", tmp_path / "out", description)


@pytest.mark.parametrize("name", ["set{1}/anna/wrist.csv", "rec\\anna\\wrist.csv"])
def test_a_path_that_no_pattern_can_have_is_left_out(tmp_path: Path, name: str) -> None:
    record(tmp_path / "home", ["anna/wrist.csv", "ben/wrist.csv"])
    with zipfile.ZipFile(tmp_path / "home.zip", "w") as archive:
        archive.write(tmp_path / "home/anna/wrist.csv", name)
        archive.write(tmp_path / "home/anna/wrist.csv", "anna/wrist.csv")
        archive.write(tmp_path / "home/ben/wrist.csv", "ben/wrist.csv")
    found = sniff(tmp_path / "home.zip")
    assert len(found.description.sensors) == 1 and "1 such files are left out" in found.unknown[0]
    with zipfile.ZipFile(tmp_path / "odd.zip", "w") as archive:
        archive.write(tmp_path / "home/anna/wrist.csv", name)
    with pytest.raises(ConfigurationError, match=r"of a usual name.*Rename files as"):
        sniff(tmp_path / "odd.zip")


@pytest.mark.parametrize("header", [",x,y,z", "time,x,x,z"])
def test_columns_without_names_of_their_own_are_taken_by_position(tmp_path: Path, header: str) -> None:
    record(tmp_path / "home", ["anna/wrist.csv", "ben/wrist.csv"])
    for path in (tmp_path / "home").rglob("*.csv"):
        text = path.read_text()
        path.write_text("# a device\n" + header + text[text.index("\n") :])
    found, store = drafted(tmp_path / "home")
    (stream,) = found.description.sensors.values()
    assert (stream.header, stream.skip, stream.time.column) == (False, 2, 0)
    record(tmp_path / "other", ["anna/wrist.csv", "ben/wrist.csv"])
    assert np.array_equal(store.array("wrist"), drafted(tmp_path / "other")[1].array("wrist"))


def test_a_sensor_of_a_sample_every_half_an_hour_is_left_out(tmp_path: Path) -> None:
    record(tmp_path / "home", ["anna/wrist.csv", "ben/wrist.csv"])
    for name in PEOPLE[:2]:
        write_csv(tmp_path / "home" / name / "temp.csv", [str(FIRST + 1800 * n) for n in range(20)], np.ones((20, 3)))
    found = sniff(tmp_path / "home")
    assert list(found.description.sensors) == ["wrist"]
    assert any("fewer samples than 0.001 per second" in line for line in found.unknown)


def test_files_of_labels_may_repeat_each_other(tmp_path: Path) -> None:
    home = tmp_path / "home"
    record(home, ["anna/wrist.csv", "ben/wrist.csv"])
    for name, rows in (("1", f"{FIRST + 1},{FIRST + 3},walk"), ("2", f"{FIRST + 2},{FIRST + 4},walk")):
        for who in PEOPLE[:2]:
            (home / who / f"labels{name}.csv").write_text(f"start,end,activity\n{rows}\n")
    description = sniff(home).description
    assert description.labels is not None
    labels = replace(description.labels, files=Pattern("{subject}/labels*.csv"))
    for recording in import_streams(home, tmp_path / "out", replace(description, labels=labels)).recordings:
        assert [(each.end - each.start, each.activity) for each in recording.labels] == [(pytest.approx(3.0), "walk")]
