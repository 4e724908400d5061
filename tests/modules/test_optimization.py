"""Optimizers and schedules from hyper-parameters."""

from __future__ import annotations

import math

import pytest
import torch

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.modules.base import optimization

PLAIN = {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01, "lr_milestones": [2, 4], "lr_gamma": 0.5}


def rates(hparams, epochs, steps):
    made = optimization([torch.nn.Parameter(torch.ones(2))], hparams, epochs)
    found = []
    for _ in range(steps):
        found.append(made["optimizer"].param_groups[0]["lr"])
        made["optimizer"].step()
        made["lr_scheduler"].step()
    return found


def test_rates_by_epoch():
    assert rates(PLAIN, None, 6) == pytest.approx([0.1, 0.1, 0.05, 0.05, 0.025, 0.025])
    cosine = [0.05 * (1 + math.cos(math.pi * epoch / 8)) for epoch in range(9)]
    assert rates({**PLAIN, "schedule": "cosine"}, 8, 9) == pytest.approx(cosine, abs=1e-9)


def test_a_longer_resumed_training_goes_on_down():
    first = optimization([torch.nn.Parameter(torch.ones(2))], {**PLAIN, "schedule": "cosine"}, 8)
    for _ in range(6):
        first["optimizer"].step()
        first["lr_scheduler"].step()
    longer = optimization([torch.nn.Parameter(torch.ones(2))], {**PLAIN, "schedule": "cosine"}, 16)
    longer["optimizer"].load_state_dict(first["optimizer"].state_dict())
    longer["lr_scheduler"].load_state_dict(first["lr_scheduler"].state_dict())
    found = []
    for _ in range(10):
        longer["optimizer"].step()
        longer["lr_scheduler"].step()
        found.append(longer["optimizer"].param_groups[0]["lr"])
    expected = [0.05 * (1 + math.cos(math.pi * epoch / 16)) for epoch in range(7, 17)]
    assert found == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("name", "kind"), [("sgd", torch.optim.SGD), ("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW)]
)
def test_optimizers(name, kind):
    made = optimization([torch.nn.Parameter(torch.ones(2))], {**PLAIN, "optimizer": name}, None)["optimizer"]
    assert type(made) is kind
    assert (made.defaults["lr"], made.defaults["weight_decay"]) == (0.1, 0.01)


@pytest.mark.parametrize(
    ("more", "epochs", "named"),
    [
        ({"optimizer": "lion"}, 5, "optimizer"),
        ({"schedule": "linear"}, 5, "schedule"),
        ({"schedule": "cosine"}, None, "max_epochs"),
        ({"schedule": "cosine"}, -1, "max_epochs"),
    ],
)
def test_refusals(more, epochs, named):
    with pytest.raises(ConfigurationError, match=named):
        optimization([torch.nn.Parameter(torch.ones(2))], {**PLAIN, **more}, epochs)
