"""Simulated recordings of MEx: the layout of the publishers, and sensors that see one motion."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.simulation import simulate_mex
from cosmo_pl.simulation.mat import lie_down, pressures, surface_points
from cosmo_pl.simulation.mex import DEPTH, FOLDERS, HIGHEST, PRESSURE, RATES, mex_recording
from cosmo_pl.simulation.motion import Motion
from cosmo_pl.simulation.subject import make_subject
from cosmo_pl.simulation.utd import utd_motion

COLUMNS = {"act": 3, "acw": 3, "dc": 12 * 16, "pm": 32 * 16}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulate_mex(tmp_path_factory.mktemp("mex"), subjects=[1, 12], seconds=3.0, progress=False)


def test_files_have_the_published_names_columns_and_times(written: Path) -> None:
    names = [f"{e:02d}_{{}}_1" for e in range(1, 8)] + ["04_{}_2"]
    files = {
        f"{below}/{s}/{name.format(each)}.csv"
        for s in ("01", "12")
        for name in names
        for each, below in FOLDERS.items()
    }
    assert {path.relative_to(written).as_posix() for path in written.rglob("*.csv")} == files
    for name, below in FOLDERS.items():
        rows = [line.split(",") for line in (written / below / "12" / f"05_{name}_1.csv").read_text().splitlines()]
        assert {len(row) for row in rows} == {1 + COLUMNS[name]}
        times = [datetime.fromisoformat(row[0]) for row in rows]
        seconds = np.diff([time.timestamp() for time in times])
        assert (seconds > 0).all() and 1 / seconds.mean() == pytest.approx(RATES[name], rel=0.05)
        assert seconds.std() > 0.02 * seconds.mean(), "the rate jitters"


def test_values_are_in_the_published_units() -> None:
    recorded = mex_recording(0, 1, 3, 1, 4.0)
    for name in ("act", "acw"):
        assert np.linalg.norm(recorded[name][1], axis=1).mean() == pytest.approx(1.0, abs=0.15), "g"
    depth, pressure = recorded["dc"][1], recorded["pm"][1]
    assert depth.shape[1] == np.prod(DEPTH) and 0.5 < depth.min() < 0.95 and depth.max() == 1
    assert pressure.shape[1] == np.prod(PRESSURE) and 0 == pressure.min() < pressure.max() <= HIGHEST


def test_the_sides_of_exercise_4_and_the_posture_are_seen_by_the_thigh() -> None:
    left, right = (mex_recording(0, 2, 4, trial, 4.0)["act"][1].mean(axis=0) for trial in (1, 2))
    assert left @ right < 0, "gravity points to the other side"
    back, front = (mex_recording(0, 2, exercise, 1, 4.0)["act"][1].mean(axis=0) for exercise in (2, 5))
    assert back @ front < 0


def test_a_body_rests_on_the_mat_and_presses_less_where_it_is_lifted() -> None:
    motion = lie_down(utd_motion(0, 1, 1, 1)[0], 0.0)
    points, radius = surface_points(motion.joints)
    assert np.abs(np.percentile(points[..., 1] - radius, 12, axis=1)).max() < 0.05
    assert np.ptp(motion.joints[0, :, 2]) > 1.2 > np.ptp(motion.joints[0, :, 1]), "it lies"
    lifted = Motion(motion.rate, motion.joints + np.array([0, 0.2, 0]), motion.rotations)
    resting, above = (pressures(each.joints, PRESSURE, 1000.0).sum() for each in (motion, lifted))
    assert above < 0.05 * resting


def test_recordings_depend_on_their_own_numbers_alone(written: Path, tmp_path: Path) -> None:
    alone = simulate_mex(tmp_path, subjects=[12], seconds=3.0, progress=False)
    for path in alone.rglob("*.csv"):
        assert path.read_bytes() == (written / path.relative_to(alone)).read_bytes()
    assert make_subject(0, 12).height != make_subject(0, 1).height
    with pytest.raises(ConfigurationError, match="other settings"):
        simulate_mex(tmp_path, subjects=[12], seconds=4.0, progress=False)
