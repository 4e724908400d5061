"""Imports of whole folders: what arrives in the store, and what a killed import leaves."""

from __future__ import annotations

import json
import os
import time
import zipfile
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import yaml

from cosmo_pl.cli import main
from cosmo_pl.data.streams import importing, parts
from cosmo_pl.data.streams.importing import import_streams
from cosmo_pl.data.streams.labelling import CUT
from cosmo_pl.data.streams.quality import BROKEN, EMPTY, NO_TIME
from cosmo_pl.data.streams.reading import FileReader
from cosmo_pl.data.streams.reading_description import parse_description
from cosmo_pl.data.streams.store import LabelInterval, read_store
from cosmo_pl.errors import ConfigurationError, RecordingError
from processes import ended, exit_code, started

from .recorded import SECOND, SENSOR, START, described, jittered, signal, write_csv

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def frames_of(store, sensor: str = "wrist") -> list[np.ndarray]:
    array = store.array(sensor)
    return [
        np.asarray(array[each.row : each.row + each.frames])
        for recording in store.recordings
        for each in recording.segments[sensor]
    ]


def report_of(store) -> dict:
    return json.loads((store.folder / "report.json").read_text())


def test_streams_reach_the_store(home: Path, tmp_path: Path) -> None:
    store = import_streams(home, tmp_path / "out", described())
    assert [(each.name, each.subject) for each in store.recordings] == [("anna", 1), ("ben", 2)]
    assert store.subjects == {"anna": 1, "ben": 2}
    assert store.recordings[0].start == "2020-09-13T12:26:40.000000000Z"
    assert read_store(tmp_path / "out") == store
    for recording, frames, seed in zip(store.recordings, frames_of(store), (0, 1), strict=True):
        time = jittered(10, 60, seed=seed)[60 * seed :]
        ticks = time[0] + np.arange(len(frames)) * (SECOND // 50)
        expected = np.stack([np.interp(ticks - START, time - START, column) for column in signal(time).T], axis=1)
        np.testing.assert_allclose(frames, expected, atol=1e-6)
        assert recording.duration == pytest.approx((time[-1] - time[0]) / SECOND, abs=0.02)
    assert sorted(path.name for path in store.folder.iterdir()) == ["report.json", "streams.json", "wrist.npy"]
    facts = report_of(store)["recordings"][1]["sensors"]["wrist"]
    assert (facts["samples"], facts["gaps"], facts["left_out"]) == (540, 0, {})
    assert facts["rate"] == pytest.approx(60, rel=0.05)


def as_parquet(folder: Path, time: np.ndarray, values: np.ndarray) -> dict:
    import pyarrow as pa
    from pyarrow import parquet

    columns = {"time": pa.array(time).cast(pa.timestamp("ns", "UTC")), **dict(zip("xyz", values.T, strict=True))}
    parquet.write_table(pa.table(columns), folder / "wrist.parquet")
    return {"files": "{subject}/wrist.parquet", "time": {"column": "time", "unit": "iso"}}


def as_npz(folder: Path, time: np.ndarray, values: np.ndarray) -> dict:
    np.savez(folder / "wrist.npz", time=time, acc=values)
    return {"files": "{subject}/wrist.npz", "values": "acc.0:3", "channels": ["x", "y", "z"]}


def as_tsv(folder: Path, time: np.ndarray, values: np.ndarray) -> dict:
    rows = (f"{t / SECOND:.9f}\t" + "\t".join(map(str, row)) for t, row in zip(time.tolist(), values, strict=True))
    (folder / "wrist.tsv").write_text("\n".join(rows))
    sensor = {"files": "{subject}/wrist.tsv", "values": [1, 2, 3], "header": False}
    return sensor | {"time": {"column": 0, "unit": "s"}}


def as_iso(folder: Path, time: np.ndarray, values: np.ndarray) -> dict:
    texts = [str(each).replace("T", " ").removesuffix(".000000000") for each in time.astype("datetime64[ns]")]
    write_csv(folder / "iso.csv", texts, values)
    return {"files": "{subject}/iso.csv", "time": {"column": "time", "unit": "iso"}}


@pytest.mark.parametrize("write", [as_parquet, as_npz, as_tsv, as_iso])
@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
def test_all_formats_give_the_same(home: Path, tmp_path: Path, write, packed: bool) -> None:
    expected = frames_of(import_streams(home, tmp_path / "csv", described()))
    for number, name in enumerate(("anna", "ben")):
        time = jittered(10, 60, seed=number)[60 * number :]
        sensor = write(home / name, time, signal(time))
    source = home
    if packed:
        source = tmp_path / "home.zip"
        with zipfile.ZipFile(source, "w", zipfile.ZIP_LZMA) as archive:
            for path in sorted(home.rglob("*.*")):
                archive.write(path, path.relative_to(home))
    found = frames_of(import_streams(source, tmp_path / "out", described(sensor)))
    for frames, others in zip(found, expected, strict=True):
        np.testing.assert_allclose(frames, others, atol=2e-5)  # seconds as float64 are exact to 0.2 us


def test_small_blocks_change_nothing(home: Path, tmp_path: Path, monkeypatch) -> None:
    expected = import_streams(home, tmp_path / "one", described())
    monkeypatch.setattr(parts, "FileReader", partial(FileReader, block=1000))
    found = import_streams(home, tmp_path / "two", described())
    assert (expected.sha256, expected.recordings) == (found.sha256, found.recordings)


@pytest.mark.slow  # processes start by importing the package
def test_processes_change_nothing(home: Path, tmp_path: Path) -> None:
    expected = import_streams(home, tmp_path / "one", described())
    found = import_streams(home, tmp_path / "two", described(), jobs=2)
    assert (expected.sha256, expected.recordings) == (found.sha256, found.recordings)


def test_units_are_converted_and_gaps_kept(home: Path, tmp_path: Path) -> None:
    time = jittered(10, 60)
    kept = time[(time < START + 3 * SECOND) | (time > START + 5 * SECOND)]
    write_csv(home / "anna" / "wrist.csv", kept, 9.80665 * signal(kept))
    store = import_streams(home, tmp_path / "out", described({"convert": {"from": "m/s2"}}))
    first, second = store.recordings[0].segments["wrist"]
    assert (first.first, first.frames) == (0, 150)
    assert second.first == pytest.approx(250, abs=2)
    assert np.linalg.norm(frames_of(store)[0], axis=1).mean() == pytest.approx(1, abs=0.1)


def test_files_of_a_recording_are_joined_in_the_order_of_time(home: Path, tmp_path: Path) -> None:
    expected = import_streams(home, tmp_path / "one", described())
    time = jittered(10, 60)
    (home / "anna" / "wrist.csv").unlink()
    write_csv(home / "anna" / "wrist_b.csv", time[:300], signal(time[:300]))
    write_csv(home / "anna" / "wrist_a.csv", time[300:], signal(time[300:]))
    found = import_streams(home, tmp_path / "two", described({"files": "{subject}/wrist*.csv"}))
    assert found.sha256 == expected.sha256


def test_rows_that_cannot_be_used_are_counted_and_refused_under_strict(home: Path, tmp_path: Path) -> None:
    path = home / "anna" / "wrist.csv"
    rows = path.read_text().splitlines()
    rows[100] = rows[100].rpartition(",")[0]  # row 101 of the file
    rows[200] = "," + rows[200].partition(",")[2]
    rows[300] = rows[300].rpartition(",")[0] + ","
    rows.insert(50, "")
    path.write_text("\n".join(rows) + "\n\n")
    store = import_streams(home, tmp_path / "out", described())
    facts = report_of(store)["recordings"][0]["sensors"]["wrist"]
    assert facts["left_out"] == {BROKEN: 1, NO_TIME: 1, EMPTY: 1}
    name = "anna/wrist.csv row"
    assert facts["where"] == {BROKEN: f"{name} 102", NO_TIME: f"{name} 202", EMPTY: f"{name} 302"}
    assert facts["samples"] == 597
    assert report_of(store)["left_out"] == facts["left_out"]
    with pytest.raises(RecordingError, match=r"refused under strict: 1 streams have 1 rows without a time"):
        import_streams(home, tmp_path / "strict", described(), strict=True)


def test_a_damaged_page_of_parquet_is_named(home: Path, tmp_path: Path) -> None:
    time = jittered(10, 60)
    description = as_parquet(home / "anna", time, signal(time))
    (home / "ben" / "wrist.csv").unlink()
    path = home / "anna" / "wrist.parquet"
    content = bytearray(path.read_bytes())
    content[300:900] = bytes(600)
    path.write_bytes(content)
    with pytest.raises(RecordingError, match=r"anna/wrist\.parquet: cannot be read \(.*Copy the file again") as caught:
        import_streams(home, tmp_path / "out", described(description))
    assert "\n" not in str(caught.value)


def import_that_is_killed(home: Path, out: Path) -> None:
    written = parts._write_frames
    calls = []

    def killed(path, frames):
        calls.append(path)
        if len(calls) == 2:
            path.write_bytes(b"half")
            os._exit(9)
        return written(path, frames)

    parts._write_frames = killed
    import_streams(home, out, described())


def test_killed_import_goes_on(home: Path, tmp_path: Path, monkeypatch) -> None:
    expected = import_streams(home, tmp_path / "whole", described())
    assert exit_code(import_that_is_killed, home, tmp_path / "out") == 9
    assert not (tmp_path / "out" / "streams.json").exists()

    written, calls = parts._write_frames, []

    def counted(path, frames):
        calls.append(path)
        return written(path, frames)

    monkeypatch.setattr(parts, "_write_frames", counted)
    store = import_streams(home, tmp_path / "out", described())
    assert len(calls) == 1  # only ben's
    assert (store.sha256, store.recordings) == (expected.sha256, expected.recordings)
    assert not (tmp_path / "out" / importing.PARTS).exists()


def import_beside_another(home: Path, out: Path, begun: Path) -> None:
    begun.touch()
    import_streams(home, out, described())


def test_an_import_waits_for_another_one_to_the_same_folder(home: Path, tmp_path: Path, monkeypatch) -> None:
    written, others = parts._write_frames, []

    def disturbed(path, frames):
        if not others:
            others.append(started(import_beside_another, home, tmp_path / "out", tmp_path / "begun"))
            while not (tmp_path / "begun").exists():
                time.sleep(0.01)
            time.sleep(0.3)
        return written(path, frames)

    monkeypatch.setattr(parts, "_write_frames", disturbed)
    import_streams(home, tmp_path / "out", described())
    changed = (tmp_path / "out" / "wrist.npy").stat().st_mtime_ns
    assert ended(others[0]) == 0
    assert (tmp_path / "out" / "wrist.npy").stat().st_mtime_ns == changed
    assert not (tmp_path / "out" / importing.PARTS).exists() and not (tmp_path / ".out.lock").exists()


def labelled(home: Path, rows: list[str], **labels) -> dict:
    (home / "labels.csv").write_text("\n".join(["start,end,activity,subject", *rows]))
    columns = {"subject": "subject"}
    time = {"unit": "iso"}
    return {"labels": {"files": "labels.csv", "format": "csv", "columns": columns, "time": time} | labels}


def test_labels_are_matched_by_subject_and_time(home: Path, tmp_path: Path) -> None:
    day = "2020-09-13T12:"
    rows = [
        f"{day}26:42,{day}26:44.5,cook,anna",
        f"{day}26:45,{day}26:46,eat,anna",
        f"{day}26:42,{day}27:30,eat,ben",  # beyond the end
        f"{day}36:42,{day}37:30,eat,ben",  # outside
    ]
    store = import_streams(home, tmp_path / "out", described(**labelled(home, rows)))
    anna, ben = store.recordings
    assert store.activities == ("cook", "eat")
    assert anna.labels == (LabelInterval(2.0, 4.5, "cook"), LabelInterval(5.0, 6.0, "eat"))
    assert len(ben.labels) == 1 and ben.labels[0].end <= ben.duration + 0.02
    report = report_of(store)
    assert report["label_seconds"]["1"] == {"cook": 2.5, "eat": 1.0}
    assert report["left_out"] == {
        "label intervals are outside of all recordings": 1,
        "label intervals are cut at the start or end of a recording": 1,
    }
    with pytest.raises(ConfigurationError, match="activities: 'eat' of the labels is missing"):
        import_streams(home, tmp_path / "no", described(**labelled(home, rows), activities=["cook"]))
    with pytest.raises(RecordingError, match=r"row 2: there is no recording of subject 'carl', but of anna, ben"):
        import_streams(home, tmp_path / "no", described(**labelled(home, [f"{day}26:42,{day}26:43,eat,carl"])))


@pytest.mark.parametrize(("after", "cut"), [(0, 0), (1, 0), (1.9, 0), (2.5, 1)])
@pytest.mark.parametrize("slow", [False, True])
def test_labels_of_a_whole_recording_may_count_its_last_sample_in(
    tmp_path: Path, after: float, cut: int, slow: bool
) -> None:
    """Who labels all of a recording ends a sample or two after the last time."""
    home, sensors = tmp_path / "home", {"wrist": SENSOR}
    times = START + np.arange(500) * SECOND // 50
    write_csv(home / "anna" / "wrist.csv", times, signal(times))
    if slow:
        sensors["ankle"] = SENSOR | {"files": "{subject}/ankle.csv", "rate": 5}
        write_csv(home / "anna" / "ankle.csv", times[:491:10], signal(times[:491:10]))
    end = (int(times[-1]) - START) / SECOND + after / (5 if slow else 50)
    (home / "labels.csv").write_text(f"start,end,activity\n0,{end:.4f},walk\n", encoding="utf-8")
    labels = {"files": "labels.csv", "format": "csv", "time": {"unit": "s", "relative": True}}
    description = parse_description({"title": "Kitchen", "sensors": sensors, "labels": labels})
    store = import_streams(home, tmp_path / "out", description)
    assert store.recordings[0].labels == (LabelInterval(0.0, 9.98, "walk"),)
    assert report_of(store)["left_out"].get(CUT, 0) == cut
    assert len([line for line in report_of(store)["faults"] if "cut" in line]) == cut


def test_activity_from_the_path_is_that_of_the_whole_recording(home: Path, tmp_path: Path) -> None:
    activity = {"path": "{subject}", "names": {"anna": "cook", "ben": None}}
    store = import_streams(home, tmp_path / "out", described(activity=activity))
    (only,) = store.recordings[0].labels
    assert (only.start, only.activity) == (0, "cook")
    assert only.end == pytest.approx(store.recordings[0].duration, abs=0.02)
    assert store.recordings[1].labels == ()


def test_clock_offset_and_drift_are_taken_out(tmp_path: Path) -> None:
    """A sensor whose clock is 0.5 s ahead and gains 1000 us per second, beside one that is right."""
    time = jittered(30, 60)
    wrong = START + np.rint((time - START) * 1.001).astype(np.int64) + SECOND // 2
    write_csv(tmp_path / "home" / "anna" / "wrist.csv", time, signal(time))
    write_csv(tmp_path / "home" / "anna" / "ankle.csv", wrong, signal(time))
    sensors = {"wrist": SENSOR, "ankle": SENSOR | {"files": "{subject}/ankle.csv"}}
    clocks = {"ankle": {"offset": 0.5, "drift": 1000}}
    store = import_streams(tmp_path / "home", tmp_path / "out", described(sensors=sensors, clocks=clocks))
    np.testing.assert_allclose(store.array("ankle"), store.array("wrist"), atol=1e-5)
    report = report_of(store)["recordings"][0]
    assert report["overlap"] == {"seconds": pytest.approx(30, abs=0.1), "share": pytest.approx(1)}


def test_command_line(home: Path, tmp_path: Path, capsys) -> None:
    content = {"title": "Kitchen", "sensors": {"wrist": SENSOR}}
    (home / "streams.yaml").write_text(yaml.safe_dump(content))
    main(["data", "import", str(home), "--out", str(tmp_path / "out")])
    assert "2 recordings of 2 subjects, 0.01 hours, of which 0.00 have labels; sensors wrist" in capsys.readouterr().out
    assert read_store(tmp_path / "out").source["description"] == content


MEX = Path(os.environ.get("COSMO_PL_DATA", "data")) / "MEx" / "MEx.zip"


@pytest.mark.skipif(not MEX.is_file(), reason="MEx is absent")
def test_real_recordings_from_the_archive_as_it_is(tmp_path: Path) -> None:
    """Subject 1's first exercise: two sensors at different, varying rates."""
    act = SENSOR | {"files": "act/{subject}/01_act_{trial}.csv", "values": "1:4", "header": False}
    act |= {"time": {"column": 0, "unit": "iso"}}
    mat = {**act, "files": "pm_1.0_1.0/{subject}/01_pm_{trial}.csv", "kind": "pressure", "values": "1:513"}
    mat |= {"shape": [32, 16], "unit": "1", "rate": 10}
    source = tmp_path / "one.zip"
    with zipfile.ZipFile(MEX) as whole, zipfile.ZipFile(source, "w", zipfile.ZIP_LZMA) as one:
        for name in ("act/01/01_act_1.csv", "pm_1.0_1.0/01/01_pm_1.csv"):
            one.writestr(name, whole.read(name))
    store = import_streams(source, tmp_path / "out", described(sensors={"act": act, "pm": mat}))
    (report,) = report_of(store)["recordings"]
    assert report["sensors"]["act"]["rate"] == pytest.approx(100, rel=0.02)
    assert report["sensors"]["pm"]["rate"] == pytest.approx(15, rel=0.02)
    assert report["overlap"]["share"] > 0.99
    assert store.array("pm").shape[1:] == (32, 16) and 0 <= store.array("pm").min() < store.array("pm").max() <= 3767
    assert np.linalg.norm(store.array("act"), axis=1).mean() == pytest.approx(1, abs=0.05)
