"""CMC: what differs from Cosmo's stage 1 is the loss alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from pytorch_lightning.loggers import CSVLogger

from cosmo_pl.bundle import Bundle
from cosmo_pl.encoders import InertialEncoder
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.losses import ContrastiveFusionLoss
from cosmo_pl.modules import CMCModule

from .conftest import small_encoders, stage1, stage2


def cmc(data, **arguments):
    torch.manual_seed(0)
    encoders = arguments.pop("encoders", None) or small_encoders(dropout=0.0)
    return CMCModule(
        data.modality_shapes, data.num_classes, encoders, projection_hidden=16, projection_dim=8, **arguments
    )


@pytest.mark.parametrize("variant", ["cross_view", "released"])
def test_loss_of_a_batch(make_data, variant):
    data = make_data(phase="pretrain")
    data.setup()
    module = cmc(data, variant=variant)
    inputs = next(iter(data.train_dataloader()))["inputs"]
    r = [F.normalize(module.heads[n].layers(e(inputs[n]).flatten(1)), dim=1) for n, e in module.encoders.items()]
    if variant == "released":
        # SupCon with two views: 2N - 2 negatives, those of the same modality among them, and one positive.
        both = torch.cat(r)
        scores = both @ both.T / 0.07
        scores.fill_diagonal_(float("-inf"))
        n = len(r[0])
        partner = torch.cat([torch.arange(n) + n, torch.arange(n)])
        expected = F.cross_entropy(scores, partner)
    else:
        scores, own = r[0] @ r[1].T / 0.07, torch.arange(len(r[0]))
        expected = (F.cross_entropy(scores, own) + F.cross_entropy(scores.T, own)) / 2
    assert module.pretraining_loss(inputs).item() == pytest.approx(expected.item(), rel=1e-4)


def test_training_aligns_modalities_and_writes_a_bundle(make_data, make_trainer, tmp_path):
    data = make_data(phase="pretrain")
    module = cmc(data)
    trainer = make_trainer(6, logger=CSVLogger(str(tmp_path), name="cmc"))
    before = trainer.validate(module, datamodule=data, verbose=False)
    trainer.fit(module, datamodule=data)
    after = trainer.validate(module, datamodule=data, verbose=False)

    def distance(told):
        return next(row["val/cosine_distance"] for row in told if "val/cosine_distance" in row)

    assert distance(after) < distance(before)
    bundle = Bundle.load(tmp_path / "cmc")
    assert bundle.training["method"] == "CMCModule"
    second = stage2(make_data(), bundle=str(tmp_path / "cmc"), iterative_epochs=0, quality_lambda=0.0)
    for name, encoder in second.encoders.items():
        mine = module.encoders[name].state_dict()
        assert all(torch.equal(value, mine[key]) for key, value in encoder.state_dict().items())


@pytest.mark.parametrize("order", [("left", "right", "hip"), ("hip", "left", "right")])
def test_three_modalities(order):
    """All pairs in both directions, whatever the order of the modalities."""
    torch.manual_seed(0)
    shapes = dict.fromkeys(("left", "right", "hip"), (30, 3))
    encoders = {name: InertialEncoder(channels=(4, 4), kernels=(2, 2)) for name in shapes}
    module = CMCModule(shapes, 4, encoders, projection_hidden=8, projection_dim=5).eval()
    inputs = {name: torch.randn(6, *shapes[name]) for name in shapes}
    projected = module.project(module(inputs))
    told = module.loss(module.views({name: projected[name] for name in order}))
    pairs = [(a, b) for a in shapes for b in shapes if a != b]
    expected = sum(F.cross_entropy(projected[a] @ projected[b].T / 0.07, torch.arange(6)) for a, b in pairs) / 6
    assert told.item() == pytest.approx(expected.item(), rel=1e-5)
    assert module.pretraining_loss(inputs).item() == pytest.approx(expected.item(), rel=1e-5)


def test_overfits_27_clips(make_data):
    """Every clip's inertial projection comes to lie nearest to its own skeleton projection."""
    data = make_data(labels_per_class=1)
    data.setup()
    inputs = data.plain_batch(data.split.labeled)["inputs"]
    module = cmc(data)
    optimizer = torch.optim.Adam(module.parameters(), 0.01)
    for _ in range(60):
        optimizer.zero_grad()
        module.pretraining_loss(inputs).backward()
        optimizer.step()
    r = module.project(module(inputs))
    nearest = (r["inertial"] @ r["skeleton"].T).argmax(dim=1)
    assert (nearest == torch.arange(27)).float().mean() > 0.9


def test_bad_arguments_are_named(make_data):
    data = make_data(phase="pretrain")
    with pytest.raises(ConfigurationError, match="variant"):
        cmc(data, variant="memory_bank")
    with pytest.raises(ConfigurationError, match="temperature"):
        cmc(data, temperature=0)
    with pytest.raises(ConfigurationError, match="modalities"):
        cmc(make_data(modalities=["inertial"]), encoders={"inertial": small_encoders()["inertial"]})


def test_released_form_is_the_contrastive_fusion_loss_of_unmixed_views(make_data):
    assert isinstance(cmc(make_data(phase="pretrain"), variant="released").loss, ContrastiveFusionLoss)


def test_only_training_samples_need_every_modality(make_data):
    data = make_data(phase="pretrain")
    data.setup()
    has = np.ones(len(data.samples), dtype=bool)
    has[data.split.test] = False
    data.samples = replace(data.samples, present={"skeleton": has})
    cmc(data)._check_missing(data)
    has[data.training_rows[0]] = False
    with pytest.raises(ConfigurationError, match="some samples lack skeleton"):
        cmc(data)._check_missing(data)


def test_several_processes_need_every_modality(make_data, monkeypatch):
    """A batch of one of them may be complete, which then gathers nothing from the others."""
    data = make_data(phase="pretrain")
    data.setup()
    has = np.ones(len(data.samples), dtype=bool)
    has[data.training_rows[0]] = False
    data.samples = replace(data.samples, present={"skeleton": has})
    module = stage1(data)
    module._check_missing(data)
    monkeypatch.setattr(type(data), "share", (0, 2))
    with pytest.raises(
        ConfigurationError, match="devices: several processes cannot train on samples of which some lack"
    ):
        module._check_missing(data)
