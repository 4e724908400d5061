"""The training of a client in one round; it needs no Flower."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from pytorch_lightning import Callback

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.federated.own_samples import keep_training_samples
from cosmo_pl.federated.training import LocalRound, ProximalTerm, train_locally

CPU = {"accelerator": "cpu", "limit_train_batches": 2}


class Observed(Callback):
    """Epoch, learning rate and first weights of each epoch."""

    def __init__(self):
        self.epochs, self.rates = [], []

    def on_train_epoch_start(self, trainer, pl_module):
        self.epochs.append(trainer.current_epoch)
        self.rates.append(trainer.optimizers[0].param_groups[0]["lr"])


def ready(data):
    data.prepare_data()
    data.setup()
    return data


def test_a_round_has_the_epochs_and_learning_rates_of_a_training_of_all_rounds(make_data, make_module):
    seen = Observed()
    data, module = ready(make_data(train_subjects=[1])), make_module()
    for number in (1, 2, 3):
        requested = LocalRound(number, local_epochs=2, epochs=6)
        loss = train_locally(module, data, {}, requested, {**CPU, "callbacks": seen}, f"0 client {number}")
        assert math.isfinite(loss)
    assert seen.epochs == [0, 1, 2, 3, 4, 5]
    assert seen.rates == pytest.approx([0.01 * (1 + math.cos(math.pi * epoch / 6)) / 2 for epoch in range(6)])


def test_the_same_seed_and_weights_give_the_same_weights(make_data, make_module):
    data, start = ready(make_data(train_subjects=[1, 2])), make_module(3).state_dict()
    found = []
    for seed, module in (("a", make_module()), ("a", make_module(1)), ("b", make_module())):
        train_locally(module, data, start, LocalRound(2, 1, 4), CPU, seed)
        found.append(torch.cat([value.flatten().float() for value in module.state_dict().values()]))
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


def test_a_client_that_keeps_its_own_samples_alone_trains_the_same(make_data, make_module):
    found = []
    for keep in (False, True):
        data = ready(make_data(train_subjects=[2], num_augmentations=2))
        whole = len(data.samples)
        if keep:
            keep_training_samples(data)
        assert (len(data.samples), len(data.training_rows)) == (27 if keep else whole, 27)
        assert not keep or all(isinstance(x, np.ndarray) and x.base is None for x in data.samples.inputs.values())
        module = make_module()
        train_locally(module, data, {}, LocalRound(1, 2, 2), {"accelerator": "cpu"}, "0")
        found.append(torch.cat([value.flatten().float() for value in module.state_dict().values()]))
    assert torch.equal(*found)


def test_the_proximal_term_has_the_gradient_of_its_definition(make_module):
    module, mu = make_module(), 0.3
    term = ProximalTerm(mu)
    term.on_train_start(None, module)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn_like(parameter))
    penalty = sum(((p - term.start[name]) ** 2).sum() for name, p in module.named_parameters())
    expected = torch.autograd.grad(mu / 2 * penalty, list(module.parameters()))
    for parameter in module.parameters():
        parameter.grad = torch.ones_like(parameter)
    term.on_before_optimizer_step(None, module, None)
    for parameter, gradient in zip(module.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient + 1)


def test_the_proximal_term_counts_once_a_step_of_several_batches(make_data, make_module):
    data, start = ready(make_data(train_subjects=[1])), make_module().state_dict()
    trained = []
    for batches, size in ((1, 4), (2, 2)):
        data.pretrain_batch_size = size
        module = make_module(optimizer={"name": "sgd", "momentum": 0, "weight_decay": 0}, lr=1e-4)
        module.pretraining_loss = lambda *_, module=module, **__: sum(p.sum() for p in module.parameters())
        arguments = {**CPU, "limit_train_batches": 2 * batches, "accumulate_grad_batches": batches}
        train_locally(module, data, start, LocalRound(1, 1, 1, 1e3), arguments, "0")
        trained.append(module.state_dict())
    name = next(iter(dict(module.named_parameters())))
    assert not torch.equal(trained[0][name], start[name])
    torch.testing.assert_close(trained[1][name], trained[0][name])


def test_a_large_mu_keeps_the_weights_near_those_of_the_server(make_data, make_module):
    data, start = ready(make_data(train_subjects=[1])), make_module().state_dict()
    moved = []
    for mu in (0.0, 1e3):
        module = make_module(optimizer={"name": "sgd", "momentum": 0, "weight_decay": 0}, lr=1e-4)
        train_locally(module, data, start, LocalRound(1, 3, 3, mu), CPU, "0")
        moved.append(max(float((p - start[name]).abs().max()) for name, p in module.named_parameters()))
    assert moved[1] < moved[0]


def test_a_client_without_a_sensor_trains_the_weights_of_the_others_only(make_data, make_module):
    data, module = ready(make_data(train_subjects=[1], modalities=["inertial"])), make_module()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    train_locally(module, data, before, LocalRound(1, 1, 1), CPU, "0")
    changed = {
        name.split(".")[1] for name, value in module.state_dict().items() if not torch.equal(value, before[name])
    }
    assert changed == {"inertial"}


def test_positives_of_other_subjects_need_other_subjects(make_data, make_module):
    from cosmo_pl.callbacks import NearestNeighborPositives

    data = ready(make_data(train_subjects=[1], num_augmentations=2))
    with pytest.raises(ConfigurationError, match="is one subject"):
        own = {**CPU, "callbacks": [NearestNeighborPositives()]}
        train_locally(make_module(), data, {}, LocalRound(1, 1, 1), own, "0")
