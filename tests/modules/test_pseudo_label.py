"""Logistic regression on labels and pseudo-labels, against a naive computation."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from pytorch_lightning.loggers import CSVLogger
from sklearn.linear_model import LogisticRegression

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.modules import PseudoLabelModule
from cosmo_pl.modules.prototype import assign

from .conftest import stage1


@pytest.fixture
def bundle(make_data, make_trainer, tmp_path):
    data = make_data(phase="pretrain")
    make_trainer(1, logger=CSVLogger(str(tmp_path), name="stage1")).fit(stage1(data), datamodule=data)
    return str(tmp_path / "stage1" / "version_0" / "bundle")


def fitted(data, trainer, bundle, **arguments):
    module = PseudoLabelModule(data.modality_shapes, data.num_classes, bundle=bundle, **arguments)
    trainer.fit(module, datamodule=data)
    return module.eval()


def features(module, data, rows):
    inputs = {name: x[torch.from_numpy(rows)] for name, x in data.inputs.items()}
    with torch.no_grad():
        joined = torch.cat([F.normalize(z.flatten(1), dim=1) for z in module.encoders(inputs).values()], dim=1)
    return F.normalize(joined - module.centre, dim=1)


def logits_by_hand(module, data, rows, label, penalty=20.0):
    train = features(module, data, rows).double().numpy()
    classifier = LogisticRegression(C=penalty, max_iter=1000).fit(train, label)
    return classifier.decision_function(features(module, data, data.split.test).double().numpy())


def of_test(module, data):
    with torch.no_grad():
        return module({name: x[torch.from_numpy(data.split.test)] for name, x in data.inputs.items()}).numpy()


@pytest.mark.parametrize("label_rate", [0.3, 1.0])
def test_labels_alone_are_a_logistic_regression(label_rate, make_data, make_trainer, bundle):
    data = make_data(label_rate=label_rate)
    module = fitted(data, make_trainer(1), bundle, unlabeled_weight=0.0, inverse_penalty=3.0)
    rows = data.split.labeled
    expected = logits_by_hand(module, data, rows, data.samples.label[rows], 3.0)
    np.testing.assert_allclose(of_test(module, data), expected, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize(("label_rate", "balanced"), [(0.2, True), (0.8, False)])
def test_pseudo_labels_are_those_of_the_prototypes_averaged_in_context(
    label_rate, balanced, make_data, make_trainer, bundle
):
    """Where fewer samples are unlabelled than labelled, they are not balanced over the classes."""
    data = make_data(label_rate=label_rate)
    data.setup()
    samples, rows = data.samples, np.concatenate([data.split.labeled, data.split.unlabeled])
    pairs = np.array([f"r{i // 2}" for i in range(len(samples))])  # as if two clips were one recording
    object.__setattr__(samples, "recording", pairs)
    module = fitted(data, make_trainer(1), bundle, context=1)
    assigned = assign(features(module, data, data.split.unlabeled) @ module.prototypes.T / 0.05, balanced).numpy()
    known = samples.label[data.split.labeled]
    probability = dict(zip(rows, np.concatenate([np.eye(data.num_classes)[known], assigned]), strict=True))
    label = [np.mean([probability[r] for r in rows if pairs[r] == pairs[row]], axis=0).argmax() for row in rows]
    label[: len(known)] = known
    assert (np.array(label[len(known) :]) != assigned.argmax(axis=1)).any(), "the context changes something"
    np.testing.assert_allclose(of_test(module, data), logits_by_hand(module, data, rows, label), rtol=1e-2, atol=1e-2)


def test_a_missing_modality_has_no_influence(make_data, make_trainer, bundle):
    data = make_data()
    module = fitted(data, make_trainer(1), bundle)
    inputs = {name: x[:6] for name, x in data.inputs.items()}
    name = next(iter(inputs))
    absent = {name: torch.zeros(6, dtype=torch.bool)}
    with torch.no_grad():
        one = module.classify(inputs, absent)[0]
        other = module.classify({**inputs, name: inputs[name] + 7}, absent)[0]
    assert torch.equal(one, other) and not torch.allclose(one, module(inputs))


def test_the_result_is_in_the_checkpoint(make_data, make_trainer, bundle, tmp_path):
    data = make_data()
    trainer = make_trainer(1)
    module = fitted(data, trainer, bundle)
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    again = PseudoLabelModule(data.modality_shapes, data.num_classes, bundle=bundle)
    again.load_state_dict(torch.load(tmp_path / "last.ckpt", weights_only=True)["state_dict"])
    np.testing.assert_array_equal(of_test(again.eval(), data), of_test(module, data))


def test_two_classes_have_two_logits(make_data, make_trainer, bundle, monkeypatch):
    data = make_data()
    data.setup()
    monkeypatch.setattr(data, "prepare_data", lambda: None)
    object.__setattr__(data.samples, "label", data.samples.label % 2)
    module = PseudoLabelModule(data.modality_shapes, 2, bundle=bundle, unlabeled_weight=0.0)
    data.class_names = ("even", "odd")
    make_trainer(1, limit_val_batches=0).fit(module, datamodule=data)
    rows = data.split.labeled
    difference = of_test(module.eval(), data) @ [-1, 1]
    expected = logits_by_hand(module, data, rows, data.samples.label[rows])
    np.testing.assert_allclose(difference, expected, rtol=1e-2, atol=1e-2)


def test_a_class_without_labels_is_never_predicted_and_gets_no_pseudo_labels(make_data, make_trainer, bundle):
    data = make_data()
    data.setup()
    data.allow_missing_classes = True
    absent = data.samples.label[data.split.labeled] < 2
    without = np.setdiff1d(data.split.train, data.split.labeled[absent])
    data.split = dataclasses.replace(data.split, labeled=data.split.labeled[~absent], unlabeled=without)
    module = fitted(data, make_trainer(1), bundle)
    logits = of_test(module, data)
    assert (logits[:, :2] < logits[:, 2:].min(axis=1, keepdims=True) - 1000).all() and np.isfinite(logits).all()
    assert (module._pseudo_labeled()[1] >= 2).all()
    rest = np.concatenate([data.split.labeled, data.split.unlabeled])
    expected = logits_by_hand(module, data, rest, module._pseudo_labeled()[1])
    np.testing.assert_allclose(logits[:, 2:], expected, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("arguments", [{"context": -1}, {"inverse_penalty": 0.0}, {"bundle": None}])
def test_refusals(arguments, make_data, bundle):
    data = make_data()
    with pytest.raises(ConfigurationError, match=next(iter(arguments))):
        PseudoLabelModule(data.modality_shapes, data.num_classes, **{"bundle": bundle, **arguments})


def test_labels_of_one_class_are_refused(make_data, make_trainer, bundle):
    data = make_data(allow_missing_classes=True)
    data.setup()
    labeled = data.split.labeled
    few = labeled[data.samples.label[labeled] == 3]
    data.split = dataclasses.replace(data.split, labeled=few)
    with pytest.raises(ConfigurationError, match="label_split: is of one class"):
        fitted(data, make_trainer(1), bundle)
