"""CMC-CMKM: mined by frozen encoders of a bundle, which nothing changes."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from cosmo_pl.bundle import Bundle
from cosmo_pl.encoders import TemporalEncoder
from cosmo_pl.errors import BundleError, ConfigurationError
from cosmo_pl.losses import KnowledgeMiningLoss
from cosmo_pl.modules import CMCModule, CMKMModule, SimCLRModule
from cosmo_pl.testing import METHOD_CHECKS

WIDTH = {"inertial": 6, "skeleton": 60}


def encoders(names=("inertial", "skeleton")):
    return {name: TemporalEncoder(WIDTH[name], channels=(4, 4), strides=(1, 2)) for name in names}


def module(data, kind=CMKMModule, **arguments):
    torch.manual_seed(1)
    return kind(data.modality_shapes, data.num_classes, encoders(), projection_hidden=8, projection_dim=5, **arguments)


@pytest.fixture
def bundle(make_data, make_trainer, tmp_path):
    """The bundle of a short SimCLR."""
    data = make_data(num_augmentations=2)
    simclr = module(data, SimCLRModule)
    make_trainer(1, limit_val_batches=0, limit_train_batches=2).fit(simclr, datamodule=data)
    simclr.write_bundle(tmp_path / "simclr")
    return str(tmp_path / "simclr")


def test_loss_of_a_batch(make_data, bundle):
    data = make_data(phase="pretrain", num_augmentations=2)
    data.setup()
    inputs = next(iter(data.train_dataloader()))["inputs"]
    cmkm = module(data, bundle=bundle, temperature=0.3, num_positives=2, intra_weight=0.5)
    views = torch.stack(list(cmkm.project(cmkm(inputs)).values()), dim=1)
    known = Bundle.load(bundle).encoders
    terms = []
    for view in (0, 1):
        rows = {name: F.normalize(known[name].eval()(x[view::2]).flatten(1), dim=1) for name, x in inputs.items()}
        similarity = torch.stack([z @ z.T for z in rows.values()])
        terms.append(KnowledgeMiningLoss(0.3, 2, 0.5)(views[view::2], similarity))
    assert cmkm.pretraining_loss(inputs, 2).item() == pytest.approx(float(sum(terms)) / 2, rel=1e-4)


def test_positives_are_mined_in_single_precision(make_data, bundle, monkeypatch):
    """Mixed precision has three digits, in which several samples are equally similar to one."""
    data = make_data(phase="pretrain")
    data.setup()
    inputs = next(iter(data.train_dataloader()))["inputs"]
    cmkm, mined = module(data, bundle=bundle), []
    features = {name: torch.rand(16, 9) for name in inputs}
    monkeypatch.setattr(cmkm.frozen, "forward", lambda _: features)
    monkeypatch.setattr(cmkm.loss, "forward", lambda _, similarity: mined.append(similarity) or torch.zeros(()))
    with torch.autocast("cpu", torch.bfloat16):
        cmkm.pretraining_loss(inputs)
    for z, found in zip(features.values(), mined[0], strict=True):
        torch.testing.assert_close(found, F.cosine_similarity(z[:, None], z[None], dim=2))


def test_views_of_another_position_are_not_compared(make_data, bundle):
    """So neighbours in the place of the second view of all modalities, as the recipe has them, change nothing."""
    data = make_data(phase="pretrain", num_augmentations=2)
    data.setup()
    inputs = next(iter(data.train_dataloader()))["inputs"]
    neighbours = {name: x.clone() for name, x in inputs.items()}
    for x in neighbours.values():
        x[1::2] = x[1::2].roll(1, dims=0)
    for kind, same in ((CMKMModule, True), (CMCModule, False)):
        model = module(data, kind, **({"bundle": bundle} if same else {})).eval()
        losses = [model.pretraining_loss(each, 2).item() for each in (inputs, neighbours)]
        assert (losses[0] == pytest.approx(losses[1], rel=1e-5)) is same


def test_training_changes_its_encoders_and_not_the_frozen_ones(make_data, make_trainer, bundle, tmp_path):
    data = make_data()
    cmkm = module(data, bundle=bundle)
    before = {name: value.clone() for name, value in cmkm.state_dict().items()}
    make_trainer(2, limit_val_batches=0).fit(cmkm, datamodule=data)
    changed = {name for name, value in cmkm.state_dict().items() if not torch.equal(value, before[name])}
    assert not {name for name in changed if name.startswith("frozen.")}
    cmkm.train()
    assert not any(each.training for each in cmkm.frozen.modules()) and cmkm.encoders.training
    assert {name for name in before if name.startswith(("encoders.", "heads."))} - changed <= {
        name for name in before if name.endswith("num_batches_tracked")
    }
    cmkm.write_bundle(tmp_path / "own")
    written = Bundle.load(tmp_path / "own")
    assert written.training["method"] == "CMKMModule"
    for name, encoder in cmkm.encoders.items():
        state = written.encoders[name].state_dict()
        assert all(torch.equal(value, state[key]) for key, value in encoder.state_dict().items())


def test_trains_as_many_parameters_as_cmc(make_data, bundle):
    data = make_data()
    trained = {n: p.shape for n, p in module(data, bundle=bundle).named_parameters() if p.requires_grad}
    assert trained == {n: p.shape for n, p in module(data, CMCModule).named_parameters()}


def test_bundle_is_needed_and_has_to_fit(make_data, bundle, tmp_path):
    data = make_data()
    with pytest.raises(ConfigurationError, match=r"bundle: none is given.*SimCLRModule"):
        module(data)
    with pytest.raises(BundleError, match="absent"):
        module(data, bundle=str(tmp_path / "absent"))
    own = {name: TemporalEncoder(3, channels=(4, 4), strides=(1, 2)) for name in ("acc", "gyro")}
    joint = {"acc+gyro": TemporalEncoder(6, channels=(4, 4), strides=(1, 2))}
    with pytest.raises(ConfigurationError, match=r"bundle: has encoders of \['acc\+gyro'\], and those to train are of"):
        CMKMModule({"acc": (100, 3), "gyro": (100, 3)}, 12, own, frozen_encoders=joint)


def test_encoders_that_saw_test_subjects_are_refused(make_data, make_trainer, bundle):
    data = make_data(test_subjects=[1])
    with pytest.raises(BundleError, match=r"subjects \[1\], which are test subjects now"):
        make_trainer(1).fit(module(data, bundle=bundle), datamodule=data)


@pytest.mark.parametrize(("argument", "value"), [("temperature", 0), ("num_positives", -1), ("intra_weight", -1.0)])
def test_bad_arguments_are_named(argument, value, make_data, bundle):
    with pytest.raises(ConfigurationError, match=argument):
        module(make_data(), bundle=bundle, **{argument: value})


@pytest.mark.parametrize("check", METHOD_CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
def test_conforms(check, make_data, bundle):
    check(lambda data: module(data, bundle=bundle), make_data)


def test_more_positives_than_a_batch_has_are_refused_before_the_training(make_data, make_trainer, bundle):
    data = make_data(pretrain_batch_size=8)
    with pytest.raises(ConfigurationError, match="num_positives: is 8, and a sample has 7 others in a batch"):
        make_trainer(1).fit(module(data, bundle=bundle, num_positives=8), datamodule=data)
