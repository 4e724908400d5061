"""Training on samples that lack a sensor now and then."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from cosmo_pl.callbacks import ModalityDropout
from cosmo_pl.encoders import InertialEncoder, TemporalEncoder
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.modules import (
    AttnSenseModule,
    ContrastiveFusionModule,
    NearestNeighborModule,
    PrototypeModule,
    SingleModalModule,
)


def test_dropout_keeps_a_sensor_a_sample_and_its_share() -> None:
    torch.manual_seed(0)
    there = torch.ones(3, 4000, dtype=torch.bool)
    there[2, :1000] = False
    kept = ModalityDropout(0.3).keep(there)
    assert kept.any(dim=0).all() and not kept[~there].any()
    # 0.7 stay, and of the samples that would lose all (0.3³, where two are there 0.3²) one of them.
    assert kept[0, 1000:].float().mean().item() == pytest.approx(0.7 + 0.3**3 / 3, abs=0.03)
    assert kept[0, :1000].float().mean().item() == pytest.approx(0.7 + 0.3**2 / 2, abs=0.05)


def test_dropout_leaves_batch_statistics_something() -> None:
    torch.manual_seed(0)
    callback = ModalityDropout(0.95)
    for _ in range(50):
        kept = callback.keep(torch.ones(2, 5, dtype=torch.bool))
        assert (kept.sum(dim=1) >= 2).all() and kept.any(dim=0).all()


def test_dropout_is_for_training_batches_alone(make_data, make_trainer) -> None:
    data = make_data()
    shapes = data.modality_shapes
    own = {"inertial": InertialEncoder((4, 4), (2, 2)), "skeleton": TemporalEncoder(60, (8,), strides=(2,), segments=4)}
    module = AttnSenseModule(shapes, data.num_classes, encoders=own, steps=4)
    seen: dict[str, list[Any]] = {"train": [], "eval": []}
    classify = module.classify

    def spy(inputs: dict[str, Tensor], present: Any = None) -> Any:
        seen["train" if module.training else "eval"].append(present)
        return classify(inputs, present)

    module.classify = spy
    make_trainer(2, callbacks=[ModalityDropout(0.4)]).fit(module, datamodule=data)
    assert seen["eval"] and all(present is None for present in seen["eval"])
    masks = torch.cat([torch.stack(list(present.values())) for present in seen["train"]], dim=1)
    assert 0.3 < masks.float().mean().item() < 0.9 and masks.any(dim=0).all()


def test_dropout_refusals(make_data, make_trainer) -> None:
    for probability in (0.0, 1.0):
        with pytest.raises(ConfigurationError, match="probability"):
            ModalityDropout(probability)
    data = make_data(phase="pretrain")
    own = {"inertial": InertialEncoder((4, 4), (2, 2)), "skeleton": TemporalEncoder(60, (8,), strides=(2,), segments=4)}
    module = ContrastiveFusionModule(data.modality_shapes, data.num_classes, own, projection_hidden=8)
    with pytest.raises(ConfigurationError, match="stage 2"):
        make_trainer(1, callbacks=[ModalityDropout()]).fit(module, datamodule=data)
    data = make_data()
    alone = SingleModalModule(data.modality_shapes, data.num_classes, "inertial", encoders=own, steps=4)
    for useless in (alone, NearestNeighborModule(data.modality_shapes, data.num_classes)):
        with pytest.raises(ConfigurationError, match=f"has no effect on {type(useless).__name__}"):
            make_trainer(1, callbacks=[ModalityDropout()]).fit(useless, datamodule=data)


def test_dropout_takes_joined_sensors_together_and_no_more_than_is_there() -> None:
    class Joined(torch.nn.Module):
        encoders = {"acc+gyro": None, "depth": None}

    torch.manual_seed(0)
    count = 500
    inputs = {name: torch.zeros(count, 4) for name in ("acc", "gyro", "depth")}
    lacking = torch.arange(count) < 100
    batch = {"inputs": inputs, "label": torch.zeros(count, dtype=torch.long), "present": {"gyro": ~lacking}}
    ModalityDropout(0.4).on_train_batch_start(None, Joined(), batch, 0)
    present = batch["present"]
    assert torch.equal(present["acc"], present["gyro"]) and 100 < int((~present["acc"]).sum()) < count
    assert not present["gyro"][lacking].any() and present["depth"][lacking].all()
    assert (present["acc"] | present["depth"]).all()


def test_prototypes_train_nothing_that_could_be_dropped(make_data, make_trainer, tmp_path) -> None:
    first = make_data(phase="pretrain")
    own = {"inertial": InertialEncoder((4, 4), (2, 2)), "skeleton": TemporalEncoder(60, (8,), strides=(2,), segments=4)}
    stage1 = ContrastiveFusionModule(first.modality_shapes, first.num_classes, own, projection_hidden=8)
    make_trainer(1, limit_train_batches=1, limit_val_batches=0).fit(stage1, datamodule=first)
    stage1.write_bundle(tmp_path / "bundle")
    data = make_data()
    module = PrototypeModule(data.modality_shapes, data.num_classes, bundle=str(tmp_path / "bundle"))
    with pytest.raises(ConfigurationError, match="has no effect on PrototypeModule"):
        make_trainer(1, callbacks=[ModalityDropout()]).fit(module, datamodule=data)
