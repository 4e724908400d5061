"""COCOA: what differs from CMC is the loss alone."""

from __future__ import annotations

import pytest
import torch

from cosmo_pl.encoders import TemporalEncoder
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.losses import COCOALoss
from cosmo_pl.modules import CMCModule, COCOAModule

SHAPES = {"left": (30, 3), "right": (20, 2), "hip": (30, 3)}


def module(kind=COCOAModule, shapes=SHAPES, **arguments):
    torch.manual_seed(0)
    encoders = {name: TemporalEncoder(shape[1], channels=(4, 4), strides=(1, 2)) for name, shape in shapes.items()}
    return kind(shapes, 4, encoders, projection_hidden=8, projection_dim=5, **arguments)


def samples(count):
    torch.manual_seed(1)
    return {name: torch.randn(count, *shape) for name, shape in SHAPES.items()}


def test_loss_of_a_batch():
    cocoa, inputs = module(temperature=0.5, negative_weight=0.3), samples(6)
    views = torch.stack(list(cocoa.project(cocoa(inputs)).values()), dim=1)
    assert cocoa.pretraining_loss(inputs).item() == pytest.approx(COCOALoss(0.5, 0.3)(views).item(), rel=1e-5)


def test_augmented_views_are_views_of_their_sample():
    """Rows 2n and 2n + 1 are those of sample n; (modality, view) takes the part of a modality."""
    cocoa, inputs = module(temperature=0.5), samples(8)
    r = cocoa.project(cocoa(inputs))
    views = torch.stack([values[k::2] for k in (0, 1) for values in r.values()], dim=1)
    assert views.shape == (4, 6, 5)
    assert cocoa.pretraining_loss(inputs, 2).item() == pytest.approx(COCOALoss(0.5)(views).item(), rel=1e-5)


def test_has_as_many_parameters_as_cmc():
    one, other = (dict(each.named_parameters()) for each in (module(), module(CMCModule)))
    assert {n: p.shape for n, p in one.items()} == {n: p.shape for n, p in other.items()}


def test_training_brings_the_modalities_of_a_sample_together():
    cocoa, inputs = module(), samples(16)
    optimizer = torch.optim.Adam(cocoa.parameters(), 0.01)

    def similarity():
        r = cocoa.project(cocoa(inputs))
        own = (r["left"] * r["right"]).sum(dim=1).mean()
        others = (r["left"] @ r["left"].T - torch.eye(16)).sum() / (16 * 15)
        return float(own), float(others)

    own, _ = similarity()
    for _ in range(60):
        optimizer.zero_grad()
        cocoa.pretraining_loss(inputs).backward()
        optimizer.step()
    after, others = similarity()
    assert after > own + 0.5 and after > others


@pytest.mark.parametrize(("argument", "value"), [("temperature", 0), ("negative_weight", -0.1), ("lr", 0)])
def test_bad_arguments_are_named(argument, value):
    with pytest.raises(ConfigurationError, match=argument):
        module(**{argument: value})


def test_one_modality_is_refused():
    with pytest.raises(ConfigurationError, match=r"modalities: .*Use at least two"):
        module(shapes={"left": (30, 3)})
