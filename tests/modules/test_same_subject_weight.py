"""Subjects of a batch reach the losses of Cosmo and CMC, where a weight asks for them."""

from __future__ import annotations

import pytest
import torch

from cosmo_pl.encoders import TemporalEncoder
from cosmo_pl.modules import CMCModule, ContrastiveFusionModule

SHAPES = {"left": (30, 3), "right": (20, 2)}
SUBJECT = torch.tensor([1, 1, 1, 2, 2, 2, 1, 1])  # rows of four samples, two views each


def module(kind, **arguments):
    torch.manual_seed(0)
    encoders = {name: TemporalEncoder(shape[1], channels=(4, 4), strides=(1, 2)) for name, shape in SHAPES.items()}
    return kind(SHAPES, 4, encoders, projection_hidden=8, projection_dim=5, temperature=0.5, **arguments)


def batch():
    torch.manual_seed(1)
    inputs = {name: torch.randn(8, *shape) for name, shape in SHAPES.items()}
    return {"inputs": inputs, "label": torch.zeros(8), "subject": SUBJECT, "num_augmentations": 2}


def views_of(model, inputs):
    projected = model.project(model(inputs))
    return model.views(projected)


def test_cosmo_weights_its_fused_views():
    model, given = module(ContrastiveFusionModule, num_fused=3, same_subject_weight=4.0), batch()
    views = views_of(model, given["inputs"])  # (8, 3, 5)
    expected = model.loss(views.reshape(4, 6, 5), SUBJECT.reshape(4, 2).repeat_interleave(3, dim=1))
    assert model.training_step(given, 0).item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("variant", ["cross_view", "released"])
def test_cmc_weights_its_modalities(variant):
    model, given = module(CMCModule, variant=variant, same_subject_weight=4.0), batch()
    views = views_of(model, given["inputs"]).reshape(4, 2, 2, 5)  # sample, augmented view, modality
    if variant == "released":
        expected = model.loss(views.flatten(1, 2), SUBJECT.reshape(4, 2).repeat_interleave(2, dim=1))
    else:
        expected = model.loss(views.transpose(1, 2), SUBJECT.reshape(4, 2))
    assert model.training_step(given, 0).item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("kind", [ContrastiveFusionModule, CMCModule])
def test_without_a_weight_no_subject_is_used(kind):
    model, given = module(kind), batch()
    expected = model.training_step(given, 0).item()
    assert model.loss_arguments(given) == {}
    assert module(kind, same_subject_weight=1.0).training_step(given, 0).item() == pytest.approx(expected, rel=1e-5)
    assert module(kind, same_subject_weight=5.0).training_step(given, 0).item() > expected
