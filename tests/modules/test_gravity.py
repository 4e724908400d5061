"""Columns relative to gravity: against closed forms and naive loops, and equal however the sensor is turned."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from cosmo_pl.data import USCDataModule
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.modules import RandomForestModule
from cosmo_pl.modules.base.gravity import gravity_columns, gravity_parts, quantiles

STEPS = 40


def vectors(seed=0, count=6):
    """Movement about a gravity of 1 along x, and rotations."""
    generator = torch.Generator().manual_seed(seed)
    acc, gyro = torch.randn(2, count, STEPS, 3, generator=generator, dtype=torch.float64)
    return {"acc": 0.3 * acc + torch.tensor([1.0, 0.0, 0.0]), "gyro": gyro}


def turned(values, seed=0):
    """The same movements with the sensor turned, each sample by another rotation."""
    matrices = torch.from_numpy(Rotation.random(len(values["acc"]), random_state=seed).as_matrix())
    return {name: torch.einsum("nij,ntj->nti", matrices, x) for name, x in values.items()}


def test_parts_of_a_sensor_on_a_turntable():
    """Gravity along z, an acceleration of a in the x-y plane, and a rotation of w about the vertical."""
    angle = 2 * math.pi * torch.arange(STEPS, dtype=torch.float64) / STEPS
    a, w = 0.5, 30.0
    acc = torch.stack([a * angle.cos(), a * angle.sin(), torch.ones(STEPS)], dim=1)[None]
    gyro = torch.tensor([0.0, 0.0, w], dtype=torch.float64).expand(1, STEPS, 3)
    for values in ({"acc": acc, "gyro": gyro}, turned({"acc": acc, "gyro": gyro})):
        parts = gravity_parts(values, "acc")
        expected = torch.tensor([1.0, a, math.sqrt(1 + a * a), w, 0.0, w], dtype=torch.float64)
        torch.testing.assert_close(parts, expected.expand(1, STEPS, 6), atol=1e-9, rtol=1e-9)


def test_parts_do_not_depend_on_how_the_sensor_is_turned():
    values = vectors()
    other = turned(values)
    assert not torch.allclose(values["acc"], other["acc"])
    torch.testing.assert_close(gravity_parts(values, "acc"), gravity_parts(other, "acc"))


def test_left_and_right_turns_have_opposite_signs():
    values = vectors()
    left = {**values, "gyro": torch.tensor([20.0, 1.0, 0.0], dtype=torch.float64).expand_as(values["gyro"])}
    right = {**values, "gyro": -left["gyro"]}
    one, other = (gravity_parts(turned(each), "acc")[..., 3] for each in (left, right))
    assert (one > 0).all()
    torch.testing.assert_close(one, -other)


def test_columns_equal_numpy_s():
    values, frequencies = vectors(), 7
    parts = gravity_parts(values, "acc").numpy()
    series = np.concatenate([values["acc"], values["gyro"], parts], axis=2)
    expected = []
    for whole, own in zip(series, parts, strict=True):
        spectrum = np.abs(np.fft.rfft(own - own.mean(axis=0), axis=0))[1 : frequencies + 1]
        deviation = own.std(axis=0)
        ratios = [math.log(deviation[i] / deviation[j]) for i in range(6) for j in range(i + 1, 6)]
        levels = np.quantile(whole, [0, 0.25, 0.5, 0.75, 1], axis=0)
        shares = spectrum / spectrum.sum(axis=0)
        row = [levels.ravel(), own.mean(axis=0), deviation, spectrum.ravel(), shares.ravel(), ratios]
        expected.append(np.concatenate(row))
    np.testing.assert_allclose(gravity_columns(values, "acc", frequencies), expected, rtol=1e-6, atol=1e-9)


def test_shares_and_ratios_do_not_depend_on_the_gain_of_a_movement():
    """A movement of twice the size, with the same gravity: only the shares of the spectrum stay."""
    gravity = torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)
    acc = vectors()["acc"]
    small = {"acc": acc - acc.mean(dim=1, keepdim=True) + gravity}
    large = {"acc": 2 * (small["acc"] - gravity) + gravity}
    one, other = (gravity_parts(each, "acc")[..., 0] - 1 for each in (small, large))
    torch.testing.assert_close(2 * one, other)
    columns = [gravity_columns(each, "acc", 5) for each in (small, large)]
    first = 5 * 6 + 3 + 3 + 5 * 3  # quantiles, means, deviations, magnitudes
    vertical = [first + 3 * k for k in range(5)]
    torch.testing.assert_close(columns[0][:, vertical], columns[1][:, vertical])
    assert not torch.allclose(columns[0][:, :first], columns[1][:, :first])


@pytest.mark.parametrize("values", [torch.zeros(2, STEPS, 3), torch.ones(2, STEPS, 3)])
def test_columns_of_constant_series_are_finite(values):
    assert gravity_columns({"acc": values.double()}, "acc", 5).isfinite().all()


def test_quantiles_of_a_ramp():
    ramp = torch.arange(5.0).view(1, 5, 1)
    assert quantiles(torch.cat([ramp, 2 * ramp], dim=2)).tolist() == [[0, 0, 1, 2, 2, 4, 3, 6, 4, 8]]


@pytest.fixture
def data(usc_root):
    return USCDataModule(root=str(usc_root), label_rate=0.05, test_subjects=[2])


def test_gravity_is_measured_from_the_zero_of_the_sensor(data, make_trainer):
    """Whatever the standardisation, the columns are those of samples in units of one deviation and with their zero."""
    module = RandomForestModule(data.modality_shapes, data.num_classes, num_trees=3, accelerometer="acc")
    make_trainer(1, limit_val_batches=0).fit(module, datamodule=data)
    rows = data.split.test[:5]
    inputs = data.plain_batch(rows)["inputs"]
    raw = {
        name: torch.from_numpy(data.samples.inputs[name][rows]).double() / data.normalization[name].std[0]
        for name in inputs
    }
    plain = RandomForestModule(data.modality_shapes, data.num_classes).features(inputs)
    found = module.features(inputs)
    assert torch.equal(found[:, : plain.shape[1]], plain)
    expected = gravity_columns(raw, "acc", 15)
    torch.testing.assert_close(found[:, plain.shape[1] :], expected, rtol=1e-4, atol=1e-3)
    gyro = {"gyro": inputs["gyro"]}
    alone = RandomForestModule({"gyro": (200, 3)}, data.num_classes).features(gyro)
    assert torch.equal(module.features(gyro), alone), "without the accelerometer there is no gravity"


def test_a_checkpoint_keeps_the_zero(data, make_trainer, tmp_path):
    trainer = make_trainer(1, limit_val_batches=0)
    module = RandomForestModule(data.modality_shapes, data.num_classes, num_trees=3, accelerometer="acc")
    trainer.fit(module, datamodule=data)
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    restored = RandomForestModule.load_from_checkpoint(
        tmp_path / "last.ckpt", modality_shapes=data.modality_shapes, weights_only=True
    )
    inputs = next(iter(data.test_dataloader()))["inputs"]
    assert torch.equal(restored(inputs), module(inputs))


@pytest.mark.parametrize(
    ("shapes", "name", "problem"),
    [
        ({"acc": (40, 3)}, "acceleration", r"the modalities are \['acc'\]"),
        ({"acc": (40, 3), "gyro": (20, 3)}, "acc", r"'gyro' are \(20, 3\)"),
        ({"acc": (40, 3), "skeleton": (40, 20, 3)}, "acc", "'skeleton'"),
        ({"inertial": (40, 6)}, "inertial", r"\(40, 3\)"),
    ],
)
def test_other_samples_are_refused(shapes, name, problem):
    with pytest.raises(ConfigurationError, match=problem) as refused:
        RandomForestModule(shapes, 3, accelerometer=name)
    assert "accelerometer" in str(refused.value)


def test_a_zero_of_each_subject_is_refused(usc_root, make_trainer):
    data = USCDataModule(root=str(usc_root), label_rate=0.05, test_subjects=[2], normalization="adapt")
    module = RandomForestModule(data.modality_shapes, data.num_classes, num_trees=3, accelerometer="acc")
    with pytest.raises(ConfigurationError, match="normalization"):
        make_trainer(1).fit(module, datamodule=data)


@pytest.mark.parametrize("names", [("acc", "gyro"), ("acc",)])
def test_an_export_has_one_stream_of_all_sensors(names, usc_root, make_trainer):
    data = USCDataModule(root=str(usc_root), label_rate=0.05, test_subjects=[2], modalities=names)
    module = RandomForestModule(data.modality_shapes, data.num_classes, num_trees=3, accelerometer="acc")
    make_trainer(1, limit_val_batches=0).fit(module, datamodule=data)
    inputs = data.plain_batch(data.split.test[:5])["inputs"]
    ((stream, encoder),) = module.stream_encoders().items()
    assert stream == "+".join(names)
    columns = encoder(torch.cat([inputs[name] for name in names], dim=-1))
    ((streams, head),) = module.tree_heads().items()
    assert streams == (stream,) and torch.equal(head.columns(columns), module.features(inputs).float())
    assert module.compared_columns() == {}, "statistics have different units"
