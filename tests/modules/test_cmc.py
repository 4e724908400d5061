"""CMC: what differs from Cosmo's stage 1 is the loss alone."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from pytorch_lightning.loggers import CSVLogger

from cosmo_pl.bundle import Bundle
from cosmo_pl.encoders import InertialEncoder
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.losses import ContrastiveFusionLoss
from cosmo_pl.modules import CMCModule

from .conftest import small_encoders, stage2


def cmc(data, **arguments):
    torch.manual_seed(0)
    encoders = arguments.pop("encoders", None) or small_encoders(dropout=0.0)
    return CMCModule(
        data.modality_shapes, data.num_classes, encoders, projection_hidden=16, projection_dim=8, **arguments
    )


@pytest.mark.parametrize("form", ["cross_view", "released"])
def test_loss_of_a_batch(make_data, form):
    data = make_data(phase="pretrain")
    data.setup()
    module = cmc(data, form=form)
    inputs = next(iter(data.train_dataloader()))["inputs"]
    r = [F.normalize(module.heads[n].layers(e(inputs[n]).flatten(1)), dim=1) for n, e in module.encoders.items()]
    if form == "released":
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


def test_three_modalities():
    shapes = dict.fromkeys(("left", "right", "hip"), (30, 3))
    encoders = {name: InertialEncoder(channels=(4, 4), kernels=(2, 2)) for name in shapes}
    module = CMCModule(shapes, 4, encoders, projection_hidden=8, projection_dim=5)
    inputs = {name: torch.randn(6, *shape) for name, shape in shapes.items()}
    assert module.views(module.project(module(inputs))).shape == (6, 3, 5)
    assert module.pretraining_loss(inputs).isfinite()


def test_bad_arguments_are_named(make_data):
    data = make_data(phase="pretrain")
    with pytest.raises(ConfigurationError, match="form"):
        cmc(data, form="memory_bank")
    with pytest.raises(ConfigurationError, match="temperature"):
        cmc(data, temperature=0)
    with pytest.raises(ConfigurationError, match="modalities"):
        cmc(make_data(modalities=["inertial"]), encoders={"inertial": small_encoders()["inertial"]})


def test_released_form_is_the_contrastive_fusion_loss_of_unmixed_views(make_data):
    assert isinstance(cmc(make_data(phase="pretrain"), form="released").loss, ContrastiveFusionLoss)
