"""Prototypes against naive loops, what balance means, and a training from a bundle."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from pytorch_lightning.loggers import CSVLogger

from cosmo_pl.data.augmentations import Jitter
from cosmo_pl.errors import BundleError, ConfigurationError
from cosmo_pl.modules import PrototypeModule
from cosmo_pl.modules.prototype import ROUNDS, assign

from .conftest import stage1


@pytest.fixture
def bundle(make_data, make_trainer, tmp_path):
    data = make_data(phase="pretrain")
    make_trainer(1, logger=CSVLogger(str(tmp_path), name="stage1")).fit(stage1(data), datamodule=data)
    return tmp_path / "stage1" / "version_0" / "bundle"


def fitted(data, trainer, bundle, **arguments):
    module = PrototypeModule(data.modality_shapes, data.num_classes, bundle=str(bundle), **arguments)
    trainer.fit(module, datamodule=data)
    return module.eval()


def unit(module, data, rows):
    inputs = {name: x[torch.from_numpy(rows)] for name, x in data.inputs.items()}
    with torch.no_grad():
        parts = [F.normalize(z.flatten(1), dim=1) for z in module.encoders(inputs).values()]
    return torch.cat(parts, dim=1)


def test_without_unlabelled_samples_a_prototype_is_the_mean_of_its_class(make_data, make_trainer, bundle):
    data = make_data()
    module = fitted(data, make_trainer(2), bundle, unlabeled_weight=0.0)
    centre = unit(module, data, data.split.unlabeled).mean(dim=0)
    features = F.normalize(unit(module, data, data.split.labeled) - centre, dim=1)
    label = data.samples.label[data.split.labeled]
    for c in range(data.num_classes):
        mean = torch.stack([features[i] for i in range(len(label)) if label[i] == c]).mean(dim=0)
        torch.testing.assert_close(module.prototypes[c], mean / mean.norm(), rtol=1e-4, atol=1e-5)
    test = F.normalize(unit(module, data, data.split.test) - centre, dim=1)
    inputs = {name: x[torch.from_numpy(data.split.test)] for name, x in data.inputs.items()}
    torch.testing.assert_close(module(inputs), test @ module.prototypes.T / 0.05, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("balance", [True, False])
def test_refinement_is_the_rounds_it_says(balance, make_data, make_trainer, bundle):
    data = make_data()
    plain = fitted(data, make_trainer(1), bundle, unlabeled_weight=0.0)
    module = fitted(data, make_trainer(1), bundle, unlabeled_weight=0.3, balance=balance)
    features = F.normalize(unit(module, data, data.split.unlabeled) - module.centre, dim=1)
    prototypes = plain.prototypes
    for _ in range(ROUNDS):
        q = assign(features @ prototypes.T / 0.05, balance)
        means = torch.stack([sum(q[n, c] * features[n] for n in range(len(q))) for c in range(data.num_classes)])
        prototypes = F.normalize(0.7 * plain.prototypes + 0.3 * F.normalize(means, dim=1), dim=1)
    torch.testing.assert_close(module.prototypes, prototypes, rtol=1e-3, atol=1e-3)
    assert not torch.allclose(module.prototypes, plain.prototypes, atol=1e-3)


def test_balance_gives_every_class_the_same_share():
    torch.manual_seed(0)
    scores = torch.randn(60, 5) + torch.tensor([3.0, 0, 0, 0, -1])
    balanced = assign(scores, True)
    torch.testing.assert_close(balanced.sum(dim=1), torch.ones(60))
    torch.testing.assert_close(balanced.sum(dim=0), torch.full((5,), 12.0), rtol=1e-3, atol=1e-3)
    # It only adds one number a sample and one a class to the scores.
    offset = balanced.log() - scores
    offset = offset - offset.mean(dim=0) - offset.mean(dim=1, keepdim=True) + offset.mean()
    assert offset.abs().max() < 1e-4
    torch.testing.assert_close(assign(scores, False), scores.softmax(dim=1))


def test_refinement_finds_the_clusters_that_a_poor_example_misses():
    torch.manual_seed(0)
    true = torch.tensor([0, 1]).repeat_interleave(100)
    centres = torch.tensor([[1.0, 0.0], [math.cos(1.2), math.sin(1.2)]])
    features = F.normalize(centres[true] + 0.1 * torch.randn(200, 2), dim=1)
    poor = F.normalize(torch.tensor([[1.0, 1.1], [-1.0, 0.5]]), dim=1)  # one between the clusters, one beyond them
    before = (features @ poor.T).argmax(dim=1)
    after = assign(features @ poor.T / 0.05, True).argmax(dim=1)
    assert (before == true).float().mean() < 0.8 and (after == true).float().mean() > 0.95


def test_encoders_stay_bit_identical_and_the_result_travels(make_data, make_trainer, bundle, tmp_path):
    data = make_data(num_augmentations=2, augmentations={"inertial": [Jitter(0.05)]})
    module = PrototypeModule(data.modality_shapes, data.num_classes, bundle=str(bundle))
    before = {name: value.clone() for name, value in module.encoders.state_dict().items()}
    trainer = make_trainer(2)
    trainer.fit(module, datamodule=data)
    assert all(torch.equal(value, before[name]) for name, value in module.encoders.state_dict().items())
    counts = F.normalize(module.sums, dim=1)
    assert not torch.allclose(counts, module.prototypes)
    path = tmp_path / "last.ckpt"
    trainer.save_checkpoint(path)
    again = PrototypeModule(data.modality_shapes, data.num_classes, bundle=str(bundle))
    again.load_state_dict(torch.load(path, weights_only=True)["state_dict"])
    inputs = {name: x[:5] for name, x in data.inputs.items()}
    assert torch.equal(again.eval()(inputs), module.eval()(inputs))


def test_a_validation_sees_the_prototypes_of_its_epoch(make_data, make_trainer, bundle):
    data = make_data()
    module = PrototypeModule(data.modality_shapes, data.num_classes, bundle=str(bundle))
    trainer = make_trainer(1)
    trainer.fit(module, datamodule=data)
    told = trainer.callback_metrics["test/acc"]
    inputs = {name: x[torch.from_numpy(data.split.test)] for name, x in data.inputs.items()}
    predicted = module.eval()(inputs).argmax(dim=1)
    assert told == pytest.approx((predicted == torch.from_numpy(data.samples.label[data.split.test])).float().mean())


def test_with_all_labelled_prototypes_are_class_means_about_the_mean_of_all(make_data, make_trainer, bundle):
    data = make_data(label_rate=1.0)
    module = fitted(data, make_trainer(1), bundle)
    joined = unit(module, data, data.split.train)
    torch.testing.assert_close(module.centre, joined.mean(dim=0), rtol=1e-4, atol=1e-5)
    features = F.normalize(joined - module.centre, dim=1)
    label = torch.from_numpy(data.samples.label[data.split.train])
    for c in range(data.num_classes):
        mean = features[label == c].sum(dim=0)
        torch.testing.assert_close(module.prototypes[c], mean / mean.norm(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("count", [1, 5, 40])
def test_few_unlabelled_samples_move_the_prototypes_by_their_number(count, make_data, make_trainer, bundle):
    data = make_data(label_rate=0.7)
    data.setup()
    data.split = dataclasses.replace(data.split, unlabeled=data.split.unlabeled[:count])
    module = fitted(data, make_trainer(1), bundle)
    rows = np.concatenate([data.split.unlabeled, data.split.labeled])
    torch.testing.assert_close(module.centre, unit(module, data, rows).mean(dim=0), rtol=1e-4, atol=1e-5)
    features = F.normalize(unit(module, data, data.split.unlabeled) - module.centre, dim=1)
    labelled = F.normalize(module.sums, dim=1)
    share, prototypes = 0.5 * count / len(data.split.labeled), labelled
    for _ in range(ROUNDS):
        means = F.normalize(assign(features @ prototypes.T / 0.05, True).T @ features, dim=1)
        prototypes = F.normalize((1 - share) * labelled + share * means, dim=1)
    torch.testing.assert_close(module.prototypes, prototypes, rtol=1e-3, atol=1e-4)
    angle = (module.prototypes * labelled).sum(dim=1)
    assert (angle > 1 - 2 * share).all() and (angle < 1).any()


@pytest.fixture
def bundle_without_6(make_data, make_trainer, tmp_path):
    data = make_data(phase="pretrain", val_subjects=[6])
    make_trainer(1, logger=CSVLogger(str(tmp_path), name="without")).fit(stage1(data), datamodule=data)
    return tmp_path / "without" / "version_0" / "bundle"


def test_held_out_samples_do_not_reach_the_prototypes(make_data, make_trainer, bundle_without_6):
    def prototypes(shift):
        data = make_data(val_subjects=[6])
        data.setup()
        for x in data.inputs.values():
            x[torch.from_numpy(data.split.test)] += shift
            x[torch.from_numpy(data.split.val)] += shift
        torch.manual_seed(0)  # sums hang on the order of their terms
        return fitted(data, make_trainer(1, limit_val_batches=0), bundle_without_6).prototypes

    assert torch.equal(prototypes(0.0), prototypes(3.0))


def test_a_second_training_begins_anew(make_data, make_trainer, bundle):
    module = fitted(make_data(), make_trainer(2), bundle)
    once = module.sums.clone()
    make_trainer(2).fit(module, datamodule=make_data())
    torch.testing.assert_close(module.sums, once)
    make_trainer(2).fit(module, datamodule=make_data(label_seed=4))
    fresh = fitted(make_data(label_seed=4), make_trainer(2), bundle)
    torch.testing.assert_close(module.prototypes, fresh.prototypes)


def test_a_resumed_training_is_equal_to_an_uninterrupted_one(make_data, make_trainer, bundle, tmp_path):
    whole = fitted(make_data(), make_trainer(3), bundle)
    trainer = make_trainer(1)
    fitted(make_data(), trainer, bundle)
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    data = make_data()
    resumed = PrototypeModule(data.modality_shapes, data.num_classes, bundle=str(bundle))
    make_trainer(3).fit(resumed, datamodule=data, ckpt_path=str(tmp_path / "last.ckpt"))
    torch.testing.assert_close(resumed.sums, whole.sums)
    torch.testing.assert_close(resumed.prototypes, whole.prototypes)


def test_a_class_without_a_label_is_named(make_data, make_trainer, bundle):
    data = make_data()
    data.setup()
    label = data.samples.label[data.split.labeled]
    data.split = dataclasses.replace(data.split, labeled=data.split.labeled[label != 4])
    with pytest.raises(ConfigurationError, match=f"label_split: has no sample of .'{data.class_names[4]}'."):
        fitted(data, make_trainer(1), bundle)
    data.allow_missing_classes = True
    module = fitted(data, make_trainer(1), bundle)
    inputs = {name: x[torch.from_numpy(data.split.test)] for name, x in data.inputs.items()}
    logits = module(inputs)
    assert not module.prototypes[4].any() and (logits[:, 4] == -20).all() and logits.isfinite().all()
    others = [label for label in range(data.num_classes) if label != 4]
    assert (logits[:, others].max(dim=1).values > -20).all()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"bundle": None}, "bundle"),
        ({"unlabeled_weight": 1.0}, "unlabeled_weight"),
        ({"temperature": 0.0}, "temperature"),
    ],
)
def test_refusals(arguments, named, make_data, bundle):
    data = make_data()
    with pytest.raises(ConfigurationError, match=named):
        PrototypeModule(data.modality_shapes, data.num_classes, **{"bundle": str(bundle), **arguments})
    with pytest.raises(BundleError):
        PrototypeModule(data.modality_shapes, data.num_classes, bundle=str(bundle / "nowhere"))


def test_a_last_batch_of_one_label_is_seen(make_data, make_trainer, bundle):
    data = make_data(labels_per_class=1, batch_size=13)  # 27 labels
    module = fitted(data, make_trainer(1), bundle)
    assert module.prototypes.any(dim=1).all()


def test_plain_loaders_are_refused(make_data, make_trainer, bundle):
    data = make_data()
    data.setup()
    module = PrototypeModule(data.modality_shapes, data.num_classes, bundle=str(bundle))
    with pytest.raises(ConfigurationError, match="datamodule: is missing, and PrototypeModule takes samples from it"):
        make_trainer(1).fit(module, data.train_dataloader())
