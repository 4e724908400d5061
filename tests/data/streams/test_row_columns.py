"""Columns that name the person or the activity of each row are no channels, and are named with a remedy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cosmo_pl.data.streams.importing import import_streams
from cosmo_pl.data.streams.sniffing import Sniffed, sniff

from .recorded import SECOND, START, jittered, signal

FIRST = START // SECOND


def write(path: Path, header: str, *before: list[object], count: int = 300) -> None:
    """Rows of these columns, then a time and acceleration."""
    path.parent.mkdir(parents=True, exist_ok=True)
    motion = signal(jittered(count / 50, 50))
    rows = [[*(column[n] for column in before), f"{FIRST + n / 50:.2f}", *motion[n]] for n in range(count)]
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n", encoding="utf-8")


def only(found: Sniffed) -> tuple[str | int, ...]:
    (stream,) = found.description.sensors.values()
    return stream.values


@pytest.mark.parametrize(
    "name", ["user", "participant", "Volunteer", "person id", "user id", "uid", "UserID", "userid"]
)
def test_a_column_of_persons_is_no_channel(tmp_path: Path, name: str) -> None:
    header = f"{name},activity,timestamp,x-axis,y-axis,z-axis"
    write(tmp_path / "wisdm.csv", header, [33] * 299 + [34], ["Jogging"] * 300)  # another person in the last row alone
    found = sniff(tmp_path)
    assert only(found) == ("x-axis", "y-axis", "z-axis")
    said = f"wisdm.csv' holds several persons in its column '{name}' (33, 34): split it into a file per person"
    assert said in found.text and any(said in line for line in found.unknown)


def test_a_file_per_person_may_have_a_column_of_persons(tmp_path: Path) -> None:
    for number, name in enumerate(("anna", "ben")):
        write(tmp_path / name / "wrist.csv", "user,time,x,y,z", [number] * 300)
    found = sniff(tmp_path)
    assert only(found) == ("x", "y", "z") and "file per person" not in found.text
    (tmp_path / "ben" / "wrist.csv").unlink()
    (tmp_path / "anna" / "wrist.csv").rename(tmp_path / "wrist.csv")
    assert "if the column 'user' of" in sniff(tmp_path).text  # the rows between are not read


def test_acceleration_of_the_user_is_measured(tmp_path: Path) -> None:
    names = "userAcceleration.x,userAcceleration.y,userAcceleration.z"
    write(tmp_path / "anna" / "phone.csv", f"time,{names}")
    assert only(sniff(tmp_path)) == tuple(names.split(","))


@pytest.mark.parametrize(
    ("name", "values"),
    [("activity", ["Jogging"] * 300), ("Label", [3] * 300), ("target", [1] * 300), ("class", ["2.0"] * 300)],
)
def test_an_activity_in_each_row_is_named_with_the_remedy(tmp_path: Path, name: str, values: list[object]) -> None:
    for person in ("anna", "ben"):
        write(tmp_path / "home" / person / "wrist.csv", f"{name},time,x,y,z", values)
    found = sniff(tmp_path / "home")
    assert only(found) == ("x", "y", "z")
    assert f"without {name}, it names an activity in each row" in found.text
    remedy = "rite intervals of start, end and activity to a CSV file, as docs/import.md shows"
    assert any(f"the column '{name}' of wrist" in line and remedy in line for line in found.unknown)
    with pytest.warns(UserWarning, match=f"1 columns name an activity.*'{name}' of anna/wrist.csv.*{remedy}"):
        import_streams(tmp_path / "home", tmp_path / "out", found.description, strict=True)


def test_values_are_no_activities(tmp_path: Path) -> None:
    write(tmp_path / "anna" / "radar.csv", "target_range,time,x,y,z", np.linspace(1, 2, 300).tolist())
    assert only(sniff(tmp_path)) == ("target_range", "x", "y", "z")
    write(tmp_path / "anna" / "radar.csv", "target_speed,user_hr,time,x,y,z", [1, 2, 3] * 100, [61, 69, 75] * 100)
    assert only(sniff(tmp_path)) == ("target_speed", "user_hr", "x", "y", "z")


def test_labels_of_files_go_before_those_of_rows(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    for person in ("anna", "ben"):
        write(tmp_path / "home" / person / "wrist.csv", "activity,time,x,y,z", ["walk"] * 300)
        text = f"start,end,activity\n{FIRST + 1},{FIRST + 3},walk\n"
        (tmp_path / "home" / person / "labels.csv").write_text(text, encoding="utf-8")
    found = sniff(tmp_path / "home")
    assert not any("in each row" in line for line in found.unknown)
    import_streams(tmp_path / "home", tmp_path / "out", found.description)
    assert not [each for each in recwarn if "in each row" in str(each.message)]


def test_columns_of_a_shared_file_are_named_once(tmp_path: Path) -> None:
    write(tmp_path / "imu.csv", "user,activity,time,ax,ay,az", [1] * 299 + [2], ["walk"] * 300)
    lines = (tmp_path / "imu.csv").read_text(encoding="utf-8").splitlines()
    lines = [lines[0] + ",gx,gy,gz", *(line + ",1,2,3" for line in lines[1:])]
    (tmp_path / "imu.csv").write_text("\n".join(lines), encoding="utf-8")
    found = sniff(tmp_path)
    assert list(found.description.sensors) == ["imu_acc", "imu_gyr"]
    assert found.text.count("without user") == found.text.count("several persons") == 1
    assert sum("in each row" in line for line in found.unknown) == 1


def test_an_activity_is_named_below_a_row_of_units_as_well(tmp_path: Path) -> None:
    write(tmp_path / "anna" / "wrist.csv", "activity,time,x,y,z\n,s,g,g,g", ["walk"] * 300)
    found = sniff(tmp_path)
    assert only(found) == (2, 3, 4)
    assert any("the column 'activity' of wrist names an activity in each row" in line for line in found.unknown)
