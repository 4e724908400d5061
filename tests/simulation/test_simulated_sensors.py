import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from cosmo_pl.simulation.body import SEGMENTS, Motion, rotation
from cosmo_pl.simulation.sensors import GRAVITY, InertialErrors, Placement, hidden, imu, kinect, with_errors
from cosmo_pl.simulation.utd import MOTION_RATE, utd_motion
from cosmo_pl.skeleton import JOINTS

RATE = 300
FRAMES = 900
CLOCK = np.arange(FRAMES) / RATE


def motion_of(path=None, turned=None):
    """A body that moves as one piece, its joints all in one point."""
    path = np.zeros((FRAMES, 3)) if path is None else path
    turned = np.broadcast_to(np.eye(3), (FRAMES, 3, 3)) if turned is None else turned
    return Motion(
        RATE, np.repeat(path[:, None], len(JOINTS), axis=1), np.repeat(turned[:, None], len(SEGMENTS), axis=1)
    )


def placement(offset=(0, 0, 0), mount=None, yielding=None):
    return Placement("pelvis", "hip_center", np.array(offset, float), np.eye(3) if mount is None else mount, yielding)


def any_turn(seed):
    x, y, z = np.random.default_rng(seed).uniform(-180, 180, 3)
    return rotation(0, x) @ rotation(1, y) @ rotation(2, z)


@pytest.mark.parametrize("seed", range(4))
def test_at_rest_it_reads_one_g_upwards_however_it_lies(seed):
    body, mount = any_turn(seed), any_turn(seed + 100)
    readings = imu(motion_of(turned=np.broadcast_to(body, (FRAMES, 3, 3))), placement((0.1, 0.2, 0.3), mount))
    np.testing.assert_allclose(np.linalg.norm(readings[:, :3], axis=1), 1.0, atol=1e-9)
    np.testing.assert_allclose(readings[:, :3] @ (body @ mount).T, [[0, 1, 0]] * FRAMES, atol=1e-9)
    np.testing.assert_allclose(readings[:, 3:], 0.0, atol=1e-9)


def test_in_free_fall_it_reads_nothing():
    path = np.stack([0.5 * CLOCK, 2.0 * CLOCK - 0.5 * GRAVITY * CLOCK**2, -0.3 * CLOCK], axis=1)
    readings = imu(motion_of(path), placement(mount=any_turn(1)))
    np.testing.assert_allclose(readings, 0.0, atol=1e-7)


@pytest.mark.parametrize("speed", [90.0, -400.0])
def test_turning_steadily_about_the_vertical_it_reads_the_rate_and_the_centripetal_force(speed):
    radius, mount = 0.25, any_turn(2)
    readings = imu(motion_of(turned=rotation(1, speed * CLOCK)), placement((radius, 0.0, 0.0), mount))[5:-5]
    in_body = readings.reshape(-1, 2, 3) @ mount.T
    inwards = -(np.deg2rad(speed) ** 2) * radius / GRAVITY
    expected = [[inwards, 1.0, 0.0], [0.0, speed, 0.0]]
    np.testing.assert_allclose(in_body, np.broadcast_to(expected, in_body.shape), rtol=1e-3, atol=1e-3)


def test_a_sway_reads_its_acceleration_in_the_sensors_own_axes():
    amplitude, omega = 0.1, 2 * np.pi * 1.5
    path = np.zeros((FRAMES, 3))
    path[:, 0] = amplitude * np.sin(omega * CLOCK)
    turned = np.broadcast_to(rotation(2, 90.0), (FRAMES, 3, 3))  # the sensor's x points up, its y to the left
    readings = imu(motion_of(path, turned), placement())[5:-5]
    np.testing.assert_allclose(readings[:, 0], 1.0, atol=1e-6)
    expected = amplitude * omega**2 * np.sin(omega * CLOCK)[5:-5] / GRAVITY
    np.testing.assert_allclose(readings[:, 1], expected, atol=2e-3)


def test_a_yielding_mount_turns_the_sensor_by_the_stated_angle_per_g():
    omega = 2 * np.pi * 0.5
    path = np.zeros((FRAMES, 3))
    path[:, 1] = GRAVITY / omega**2 * np.sin(omega * CLOCK)  # shakes along y by 1 g at most
    yielding = np.zeros((3, 3))
    yielding[2, 1] = 6.0
    readings = imu(motion_of(path), placement(yielding=yielding))[100:-100]
    expected = -6.0 * omega * np.cos(omega * CLOCK)[100:-100]
    np.testing.assert_allclose(readings[:, 5], expected, atol=0.2)
    np.testing.assert_allclose(readings[:, 3:5], 0.0, atol=1e-6)


def test_errors_have_the_stated_size_and_range():
    errors = InertialErrors(
        acc_bias=0.05, acc_noise=0.02, gyro_bias=2.0, gyro_noise=1.0, acc_range=2.0, gyro_range=100.0
    )
    rng = np.random.default_rng(0)
    spread = np.stack([with_errors(np.zeros((400, 6)), errors, rng) for _ in range(200)])
    np.testing.assert_allclose(spread.std(axis=1).mean(axis=0), [0.02] * 3 + [1.0] * 3, rtol=0.05)
    np.testing.assert_allclose(spread.mean(axis=1).std(axis=0), [0.05] * 3 + [2.0] * 3, rtol=0.25)
    loud = with_errors(np.full((10, 6), 1e4), errors, rng)
    np.testing.assert_array_equal(loud, np.broadcast_to([2.0] * 3 + [100.0] * 3, (10, 6)))


@pytest.mark.parametrize("action", [1, 4, 17, 21])
def test_skeleton_and_inertial_sensor_share_one_clock(action):
    motion, rng = utd_motion(0, 1, action, 1)
    skeleton = kinect(motion, rng, MOTION_RATE // 30, noise=0.0)
    wrist = skeleton[JOINTS.index("right_wrist")].T
    at_wrist = Placement("r_forearm", "right_wrist", np.zeros(3), np.eye(3))
    inertial = imu(motion, at_wrist)[:: MOTION_RATE // 50]
    clock = np.arange(len(inertial)) / 50
    inside = (clock > 0.1) & (clock < (len(wrist) - 1) / 30 - 0.1)
    acceleration = CubicSpline(np.arange(len(wrist)) / 30, wrist)(clock, 2) + np.array([0, GRAVITY, 0])
    from_skeleton = np.linalg.norm(acceleration, axis=1) / GRAVITY
    from_sensor = np.linalg.norm(inertial[:, :3], axis=1)
    lags = {lag: np.corrcoef(from_skeleton[inside], np.roll(from_sensor, lag)[inside])[0, 1] for lag in range(-3, 4)}
    assert lags[0] > 0.99
    assert max(lags, key=lags.get) == 0
    assert np.abs(from_skeleton - from_sensor)[inside].mean() < 0.05


def test_a_hand_behind_the_back_is_hidden_and_a_hand_before_the_chest_is_not():
    motion, _ = utd_motion(0, 1, 3, 1)
    joints = motion.joints[:1].copy()
    hand = JOINTS.index("left_hand")
    for depth, expected in ((0.2, True), (-0.3, False)):
        joints[0, hand] = joints[0, JOINTS.index("spine")] + [0.0, 0.05, depth]
        assert hidden(joints)[0, hand] == expected
