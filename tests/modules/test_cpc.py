"""CPC: the loss is what its definition says, it learns, and the second stage takes its encoder over."""

from __future__ import annotations

import inspect
import math

import pytest
import torch
from pytorch_lightning.loggers import CSVLogger

from cosmo_pl.bundle import Bundle
from cosmo_pl.data import USCDataModule
from cosmo_pl.encoders import CPCEncoder
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.modules import CPCModule, IterativeFusionModule, OptimizerSettings
from cosmo_pl.modules.base import toggle

SHAPES = {"acc": (20, 3), "gyro": (20, 2)}
TINY = {"channels": (4, 8), "context_dim": 8, "horizon": 5}


def tiny(shapes=SHAPES, num_classes=4, **arguments):
    torch.manual_seed(0)
    module = CPCModule(shapes, num_classes, **{**TINY, **arguments})
    module.log = lambda *_args, **_kwargs: None
    return module


def samples(count=6, shapes=SHAPES, dtype=torch.float32):
    generator = torch.Generator().manual_seed(1)
    return {name: torch.randn(count, *shape, generator=generator, dtype=dtype) for name, shape in shapes.items()}


def drawn_starts(module, count, seed=0):
    """Steps that a module begins to predict from, without the work of predicting."""
    starts = []

    def predict_futures(x, start):
        starts.append(start)
        return torch.ones(1, 1, 1), torch.ones(1, 1, 1)

    module.predict_futures = predict_futures
    torch.manual_seed(seed)
    inputs = samples()
    for _ in range(count):
        module.pretraining_loss(inputs)
    return starts


# The task


def naive_gru(gru, sequence):
    """Last state of one GRU layer after a sequence (T, D), gate by gate."""
    states, h = [], torch.zeros(gru.hidden_size, dtype=sequence.dtype)
    for x in sequence:
        given = (gru.weight_ih_l0 @ x + gru.bias_ih_l0).chunk(3)
        kept = (gru.weight_hh_l0 @ h + gru.bias_hh_l0).chunk(3)
        reset, update = (given[0] + kept[0]).sigmoid(), (given[1] + kept[1]).sigmoid()
        h = (1 - update) * (given[2] + reset * kept[2]).tanh() + update * h
        states.append(h)
    return torch.stack(states)


@pytest.mark.parametrize("pooling", [1, 2])
def test_training_step_is_the_definition(pooling):
    module = tiny(dropout=0.0, pooling=pooling).double()
    asked, predict_futures = [], module.predict_futures
    module.predict_futures = lambda x, start: asked.append(start) or predict_futures(x, start)
    inputs = samples(4, dtype=torch.float64)
    torch.manual_seed(3)
    told = module.training_step({"inputs": inputs, "index": torch.arange(4)}, 0)
    (t,), encoder = asked, module.encoder
    total = 0.0
    x = torch.cat([inputs["acc"], inputs["gyro"]], dim=2)
    if pooling > 1:
        x = x.unflatten(1, (-1, pooling)).mean(dim=2)
    z = encoder.latents(x) if pooling == 1 else CPCEncoder.latents(_unpooled(encoder), x)
    c = [naive_gru(encoder.upper, naive_gru(encoder.lower, z[n, : t + 1]))[-1] for n in range(4)]
    for k in range(1, 6):
        rows = slice(8 * (k - 1), 8 * k)
        w, b = module.predictors.weight[rows], module.predictors.bias[rows]
        for n in range(4):
            scores = torch.stack([z[n, t + k] @ (w @ c[m] + b) for m in range(4)])
            total = total - scores.log_softmax(0)[n] / (4 * 5)
    assert told.item() == pytest.approx(total.item(), rel=1e-9)


def _unpooled(encoder):
    other = CPCEncoder(**{**encoder.hparams, "pooling": 1}).double()
    other.load_state_dict(encoder.state_dict())
    return other


@pytest.mark.parametrize("start", [0, 7, 14])
def test_what_is_cut_off_changes_nothing(start):
    """Latents and contexts of whole samples are those computed on the part that is needed."""
    module = tiny().eval()
    inputs = samples()
    x = torch.cat(list(inputs.values()), dim=2)
    futures, predictions = module.predict_futures(x, start)
    z = module.encoder.latents(x)
    c = module.encoder.contexts(z)
    torch.testing.assert_close(futures, z[:, start + 1 : start + 6])
    torch.testing.assert_close(predictions, module.predictors(c[:, start]).view(6, 5, 8))
    y = x.clone()
    y[:, start + 1 :] = torch.randn_like(y[:, start + 1 :])
    others, same = module.predict_futures(y, start)
    assert torch.equal(same, predictions), "predictions never see what they predict"
    assert not torch.equal(others, futures)


def test_start_is_uniform_over_all_that_fit():
    starts = torch.tensor(drawn_starts(tiny(horizon=13), 3500))
    counts = starts.bincount()
    assert len(counts) == 20 - 13, "0 to T - K - 1"
    assert (counts - 500).abs().max() < 5 * math.sqrt(500 * 6 / 7)


def test_start_follows_the_seed():
    first, again, other = (drawn_starts(tiny(), 20, seed) for seed in (1, 1, 2))
    assert first == again != other


def test_longest_horizon_leaves_one_start():
    module = tiny(horizon=19)
    assert torch.isfinite(module.pretraining_loss(samples()))
    assert set(drawn_starts(module, 10)) == {0}


def test_each_step_has_a_predictor_of_its_own():
    module = tiny(dropout=0.0)
    futures, predictions = module.predict_futures(torch.cat(list(samples().values()), dim=2), 4)
    module.zero_grad()
    predictions[:, 2].sum().backward()
    moved = module.predictors.weight.grad.view(5, 8, 8).abs().sum(dim=(1, 2)) > 0
    assert moved.tolist() == [False, False, True, False, False]
    assert futures.shape == predictions.shape == (6, 5, 8)


def test_every_part_is_trained():
    module = tiny(dropout=0.0)
    before = {name: p.detach().clone() for name, p in module.named_parameters()}
    optimizer = module.configure_optimizers()["optimizer"]
    torch.manual_seed(0)
    for _ in range(3):
        optimizer.zero_grad()
        module.pretraining_loss(samples()).backward()
        optimizer.step()
    assert all(not torch.equal(p, before[name]) for name, p in module.named_parameters())


@pytest.mark.parametrize("order", [("acc", "gyro"), ("gyro", "acc")])
def test_modalities_are_joined_in_the_datas_order(order):
    shapes = {name: SHAPES[name] for name in order}
    module = tiny(shapes).eval()
    assert list(module.encoders) == ["+".join(order)]
    inputs = samples()
    joined = torch.cat([inputs[name] for name in order], dim=2)
    expected = module.encoder(joined)[:, :, -1]
    features = module(inputs)
    assert list(features) == ["+".join(order)] and features["+".join(order)].shape == (6, 8)
    assert torch.equal(features["+".join(order)], expected)
    seen = []
    module.predict_futures = lambda x, start: seen.append(x) or (torch.ones(1, 1, 1), torch.ones(1, 1, 1))
    module.pretraining_loss(inputs)
    assert torch.equal(seen[0], joined)


def test_accuracy_is_that_of_the_batch():
    module, logged = tiny().eval(), {}
    module.log = lambda name, value, **_: logged.update({name: float(value)})
    right = 9 * torch.eye(6).view(6, 1, 6)
    module.predict_futures = lambda x, start: (right, torch.cat([right[:4], right[4:].flip(0)]))
    module.pretraining_loss(samples())
    assert logged["train/accuracy"] == pytest.approx(4 / 6)


# Optimization


def test_defaults_are_the_originals():
    defaults = {name: p.default for name, p in inspect.signature(CPCModule).parameters.items()}
    assert (defaults["horizon"], defaults["pooling"]) == (28, 1)
    module = CPCModule({"acc": (200, 3), "gyro": (200, 3)}, 12)
    assert (module.encoder.feature_shape((200, 6)), module.starts) == ((256, 200), 172)
    assert module.predictors.weight.shape == (28 * 128, 256) and module.predictors.bias is not None
    configured = module.configure_optimizers()
    optimizer, scheduler = configured["optimizer"], configured["lr_scheduler"]
    assert isinstance(optimizer, torch.optim.Adam)
    assert optimizer.param_groups[0]["betas"] == (0.9, 0.999) and optimizer.param_groups[0]["weight_decay"] == 0
    trained = {id(p) for group in optimizer.param_groups for p in group["params"]}
    assert trained == {id(p) for p in module.parameters()}
    rates = []
    for _ in range(150):
        rates.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    assert rates == pytest.approx([5e-4 * 0.8 ** (epoch // 25) for epoch in range(150)])


def test_sgd_can_be_chosen():
    optimizer = tiny(optimizer=OptimizerSettings("sgd", momentum=0.5)).configure_optimizers()["optimizer"]
    assert isinstance(optimizer, torch.optim.SGD) and optimizer.param_groups[0]["momentum"] == 0.5
    with pytest.raises(ConfigurationError, match="optimizer"):
        tiny(optimizer={"name": "lion"})


# Training


def usc(usc_root, **arguments):
    return USCDataModule(
        root=str(usc_root), window_size=80, stride=80, labels_per_class=2, pretrain_batch_size=32, **arguments
    )


@pytest.fixture
def pretrained(usc_root, make_trainer, tmp_path):
    """One epoch of CPC on accelerometer and gyroscope, with its bundle."""
    data = usc(usc_root, phase="pretrain")
    torch.manual_seed(0)
    module = CPCModule(data.modality_shapes, data.num_classes, **TINY)
    trainer = make_trainer(1, logger=CSVLogger(str(tmp_path), name="cpc"))
    trainer.fit(module, datamodule=data)
    assert {"train/loss", "train/accuracy", "probe/acc"} <= set(trainer.callback_metrics)
    return module, tmp_path / "cpc"


def test_learns_to_predict(make_data, make_trainer):
    data = make_data(modalities=["inertial"], phase="pretrain", pretrain_batch_size=16)
    torch.manual_seed(0)
    module = CPCModule(
        data.modality_shapes, data.num_classes, 8, channels=(16, 16), context_dim=32, dropout=0.0, lr=5e-3, pooling=4
    )
    losses, accuracies = [], []
    for epochs in (1, 18):
        trainer = make_trainer(epochs, limit_val_batches=0)
        trainer.fit(module, datamodule=data)
        losses.append(float(trainer.callback_metrics["train/loss"]))
        accuracies.append(float(trainer.callback_metrics["train/accuracy"]))
    assert losses[1] < losses[0] and losses[1] < 0.8 * math.log(16)
    assert accuracies[1] > max(accuracies[0], 4 / 16)


def test_bundle_holds_the_joined_encoder(pretrained):
    module, folder = pretrained
    bundle = Bundle.load(folder)
    assert list(bundle.encoders) == ["acc+gyro"]
    assert bundle.modality_shapes == {"acc": (80, 3), "gyro": (80, 3)}
    assert set(bundle.quality) == set(bundle.normalization) == {"acc", "gyro"}
    assert bundle.training["method"] == "CPCModule" and bundle.training["horizon"] == 5
    mine, theirs = module.encoder, bundle.encoders["acc+gyro"]
    assert isinstance(theirs, CPCEncoder) and theirs is not mine
    assert theirs.hparams == {"in_features": 6, "channels": (4, 8), "context_dim": 8, "dropout": 0.2, "pooling": 1}
    x = torch.randn(3, 80, 6)
    assert torch.equal(theirs.eval()(x), mine.eval()(x))


@pytest.mark.parametrize(("head", "frozen"), [("recurrent", False), ("linear", True)])
def test_second_stage_trains_the_whole_or_the_classifier_alone(pretrained, usc_root, make_trainer, head, frozen):
    first, folder = pretrained
    data = usc(usc_root)
    second = IterativeFusionModule(
        data.modality_shapes, data.num_classes, bundle=str(folder), iterative_epochs=0, quality_lambda=0, steps=4,
        head=head, frozen_encoders=frozen,
    )  # fmt: skip
    assert list(second.encoders) == ["acc+gyro"] and second.classifier.attention is None
    before = {name: value.clone() for name, value in second.state_dict().items()}
    for name, value in first.encoder.state_dict().items():
        assert torch.equal(before[f"encoders.acc+gyro.{name}"], value)
    trainer = make_trainer(1)
    trainer.fit(second, datamodule=data)
    assert {"test/acc", "test/loss"} <= set(trainer.callback_metrics)
    everything = {name for name, _ in second.named_parameters()}
    encoder = {name for name in everything if name.startswith("encoders.")}
    changed = {name for name, p in second.named_parameters() if not torch.equal(p, before[name])}
    assert encoder and changed == (everything - encoder if frozen else everything)


def test_frozen_encoder_has_no_dropout(make_data):
    data = make_data(modalities=["inertial"])
    second = IterativeFusionModule(
        data.modality_shapes, data.num_classes, encoders={"inertial": CPCEncoder(6, (4,), 4)}
    )
    encoder, x = second.encoders["inertial"], torch.randn(3, 120, 6)
    toggle(second.encoders, active=True)
    assert not torch.equal(encoder(x), encoder(x))
    toggle(second.encoders, active=False)
    assert encoder.lower.training and encoder.upper.training, "as cuDNN asks for"
    assert torch.equal(encoder(x), encoder(x))


def test_second_stage_overfits_27_clips(make_data, make_trainer):
    data = make_data(modalities=["inertial"], labels_per_class=1, track_test=False, batch_size=27)
    torch.manual_seed(0)
    encoder = CPCEncoder(6, (16, 16), 32, dropout=0.0, pooling=4)
    second = IterativeFusionModule(
        data.modality_shapes, data.num_classes, encoders={"inertial": encoder}, iterative_epochs=0,
        encoder_lr=0.05, classifier_lr=0.05, steps=8, head="linear",
    )  # fmt: skip
    trainer = make_trainer(80)
    trainer.fit(second, datamodule=data)
    assert trainer.callback_metrics["train/loss"] < 1.0 < math.log(27)


def test_pretraining_overfits_27_clips(make_data):
    """The prediction of each clip's future comes to be told from those of the 26 others."""
    data = make_data(modalities=["inertial"], labels_per_class=1)
    data.setup()
    x = data.plain_batch(data.split.labeled)["inputs"]["inertial"]
    torch.manual_seed(0)
    module = CPCModule({"inertial": (120, 6)}, 27, horizon=4, channels=(16, 16), context_dim=32, dropout=0.0, pooling=4)
    optimizer = torch.optim.Adam(module.parameters(), 0.01)
    for _ in range(150):
        futures, predictions = module.predict_futures(x, 12)
        optimizer.zero_grad()
        module.loss(futures, predictions).backward()
        optimizer.step()
    assert module.loss.accuracy(*module.predict_futures(x, 12)) > 0.9


# What cannot work


@pytest.mark.parametrize("horizon", [20, 28])
def test_horizon_has_to_fit(horizon):
    with pytest.raises(ConfigurationError, match=r"horizon: .* 20 steps.*1 to 19"):
        tiny(horizon=horizon)
    with pytest.raises(ConfigurationError, match=r"horizon: .* 10 steps.*1 to 9"):
        tiny(horizon=10, pooling=2)


def test_other_sensors_are_refused(make_data):
    data = make_data(phase="pretrain")
    with pytest.raises(ConfigurationError, match=r"modalities: .*skeleton.*modalities=\[inertial\]"):
        CPCModule(data.modality_shapes, data.num_classes)
    with pytest.raises(ConfigurationError, match="Use inertial sensors"):
        CPCModule({"skeleton": (40, 20, 3)}, 27)


def test_different_lengths_are_refused():
    with pytest.raises(ConfigurationError, match=r"modalities: .*cannot be joined"):
        tiny({"acc": (20, 3), "gyro": (40, 3)})


@pytest.mark.parametrize(
    ("arguments", "named"),
    [({"channels": ()}, "channels"), ({"context_dim": 0}, "context_dim"), ({"pooling": 0}, "pool")],
)
def test_bad_arguments_are_named(arguments, named):
    with pytest.raises(ConfigurationError, match=named):
        tiny(**arguments)
