import numpy as np
import pytest

from cosmo_pl.simulation.activities_usc import USC_ACTIVITIES
from cosmo_pl.simulation.activities_utd import UTD_ACTIONS
from cosmo_pl.simulation.body import BONES, CHANNELS, forward_kinematics, reach, segment_rotations
from cosmo_pl.simulation.motion import NEUTRAL, make_habit, perform, pose_vector
from cosmo_pl.simulation.sensors import kinect
from cosmo_pl.simulation.subject import make_subject
from cosmo_pl.simulation.utd import utd_motion
from cosmo_pl.skeleton import JOINTS

UNIT = np.ones(len(JOINTS))


def place(pose, joint):
    joints = forward_kinematics(segment_rotations(pose_vector(pose)[None]), UNIT)
    return joints[0, JOINTS.index(joint)]


def lengths(joints):
    """Length of each bone over time, (T, bones)."""
    ends = [(JOINTS.index(bone.joint), JOINTS.index(bone.parent)) for bone in BONES]
    return np.stack([np.linalg.norm(joints[:, a] - joints[:, b], axis=-1) for a, b in ends], axis=1)


def test_tables_hold_every_official_activity_and_only_known_channels():
    assert len(UTD_ACTIONS) == 27
    assert len(USC_ACTIVITIES) == 12
    for action in (*UTD_ACTIONS, *USC_ACTIVITIES):
        for seconds, pose in action.keys:
            assert seconds >= 0
            assert set(pose) <= set(CHANNELS), action.name


@pytest.mark.parametrize(
    ("channel", "joint", "axis", "sign"),
    [
        ("r_flex", "right_wrist", 2, -1),  # forwards is -z
        ("l_flex", "left_wrist", 2, -1),
        ("r_abd", "right_wrist", 0, 1),  # away from the body
        ("l_abd", "left_wrist", 0, -1),
        ("r_elbow", "right_wrist", 2, -1),
        ("l_knee", "left_ankle", 2, 1),
        ("r_hip", "right_knee", 2, -1),
        ("r_open", "right_knee", 0, 1),
        ("bend", "head", 2, -1),
        ("lean", "head", 0, 1),
        ("yaw", "right_shoulder", 2, -1),  # turning left brings the right shoulder forwards
    ],
)
def test_a_positive_angle_moves_the_joint_the_documented_way(channel, joint, axis, sign):
    moved = place({channel: NEUTRAL.get(channel, 0.0) + 20.0}, joint) - place({}, joint)
    assert sign * moved[axis] > 0.02


@pytest.mark.parametrize("target", [(0.1, 0.1, 0.35), (-0.2, -0.15, 0.3), (0.0, 0.3, 0.2), (0.2, -0.4, 0.05)])
def test_reach_brings_the_wrist_to_the_point(target):
    angles = {"r_roll": 0.0, **reach(*target)}
    right, up, back = place(angles, "right_wrist") - place(angles, "right_shoulder")
    np.testing.assert_allclose((right, up, -back), target, atol=1e-9)


def test_reach_refuses_a_point_beyond_the_arm():
    with pytest.raises(ValueError, match="out of the arm's reach"):
        reach(0.0, 0.0, 0.6)


def test_bones_keep_their_length_over_time_and_over_actions_and_left_equals_right():
    per_action = [lengths(utd_motion(0, 3, action, 1)[0].joints) for action in (1, 9, 17, 22, 24, 26, 27)]
    first = per_action[0][0]
    for measured in per_action:
        np.testing.assert_allclose(measured, np.broadcast_to(first, measured.shape), atol=1e-9)
    by_joint = dict(zip([bone.joint for bone in BONES], first, strict=True))
    for joint, length in by_joint.items():
        assert by_joint[joint.replace("left", "right")] == pytest.approx(length)


def test_people_differ_in_size():
    one, two = (lengths(utd_motion(0, subject, 1, 1)[0].joints)[0] for subject in (1, 2))
    assert np.abs(one - two).max() > 0.01


def test_the_subject_stands_upright_before_the_camera_and_faces_it():
    for subject in range(1, 9):
        motion, _ = utd_motion(0, subject, 1, 1)
        start = {name: motion.joint(name)[0] for name in JOINTS}
        assert start["head"][1] > start["hip_center"][1] > start["left_knee"][1] > start["left_foot"][1]
        assert start["left_shoulder"][0] < start["right_shoulder"][0]  # as in the real recordings
        assert start["right_foot"][2] < start["right_ankle"][2]  # toes towards the camera
        assert 2.5 < start["hip_center"][2] < 3.3
        assert min(start["left_foot"][1], start["right_foot"][1]) == pytest.approx(-1.06, abs=0.08)


def test_feet_stay_on_the_floor_in_a_squat_and_the_hip_sinks():
    motion, _ = utd_motion(0, 2, 27, 1)
    feet = np.minimum(motion.joint("left_foot")[:, 1], motion.joint("right_foot")[:, 1])
    hip = motion.joint("hip_center")[:, 1]
    assert np.ptp(feet) < 0.04
    assert np.ptp(hip) > 0.22
    assert np.ptp(motion.joint("left_foot")[:, 2]) < 0.15


@pytest.mark.parametrize(("action", "sign"), [(1, -1), (2, 1)])
def test_a_swipe_goes_to_its_side(action, sign):
    motion, _ = utd_motion(0, 4, action, 2)
    path = motion.joint("right_wrist") - motion.joint("right_shoulder")
    raised = path[path[:, 1] > path[0, 1] + 0.25]
    third = len(raised) // 3
    assert sign * (raised[-third:, 0].mean() - raised[:third, 0].mean()) > 0.1


@pytest.mark.parametrize(("action", "sign"), [(9, 1), (10, -1)])
def test_a_circle_is_drawn_in_its_direction(action, sign):
    for subject in (2, 4):
        motion, _ = utd_motion(0, subject, action, 1)
        path = (motion.joint("right_wrist") - motion.joint("right_shoulder"))[:, :2]
        path = path[path[:, 1] > -0.32]
        x, y = (path - path.mean(axis=0)).T
        # Twice the area swept clockwise, the subject's right being +x.
        swept = np.sum(y[:-1] * np.diff(x) - x[:-1] * np.diff(y))
        assert sign * swept > 0.05


def test_sitting_down_and_standing_up_move_the_hip_opposite_ways():
    up, down = (utd_motion(0, 2, action, 1)[0].joint("hip_center")[:, 1] for action in (24, 25))
    assert up[-1] - up[0] > 0.2
    assert down[0] - down[-1] > 0.2


def test_left_limbs_rest_while_the_right_arm_acts():
    motion, _ = utd_motion(0, 1, 3, 1)
    still = motion.joint("left_wrist") - motion.joint("left_shoulder")
    busy = motion.joint("right_wrist") - motion.joint("right_shoulder")
    assert np.ptp(busy[:, 1]) > 5 * np.ptp(still[:, 1])


def test_tracking_errors_are_small_and_worse_at_the_hands():
    motion, rng = utd_motion(0, 1, 6, 1)
    error = kinect(motion, rng, 10) - kinect(motion, rng, 10, noise=0.0)
    spread = dict(zip(JOINTS, error.std(axis=(1, 2)), strict=True))
    assert 0.002 < spread["spine"] < 0.02
    assert spread["left_hand"] > 2 * spread["spine"]


def test_a_prescribed_length_is_kept_for_slow_and_quick_people():
    for subject in range(1, 6):
        action = USC_ACTIVITIES[0]
        rng = np.random.default_rng(subject)
        motion = perform(action, make_subject(0, subject), make_habit(action, rng), rng, 50, seconds=7.5)
        assert len(motion.joints) == 376
        assert np.isfinite(motion.joints).all()
        # The last second still walks: the loop has not run out.
        assert np.ptp(motion.joint("right_ankle")[-50:, 1]) > 0.02
