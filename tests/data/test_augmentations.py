"""What every augmentation keeps, and that its draw is seeded and by sample."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from cosmo_pl.data.augmentations import (
    Augmentation,
    DropChannels,
    DropJoints,
    Gain,
    Jitter,
    MaskTime,
    RotateAboutGravity,
    RotateBody,
    RotateSensor,
    ScaleAxes,
    ScaleLimbs,
    ShiftDistance,
    ShiftSpace,
    WarpTime,
)
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.skeleton import PARENT_INDEX as PARENT

INERTIAL, SKELETON, DEPTH, RADAR = (7, 50, 6), (7, 30, 20, 3), (7, 8, 10, 12), (7, 5, 2, 6, 8, 6)
CASES: list[tuple[Augmentation, tuple[int, ...]]] = [
    (WarpTime(), INERTIAL),
    (WarpTime(0.5, knots=2, crop=None), SKELETON),
    (RotateSensor(40), INERTIAL),
    (RotateAboutGravity(180), INERTIAL),
    (Gain(0.3), INERTIAL),
    (Jitter([0.1, 0.1, 0.1, 5, 5, 5]), INERTIAL),
    (Jitter(0.1), SKELETON),
    (DropChannels(0.4), INERTIAL),
    (DropJoints(0.4), SKELETON),
    (MaskTime(0.5), SKELETON),
    (RotateBody(90), SKELETON),
    (ScaleAxes(0.3), SKELETON),
    (ScaleLimbs(0.3), SKELETON),
    (ShiftSpace([2, 3]), DEPTH),
    (ShiftSpace([1, 2, 0]), RADAR),
    (ShiftDistance(300.0), DEPTH),
    (WarpTime(), DEPTH),
    (WarpTime(), RADAR),
]
each = pytest.mark.parametrize(("augmentation", "shape"), CASES, ids=lambda value: type(value).__name__)


def samples(shape: tuple[int, ...], seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)) + 1


@each
def test_seeded_changing_and_of_the_same_shape(augmentation: Augmentation, shape: tuple[int, ...]) -> None:
    x = samples(shape)
    before = x.clone()

    def changed(seed: int) -> Tensor:
        torch.manual_seed(seed)
        return augmentation(x)

    assert changed(1).shape == x.shape and changed(1).dtype == x.dtype
    assert torch.equal(changed(1), changed(1)) and not torch.equal(changed(1), changed(2))
    assert not torch.equal(changed(1), x)
    assert torch.equal(x, before)
    assert changed(1).isfinite().all()


@each
def test_a_batch_is_its_samples_one_by_one(augmentation: Augmentation, shape: tuple[int, ...]) -> None:
    x = samples(shape)
    torch.manual_seed(0)
    parameters = augmentation.random_parameters(x)
    assert len(parameters) == len(x) and not torch.equal(parameters[:1].expand_as(parameters), parameters)
    one_by_one = [augmentation.apply(x[i : i + 1], parameters[i : i + 1]) for i in range(len(x))]
    torch.testing.assert_close(augmentation.apply(x, parameters), torch.cat(one_by_one), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("crop", [None, 0.2])
def test_a_warp_never_runs_backwards_and_keeps_the_ends_it_promises(crop: float | None) -> None:
    ramp = torch.linspace(0, 1, 60).view(1, 60, 1).expand(500, 60, 2)
    torch.manual_seed(0)
    warped = WarpTime(1.0, knots=5, crop=crop)(ramp)[:, :, 0]
    assert (warped.diff(dim=1) > 0).all()
    if crop is None:
        torch.testing.assert_close(warped[:, 0], torch.zeros(500))
        torch.testing.assert_close(warped[:, -1], torch.ones(500))
    else:
        assert warped[:, 0].min() >= 0 and 0.15 < warped[:, 0].max() <= crop
        assert warped[:, -1].max() <= 1 and 0.85 > warped[:, -1].min() >= 1 - crop


def test_a_warp_interpolates_linearly() -> None:
    x = samples((3, 8, 2))
    times = torch.tensor([0.0, 0.1, 0.25, 0.5, 0.7, 0.8, 0.95, 1.0]).repeat(3, 1)
    warped = WarpTime().apply(x, times)
    for n in range(3):
        for step, time in enumerate(times[n].tolist()):
            low = min(int(time * 7), 6)
            share = time * 7 - low
            expected = (1 - share) * x[n, low] + share * x[n, low + 1]
            torch.testing.assert_close(warped[n, step], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("augmentation", [RotateSensor(60), RotateAboutGravity(120)])
def test_a_turned_sensor_measures_the_same_lengths_and_angles(augmentation: Augmentation) -> None:
    x = samples(INERTIAL).double()
    turned = augmentation(x)
    acc, gyro = (turned[:, :, part].float() for part in (slice(3), slice(3, 6)))
    torch.testing.assert_close(acc.norm(dim=2), x[:, :, :3].float().norm(dim=2), rtol=1e-4, atol=1e-4)
    between = (x[:, :, :3] * x[:, :, 3:]).sum(dim=2).float()  # both sensors turn together
    torch.testing.assert_close((acc * gyro).sum(dim=2), between, rtol=1e-3, atol=1e-3)


def test_rotation_about_gravity_keeps_what_is_vertical() -> None:
    x = samples(INERTIAL)
    turned = RotateAboutGravity(180)(x)
    vertical = torch.nn.functional.normalize(x[:, :, :3].mean(dim=1), dim=1)
    torch.testing.assert_close(turned[:, :, :3].mean(dim=1), x[:, :, :3].mean(dim=1), rtol=1e-4, atol=1e-4)
    for part in (slice(3), slice(3, 6)):
        heights = [torch.einsum("ntc,nc->nt", values[:, :, part], vertical) for values in (x, turned)]
        torch.testing.assert_close(heights[1], heights[0], rtol=1e-4, atol=1e-4)
    assert (turned - x).abs().max() > 0.5


def test_angles_are_uniform_up_to_the_largest() -> None:
    torch.manual_seed(0)
    rotations = RotateSensor(30).random_parameters(torch.zeros(4000, 5, 3))
    angle = torch.rad2deg(torch.acos(((rotations.diagonal(dim1=1, dim2=2).sum(dim=1) - 1) / 2).clamp(-1, 1)))
    assert angle.max() <= 30.1 and angle.mean() == pytest.approx(15, abs=0.6)


def test_gain_is_one_factor_a_sensor() -> None:
    x = samples(INERTIAL)
    factors = (Gain(0.3)(x) / x).unflatten(2, (2, 3))
    first = factors[:, :1, :, :1]
    torch.testing.assert_close(factors, first.expand_as(factors), rtol=1e-4, atol=1e-4)
    assert (first >= 0.7).all() and (first <= 1.3).all()
    assert not torch.allclose(first[:, :, 0], first[:, :, 1])


def test_jitter_has_the_deviation_of_each_channel() -> None:
    torch.manual_seed(0)
    noise = Jitter([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])(torch.zeros(100, 200, 6))
    torch.testing.assert_close(noise.std(dim=(0, 1)), torch.arange(1.0, 7.0), rtol=0.03, atol=0)


def bones(x: Tensor) -> Tensor:
    """Bones (N, T, 19, 3) of skeletons, in ascending order of their joint."""
    return torch.stack([x[:, :, joint] - x[:, :, PARENT[joint]] for joint in sorted(PARENT)], dim=2)


def test_the_tree_of_bones_hangs_on_the_hip() -> None:
    assert sorted(PARENT) == [joint for joint in range(20) if joint != 3]
    for joint in PARENT:
        steps = 0
        while joint != 3:
            joint, steps = PARENT[joint], steps + 1
            assert steps < 8


def test_a_turned_body_keeps_heights_and_bones() -> None:
    x = samples(SKELETON)
    turned = RotateBody(90)(x)
    torch.testing.assert_close(turned[..., 1], x[..., 1], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(bones(turned).norm(dim=3), bones(x).norm(dim=3), rtol=1e-4, atol=1e-4)


def test_scaled_limbs_keep_directions_the_hip_and_likeness_of_left_and_right() -> None:
    x = samples(SKELETON)
    scaled = ScaleLimbs(0.3)(x)
    torch.testing.assert_close(scaled[:, :, 3], x[:, :, 3])
    direction = [torch.nn.functional.normalize(bones(values), dim=3) for values in (x, scaled)]
    torch.testing.assert_close(direction[1], direction[0], rtol=1e-3, atol=1e-3)
    factor = bones(scaled).norm(dim=3) / bones(x).norm(dim=3)
    torch.testing.assert_close(factor, factor[:, :1].expand_as(factor), rtol=1e-3, atol=1e-3)  # all through the clip
    factor = dict(zip(sorted(PARENT), factor[:, 0].unbind(dim=1), strict=True))
    for left, right in zip(range(4, 8), range(8, 12), strict=True):
        torch.testing.assert_close(factor[left], factor[right], rtol=1e-3, atol=1e-3)
    assert all(value.min() > 0.699 and value.max() < 1.301 for value in factor.values())


def test_scaled_axes_keep_each_axis_in_proportion() -> None:
    x = samples(SKELETON)
    factor = ScaleAxes(0.2)(x) / x
    torch.testing.assert_close(factor, factor[:, :1, :1].expand_as(factor), rtol=1e-4, atol=1e-4)
    assert factor.min() > 0.799 and factor.max() < 1.201


@pytest.mark.parametrize(
    ("augmentation", "shape", "axis"),
    [(DropChannels(0.3), INERTIAL, (1,)), (DropJoints(0.3), SKELETON, (1, 3))],
    ids=["channels", "joints"],
)
def test_what_is_dropped_stands_still_and_the_rest_is_untouched(
    augmentation: Augmentation, shape: tuple[int, ...], axis: tuple[int, ...]
) -> None:
    x = samples((400, *shape[1:]))
    torch.manual_seed(0)
    dropped = augmentation(x)
    still = (dropped == x.mean(dim=1, keepdim=True)).all(dim=axis)
    same = (dropped == x).all(dim=axis)
    assert (still ^ same).all()
    assert still.float().mean() == pytest.approx(0.3, abs=0.03)


def test_masked_time_is_one_stretch_of_at_most_the_share() -> None:
    x = samples((300, 40, 6))
    torch.manual_seed(0)
    masked = (MaskTime(0.25)(x) != x).all(dim=2)
    assert masked.sum(dim=1).max() in (9, 10)
    assert (masked.int().diff(dim=1).abs().sum(dim=1) <= 2).all()
    assert masked.any(dim=0).all()  # anywhere


def test_masked_time_is_half_of_the_longest_on_average() -> None:
    """No interval is cut at the end of a sample."""
    torch.manual_seed(0)
    share = MaskTime(0.8).random_parameters(torch.zeros(4000, 100, 1)).float().mean()
    assert float(share) == pytest.approx(0.4, abs=0.02)


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: WarpTime(0), "WarpTime.strength"),
        (lambda: WarpTime(crop=0.5), "WarpTime.crop"),
        (lambda: WarpTime(knots=1), "WarpTime.knots"),
        (lambda: RotateSensor(0), "RotateSensor.max_degrees"),
        (lambda: RotateBody(-1), "RotateBody.max_degrees"),
        (lambda: Gain(1), "Gain.strength"),
        (lambda: Jitter([]), "Jitter.std"),
        (lambda: Jitter([0.1, 0]), "Jitter.std"),
        (lambda: Jitter([0.1, 0.1])(torch.zeros(2, 4, 3)), "Jitter.std"),
        (lambda: ScaleAxes(1.5), "ScaleAxes.strength"),
        (lambda: ScaleLimbs(0), "ScaleLimbs.strength"),
        (lambda: DropChannels(1), "DropChannels.share"),
        (lambda: DropJoints(0), "DropJoints.share"),
        (lambda: MaskTime(1), "MaskTime.max_fraction"),
        (lambda: RotateSensor()(torch.zeros(2, 4, 5)), "RotateSensor"),
        (lambda: Gain()(torch.zeros(SKELETON)), "Gain"),
        (lambda: RotateBody()(torch.zeros(INERTIAL)), "RotateBody"),
        (lambda: ScaleLimbs()(torch.zeros(2, 4, 21, 3)), "ScaleLimbs"),
        (lambda: ScaleAxes()(torch.zeros(INERTIAL)), "ScaleAxes"),
        (lambda: DropJoints()(torch.zeros(INERTIAL)), "DropJoints"),
    ],
)
def test_refusals_name_the_argument(make, named) -> None:
    with pytest.raises(ConfigurationError, match=named.replace(".", r"\.")):
        make()


def test_a_shift_moves_every_frame_and_brings_in_nothing() -> None:
    x = samples(DEPTH).abs() + 1
    shifts = torch.tensor([[0, 0], [2, 0], [-2, 0], [0, 3], [0, -3], [1, -2], [-1, 1]])
    moved = ShiftSpace([2, 3]).apply(x, shifts)
    for n, (down, right) in enumerate(shifts.tolist()):
        for i, j in ((i, j) for i in range(10) for j in range(12)):
            a, b = i - down, j - right
            inside = 0 <= a < 10 and 0 <= b < 12
            expected = x[n, :, a, b] if inside else torch.zeros(8)
            assert torch.equal(moved[n, :, i, j], expected)


def test_shifts_reach_their_limits_and_no_further() -> None:
    torch.manual_seed(0)
    drawn = ShiftSpace([2, 3]).random_parameters(torch.zeros(500, 1, 4, 4))
    assert drawn.amin(dim=0).tolist() == [-2, -3] and drawn.amax(dim=0).tolist() == [2, 3]
    volumes = torch.randn(3, 4, 2, 5, 5, 5)
    beyond = torch.tensor([[0, 0, 5], [6, 0, 0], [0, -7, 1]])
    assert not ShiftSpace([6, 7, 5]).apply(volumes, beyond).any()
    assert torch.equal(ShiftSpace([0, 0, 1]).apply(volumes, torch.zeros(3, 3, dtype=torch.long)), volumes)


def test_a_distance_moves_what_is_seen_alone() -> None:
    x = 2000 * torch.ones(DEPTH)
    x[:, :, :4] = 0
    torch.manual_seed(0)
    moved = ShiftDistance(300.0)(x)
    assert (moved[:, :, :4] == 0).all()
    change = (moved - x)[:, :, 4:]
    assert (change.flatten(1).std(dim=1) < 1e-3).all() and change.abs().max() <= 300.01
    assert len(change[:, 0, 0, 0].unique()) == 7


def test_shifts_need_space() -> None:
    with pytest.raises(ConfigurationError, match="depth or radar"):
        ShiftSpace([1, 1, 1])(samples((2, 5, 6)))
    for wrong in ([], [0, 0], [-1, 2]):
        with pytest.raises(ConfigurationError, match="max_shift"):
            ShiftSpace(wrong)


def test_a_pace_needs_two_steps() -> None:
    with pytest.raises(ConfigurationError, match="WarpTime changes the pace, and a sample has one step"):
        WarpTime()(torch.rand(2, 1, 3))
