"""Preprocessing of skeletons: what it removes and what it keeps."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from scipy.io import loadmat
from torch import Tensor

from cosmo_pl.data.transforms import (
    HIP_CENTER,
    LEFT_SHOULDER,
    RIGHT_SHOULDER,
    SHOULDER_CENTER,
    CenterOnHip,
    FaceCamera,
    ScaleByTorso,
    Transform,
)
from cosmo_pl.errors import ConfigurationError

ALL = [CenterOnHip(), CenterOnHip("first"), ScaleByTorso(), FaceCamera()]


@pytest.fixture
def clips() -> Tensor:
    """Three clips of seven frames, of no particular pose, three metres from the camera."""
    return torch.randn(3, 7, 20, 3, generator=torch.Generator().manual_seed(0)) + torch.tensor([0.2, -0.3, 3.0])


def turned(clips: Tensor, angle: float) -> Tensor:
    """The clips, turned about the vertical (y)."""
    cos, sin = math.cos(angle), math.sin(angle)
    return clips @ torch.tensor([[cos, 0.0, -sin], [0.0, 1.0, 0.0], [sin, 0.0, cos]])


def distances(clips: Tensor) -> Tensor:
    """Between all joints of a frame."""
    return (clips[:, :, :, None] - clips[:, :, None]).norm(dim=-1)


@pytest.mark.parametrize("transform", ALL)
def test_shape_and_type_stay_and_the_argument_is_untouched(transform: Transform, clips: Tensor) -> None:
    before = clips.clone()
    out = transform(clips)
    assert out.shape == clips.shape and out.dtype == clips.dtype
    torch.testing.assert_close(clips, before, rtol=0, atol=0)
    assert not torch.allclose(out, clips)


@pytest.mark.parametrize("transform", ALL)
def test_a_clip_is_transformed_by_itself(transform: Transform, clips: Tensor) -> None:
    whole = transform(clips)
    for row in range(len(clips)):
        torch.testing.assert_close(transform(clips[row : row + 1]), whole[row : row + 1])
    disturbed = torch.cat([clips[:1], clips[1:] * 50 + 3])
    torch.testing.assert_close(transform(disturbed)[0], whole[0])


def test_the_hip_goes_to_the_origin(clips: Tensor) -> None:
    out = CenterOnHip()(clips)
    torch.testing.assert_close(out[:, :, HIP_CENTER], torch.zeros(3, 7, 3), rtol=0, atol=0)
    torch.testing.assert_close(distances(out), distances(clips))
    walked = clips + torch.linspace(0, 2, 7).view(1, 7, 1, 1)
    torch.testing.assert_close(CenterOnHip()(walked), out)


def test_centring_on_the_first_frame_keeps_the_way_walked(clips: Tensor) -> None:
    out = CenterOnHip("first")(clips)
    torch.testing.assert_close(out[:, 0, HIP_CENTER], torch.zeros(3, 3), rtol=0, atol=0)
    torch.testing.assert_close(out.diff(dim=1), clips.diff(dim=1))
    torch.testing.assert_close(CenterOnHip("first")(clips + 5.0), out)
    with pytest.raises(ConfigurationError, match=r"CenterOnHip\.frame"):
        CenterOnHip("last")


def test_the_torso_has_length_one_whatever_the_size_of_the_body(clips: Tensor) -> None:
    out = ScaleByTorso()(clips)
    torso = (out[:, :, SHOULDER_CENTER] - out[:, :, HIP_CENTER]).norm(dim=-1)
    torch.testing.assert_close(torso.mean(dim=1), torch.ones(3))
    assert float(torso.std(dim=1).min()) > 0.1  # one factor a clip: leaning forward is still seen
    for size in (0.1, 0.8, 7.0):
        torch.testing.assert_close(ScaleByTorso()(clips * size), out)
    flat = torch.zeros(1, 7, 20, 3)
    torch.testing.assert_close(ScaleByTorso()(flat), flat)


def test_facing_keeps_bones_and_heights(clips: Tensor) -> None:
    out = FaceCamera()(clips)
    torch.testing.assert_close(distances(out), distances(clips))
    torch.testing.assert_close(out[..., 1], clips[..., 1], rtol=0, atol=0)
    torch.testing.assert_close(out[..., ::2].norm(dim=-1), clips[..., ::2].norm(dim=-1))


def test_facing_is_no_reflection(clips: Tensor) -> None:
    bones = [(0, 1), (1, 2), (4, 8)]
    for values in (clips, FaceCamera()(clips)):
        frame = torch.stack([values[:, :, a] - values[:, :, b] for a, b in bones], dim=-1)
        volume = torch.linalg.det(frame)
        if values is clips:
            before = volume
    torch.testing.assert_close(volume, before)


def test_the_mean_shoulder_line_lies_along_x(clips: Tensor) -> None:
    out = FaceCamera()(clips)
    across = (out[:, :, RIGHT_SHOULDER] - out[:, :, LEFT_SHOULDER]).mean(dim=1)
    torch.testing.assert_close(across[:, 2], torch.zeros(3), rtol=0, atol=1e-5)
    assert (across[:, 0] > 0).all()


def test_facing_forgets_which_way_the_clip_was_turned(clips: Tensor) -> None:
    out = FaceCamera()(clips)
    for angle in (-3.0, -1.5, 0.1, 2.0, math.pi):
        torch.testing.assert_close(FaceCamera()(turned(clips, angle)), out, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(FaceCamera()(out), out, rtol=1e-4, atol=1e-5)


def test_all_in_a_row_forget_place_size_and_direction(clips: Tensor) -> None:
    def prepared(values: Tensor) -> Tensor:
        return FaceCamera()(ScaleByTorso()(CenterOnHip()(values)))

    elsewhere = turned(clips * 1.3, 0.7) + torch.tensor([1.0, 0.5, -2.0])
    torch.testing.assert_close(prepared(elsewhere), prepared(clips), rtol=1e-4, atol=1e-4)


JOINTS = {
    SHOULDER_CENTER: "shoulder_center",
    HIP_CENTER: "hip_center",
    LEFT_SHOULDER: "left_shoulder",
    RIGHT_SHOULDER: "right_shoulder",
}


def check_joints(folder: Path) -> None:
    """The joints' numbers are those of the archive, and people who face the camera are hardly turned."""
    listed = (folder / "Skeleton" / "Skeleton_joint_order.txt").read_text(encoding="utf-8")
    for joint, name in JOINTS.items():
        assert f"{joint + 1}. {name};" in listed
    for action in (1, 5, 26):
        stored = loadmat(folder / "Skeleton" / f"a{action}_s2_t1_skeleton.mat")["d_skel"]
        clip = torch.from_numpy(stored).permute(2, 0, 1)[None].float()
        torso = clip[:, :, SHOULDER_CENTER] - clip[:, :, HIP_CENTER]
        assert torso[..., 1].min() > 0.2  # y is up
        centred = CenterOnHip()(clip)
        assert (FaceCamera()(centred) - centred).norm(dim=-1).mean() < 0.2


def test_joints_of_simulated_skeletons(utd_root: Path) -> None:
    check_joints(utd_root / "UTD-MHAD")


def test_joints_of_official_skeletons(real_root: Path) -> None:
    check_joints(real_root / "UTD-MHAD")


@pytest.mark.parametrize("transform", [CenterOnHip(), ScaleByTorso(), FaceCamera()])
@pytest.mark.parametrize("shape", [(2, 120, 6), (2, 40, 20, 2), (2, 40, 5, 3)])
def test_samples_of_another_sensor_are_refused(transform: Transform, shape: tuple[int, ...]) -> None:
    with pytest.raises(ConfigurationError, match="transforms"):
        transform(torch.zeros(shape))
