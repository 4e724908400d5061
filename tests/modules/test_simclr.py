"""SimCLR: NT-Xent within each modality, and nothing between them."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from pytorch_lightning.loggers import CSVLogger

from cosmo_pl.bundle import Bundle
from cosmo_pl.data.augmentations import Gain, ScaleAxes
from cosmo_pl.encoders import TemporalEncoder
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.modules import CMCModule, SimCLRModule

SHAPES = {"left": (30, 3), "right": (20, 2)}
VIEWS = {"num_augmentations": 2, "augmentations": {"inertial": [Gain()], "skeleton": [ScaleAxes()]}}


def simclr(shapes=SHAPES, kind=SimCLRModule, **arguments):
    torch.manual_seed(0)
    encoders = {
        name: TemporalEncoder(shape[-1] if len(shape) == 2 else 60, channels=(4, 4), strides=(1, 2))
        for name, shape in shapes.items()
    }
    return kind(shapes, 27, encoders, projection_hidden=8, projection_dim=5, **arguments)


def samples(count, shapes=SHAPES):
    torch.manual_seed(1)
    return {name: torch.randn(count, *shape) for name, shape in shapes.items()}


@pytest.mark.parametrize(("count", "temperature"), [(2, 0.1), (3, 0.5)])
def test_equals_a_loop_over_anchors(count, temperature):
    """l(i, j) of Eq. 1 in the reference: the positive j over all other 2N - 1 views, the mean over anchors."""
    module, inputs = simclr(temperature=temperature), samples(6 * count)
    expected = 0.0
    for name, head in module.heads.items():
        r = F.normalize(head.layers(module.encoders[name](inputs[name]).flatten(1)), dim=1)
        similarity = (r @ r.T / temperature).exp()
        terms = []
        for i in range(len(r)):
            others = sum(similarity[i, k] for k in range(len(r)) if k != i)
            views = [j for j in range(len(r)) if j // count == i // count and j != i]
            terms.append(torch.stack([-(similarity[i, j] / others).log() for j in views]).mean())
        expected += torch.stack(terms).mean()
    assert module.pretraining_loss(inputs, count).item() == pytest.approx(float(expected), rel=1e-4)


def test_an_encoder_learns_what_it_would_learn_alone():
    module, inputs = simclr(), samples(12)
    module.pretraining_loss(inputs, 2).backward()
    for name, shape in SHAPES.items():
        alone = simclr({name: shape})
        alone.encoders[name].load_state_dict(module.encoders[name].state_dict())
        alone.heads[name].load_state_dict(module.heads[name].state_dict())
        alone.pretraining_loss({name: inputs[name]}, 2).backward()
        for mine, its in zip(module.encoders[name].parameters(), alone.encoders[name].parameters(), strict=True):
            torch.testing.assert_close(mine.grad, its.grad, rtol=1e-4, atol=1e-6)


def test_has_as_many_parameters_as_cmc():
    one, other = simclr(), simclr(kind=CMCModule)
    assert {n: p.shape for n, p in one.named_parameters()} == {n: p.shape for n, p in other.named_parameters()}
    assert all(p.requires_grad for p in one.parameters())


def test_training_makes_views_similar_and_writes_a_bundle(make_data, make_trainer, tmp_path):
    data = make_data(**VIEWS)
    module = simclr(data.modality_shapes, lr=0.05)
    make_trainer(4, logger=CSVLogger(str(tmp_path), name="simclr")).fit(module, datamodule=data)
    bundle = Bundle.load(tmp_path / "simclr")
    assert bundle.training["method"] == "SimCLRModule"
    inputs = data.views.augment({n: v[:10].repeat_interleave(2, 0) for n, v in data.inputs.items()})
    fresh = simclr(data.modality_shapes)
    for each in (module, fresh):
        each.eval()
    with torch.no_grad():
        assert module.pretraining_loss(inputs, 2) < fresh.pretraining_loss(inputs, 2)


def test_one_view_is_refused_before_the_training(make_data, make_trainer):
    data = make_data()
    message = r"data\.init_args\.num_augmentations: is 1, and SimCLRModule compares augmented views.*Use at least 2"
    with pytest.raises(ConfigurationError, match=message):
        make_trainer(1).fit(simclr(data.modality_shapes), datamodule=data)
    module = simclr()
    with pytest.raises(ConfigurationError, match="num_augmentations"):
        module.training_step({"inputs": samples(4), "label": torch.zeros(4)}, 0)


@pytest.mark.parametrize(("argument", "value"), [("temperature", 0), ("lr", -1.0), ("max_clusters", 1)])
def test_bad_arguments_are_named(argument, value):
    with pytest.raises(ConfigurationError, match=argument):
        simclr(**{argument: value})


@pytest.mark.parametrize("some", [{}, {"inertial": [Gain()]}])
def test_equal_views_are_reported(some, make_data, make_trainer):
    data = make_data(num_augmentations=2, augmentations=some)
    with pytest.warns(UserWarning, match=r"compares views of .*skeleton that differ by nothing but dropout"):
        make_trainer(1, limit_train_batches=1, limit_val_batches=0).fit(simclr(data.modality_shapes), datamodule=data)
