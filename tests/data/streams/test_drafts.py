"""Drafts of folders as people keep them: what the draft assumes is imported as it is, or is said."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import yaml
from pyarrow import parquet

from cosmo_pl.data.streams.grouping import groups_of_files
from cosmo_pl.data.streams.header_units import header_unit
from cosmo_pl.data.streams.heads import read_head
from cosmo_pl.data.streams.importing import import_streams
from cosmo_pl.data.streams.reading import NPZ_ROWS
from cosmo_pl.data.streams.reading_description import parse_description
from cosmo_pl.data.streams.sniffing import Sniffed, sniff
from cosmo_pl.data.streams.source import FolderSource
from cosmo_pl.errors import ConfigurationError, RecordingError

from .recorded import SECOND, START, drafted, jittered, record, signal, write_csv

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
FIRST = START // SECOND


def label(path: Path, subjects: Sequence[str]) -> None:
    rows = [f"{name},{FIRST + 2},{FIRST + 5},walk" for name in subjects]
    path.write_text("\n".join(["subject,start,end,activity", *rows]) + "\n")


@pytest.mark.parametrize(
    ("paths", "subjects", "pattern"),
    [
        (["S01/wrist.csv", "S03/wrist.csv"], ["S01", "S03"], "{subject}/wrist.csv"),
        (["S01/wrist.csv", "S03/wrist.csv"], ["01", "03"], "S{subject}/wrist.csv"),
        (["p01/wrist.csv", "p02/wrist.csv", "p03/wrist.csv"], ["p01", "p03"], "{subject}/wrist.csv"),
        (["subject_1/wrist.csv", "subject_2/wrist.csv"], ["subject_1", "subject_2"], "{subject}/wrist.csv"),
        (["S01_wrist_1.csv", "S02_wrist_1.csv"], ["S01", "S02"], "{subject}_wrist_1.csv"),
        (["S01/S01_wrist.csv", "S02/S02_wrist.csv"], ["S01", "S02"], "{subject}/{subject}_wrist.csv"),
        (["day1/mary-ann_7.csv", "day1/tom-li_8.csv"], ["mary-ann", "tom-li"], "day1/{subject}_{session}.csv"),
        (["S01/wrist.csv"], ["S01"], "{subject}/wrist.csv"),
        (["t1/s1/wrist.csv", "t2/s2/wrist.csv"], ["1", "2"], "t{trial}/s{subject}/wrist.csv"),
        (["1/2/wrist.csv", "1/1/wrist.csv", "2/2/wrist.csv", "2/7/wrist.csv"], ["1", "2", "7"],
         "{session}/{subject}/wrist.csv"),
    ],
)  # fmt: skip
def test_subjects_are_named_as_in_the_labels(
    tmp_path: Path, paths: list[str], subjects: list[str], pattern: str
) -> None:
    record(tmp_path / "home", paths)
    label(tmp_path / "home" / "labels.csv", subjects)
    found = sniff(tmp_path / "home").description
    (stream,) = found.sensors.values()
    assert stream.files.text == pattern
    store = import_streams(tmp_path / "home", tmp_path / "imported", found)
    assert set(store.subjects) >= set(subjects)
    assert {each.subject for each in store.recordings if each.labels} == {store.subjects[name] for name in subjects}


def test_numbers_of_subjects_are_those_in_their_names(tmp_path: Path) -> None:
    record(tmp_path / "home", ["P1/wrist.csv", "P2/wrist.csv", "P10/wrist.csv"])
    label(tmp_path / "home" / "labels.csv", ["P1", "P10"])
    assert drafted(tmp_path / "home")[1].subjects == {"P1": 1, "P2": 2, "P10": 10}


def test_label_files_have_the_subjects_of_the_sensors(tmp_path: Path) -> None:
    home = tmp_path / "home"
    record(home, ["S01/wrist.csv", "S02/wrist.csv"])
    for name in ("S01", "S02"):
        label(home / name / "labels.csv", [name])
    found, store = drafted(home)
    assert found.description.labels is not None and found.description.labels.files.text == "{subject}/labels.csv"
    assert all(recording.labels for recording in store.recordings)


def test_subjects_of_labels_that_no_path_names_are_said(tmp_path: Path) -> None:
    record(tmp_path, ["S01/wrist.csv", "S02/wrist.csv"])
    label(tmp_path / "labels.csv", ["S01", "zoe"])
    assert any(
        "no path names the subjects 'zoe' of the labels, but 'S01', 'S02'" in each for each in sniff(tmp_path).unknown
    )
    label(tmp_path / "labels.csv", ["anna"])
    assert any("the subjects 'anna' of the labels, but '01', '02'" in each for each in sniff(tmp_path).unknown)


def test_persons_without_labels_are_in_the_same_sensor() -> None:
    paths = [f"S{number:02d}/{name}.csv" for number in range(1, 9) for name in ("wrist", "ankle")]
    groups = groups_of_files(paths, lambda path: 0, labelled=True, subjects={"S01", "S05"})
    assert [group.pattern.text for group in groups] == ["{subject}/ankle.csv", "{subject}/wrist.csv"]


FORMATS_OF_LABELS = {
    "decimal commas": ("start;end;activity\n{0},5;{1},25;walk\n", {"delimiter": ";", "decimal": ","}),
    "comments": ("# by Tim\nstart,end,activity\n# first\n{0}.5,{1}.25,walk\n\n# end\n", {"comment": "#"}),
    "lines before": ("Diary of anna\nRoom: 7\n\nstart,end,activity\n{0}.5,{1}.25,walk\n", {"skip": 3}),
    "spaces": ('start, end, activity\n{0}.5, {1}.25, "walk"\n', {}),
    "all": ("%a;b\nDiary\n%c\nstart ; end ; activity\n{0},5;{1},25;walk\n",
            {"delimiter": ";", "decimal": ",", "comment": "%", "skip": 2}),
}  # fmt: skip


@pytest.mark.parametrize(("text", "fields"), FORMATS_OF_LABELS.values(), ids=FORMATS_OF_LABELS)
@pytest.mark.parametrize("relative", [True, False])
def test_labels_are_written_as_sensors_may_be(
    tmp_path: Path, text: str, fields: dict[str, object], relative: bool
) -> None:
    first = 0 if relative else FIRST
    for name in ("anna", "ben"):
        record(tmp_path / "home", [f"{name}/wrist.csv"])
        (tmp_path / "home" / name / "labels.csv").write_text(text.format(first + 2, first + 5))
    found, store = drafted(tmp_path / "home")
    given = yaml.safe_load(found.text)
    assert list(given["sensors"]) == ["wrist"]
    names = ("delimiter", "decimal", "comment", "skip")
    assert {name: value for name, value in given["labels"].items() if name in names} == fields
    labels = [recording.labels for recording in store.recordings]
    assert [[(round(each.start, 3), round(each.end, 3), each.activity) for each in one] for one in labels] == [
        [(2.5, 5.25, "walk")]
    ] * 2


def test_one_label_file_with_decimals_tells_the_decimals_of_all(tmp_path: Path) -> None:
    record(tmp_path / "home", ["anna/wrist.csv", "ben/wrist.csv"])
    for name, start in (("anna", "2"), ("ben", "2,5")):
        (tmp_path / "home" / name / "labels.csv").write_text(f"start;end;activity\n{start};5;walk\n")
    store = drafted(tmp_path / "home")[1]
    assert [recording.labels[0].start for recording in store.recordings] == [2.0, 2.5]
    (tmp_path / "home" / "ben" / "labels.csv").write_text("By Ben\nstart,end,activity\n2.5,5,walk\n")
    unknown = sniff(tmp_path / "home").unknown
    assert "labels.delimiter: 'ben/labels.csv' has ','" in unknown and "labels.skip: 'ben/labels.csv' has 1" in unknown


@pytest.mark.parametrize(
    ("name", "kind", "unit"),
    [
        ("Gyro X (deg/s)", None, "deg/s"),
        ("gyro x [°/s]", None, "deg/s"),
        ("gyr_x_dps", "gyroscope", "deg/s"),
        ("gyro_x (rad/s)", None, "rad/s"),
        ("wx (rad s^-1)", None, "rad/s"),
        ("Acc X (m/s²)", None, "m/s2"),
        ("Acc X [m/s^2]", None, "m/s2"),
        ("acc_x_m_s2", "accelerometer", "m/s2"),
        ("ax_ms2", "accelerometer", "m/s2"),
        ("ax_mss", "accelerometer", "m/s2"),
        ("gx_rads", "gyroscope", "rad/s"),
        ("gx_dps", "gyroscope", "deg/s"),
        ("acc (m·s⁻²)", None, "m/s2"),
        ("acc_x_mg", "accelerometer", "mg"),
        ("Acc X (G)", "accelerometer", "g"),
        ("Mag X (G)", "magnetometer", "G"),
        ("mag x (µT)", None, "uT"),
        ("Mag X [mG]", "magnetometer", "mG"),
        ("mag_x_mg", "magnetometer", "mG"),
        ("x [mG]", None, "mG"),
        ("x [mg]", None, "mg"),
        ("Acc X [mG]", "accelerometer", "mg"),
        ("gyro_g", "gyroscope", None),
        ("acc_x", None, None),
        ("g", None, None),
        ("acc (left)", None, None),
    ],
)
def test_headers_state_units(name: str, kind: str | None, unit: str | None) -> None:
    assert header_unit(name, kind) == unit


def sensor(folder: Path, header: str, values: np.ndarray) -> Sniffed:
    """The draft of one file with a time and these columns."""
    time = FIRST + np.arange(len(values)) / 50
    write_csv(folder / "anna" / "imu.csv", [f"{t:.2f}" for t in time], values, header)
    return sniff(folder)


def test_units_in_headers_go_before_those_by_size(tmp_path: Path) -> None:
    slow = np.random.default_rng(0).normal(0, 2, (60, 3))
    found = sensor(tmp_path, "time,Gyro X (deg/s),Gyro Y (deg/s),Gyro Z (deg/s)", slow)
    (stream,) = found.description.sensors.values()
    assert stream.units == ("deg/s",) * 3 and stream.kind == "gyroscope"
    assert any(".unit: deg/s, as the header states deg/s" in line for line in found.assumed)
    found = sensor(tmp_path, "time,Gyro X,Gyro Y,Gyro Z", slow)
    assert any(".unit: rad/s, as guessed by size" in line for line in found.assumed)


def test_a_unit_tells_the_kind_and_its_size_is_checked(tmp_path: Path) -> None:
    both = np.concatenate([signal(jittered(2, 50)), signal(jittered(2, 50))], axis=1)
    found = sensor(tmp_path, "time,a (dps),b (dps),c (dps),x (m/s2),y (m/s2),z (m/s2)", both)
    gyroscope, accelerometer = found.description.sensors.values()
    assert gyroscope.units == ("deg/s",) * 3 and gyroscope.kind == "gyroscope"
    assert accelerometer.units == ("m/s2",) * 3 and accelerometer.kind == "accelerometer"
    assert any("the header states m/s2, but the median length" in line and "as in g" in line for line in found.assumed)


@pytest.mark.parametrize("header", ["x,y,z,w", None, "index,x,y,z"])
def test_no_time_is_invented(tmp_path: Path, header: str | None) -> None:
    random = np.random.default_rng(0)
    first = np.arange(60) if header == "index,x,y,z" else 0.1 * random.standard_normal(60)
    first[:9] = np.sort(first[:9])
    write_csv(tmp_path / "anna" / "wrist.csv", first, random.standard_normal((60, 3)), header)
    with pytest.raises(
        ConfigurationError, match=r"no column of time was found in '.*anna/wrist.csv' with .* name it time"
    ):
        sniff(tmp_path)


@pytest.mark.parametrize("name", ["time", "at"])
def test_times_that_nearly_never_decrease_are_found(tmp_path: Path, name: str) -> None:
    time = np.round(np.arange(100) / 50, 3)
    if name == "time":
        time[40] -= 1  # a lone wrong one
    write_csv(tmp_path / "anna" / "wrist.csv", time, signal(jittered(2, 50)), f"{name},x,y,z")
    (stream,) = sniff(tmp_path).description.sensors.values()
    assert stream.time.column == name and stream.time.relative


def save(folder: Path, **arrays: np.ndarray) -> Sniffed:
    for name in ("anna", "ben"):
        (folder / name).mkdir(parents=True, exist_ok=True)
        np.savez_compressed(folder / name / "wrist.npz", **arrays)
    return sniff(folder)


def test_arrays_in_column_order_are_read(tmp_path: Path) -> None:
    count = 2 * NPZ_ROWS + 100
    values = np.stack([np.arange(count) / 2, 100 - np.arange(count), np.arange(count) % 7], axis=1)
    columns = np.asfortranarray(values, dtype=np.float64)
    save(tmp_path / "home", time=FIRST + np.arange(count) / 50, acc=columns)
    found, store = drafted(tmp_path / "home")
    assert found.description.sensors["wrist"].values == ("acc.0", "acc.1", "acc.2")
    part = store.recordings[0].segments["wrist"][0]
    read = store.array("wrist")[part.row : part.row + part.frames]
    assert len(read) == count
    np.testing.assert_allclose(read, values, atol=0.01)


def test_arrays_that_are_not_read_are_named(tmp_path: Path) -> None:
    time, acc = FIRST + np.arange(100) / 50, signal(jittered(2, 50))
    wide = np.asfortranarray(np.ones((100, 65)))
    arrays = {"time": time, "acc": acc, "mat": wide, "fs": np.array(50), "marks": np.arange(5)}
    said = " ".join(save(tmp_path / "one", **arrays).assumed)
    assert "without mat, it is an array (100, 65) in column order" in said
    assert "without fs, it is a single value" in said and "without marks, it has 5 rows, not 100" in said
    with pytest.raises(ConfigurationError, match=r"no column of time was found in .* time, it holds Python objects"):
        save(tmp_path / "two", time=time.astype(object), acc=acc)
    text = (tmp_path / "one" / "anna" / "wrist.npz").read_bytes()
    with pytest.raises(RecordingError, match=r"anna/wrist\.npz"):
        (tmp_path / "one" / "anna" / "wrist.npz").write_bytes(text[:300])
        read_head(FolderSource(tmp_path / "one"), "anna/wrist.npz")


def test_numbers_are_no_activities_unless_something_says_so(tmp_path: Path) -> None:
    record(tmp_path, [f"{name}/wrist_{hour:02d}.csv" for name in ("anna", "ben") for hour in (8, 9, 10)])
    found = sniff(tmp_path)
    assert found.description.activity is None
    assert found.description.sensors["wrist"].files.text == "{subject}/wrist_{session}.csv"
    assert any('if {session} is the activity, add activity: {path: "{session}"}' in line for line in found.unknown)


@pytest.mark.parametrize(
    ("form", "pattern"),
    [
        ("{name}/wrist_{n}.csv", "{subject}/wrist_{session}.csv"),
        ("{name}/wrist_a{n}.csv", "{subject}/wrist_a{activity}.csv"),
        ("{name}/0{n}_wrist_1{n}.csv", "{subject}/{activity}_wrist_{session}.csv"),
    ],
)
def test_patterns_of_numbers(form: str, pattern: str) -> None:
    paths = [form.format(name=name, n=n) for name in ("anna", "ben") for n in (1, 2, 3)]
    paths += [form.format(name="ben", n=2).replace("_12", "_11")] * ("_wrist_1{n}" in form)
    (group,) = groups_of_files(paths, lambda path: 0, labelled=False)
    assert group.pattern.text == pattern


@pytest.mark.parametrize("form", ["%Y%m%dT%H%M%S.%fZ", "%Y-%m-%d %H:%M:%S.%f +00:00", "%Y%m%dT%H%M%S.%f"])
def test_times_as_some_devices_write_them(tmp_path: Path, form: str) -> None:
    start = datetime(2024, 5, 6, 10, tzinfo=UTC)
    texts = [(start + timedelta(seconds=n / 50)).strftime(form) for n in range(100)]
    write_csv(tmp_path / "home" / "anna" / "wrist.csv", texts, signal(jittered(2, 50)))
    found, store = drafted(tmp_path / "home")
    assert found.description.sensors["wrist"].time.unit == "iso"
    assert store.recordings[0].start.startswith("2024-05-06T10:00:00") and store.recordings[0].duration == 1.98


def test_seconds_elapsed_are_another_time(tmp_path: Path) -> None:
    values = np.concatenate([np.arange(60)[:, None] / 50, signal(jittered(1.2, 50))], axis=1)
    (stream,) = sensor(tmp_path, "time,seconds_elapsed,z,y,x", values).description.sensors.values()
    assert stream.time.column == "time" and stream.values == ("z", "y", "x")


def test_flags_are_left_out_for_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "anna").mkdir(parents=True)
    columns = {"time": FIRST + np.arange(100) / 50, "x": signal(jittered(2, 50))[:, 0], "worn": np.arange(100) > 49}
    parquet.write_table(pa.table(columns), tmp_path / "anna" / "wrist.parquet")
    found = sniff(tmp_path)
    assert found.description.sensors["wrist"].values == ("x",)
    assert any("without worn, it holds true and false" in line for line in found.assumed)


def test_a_first_file_without_time_is_named_and_the_others_are_described(tmp_path: Path) -> None:
    acc, time = signal(jittered(2, 50)), FIRST + np.arange(100) / 50
    for number, rows in ((1, 95), (2, 100), (3, 100)):
        (tmp_path / f"s{number}").mkdir()
        np.savez(tmp_path / f"s{number}" / "wrist.npz", time=time[:rows], acc=acc)
    found = sniff(tmp_path)
    assert found.description.sensors["wrist"].time.column == "time"
    assert any("s1/wrist.npz' has other columns" in line for line in found.unknown)


@pytest.mark.parametrize("form", ["%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%d %H:%M:%S.{} +0200", "s"])
def test_an_empty_time_and_a_space_before_the_zone_are_as_in_the_import(tmp_path: Path, form: str) -> None:
    start = datetime(2024, 5, 6, 10, tzinfo=UTC)
    moments = [start + timedelta(seconds=n / 50) for n in range(100)]
    if form == "s":
        texts = [f"{each.timestamp():.2f}" for each in moments]
    else:  # one digit for 10:00:00.5
        texts = [each.strftime(form.format(f"{each.microsecond // 10000:02d}".rstrip("0") or "0")) for each in moments]
    texts[0] = texts[7] = ""
    write_csv(tmp_path / "home" / "anna" / "wrist.csv", texts, signal(jittered(2, 50)))
    found, store = drafted(tmp_path / "home")
    time = found.description.sensors["wrist"].time
    assert (time.column, time.unit, time.relative) == ("time", "s" if form == "s" else "iso", False)
    assert store.recordings[0].start.startswith(f"2024-05-06T{'08' if '+02' in form else '10'}:00:00.0")
    assert store.recordings[0].duration == pytest.approx(1.96, abs=0.03)


def test_names_by_position_may_be_sessions_of_one_person(tmp_path: Path) -> None:
    record(tmp_path / "home", [f"{name}/{sensor}.csv" for name in ("morning", "noon") for sensor in ("wrist", "ankle")])
    found = sniff(tmp_path / "home")
    said = (
        "{subject}: whether 'morning', 'noon' are persons: if they are sessions of one person, write {session} in all"
    )
    assert [line for line in found.unknown if line.startswith(said)]
    sessions = parse_description(yaml.safe_load(found.text.replace("{subject}", "{session}")))
    store = import_streams(tmp_path / "home", tmp_path / "out", sessions)
    assert [(each.name, each.subject) for each in store.recordings] == [("morning", 1), ("noon", 1)]


@pytest.mark.parametrize("names", [("01", "02"), ("S01", "S02"), ("anna",)])
def test_numbers_and_names_of_labels_are_persons(tmp_path: Path, names: Sequence[str]) -> None:
    record(tmp_path, [f"{name}/wrist.csv" for name in names])
    if not names[0][-1].isdigit():
        label(tmp_path / "labels.csv", names)
    assert not any("are persons" in line for line in sniff(tmp_path).unknown)
