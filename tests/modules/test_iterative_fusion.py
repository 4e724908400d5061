"""Stage 2: the alternation is real, and everything that a bundle promises is checked."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from pytorch_lightning import Callback
from sklearn.metrics import f1_score

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.modules.base import OptimizerSettings, TrainingRecord, toggle
from cosmo_pl.modules.base.fusion import FusionClassifier
from cosmo_pl.modules.iterative_fusion import IterativeFusionModule

from .conftest import small_encoders, stage2


def snapshot(module, optimizer):
    """Parameters, buffers and optimizer state of a part."""
    return copy.deepcopy((module.state_dict(), optimizer.state_dict()["state"]))


def identical(one, other):
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(identical(one[k], other[k]) for k in one)
    if isinstance(one, tuple | list):
        return len(one) == len(other) and all(map(identical, one, other))
    return torch.equal(one, other) if torch.is_tensor(one) else one == other


class Watcher(Callback):
    """Records, epoch by epoch, which part changed and in which mode each was."""

    def __init__(self):
        self.changed, self.modes, self.rates = [], [], []

    def _states(self, module):
        return [snapshot(p, o) for p, o in zip((module.encoders, module.classifier), module.optimizers(), strict=True)]

    def on_train_epoch_start(self, trainer, pl_module):
        self.before = self._states(pl_module)

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if batch_idx == 0:
            frozen = (pl_module.encoders, pl_module.classifier)
            self.modes.append(
                tuple({m.training for m in p.modules() if not isinstance(m, torch.nn.GRU)} for p in frozen)
            )
            self.rates.append(tuple(o.param_groups[0]["lr"] for o in pl_module.optimizers()))

    def on_train_epoch_end(self, trainer, pl_module):
        after = self._states(pl_module)
        self.changed.append(tuple(not identical(b, a) for b, a in zip(self.before, after, strict=True)))


def run(make_data, make_trainer, epochs, **arguments):
    data = make_data(phase="finetune")
    module, watcher = stage2(data, **arguments), Watcher()
    make_trainer(epochs, callbacks=[watcher]).fit(module, datamodule=data)
    return module, watcher


def test_frozen_part_is_bit_identical(make_data, make_trainer):
    _, watcher = run(make_data, make_trainer, 6, iterative_epochs=2)
    encoders, classifier = (True, False), (False, True)
    assert watcher.changed == [encoders, encoders, classifier, classifier, encoders, encoders]
    assert watcher.modes[0] == ({True}, {False})
    assert watcher.modes[2] == ({False}, {True})


def test_joint_training_moves_both(make_data, make_trainer):
    _, watcher = run(make_data, make_trainer, 2, iterative_epochs=0)
    assert watcher.changed == [(True, True)] * 2
    assert watcher.modes == [({True}, {True})] * 2


def test_released_profile_switches_modes_and_trains_everything(make_data, make_trainer):
    _, watcher = run(make_data, make_trainer, 3, iterative_epochs=2, freeze=False, phase_offset=1)
    assert watcher.changed == [(True, True)] * 3
    assert watcher.modes == [({True}, {False}), ({False}, {True}), ({False}, {True})]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"iterative_epochs": 5}, "eeeeecccccee"),
        ({"iterative_epochs": 1}, "ecececececec"),
        ({"iterative_epochs": 5, "phase_offset": 1}, "eeeeccccceee"),
        ({"iterative_epochs": 3, "first_part": "classifier"}, "ccceeeccceee"),
        ({"iterative_epochs": 0}, "bbbbbbbbbbbb"),
    ],
)
def test_turns(make_data, arguments, expected):
    module = stage2(make_data(), **arguments)
    letters = {("encoders",): "e", ("classifier",): "c", ("encoders", "classifier"): "b"}
    assert "".join(letters[module.active_parts(epoch)] for epoch in range(12)) == expected


def test_encoder_phase_sends_gradients_through_the_frozen_classifier(make_data, make_trainer):
    """The encoders' gradient equals that of the same network with nothing frozen."""
    data = make_data()
    data.setup()
    module = stage2(data, encoders=small_encoders(dropout=0.0))
    batch = next(iter(data.train_dataloader()))
    module.train()
    module.classifier.eval()
    F.cross_entropy(module(batch["inputs"]), batch["label"]).backward()
    expected = [p.grad.clone() for p in module.encoders.parameters()]
    module.zero_grad()
    toggle(module.encoders, True)
    toggle(module.classifier, False)
    F.cross_entropy(module(batch["inputs"]), batch["label"]).backward()
    assert all(p.grad is None for p in module.classifier.parameters())
    assert all(
        torch.allclose(p.grad, want, atol=1e-7) for p, want in zip(module.encoders.parameters(), expected, strict=True)
    )
    assert any(want.abs().sum() > 0 for want in expected)


def test_classifier_phase_builds_no_graph_in_the_encoders(make_data):
    data = make_data()
    data.setup()
    module = stage2(data)
    toggle(module.encoders, False)
    toggle(module.classifier, True)
    seen = []
    module.encoders["skeleton"].register_forward_hook(lambda _m, _i, out: seen.append(out.requires_grad))
    batch = next(iter(data.train_dataloader()))
    F.cross_entropy(module(batch["inputs"]), batch["label"]).backward()
    assert seen == [False]
    assert all(p.grad is None for p in module.encoders.parameters())


def test_recurrent_layers_stay_in_train_mode(make_data):
    """cuDNN has no backward through a recurrent layer in eval mode; without dropout the modes are the same."""
    module = stage2(make_data())
    toggle(module.classifier, False)
    gru = module.classifier.classifier.gru
    assert gru.training and gru.dropout == 0
    assert not module.classifier.classifier.mlp.training


def test_learning_rates_follow_the_epochs(make_data, make_trainer):
    _, watcher = run(
        make_data, make_trainer, 6, iterative_epochs=1, encoder_lr=0.004, classifier_lr=0.02,
        optimizer=OptimizerSettings(milestones=[2, 5], gamma=0.5),
    )  # fmt: skip
    factor = [1, 1, 0.5, 0.5, 0.5, 0.25]
    assert np.allclose(watcher.rates, [(0.004 * f, 0.02 * f) for f in factor])


def test_gradient_clipping_bounds_the_step(make_data, make_trainer):
    data = make_data()
    module = stage2(
        data,
        iterative_epochs=0,
        gradient_clip_val=1e-3,
        encoder_lr=1.0,
        optimizer=OptimizerSettings(momentum=0.0, weight_decay=0.0),
    )
    before = copy.deepcopy(module.encoders.state_dict())
    make_trainer(1, limit_train_batches=1).fit(module, datamodule=data)
    moved = math.sqrt(
        sum(float((p.detach() - before[name]).square().sum()) for name, p in module.encoders.named_parameters())
    )
    assert 0 < moved <= 1.01e-3


def test_epoch_metrics_equal_scikit_learn_on_uneven_batches(make_data, make_trainer):
    data = make_data(batch_size=2)  # evaluation batches of 16
    module = stage2(data)
    trainer = make_trainer(1)
    told = trainer.test(module, datamodule=data, verbose=False)[0]
    assert len(data.split.test) % 16 != 0
    module.eval()
    with torch.no_grad():
        rows = torch.from_numpy(data.split.test)
        predicted = module({name: x[rows] for name, x in data.inputs.items()}).argmax(dim=1)
    truth = data.samples.label[data.split.test]
    assert told["test/acc"] == pytest.approx((predicted.numpy() == truth).mean())
    expected = f1_score(truth, predicted, average="macro", labels=np.union1d(truth, predicted), zero_division=0)
    assert told["test/f1_macro"] == pytest.approx(expected)
    assert module.confusion.compute().sum() == len(truth)


def test_best_epoch_on_test_is_the_maximum_of_the_curve(make_data, make_trainer):
    data = make_data()
    module = stage2(data, iterative_epochs=0, encoder_lr=0.02, classifier_lr=0.02)
    curve = []

    class Curve(Callback):
        def on_validation_epoch_end(self, trainer, pl_module):
            curve.append(float(pl_module._metrics("test")["acc"].compute()))

    make_trainer(5, callbacks=[Curve()]).fit(module, datamodule=data)
    best = module.record.test_acc_best_epoch
    assert (best.accuracy, best.epoch) == (pytest.approx(max(curve)), int(np.argmax(curve)))
    assert TrainingRecord.from_dict(module.record.to_dict()) == module.record


def test_training_on_27_clips_overfits(make_data, make_trainer):
    data = make_data(labels_per_class=1, track_test=False)
    module = stage2(
        data, encoders=small_encoders(dropout=0.0), iterative_epochs=2, encoder_lr=0.02, classifier_lr=0.02
    )  # fmt: skip
    trainer = make_trainer(40)
    trainer.fit(module, datamodule=data)
    assert trainer.callback_metrics["train/loss"] < 1.0 < math.log(27)


def test_attention_by_class_is_the_mean_over_the_samples(make_data, make_trainer):
    data = make_data()
    module = stage2(data)
    make_trainer(1).test(module, datamodule=data, verbose=False)
    rows = data.split.test[data.samples.label[data.split.test] == 3]
    module.eval()
    with torch.no_grad():
        weights = module.classify({n: x[torch.from_numpy(rows)] for n, x in data.inputs.items()})[1].mean(dim=0)
    row = module.attention_by_class()["clap"]
    assert list(row) == ["inertial", "skeleton"]
    assert list(row.values()) == pytest.approx(weights.tolist(), abs=1e-6)
    assert sum(row.values()) == pytest.approx(1)


@pytest.mark.parametrize("axis", ["time", "channel"])
def test_sequences(make_data, axis):
    data = make_data()
    data.setup()
    module = stage2(data, sequence_axis=axis, steps=7)
    gru = module.classifier.classifier.gru
    batch = next(iter(data.train_dataloader()))
    assert module(batch["inputs"]).shape == (len(batch["label"]), 27)
    # Four channels over (118, 4) and (24, 7, 1) places.
    assert gru.input_size == (4 * 4 + 4 * 7 if axis == "time" else 118 * 4 + 24 * 7)


def test_time_axis_keeps_the_order_of_time(make_data):
    """A feature map that is the time itself becomes a rising sequence."""
    module = stage2(make_data(), steps=6)
    ramp = torch.arange(24.0).view(1, 1, 24, 1, 1).expand(2, 4, 24, 7, 1)
    sequence = module.classifier._sequence(ramp)
    assert sequence.shape == (2, 6, 28)
    assert torch.allclose(sequence[0, :, 0], torch.tensor([1.5, 5.5, 9.5, 13.5, 17.5, 21.5]))
    assert (sequence == sequence[:, :, :1]).all()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"iterative_epochs": -1}, "iterative_epochs"),
        ({"first_part": "both"}, "first_part"),
        ({"encoders": None}, "bundle"),
        ({"quality_weights": None}, "quality_weights"),
        ({"quality_lambda": 1.5}, "quality_lambda"),
        ({"fusion": "sum"}, "mode"),
        ({"sequence_axis": "space"}, "sequence_axis"),
        ({"encoders": {"inertial": None}}, "encoders"),
    ],
)
def test_bad_arguments_are_named(make_data, arguments, named):
    with pytest.raises(ConfigurationError, match=named):
        stage2(make_data(), **arguments)


def test_three_modalities():
    """Nothing is tied to two: three inertial sensors, summed."""
    from cosmo_pl.encoders import InertialEncoder

    shapes = dict.fromkeys(("left", "right", "hip"), (30, 3))
    encoders = {name: InertialEncoder(channels=(4, 4), kernels=(2, 2)) for name in shapes}
    weights = {"left": 1.0, "right": 1.0, "hip": 2.0}
    module = IterativeFusionModule(shapes, 4, encoders=encoders, quality_weights=weights, fusion="sum")
    logits, weights = module.classify({name: torch.randn(5, 30, 3) for name in shapes})
    assert logits.shape == (5, 4)
    assert weights.shape == (5, 3)
    assert torch.allclose(weights.sum(dim=1), torch.ones(5))


def test_logs_the_learning_rate_of_each_part_and_the_phase(make_data, make_trainer):
    data = make_data(phase="finetune")
    trainer = make_trainer(2, limit_train_batches=1, limit_val_batches=0)
    trainer.fit(stage2(data, iterative_epochs=1, encoder_lr=0.004, classifier_lr=0.02), datamodule=data)
    logged = [float(trainer.callback_metrics[name]) for name in ("lr/encoder", "lr/classifier", "phase")]
    assert logged == pytest.approx([0.004, 0.02, 1.0])


def test_trained_encoders_build_no_graph_where_gradients_are_off(make_data):
    data = make_data()
    data.setup()
    module, graphs = stage2(data).eval(), []
    module.encoders["skeleton"].register_forward_hook(lambda _m, _i, out: graphs.append(out.requires_grad))
    with torch.no_grad():
        module({name: values[:3] for name, values in data.inputs.items()})
    module({name: values[:3] for name, values in data.inputs.items()})
    assert graphs == [False, True]


@pytest.mark.parametrize("validated", [False, True])
def test_logged_attention_is_that_of_the_last_validation_alone(make_data, make_trainer, validated):
    data = make_data(val_subjects=[2] if validated else [])
    quick = {"iterative_epochs": 0, "quality_lambda": 0.0, "encoder_lr": 0.02, "classifier_lr": 0.05}
    module, trainer = stage2(data, encoders=small_encoders(dropout=0.0), **quick), make_trainer(3)
    trainer.fit(module, datamodule=data)
    logged = float(trainer.callback_metrics["attention/clap/inertial"])
    part = data.split.val if validated else data.split.test  # which are tracked beside validation subjects
    rows = torch.from_numpy(part[data.samples.label[part] == data.class_names.index("clap")])
    module.eval()
    with torch.no_grad():
        weights = module.classify({name: values[rows] for name, values in data.inputs.items()})[1]
    assert logged == pytest.approx(float(weights.mean(dim=0)[0]), abs=1e-5)


@pytest.mark.parametrize(
    ("shapes", "mode"),
    [({"a": (8, 6), "b": (8, 6)}, "sum"), ({"a": (192, 6), "b": (96, 12)}, "concat"),
     ({"a": (4, 8), "b": (4, 10)}, "concat")],
)  # fmt: skip
def test_features_are_added_by_default_where_they_can_be(shapes, mode):
    attention = {"quality_weights": {"a": 1.0, "b": 2.0}, "quality_lambda": 0.5, "mode": None, "score": "dot"}
    classifier = FusionClassifier(shapes, 3, attention=attention)
    logits, weights = classifier({name: torch.randn(5, *shape) for name, shape in shapes.items()})
    assert classifier.attention.mode == mode and logits.shape == (5, 3) and weights.shape == (5, 2)


def test_a_second_test_counts_its_own_samples_alone(make_data, make_trainer):
    data = make_data()
    module, trainer = stage2(data), make_trainer(1)
    for _ in range(2):
        trainer.test(module, datamodule=data, verbose=False)
        assert module.confusion.compute().sum() == len(data.split.test)
