"""Imports that estimate the errors of clocks: what they correct, and what they leave as it is."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from cosmo_pl.cli import main
from cosmo_pl.data.streams.importing import import_streams
from cosmo_pl.data.streams.reading_description import parse_description
from cosmo_pl.data.streams.store import StreamStore
from cosmo_pl.errors import ConfigurationError

from .recorded import SECOND, SENSOR, START, described, jittered, write_csv

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
ANKLE = SENSOR | {"files": "{subject}/{day}/ankle.csv"}
SENSORS = {"wrist": SENSOR | {"files": "{subject}/{day}/wrist.csv"}, "ankle": ANKLE}


def movement(seed: int, seconds: np.ndarray) -> np.ndarray:
    """A smooth acceleration (T, 3), the same function of time for each sensor."""
    random = np.random.default_rng(seed)
    frequencies, phases = random.uniform(0.2, 2.0, size=(12, 3)), random.uniform(0, 6.3, size=(12, 3))
    return np.sin(2 * np.pi * seconds[:, None, None] * frequencies + phases).sum(axis=1) / 4 + [0, 0, 1]


def write_home(folder: Path, seconds: float, days: int, spacing: float, error: object, shared: bool = True) -> None:
    """Two sensors; that at the ankle is ahead by `error(seconds since the first day)`."""
    for day in range(days):
        time = jittered(seconds, 30, seed=day)
        since = (time - START) / SECOND
        later = time + round(day * spacing * SECOND)
        write_csv(folder / "anna" / str(day) / "wrist.csv", later, movement(day, since))
        ahead = np.rint(SECOND * error(since + day * spacing)).astype(np.int64)  # type: ignore[operator]
        write_csv(folder / "anna" / str(day) / "ankle.csv", later + ahead, movement(day + 100 * (not shared), since))


def clocks_of(store: StreamStore) -> list[dict]:
    return json.loads((store.folder / "report.json").read_text())["clocks"]


def apart(store: StreamStore) -> float:
    """Milliseconds by which the grid of the ankle is early or late, of all recordings at most 150."""
    largest, lags = 0.0, np.arange(-0.15, 0.152, 0.002)
    for recording in store.recordings:
        since = (np.datetime64(recording.start[:-1]) - np.datetime64(START, "ns")).astype(float) / SECOND
        (segment,) = recording.segments["ankle"]
        frames = np.arange(0, segment.frames, 20)
        times = (segment.first + frames) / 50 + (since + 300) % 600 - 300
        values, day = store.array("ankle")[segment.row + frames], int(recording.name.removeprefix("anna_"))
        errors = [np.square(movement(day, times - lag) - values).mean() for lag in lags]
        largest = max(largest, abs(float(lags[np.argmin(errors)])))
    return 1000 * largest


def test_an_offset_and_a_drift_over_days_are_corrected(tmp_path: Path) -> None:
    write_home(tmp_path / "home", 40, 11, 600.0, lambda seconds: 0.4 + 60e-6 * seconds)
    store = import_streams(tmp_path / "home", tmp_path / "out", described_pair("estimate"))
    (found,) = clocks_of(store)
    assert found["corrected"] and found["reference"] == "wrist" and len(found["recordings"]) == 11
    assert found["offset"] == pytest.approx(0.4, abs=0.03) and found["drift"] == pytest.approx(60, abs=8)
    assert apart(store) < 25  # 0.4 to 0.76 s without the correction
    as_recorded = import_streams(tmp_path / "home", tmp_path / "plain", described_pair({}))
    assert apart(as_recorded) > 140


def test_a_stated_drift_counts_from_the_first_recording(tmp_path: Path) -> None:
    write_home(tmp_path / "home", 20, 3, 600.0, lambda seconds: 0.1 + 100e-6 * seconds)
    clocks = {"ankle": {"offset": 0.1, "drift": 100}}
    assert apart(import_streams(tmp_path / "home", tmp_path / "out", described_pair(clocks))) < 2.1


def test_each_recording_may_have_an_error_of_its_own(tmp_path: Path) -> None:
    """Two recordings of ten minutes, the clocks of which are set apart."""
    write_home(tmp_path / "home", 600, 2, 6000.0, lambda seconds: np.where(seconds < 3000, 0.5, -0.3))
    store = import_streams(tmp_path / "home", tmp_path / "out", described_pair("estimate per recording"))
    first, second = clocks_of(store)
    assert (first["recordings"], second["recordings"]) == (["anna_0"], ["anna_1"])
    assert first["offset"] == pytest.approx(0.5, abs=0.02) and second["offset"] == pytest.approx(-0.3, abs=0.02)
    assert apart(store) < 20


def test_what_is_uncertain_is_unchanged_and_the_report_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_home(tmp_path / "home", 25, 12, 600.0, lambda seconds: 0.4 + 0 * seconds, shared=False)
    (tmp_path / "home" / "streams.yaml").write_text(json.dumps(described_pair("estimate").content))
    main(["data", "import", str(tmp_path / "home"), "--out", str(tmp_path / "out")])
    assert "clock of ankle: corrected in 0 of 12 recordings" in capsys.readouterr().out
    page = (tmp_path / "out" / "report.html").read_text()
    assert "<td>12 recordings</td>" in page and "unchanged: the confidence is 0." in page
    plain = import_streams(tmp_path / "home", tmp_path / "plain", described_pair({}))
    store = import_streams(tmp_path / "home", tmp_path / "out", described_pair("estimate"))
    assert (store.sha256, store.recordings) == (plain.sha256, plain.recordings)


def test_too_little_time_is_said(tmp_path: Path) -> None:
    write_home(tmp_path / "home", 25, 1, 0.0, lambda seconds: 0 * seconds)
    (found,) = clocks_of(import_streams(tmp_path / "home", tmp_path / "out", described_pair("estimate")))
    assert not found["corrected"] and found["problem"].startswith("1 pieces of 20 s")


def described_pair(clocks: object):
    return described(sensors=SENSORS, clocks=clocks)


def test_what_cannot_be_estimated_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="clocks is 'guess', not a mapping of sensors, 'estimate' or"):
        described_pair("guess")
    with pytest.raises(ConfigurationError, match="clocks is 'estimate', not left out, as there is one sensor"):
        described(clocks="estimate")


MEX = Path(os.environ.get("COSMO_PL_DATA", "data")) / "MEx" / "MEx.zip"


@pytest.mark.slow  # reads 80 recordings of the archive twice
@pytest.mark.skipif(not MEX.is_file(), reason="MEx is absent")
def test_an_offset_put_into_real_recordings_is_found(tmp_path: Path) -> None:
    """The estimate moves by the offset that is put into the camera's times, to within 60 ms."""
    time = {"column": 0, "unit": "iso"}
    act = {"kind": "accelerometer", "files": "act/{subject}/{exercise}_act_{trial}.csv", "values": "1:4", "unit": "g"}
    camera = {"kind": "depth", "files": "dc/{subject}/{exercise}_dc_{trial}.csv", "values": "1:193", "shape": [12, 16]}
    sensors = {"act": act | {"rate": 50}, "dc": camera | {"unit": "1", "rate": 10, "max_gap": 1.0}}
    common = {"time": time, "header": False}
    content = {"title": "MEx", "sensors": {name: each | common for name, each in sensors.items()}, "clocks": "estimate"}
    offsets = []
    for put_in in (0.0, -0.6):
        folder = tmp_path / str(put_in)
        with zipfile.ZipFile(MEX) as archive:
            for name in archive.namelist():
                sensor, subject = name.split("/")[0].split("_")[0], name.split("/")[1]
                if sensor in sensors and subject <= "10" and name.endswith(".csv"):
                    path = folder / sensor / subject / name.split("/")[2]
                    path.parent.mkdir(parents=True, exist_ok=True)
                    lines = archive.read(name).decode().splitlines()
                    path.write_text("\n".join(shifted(line, put_in * (sensor == "dc")) for line in lines))
        (found,) = clocks_of(import_streams(folder, tmp_path / f"out{put_in}", parse_description(content)))
        assert found["corrected"]
        offsets.append(found["offset"])
    assert offsets[1] - offsets[0] == pytest.approx(-0.6, abs=0.06)


def shifted(line: str, seconds: float) -> str:
    """A row whose time is later."""
    time, comma, values = line.partition(",")
    late = np.datetime64(time.strip().replace(" ", "T"), "us") + np.timedelta64(round(1e6 * seconds), "us")
    return f"{late}{comma}{values}"
