"""Drafts of descriptions: what they assume of folders of several kinds."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from cosmo_pl.cli import main
from cosmo_pl.data.streams.columns import rate_of, shape_of, time_of, unit_of
from cosmo_pl.data.streams.grouping import groups_of_files
from cosmo_pl.data.streams.heads import Head, read_head
from cosmo_pl.data.streams.sniffing import sniff, write_description
from cosmo_pl.data.streams.source import FolderSource
from cosmo_pl.errors import ConfigurationError, RecordingError

NOON = datetime(2024, 5, 6, 10, tzinfo=UTC)  # 12:00 in Berlin
ROWS = 60
MEX = Path(os.environ.get("COSMO_PL_DATA", "data"), "MEx", "MEx.zip")


def resting(scale: float = 1.0, seed: int = 0) -> np.ndarray:
    """Acceleration (60, 3) of a sensor at rest, in units of which gravity has `scale`."""
    return scale * (np.array([0.6, 0.0, 0.8]) + 0.02 * np.random.default_rng(seed).standard_normal((ROWS, 3)))


def turning(size: float) -> np.ndarray:
    return size * np.random.default_rng(1).standard_normal((ROWS, 3))


def table(path: Path, times: Sequence[object], values: np.ndarray, header: str = "", delimiter: str = ",") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [delimiter.join(map(str, [t, *row.round(4)])) for t, row in zip(times, values, strict=True)]
    path.write_text("\n".join([*([header] if header else []), *rows]) + "\n", encoding="utf-8")


def seconds(rate: float) -> list[float]:
    return [round(n / rate, 6) for n in range(ROWS)]


def iso(rate: float, start: datetime = NOON, zone: bool = False) -> list[str]:
    found = [start + timedelta(seconds=t) for t in seconds(rate)]
    return [(each if zone else each.replace(tzinfo=None)).isoformat() for each in found]


@pytest.mark.parametrize(
    ("paths", "patterns"),
    [
        (
            ["anna/wrist.csv", "anna/ankle.csv", "ben/wrist.csv", "ben/ankle.csv"],
            ["{subject}/ankle.csv", "{subject}/wrist.csv"],
        ),
        (["wrist/anna.csv", "wrist/ben.csv", "ankle/anna.csv"], ["ankle/{subject}.csv", "wrist/{subject}.csv"]),
        (["a1_s1_t1.csv", "a2_s1_t1.csv", "a1_s2_t2.csv"], ["a{activity}_s{subject}_t{trial}.csv"]),
        (
            ["act/01/01_act_1.csv", "act/01/02_act_1.csv", "act/02/01_act_1.csv", "act/02/02_act_2.csv"],
            ["act/{subject}/{activity}_act_{session}.csv"],
        ),
        (["anna_walk.csv", "ben_walk.csv", "anna_run.csv", "ben_run.csv"], ["{subject}_{activity}.csv"]),
        (["P1/2024-05-01/acc.csv", "P2/2024-05-01/acc.csv", "P2/2024-05-02/eda.csv"],
         ["P{subject}/{day}/acc.csv", "P{subject}/{day}/eda.csv"]),
        (["anna/anna_imu.csv", "ben/ben_imu.csv"], ["{subject}/{subject}_imu.csv"]),
        (["wrist.csv"], ["wrist.csv"]),
        ([f"P{n}{act}.csv" for n in ("01", "02", "10") for act in ("walk", "run", "sit")],
         ["P{subject}{activity}.csv"]),
    ],
)  # fmt: skip
def test_paths_become_patterns(paths: list[str], patterns: list[str]) -> None:
    groups = groups_of_files(paths, lambda path: 0, labelled=False)
    assert [group.pattern.text for group in groups] == patterns
    assert sorted(path for group in groups for path in group.paths) == sorted(paths)
    assert all(group.pattern.match(path) is not None for group in groups for path in group.paths)


def test_words_name_sensors_where_the_columns_vary_with_them() -> None:
    paths = [f"{person}_{device}.csv" for person in ("anna", "ben") for device in ("frob", "quux")]
    assert len(groups_of_files(paths, lambda path: "frob" in path, labelled=False)) == 2
    (group,) = groups_of_files(paths, lambda path: 0, labelled=True)
    assert group.pattern.text == "{subject}_{session}.csv"


@pytest.mark.parametrize(
    ("first", "step", "name", "unit", "relative"),
    [
        (1.7e9, 0.02, "t", "s", False),
        (1.7e12, 20, "t", "ms", False),
        (1.7e15, 2e4, "t", "us", False),
        (1.7e18, 2e7, "t", "ns", False),
        (0, 0.02, "t", "s", True),
        (5000, 20, "t", "ms", True),
        (0, 5, "time_ms", "ms", True),
        (0, 2e4, "t", "us", True),
    ],
)
def test_size_and_growth_of_numbers_tell_their_unit(
    first: float, step: float, name: str, unit: str, relative: bool
) -> None:
    head = Head(Path("a.csv"), (name, "x"), tuple((repr(first + n * step), "1") for n in range(ROWS)))
    found = time_of([head])
    assert found is not None and (found.column, found.unit, found.relative) == (name, unit, relative)
    assert rate_of([head], found)[0] == (200 if name == "time_ms" else 50)


@pytest.mark.parametrize(("gravity", "unit"), [(1.0, "g"), (9.81, "m/s2"), (1000, "mg"), (64.0, None)])
def test_gravity_tells_the_unit_of_acceleration(gravity: float, unit: str | None) -> None:
    assert unit_of("accelerometer", resting(gravity))[0] == unit


def test_shape_of_images_is_stated_or_that_of_a_camera() -> None:
    assert shape_of("mat_16x32/1.csv", 512)[0] == (16, 32)
    assert shape_of("dc_0.05_0.05/1.csv", 192)[0] == (12, 16)
    shape, candidates = shape_of("pm_1.0_1.0/1.csv", 512)
    assert shape is None and "[32, 16]" in candidates


def test_files_like_those_of_utd_are_inertial_sensors_of_two_units(tmp_path: Path) -> None:
    for subject, action, trial in ((1, 1, 1), (1, 2, 1), (2, 1, 1), (2, 2, 2)):
        values = np.concatenate([resting(), turning(100)], axis=1)
        table(tmp_path / f"Inertial/a{action}_s{subject}_t{trial}_inertial.csv", seconds(50), values)
    found = sniff(tmp_path).description
    stream = found.sensors["inertial"]
    assert stream.files.text == "Inertial/a{activity}_s{subject}_t{trial}_inertial.csv"
    assert stream.kind == "inertial" and stream.units == ("g",) * 3 + ("deg/s",) * 3
    assert (stream.rate, stream.header, stream.values) == (50, False, (1, 2, 3, 4, 5, 6))
    assert stream.time.unit == "s" and stream.time.relative
    assert found.activity is not None and found.activity.path == "{activity}"


def test_images_without_a_shape_are_described_and_asked_for(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 900, (ROWS, 72)).astype(float)
    for subject in ("01", "02"):
        table(tmp_path / f"pm_1.0/{subject}/pm.csv", iso(15), pixels)
        table(tmp_path / f"dc_6x12/{subject}/dc.csv", iso(10), pixels / 1000)
    found = sniff(tmp_path)
    mat, camera = found.description.sensors["pm"], found.description.sensors["dc"]
    assert mat.kind == "pressure" and mat.shape == (72,) and mat.units[0] == "raw"
    assert camera.kind == "depth" and camera.shape == (6, 12) and camera.units == ("1",)
    assert any("pm.shape" in line and "[6, 12]" in line for line in found.unknown)


def test_columns_that_measure_nothing_are_left_out(tmp_path: Path) -> None:
    header = "timestamp;acc_x;acc_y;acc_z;frame;note"
    rows = [f"{1_700_000_000_000 + 10 * n};{';'.join(map(str, row))};{n};ok" for n, row in enumerate(resting(9.81))]
    (tmp_path / "watch.csv").write_text("\n".join([header, *rows]), encoding="utf-8")
    found = sniff(tmp_path)
    stream = found.description.sensors["watch"]
    assert stream.values == ("acc_x", "acc_y", "acc_z") and stream.units == ("m/s2",) * 3
    assert (stream.delimiter, stream.rate, stream.kind) == (";", 100, "accelerometer")
    assert any("without frame" in line and "without note" in line for line in found.assumed)
    assert any(line.startswith("{subject}") for line in found.unknown)


def test_npz_and_parquet_are_read(tmp_path: Path) -> None:
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    for subject in ("anna", "ben"):
        (tmp_path / subject).mkdir()
        nanoseconds = 1_700_000_000_000_000_000 + 10**7 * np.arange(5000)
        np.savez_compressed(tmp_path / subject / "wrist.npz", t=nanoseconds, acc=np.tile(resting(), (84, 1))[:5000])
        times = arrow.array([1_700_000_000_000 + 20 * n for n in range(ROWS)], arrow.timestamp("ms"))
        columns = {"time": times} | dict(zip("xyz", resting().T, strict=True))
        parquet.write_table(arrow.table(columns), tmp_path / subject / "ankle.parquet")
    found = sniff(tmp_path).description.sensors
    assert found["wrist"].values == ("acc.0", "acc.1", "acc.2") and found["wrist"].time.unit == "ns"
    assert (found["wrist"].rate, found["ankle"].rate) == (100, 50)
    assert found["ankle"].time.unit == "iso" and found["ankle"].units == ("g",) * 3
    head = read_head(FolderSource(tmp_path), "anna/ankle.parquet")
    assert head.last is not None and head.last[0].startswith("2023-11-14T22:13:21.18")


@pytest.mark.parametrize(
    "content",
    [
        "3",
        "[]",
        '{"annotations": ["x"]}',
        '{"annotations": [{"result": [{"value": 3}]}]}',
        '[{"annotations": [{"result": null}]}]',
    ],
)
def test_json_of_something_else_is_no_label(tmp_path: Path, content: str) -> None:
    write_home(tmp_path)
    (tmp_path / "other.json").write_text(content, encoding="utf-8")
    assert sniff(tmp_path).description.labels is None


def write_home(folder: Path, labels: str = "") -> None:
    """Two persons; the wrist writes local time, the ankle UTC."""
    for subject in ("anna", "ben"):
        table(folder / subject / "wrist.csv", iso(1, NOON + timedelta(hours=2)), resting(), "time,x,y,z")
        milliseconds = [int(1000 * (NOON.timestamp() + t)) for t in seconds(1)]
        table(folder / subject / "ankle.csv", milliseconds, resting(), "t,x,y,z")
    if labels:
        (folder / "labels.csv").write_text(labels, encoding="utf-8")


def test_local_times_get_the_zone_in_which_they_meet_the_others(tmp_path: Path) -> None:
    write_home(tmp_path, "person;from;to;activity\nanna;12:00:05;12:00:30;walk\nben;12:00:10;12:00:40;sit\n")
    found = sniff(tmp_path).description
    assert found.sensors["wrist"].time.zone == "Etc/GMT-2" and found.sensors["ankle"].time.zone == "UTC"
    labels = found.labels
    assert labels is not None and labels.time.zone == "Etc/GMT-2" and labels.delimiter == ";"
    assert labels.columns == {"subject": "person", "start": "from", "end": "to", "activity": "activity"}


def test_an_unknown_zone_is_said(tmp_path: Path) -> None:
    table(tmp_path / "anna" / "wrist.csv", iso(50), resting(), "time,x,y,z")
    assert any("zone" in line for line in sniff(tmp_path).unknown)
    table(tmp_path / "anna" / "wrist.csv", iso(50, zone=True), resting(), "time,x,y,z")
    assert not any("zone" in line for line in sniff(tmp_path).unknown)


@pytest.mark.parametrize("labelled", [False, True])
def test_a_file_of_other_columns_is_named_and_the_others_tell_the_zone(tmp_path: Path, labelled: bool) -> None:
    local, zoned = iso(50, NOON + timedelta(hours=2)), iso(50, zone=True)
    for number in (1, 2, 3):
        table(tmp_path / f"s{number}" / "acc.csv", zoned, resting(), f"{'at' if number == 3 else 'time'},x,y,z")
        table(tmp_path / f"s{number}" / "gyro.csv", local, resting(), f"{'at' if number == 2 else 'time'},x,y,z")
    if labelled:
        (tmp_path / "labels.csv").write_text("start,end,activity\n12:00:00,12:00:01,walk\n", encoding="utf-8")
    found = sniff(tmp_path)
    assert found.description.sensors["gyro"].time.zone == "Etc/GMT-2"
    assert any("s2/gyro.csv' has other columns" in line for line in found.unknown)
    assert not labelled or found.description.labels.time.zone == "Etc/GMT-2"


def test_the_unit_of_labels_is_that_of_their_numbers(tmp_path: Path) -> None:
    write_home(tmp_path, "person,from,to,activity\nanna,n/a,4,walk\nben,10,40,sit\n")
    labels = sniff(tmp_path).description.labels
    assert labels is not None and labels.time.unit == "s" and labels.time.relative


def test_label_files_of_elan_and_label_studio_are_found(tmp_path: Path) -> None:
    write_home(tmp_path / "elan")
    for subject in ("anna", "ben"):
        (tmp_path / "elan" / subject / "video.eaf").write_text("<ANNOTATION_DOCUMENT/>", encoding="utf-8")
    labels = sniff(tmp_path / "elan").description.labels
    assert labels is not None and labels.format == "elan" and labels.files.text == "{subject}/video.eaf"
    assert labels.time.relative and labels.time.unit == "ms"
    write_home(tmp_path / "studio")
    value = {"start": 1_714_989_605_000, "end": 1_714_989_609_000, "timeserieslabels": ["walk"]}
    task = [{"annotations": [{"result": [{"from_name": "label", "value": value}]}]}]
    for subject in ("anna", "ben"):
        (tmp_path / "studio" / subject / "export.json").write_text(json.dumps(task), encoding="utf-8")
    labels = sniff(tmp_path / "studio").description.labels
    assert labels is not None and labels.format == "label_studio" and labels.files.text == "{subject}/export.json"
    assert labels.time.unit == "ms" and not labels.time.relative
    value = {"ranges": [{"start": 30, "end": 90}], "timelinelabels": ["walk"]}
    task = [{"annotations": [{"result": [{"from_name": "label", "value": value}]}]}]
    (tmp_path / "studio" / "anna" / "export.json").write_text(json.dumps(task), encoding="utf-8")
    (tmp_path / "studio" / "ben" / "export.json").unlink()
    assert any("video frames have no times" in line for line in sniff(tmp_path / "studio").assumed)


def test_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_home(tmp_path)
    path, found = write_description(tmp_path)
    assert path == tmp_path / "streams.yaml" and path.read_text(encoding="utf-8") == found.text
    with pytest.raises(SystemExit):
        main(["data", "sniff", str(tmp_path)])
    assert "exists. Move it elsewhere" in capsys.readouterr().err
    assert path.read_text(encoding="utf-8") == found.text
    main(["data", "sniff", str(tmp_path), f"--out={tmp_path / 'other.yaml'}"])
    printed = capsys.readouterr().out
    assert "wrist.unit: g" in printed and "not known:" in printed and "cosmo-pl data import" in printed


def test_folders_without_streams_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="is neither a folder nor a ZIP archive"):
        sniff(tmp_path / "missing")
    with pytest.raises(ConfigurationError, match=r"holds no \.csv"):
        sniff(tmp_path)
    (tmp_path / "notes.csv").write_text("who,what\nanna,slept\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="no column of time was found"):
        sniff(tmp_path)


def test_damaged_files_are_named(tmp_path: Path) -> None:
    write_home(tmp_path)
    (tmp_path / "ben" / "wrist.csv").write_text("", encoding="utf-8")
    assert any("ben/wrist.csv" in line and "holds no rows" in line for line in sniff(tmp_path).unknown)
    (tmp_path / "a.npz").write_bytes(b"none")
    with pytest.raises(RecordingError, match=r"a\.npz: is damaged"):
        read_head(FolderSource(tmp_path), "a.npz")


def test_links_out_of_the_folder_are_refused(tmp_path: Path) -> None:
    write_home(tmp_path / "home")
    table(tmp_path / "secret.csv", seconds(1), resting())
    (tmp_path / "home" / "secret.csv").symlink_to(tmp_path / "secret.csv")
    with pytest.raises(RecordingError, match="is a link to a file outside of the folder"):
        sniff(tmp_path / "home")


def test_an_archive_is_described_as_its_folder(tmp_path: Path) -> None:
    write_home(tmp_path / "home", "person,from,to,activity\nanna,12:00:05,12:00:30,walk\n")
    with zipfile.ZipFile(tmp_path / "home.zip", "w", zipfile.ZIP_LZMA) as archive:
        for path in sorted((tmp_path / "home").rglob("*.csv")):
            archive.write(path, path.relative_to(tmp_path / "home"))
    assert sniff(tmp_path / "home.zip").text == sniff(tmp_path / "home").text
    with pytest.raises(ConfigurationError, match="out: is needed for an archive"):
        write_description(tmp_path / "home.zip")


def test_a_damaged_file_of_an_archive_is_named(tmp_path: Path) -> None:
    table(tmp_path / "wrist.csv", seconds(1), resting(), "time,x,y,z")
    with zipfile.ZipFile(tmp_path / "home.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for subject in ("anna", "ben"):
            archive.write(tmp_path / "wrist.csv", f"{subject}/wrist.csv")
        member = archive.getinfo("ben/wrist.csv")
    content = bytearray((tmp_path / "home.zip").read_bytes())
    start = member.header_offset + 30 + len(member.filename)
    content[start : start + 60] = b"\xff" * 60
    (tmp_path / "home.zip").write_bytes(content)
    assert any("ben/wrist.csv" in line and "is damaged" in line for line in sniff(tmp_path / "home.zip").unknown)


def test_a_line_break_in_the_name_of_a_column_leaves_the_draft_yaml(tmp_path: Path) -> None:
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    columns = {"time": seconds(50), **dict(zip("xyz", resting().T, strict=True)), "note\nof anna": ["ok"] * ROWS}
    parquet.write_table(arrow.table(columns), tmp_path / "wrist.parquet")
    assert "without note of anna" in sniff(tmp_path).text


@pytest.mark.slow
@pytest.mark.skipif(not MEX.is_file(), reason="COSMO_PL_DATA is not set, or has no MEx")
def test_mex_is_described() -> None:
    found = sniff(MEX).description.sensors
    assert {name: (each.kind, each.shape, each.header) for name, each in found.items()} == {
        "act": ("accelerometer", (3,), False),
        "acw": ("accelerometer", (3,), False),
        "dc": ("depth", (12, 16), False),
        "pm": ("pressure", (512,), False),
    }
    assert found["act"].units == ("g",) * 3 and found["act"].rate == 100 and found["pm"].rate == 15
