"""Simulated clips of IMU, depth and radar: one clock, the paper's counts, the documented layout."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.simulation import Recorder, self_collected_clip, simulate_self_collected
from cosmo_pl.simulation.activities_self_collected import SCENES
from cosmo_pl.simulation.body import Motion, rotation
from cosmo_pl.simulation.self_collected import bodies, clip_numbers, quality
from cosmo_pl.simulation.sensors import EARTH_FIELD, Placement, imu, magnetometer

SMALL = Recorder((24, 32))
NAMES = [scene.action.name for scene in SCENES]
STANDING, BOXING, SHAKING = (NAMES.index(name) + 1 for name in ("standing", "boxing", "shaking hands"))


def test_clips_have_the_papers_shapes() -> None:
    clip = self_collected_clip(0, 1, BOXING, 1)
    told = {name: (values.shape, str(values.dtype)) for name, values in clip.items()}
    assert told == {
        "imu": ((200, 9), "float32"),
        "depth": ((40, 60, 80), "uint16"),
        "radar": ((30, 2, 16, 32, 16), "float16"),
    }
    assert self_collected_clip(0, 1, BOXING, 1, Recorder((480, 640)))["depth"].shape == (40, 480, 640)


def test_at_rest_the_sensor_reads_1_g_and_the_earths_field() -> None:
    attitude = rotation(0, np.array(20.0)) @ rotation(2, np.array(-50.0))
    body = Motion(300.0, np.ones((50, 20, 3)), np.broadcast_to(attitude, (50, 13, 3, 3)))
    placement = Placement("r_forearm", "right_wrist", np.zeros(3), np.eye(3))
    readings, field = imu(body, placement), magnetometer(body, placement)
    np.testing.assert_allclose(np.linalg.norm(readings[:, :3], axis=1), 1.0)
    np.testing.assert_allclose(readings[:, 3:], 0.0, atol=1e-9)
    np.testing.assert_allclose(field, np.broadcast_to(attitude.T @ EARTH_FIELD, (50, 3)))
    clip = self_collected_clip(0, 2, STANDING, 1, SMALL)["imu"]
    assert np.linalg.norm(clip[:, :3], axis=1).mean() == pytest.approx(1.0, abs=0.1)
    assert np.linalg.norm(clip[:, 6:], axis=1).mean() == pytest.approx(np.linalg.norm(EARTH_FIELD), rel=0.15)


def activity(clip: dict[str, np.ndarray], bins: int = 20) -> dict[str, np.ndarray]:
    """How much goes on in each tenth of a second, by sensor."""
    turning = np.abs(clip["imu"][:, 3:6]).sum(axis=1)
    before, after = clip["depth"][:-1].astype(int), clip["depth"][1:].astype(int)
    changed = (before > 0) & (after > 0) & (np.abs(after - before) > 500)
    moving = np.append(changed.sum(axis=(1, 2)), 0)
    echoes = clip["radar"][:, 0].astype(float).clip(0.03).sum(axis=(1, 2, 3))
    moving[-1] = moving[-2]
    series = {"imu": turning, "depth": moving, "radar": echoes}
    clock = (np.arange(bins) + 0.5) / bins
    return {name: np.interp(clock, (np.arange(len(x)) + 0.5) / len(x), x) for name, x in series.items()}


def lag(one: np.ndarray, other: np.ndarray, reach: int = 5) -> int:
    """Bins by which `other` comes later than `one`."""
    one, other = ((x - x.mean()) / x.std() for x in (one, other))
    scores = {
        k: np.mean(one[max(0, -k) : len(one) - max(0, k)] * other[max(0, k) : len(other) - max(0, -k)])
        for k in range(-reach, reach + 1)
    }
    return max(scores, key=scores.__getitem__)


def test_all_sensors_have_one_clock() -> None:
    squat = NAMES.index("squatting") + 1
    lags: dict[str, list[int]] = {"imu": [], "depth": [], "radar": []}
    for subject in range(1, 9):
        motions, _, _ = bodies(0, subject, squat, 1)
        sinking = np.abs(np.gradient(motions[0].joint("head")[:, 1]))[150:750]
        truth = sinking.reshape(20, 30).mean(axis=1)
        clip = activity(self_collected_clip(0, subject, squat, 1, SMALL))
        for name, found in lags.items():
            found.append(lag(truth, clip[name]))
    assert all(abs(float(np.median(found))) <= 1 for found in lags.values()), lags  # tenths of a second


WITHOUT_ERRORS = {"imu": 0.0, "depth": 0.0, "radar": 0.0}


@pytest.mark.parametrize("number", [(3, BOXING, 1), (5, SHAKING, 2)])
def test_every_sensor_sees_what_happens_at_its_ticks(number: tuple[int, int, int], monkeypatch) -> None:
    """Without errors depth and radar are the renderings of these very instants, of everybody who is there, in order."""
    from cosmo_pl.simulation import self_collected
    from cosmo_pl.simulation.depth_camera import Camera, depth_frames
    from cosmo_pl.simulation.radar import radar_frames

    monkeypatch.setattr(self_collected, "quality", lambda *_: WITHOUT_ERRORS)
    clip = self_collected_clip(0, *number, SMALL)
    motions, room, _ = bodies(0, *number)
    ticks = {rate: 150 + np.arange(2 * rate) * (300 // rate) for rate in (100, 20, 15)}
    exact = 1000 * depth_frames(motions, room, Camera(*SMALL.resolution), ticks[20])
    seen = clip["depth"] > 0
    assert seen.mean() > 0.5
    assert np.abs(clip["depth"] - exact)[seen].max() <= 0.5
    assert np.array_equal(clip["radar"], radar_frames(motions, ticks[15], np.random.default_rng(0), 0.0))
    worn = Placement("r_forearm", "right_wrist", np.zeros(3), np.eye(3))
    felt = np.linalg.norm(clip["imu"][:, 3:6], axis=1)
    fits = [np.corrcoef(felt, np.linalg.norm(imu(body, worn)[ticks[100], 3:], axis=1))[0, 1] for body in motions]
    assert fits[0] > 0.9 and all(fit < fits[0] - 0.2 for fit in fits[1:])


def test_a_clock_offset_shifts_a_sensor_against_the_others() -> None:
    from cosmo_pl.simulation.self_collected import _ticks

    firsts = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        exact = [int(_ticks(name, SMALL, np.random.default_rng(0))[0]) for name in ("imu", "depth", "radar")]
        late = [int(_ticks(name, Recorder(clock_offset=0.1), rng)[0]) for name in ("imu", "depth", "radar")]
        assert len(set(exact)) == 1
        firsts.append(np.subtract(late, exact) / 300)
    spread = np.std(firsts, axis=0)
    np.testing.assert_allclose(spread, 0.1, rtol=0.2)
    assert abs(np.corrcoef(np.array(firsts).T)[0, 1]) < 0.2


def test_a_lost_frame_repeats_the_one_before() -> None:
    clip = self_collected_clip(0, 1, BOXING, 1, Recorder((24, 32), dropped_frames=0.5))
    whole = self_collected_clip(0, 1, BOXING, 1, SMALL)
    still = np.array([np.abs(np.diff(c["depth"].astype(int), axis=0)).mean() for c in (whole, clip)])
    assert still[1] < still[0]
    from cosmo_pl.simulation.self_collected import _ticks

    taken = _ticks("depth", Recorder(dropped_frames=0.5), np.random.default_rng(0))
    assert 10 <= (np.diff(taken) == 0).sum() <= 30 and (np.diff(taken) >= 0).all()
    assert (np.diff(_ticks("imu", Recorder(dropped_frames=0.5), np.random.default_rng(0))) == 3).all()


def test_two_people_face_each_other() -> None:
    motions, _, _ = bodies(0, 1, SHAKING, 1)
    assert len(motions) == 2
    apart = motions[0].joint("hip_center") - motions[1].joint("hip_center")
    assert 0.5 < np.abs(apart[:, 0]).mean() < 1.2 and np.abs(apart[:, 2]).mean() < 0.4
    for body, other in (motions, motions[::-1]):
        right = (body.joint("right_shoulder") - body.joint("left_shoulder")).mean(axis=0)
        ahead = np.cross(np.array([0.0, 1.0, 0.0]), right)  # y up, x to the right: ahead is -z
        towards = (other.joint("hip_center") - body.joint("hip_center")).mean(axis=0)
        assert ahead @ towards > 0.8 * np.linalg.norm(ahead) * np.linalg.norm(towards)
    assert sum(scene.partner is not None for scene in SCENES) >= 2
    assert all(len(bodies(0, 1, a + 1, 1)[0]) == (2 if scene.partner else 1) for a, scene in enumerate(SCENES))


def test_activities_are_fourteen_and_differ() -> None:
    assert len(NAMES) == len(set(NAMES)) == 14
    seen = [hashlib.sha256(self_collected_clip(0, 1, a, 1, SMALL)["imu"].tobytes()).hexdigest() for a in range(1, 15)]
    assert len(set(seen)) == 14


def test_quality_differs_by_subject_and_by_activity() -> None:
    subjects = [quality(0, s, 1)["depth"] for s in range(1, 200)]
    assert np.log(subjects).std() == pytest.approx(0.5, rel=0.2)
    assert quality(0, 1, 1) == quality(0, 1, 1) != quality(0, 1, 2)


def test_the_papers_counts() -> None:
    numbers = clip_numbers(range(1, 31), 8)
    assert len(numbers) == len(set(numbers)) == 3434
    assert sum(s <= 25 for s, _, _ in numbers) == 2800 + 74 and sum(s > 25 for s, _, _ in numbers) == 560
    assert len(clip_numbers(range(1, 4), 2)) == 3 * 14 * 2


# Writing


def contents(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulate_self_collected(
        tmp_path_factory.mktemp("self"), [1, 2], trials=1, resolution=(12, 16), progress=False, jobs=1
    )


def test_the_layout_is_the_documented_one(written: Path) -> None:
    told = json.loads((written / "manifest.json").read_text(encoding="utf-8"))
    assert told["format"] == 1 and told["activities"] == NAMES and len(told["clips"]) == 28
    for clip in told["clips"]:
        assert clip["name"] == f"s{clip['subject']:02}_a{NAMES.index(clip['activity']) + 1:02}_t1"
        for name, file in clip["files"].items():
            sensor = told["modalities"][name]
            array = np.load(written / file)
            assert array.shape == (sensor["rate"] * clip["duration"], *sensor["shape"])
            assert str(array.dtype) == sensor["dtype"]
    starts = [clip["start"] for clip in told["clips"] if clip["subject"] == 2]
    assert starts == [5.0 * i for i in range(14)]


def test_as_many_processes_as_there_are_write_the_same(written: Path, tmp_path: Path) -> None:
    again = simulate_self_collected(tmp_path, [1, 2], trials=1, resolution=(12, 16), progress=False, jobs=2)
    assert contents(again) == contents(written)


def test_a_stopped_run_is_completed(written: Path, tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / "SelfCollected"
    shutil.copytree(written, folder)
    for name in ("manifest.json", "imu/s01_a03_t1.npy", "depth/s02_a14_t1.npy"):
        (folder / name).unlink()
    kept = (folder / "radar/s01_a03_t1.npy").stat().st_mtime_ns
    simulate_self_collected(tmp_path, [1, 2], trials=1, resolution=(12, 16), progress=False, jobs=1)
    assert contents(folder) == contents(written)
    assert (folder / "radar/s01_a03_t1.npy").stat().st_mtime_ns == kept  # nothing is written twice


def test_other_settings_are_refused(written: Path) -> None:
    with pytest.raises(ConfigurationError, match="other settings"):
        simulate_self_collected(written.parent, [1, 2], trials=1, resolution=(12, 18), progress=False)


@pytest.mark.parametrize(
    "arguments",
    [{"resolution": (1, 80)}, {"clock_offset": -0.1}, {"clock_offset": 1.0}, {"dropped_frames": 1.0}, {"trials": 0},
     {"subjects": []}, {"seed": -1}],
)  # fmt: skip
def test_bad_arguments_are_named(arguments: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(arguments))):
        simulate_self_collected(tmp_path, **{"progress": False, **arguments})
    assert not list(tmp_path.iterdir())
