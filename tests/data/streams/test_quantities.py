"""Columns of one file that are of several quantities, and units in a row of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cosmo_pl.data.streams.sniffing import Sniffed, sniff
from cosmo_pl.errors import ConfigurationError

from .recorded import SECOND, START, drafted, jittered, signal

FIRST = START // SECOND


def write(
    path: Path, lines: list[str], columns: int, delimiter: str = ",", decimal: str = ".", first: int = FIRST
) -> None:
    """Two seconds of a time and columns: acceleration in g, then noise."""
    values = np.random.default_rng(0).normal(0, 2, (100, columns)).round(4)
    values[:, :3] = signal(jittered(2, 50))
    rows = [delimiter.join([f"{first + n / 50:.2f}", *map(str, row)]) for n, row in enumerate(values.tolist())]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*lines, *(row.replace(".", decimal) for row in rows)]) + "\n", encoding="utf-8")


def sensors(found: Sniffed) -> dict[str, tuple[str, tuple[str | int, ...]]]:
    return {name: (each.kind, each.values) for name, each in found.description.sensors.items()}


@pytest.mark.parametrize(
    "names",
    [
        "ax,ay,az,gx,gy,gz",
        "acc_x,acc_y,acc_z,gyr_x,gyr_y,gyr_z",
        "accx,accy,accz,gyrox,gyroy,gyroz",
        "x [g],y [g],z [g],a [dps],b [dps],c [dps]",
        "ax_g,ay_g,az_g,gx_rads,gy_rads,gz_rads",
    ],
)
def test_columns_of_two_quantities_are_two_sensors(tmp_path: Path, names: str) -> None:
    for person in ("anna", "ben"):
        write(tmp_path / "home" / person / "imu.csv", [f"time,{names}"], 6)
    columns = tuple(names.split(","))
    found, store = drafted(tmp_path / "home")
    expected = {"imu_acc": ("accelerometer", columns[:3]), "imu_gyr": ("gyroscope", columns[3:])}
    assert sensors(found) == expected
    assert {each.files.text for each in found.description.sensors.values()} == {"{subject}/imu.csv"}
    assert "2 files match it; sensors of other quantities are in the same files" in found.text
    assert store.sensors["imu_acc"].units == ("g",) * 3 and store.sensors["imu_gyr"].units[0] in ("deg/s", "rad/s")
    assert [list(each.segments) for each in store.recordings] == [["imu_acc", "imu_gyr"]] * 2


def test_other_columns_are_another_sensor(tmp_path: Path) -> None:
    names = ("ax", "ay", "az", "temp", "gx", "gy", "gz", "mag", "light")
    write(tmp_path / "anna" / "acc_gyr.csv", [f"time,{','.join(names)}"], 9)
    found = sensors(sniff(tmp_path))
    assert found["acc_gyr_acc"] == ("accelerometer", names[:3]) and found["acc_gyr_gyr"] == ("gyroscope", names[4:7])
    assert found["acc_gyr_others"][1] == ("temp", "mag", "light")  # one column is no vector of a magnetometer


@pytest.mark.parametrize("names", ["x,y,z,a,b,c", "ax,ay,az,temp"])
def test_columns_without_telling_names_are_one_sensor_with_a_hint(tmp_path: Path, names: str) -> None:
    write(tmp_path / "anna" / "imu.csv", [f"time,{names}"], len(names.split(",")))
    found = sniff(tmp_path)
    assert list(found.description.sensors) == ["imu"]
    assert "sensors of their own, with the same files and other values" in found.text
    write(tmp_path / "anna" / "imu.csv", ["time,x,y,z"], 3)
    assert "sensors of their own" not in sniff(tmp_path).text


@pytest.mark.parametrize("before", [[], ["Device 7", ""]])
@pytest.mark.parametrize("first", [FIRST, 5])
def test_a_row_of_units_is_skipped_and_its_units_are_taken(tmp_path: Path, before: list[str], first: int) -> None:
    for person in ("anna", "ben"):
        lines = [*before, "time;x;y;z", "s;g;g;g"]
        write(tmp_path / "home" / person / "wrist.csv", lines, 3, delimiter=";", decimal=",", first=first)
    found, store = drafted(tmp_path / "home")
    stream = found.description.sensors["wrist"]
    assert (stream.skip, stream.header, stream.values) == (len(before) + 2, False, (1, 2, 3))
    assert (stream.time.column, stream.time.unit, stream.time.relative) == (0, "s", first == 5)
    assert store.sensors["wrist"].channels == ("x", "y", "z") and store.sensors["wrist"].units == ("g",) * 3
    assert "as the header states g" in " ".join(found.assumed) and store.recordings[0].duration == 1.98


@pytest.mark.parametrize("names", ["time,x,x,x", "time,,,"])
def test_columns_that_no_name_tells_apart_may_have_a_row_of_units(tmp_path: Path, names: str) -> None:
    for person in ("anna", "ben"):
        write(tmp_path / "home" / person / "wrist.csv", [names, "s,g,g,g"], 3)
    found, store = drafted(tmp_path / "home")
    stream = found.description.sensors["wrist"]
    assert (stream.skip, stream.header, stream.values) == (2, False, (1, 2, 3))
    assert store.sensors["wrist"].units == ("g",) * 3 and store.recordings[0].duration == 1.98


def test_units_in_a_row_are_those_of_several_quantities(tmp_path: Path) -> None:
    write(tmp_path / "anna" / "imu.csv", ["Time,A,B,C,D,E,F", "[ms],[g],[g],[g],[deg/s],[deg/s],[deg/s]"], 6, first=5)
    found = sniff(tmp_path).description.sensors
    assert {name: (each.channels, set(each.units)) for name, each in found.items()} == {
        "imu_acc": (("A", "B", "C"), {"g"}),
        "imu_gyr": (("D", "E", "F"), {"deg/s"}),
    }
    assert {each.time.unit for each in found.values()} == {"ms"}  # by their size they would be seconds


def test_a_row_of_other_texts_is_no_row_of_units(tmp_path: Path) -> None:
    write(tmp_path / "anna" / "wrist.csv", ["time,x,y,z", "start,of,the,table"], 3)
    with pytest.raises(
        ConfigurationError, match=r"in the column 'time' of .*, as 'start', are neither ISO 8601 nor numbers"
    ):
        sniff(tmp_path)
