"""Descriptions of folders of recordings: what they mean, and what is refused by the name of the field."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from cosmo_pl.data.streams.description import ClockCorrection
from cosmo_pl.data.streams.patterns import Pattern, filled
from cosmo_pl.data.streams.reading_description import parse_description, read_description
from cosmo_pl.data.units import factor
from cosmo_pl.errors import ConfigurationError

WRIST = {
    "files": "{subject}/{session}/wrist*.csv",
    "kind": "accelerometer",
    "time": {"column": "time", "unit": "iso", "zone": "Europe/Berlin"},
    "values": ["x", "y", "z"],
    "unit": "g",
    "convert": {"from": "m/s2"},
    "rate": 100,
}
MAT = {
    "files": "{subject}/{session}/mat.tsv",
    "kind": "pressure",
    "time": {"column": 0, "unit": "ms"},
    "values": "1:7",
    "shape": [2, 3],
    "unit": "1",
    "rate": 10,
    "header": False,
}
KITCHEN: dict[str, Any] = {"title": "Kitchen", "sensors": {"wrist": WRIST, "mat": MAT}}


def changed(*keys: str, value: Any) -> dict[str, Any]:
    content = copy.deepcopy(KITCHEN)
    inner = content
    for key in keys[:-1]:
        inner = inner.setdefault(key, {})
    inner[keys[-1]] = value
    return content


def test_fields_and_defaults() -> None:
    found = parse_description(KITCHEN)
    wrist, mat = found.sensors["wrist"], found.sensors["mat"]
    assert wrist.channels == wrist.values == ("x", "y", "z")
    assert wrist.factors == pytest.approx((1 / 9.80665,) * 3)
    assert (wrist.shape, wrist.header, wrist.delimiter, wrist.max_gap) == ((3,), True, ",", None)
    assert mat.values == (1, 2, 3, 4, 5, 6)
    assert (mat.channels, mat.units, mat.shape, mat.delimiter) == (("pressure",), ("1",), (2, 3), "\t")
    assert found.recordings == "{subject}_{session}"
    assert found.content == KITCHEN


def test_channels_and_units_of_positions() -> None:
    content = changed("sensors", "wrist", "values", value=[1, 2, 3])
    assert parse_description(content).sensors["wrist"].channels == ("x", "y", "z")
    content["sensors"]["wrist"] |= {"values": "acc.0:3", "unit": ["g", "g", "mg"], "convert": {"factor": 2}}
    found = parse_description(content).sensors["wrist"]
    assert (found.values, found.units, found.factors) == (("acc.0", "acc.1", "acc.2"), ("g", "g", "mg"), (2.0,) * 3)


def test_labels_activity_and_clocks() -> None:
    content = changed("labels", value={"files": "{subject}/labels.csv", "format": "csv", "columns": {"activity": "a"}})
    labels = parse_description(content | {"clocks": {"wrist": {"offset": 0.5}}}).labels
    assert labels is not None and labels.columns == {"start": "start", "end": "end", "activity": "a"}
    content = changed("activity", value={"path": "{session}", "names": {"01": "squat", "02": None}})
    found = parse_description(content | {"clocks": {"wrist": {"offset": 0.5}}})
    assert found.activity is not None and found.activity.names == {"01": "squat", "02": None}
    assert found.clocks == {"wrist": ClockCorrection(0.5, 0.0)}


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (["sensor"], {}, "sensor is no field of a description. Choose from title, sensors"),
        (["sensors"], {}, "sensors is {}, not at least one sensor"),
        (["sensors", "wrist", "delimeter"], ";", "sensors.wrist.delimeter is no field"),
        (["sensors", "wrist", "files"], "../wrist.csv", "sensors.wrist.files: '../wrist.csv' is no path below"),
        (["sensors", "wrist", "files"], "/wrist.csv", "sensors.wrist.files: '/wrist.csv' is no path below"),
        (["sensors", "wrist", "files"], "{}/wrist.csv", "braces that enclose no name"),
        (["sensors", "wrist", "files"], "wrist.xlsx", "ends in .csv, .tsv, .parquet, .npz"),
        (["sensors", "wrist", "rate"], 0, "sensors.wrist.rate is 0, not a number from"),
        (["sensors", "wrist", "max_gap"], 0.001, "sensors.wrist.max_gap is 0.001"),
        (["sensors", "wrist", "values"], "3:1", "sensors.wrist.values is '3:1', not a list of columns or a range"),
        (["sensors", "wrist", "values"], ["x", "x"], "a list of different columns"),
        (["sensors", "wrist", "values"], ["x", 1], "either names or positions"),
        (["sensors", "wrist", "values"], ["time", "x"], "a column other than those of the values"),
        (["sensors", "wrist", "header"], False, "positions of columns, as the files have no header"),
        (["sensors", "wrist", "shape"], [2, 2], "[height, width] of 3 values"),
        (["sensors", "wrist", "unit"], ["g", "g"], "one unit, or a list of 3"),
        (["sensors", "wrist", "convert"], {"from": "deg/s"}, "'deg/s' cannot be converted to 'g'"),
        (["sensors", "wrist", "convert"], {}, "either from or factor"),
        (["labels"], {"files": "a.eaf", "format": "elan", "decimal": ","}, "labels.decimal is ',', not left out, as"),
        (["labels"], {"files": "a.csv", "format": "csv", "decimal": ","}, "another character than the delimiter"),
        (["sensors", "wrist", "time", "unit"], "hours", "one of iso, s, ms, us, ns"),
        (["sensors", "wrist", "time", "zone"], "Mars/Base", "a zone of the tz database"),
        (
            ["sensors", "wrist", "time"],
            {"column": "time", "unit": "s", "zone": "Asia/Tokyo"},
            "left out, as numbers count",
        ),
        (
            ["labels"],
            {"files": "a.csv", "format": "csv", "tier": "x"},
            "labels.tier is 'x', not left out, as the format",
        ),
        (
            ["labels"],
            {"files": "a.eaf", "format": "elan", "columns": {"start": "from"}},
            "not left out, as the format is",
        ),
        (
            ["sensors", "wrist"],
            {**WRIST, "files": "{subject}/a.npz", "decimal": ","},
            "decimal is ',', not left out, as",
        ),
        (["sensors", "wrist", "time", "relative"], True, "one of s, ms, us, ns of relative times"),
        (["recordings"], "{day}", "made from placeholders of the files of every sensor: subject, session"),
        (["activity"], {"path": "{day}"}, "activity.path is '{day}'"),
        (["labels"], {"files": "l.csv", "format": "xls"}, "one of csv, elan, label_studio"),
        (["subjects"], {"anna": 1, "ben": 1}, "a different number for each subject"),
        (["clocks"], {"ankle": {}}, "of a sensor: wrist, mat"),
    ],
)
def test_wrong_fields_are_named(keys: list[str], value: Any, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_description(changed(*keys, value=value))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_file_is_named(tmp_path) -> None:
    path = tmp_path / "streams.yaml"
    path.write_text("title: Kitchen\n")
    with pytest.raises(ConfigurationError, match=r"streams.yaml: cannot be used \(sensors is missing\)"):
        read_description(path)


def test_patterns() -> None:
    pattern = Pattern("{subject}/{day}/{subject}_acc*.csv")
    assert pattern.names == ("subject", "day")
    assert pattern.match("anna/mo/anna_acc_1.csv") == {"subject": "anna", "day": "mo"}
    assert pattern.match("anna/mo/ben_acc.csv") is None
    assert pattern.match("x/anna/mo/anna_acc.csv") is None
    assert Pattern("./a+b/{n}.csv").match("a+b/1.csv") == {"n": "1"}
    assert filled("{day}: {subject}", {"day": "mo", "subject": "anna"}) == "mo: anna"


def test_units_have_one_spelling() -> None:
    content = changed("sensors", "wrist", "unit", value=["m/s²", "m/s^2", "m/s2"])
    content["sensors"]["wrist"]["convert"] = {"from": "g"}
    found = parse_description(content).sensors["wrist"]
    assert found.units == ("m/s2",) * 3 and found.factors == pytest.approx((9.80665,) * 3)
    assert parse_description(changed("sensors", "wrist", "unit", value="m/s²")).sensors["wrist"].units == ("m/s2",) * 3


def test_factors_between_units() -> None:
    assert factor("rad/s", "deg/s") == pytest.approx(57.29578)
    assert factor("mg", "g") == pytest.approx(1e-3)
    assert factor("au", "au") == 1
    with pytest.raises(ValueError, match="known units"):
        factor("au", "g")
