"""Shapes, sizes and rebuilding of the encoders, and what asking for a shape leaves untouched."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cosmo_pl.encoders import Encoder, InertialEncoder, SkeletonEncoder
from cosmo_pl.errors import ConfigurationError

SMALL: list[tuple[type[Encoder], dict[str, Any], tuple[int, ...], tuple[int, ...]]] = [
    (InertialEncoder, {"channels": (4, 6), "kernels": (3, 2)}, (10, 6), (6, 7, 3)),
    (InertialEncoder, {"channels": (5,), "kernels": (1,)}, (7, 3), (5, 7, 3)),
    (InertialEncoder, {"channels": (2, 3, 4, 5, 6), "kernels": (2, 1, 2, 1, 2), "dropout": 0.0}, (20, 9), (6, 17, 6)),
    (SkeletonEncoder, {"channels": (4, 6), "kernels": ((3, 2, 2), (2, 3, 1))}, (9, 8, 3), (6, 6, 5, 2)),
    (SkeletonEncoder, {"channels": (3,), "kernels": ((1, 1, 3),), "dropout": 0.0}, (4, 5, 3), (3, 4, 5, 1)),
    (SkeletonEncoder, {"channels": (2, 2), "kernels": ((1, 1, 1), (4, 5, 3))}, (4, 5, 3), (2, 1, 1, 1)),
]
cases = pytest.mark.parametrize(("encoder_class", "arguments", "sample", "feature"), SMALL)


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def state(module: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}


def same(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize(
    ("encoder_class", "sample", "feature", "count"),
    [
        (InertialEncoder, (120, 6), (16, 118, 4), 19_728),
        (InertialEncoder, (200, 3), (16, 198, 1), 19_728),
        (SkeletonEncoder, (40, 20, 3), (16, 24, 7, 1), 264_848),
    ],
)
def test_defaults_have_the_released_shapes_and_sizes(
    encoder_class: type[Encoder], sample: tuple[int, ...], feature: tuple[int, ...], count: int
) -> None:
    encoder = encoder_class()
    assert parameters(encoder) == count
    assert encoder.feature_shape(sample) == feature
    assert encoder.eval()(torch.zeros(2, *sample)).shape == (2, *feature)


@pytest.mark.parametrize("encoder_class", [InertialEncoder, SkeletonEncoder])
def test_layers_are_those_of_the_released_encoders(encoder_class: type[Encoder]) -> None:
    """Batch normalisation, ReLU and dropout 0.5 after each of four convolutions, no dropout after the last."""
    leaves = [module for module in encoder_class().modules() if not list(module.children())]
    kinds = [type(module).__name__.rstrip("23d") for module in leaves]
    block = ["NarrowConv" if encoder_class is SkeletonEncoder else "Conv", "BatchNorm", "ReLU", "Dropout"]
    assert kinds == (4 * block)[:-1]
    assert [module.p for module in leaves if isinstance(module, nn.Dropout)] == [0.5] * 3
    convolutions = [module for module in leaves if isinstance(module, nn.Conv2d | nn.Conv3d)]
    assert [module.out_channels for module in convolutions] == [64, 64, 32, 16]
    assert all(set(module.stride) == {1} and set(module.padding) == {0} for module in convolutions)


@cases
def test_custom_widths_and_kernels(
    encoder_class: type[Encoder], arguments: dict[str, Any], sample: tuple[int, ...], feature: tuple[int, ...]
) -> None:
    encoder = encoder_class(**arguments)
    assert encoder.feature_shape(sample) == feature
    features = encoder(torch.randn(3, *sample))
    assert features.shape == (3, *feature) and features.min() >= 0
    dropouts = sum(isinstance(module, nn.Dropout) for module in encoder.modules())
    assert dropouts == (0 if arguments.get("dropout") == 0 else len(arguments["channels"]) - 1)


@cases
def test_every_parameter_and_the_input_get_a_gradient(
    encoder_class: type[Encoder], arguments: dict[str, Any], sample: tuple[int, ...], feature: tuple[int, ...]
) -> None:
    torch.manual_seed(0)
    encoder = encoder_class(**{**arguments, "dropout": 0.0})
    x = torch.randn(4, *sample, requires_grad=True)
    encoder(x).square().sum().backward()
    assert x.grad is not None and x.grad.abs().sum() > 0
    assert all(parameter.grad is not None for parameter in encoder.parameters())


@cases
def test_samples_are_encoded_one_by_one_in_eval_mode(
    encoder_class: type[Encoder], arguments: dict[str, Any], sample: tuple[int, ...], feature: tuple[int, ...]
) -> None:
    encoder = encoder_class(**arguments).eval()
    x = torch.randn(5, *sample)
    alone = torch.cat([encoder(one[None]) for one in x])
    torch.testing.assert_close(encoder(x), alone, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(encoder(x.flip(0)), encoder(x).flip(0), rtol=1e-4, atol=1e-6)


def test_time_stays_on_its_axis() -> None:
    """A sample shifted in time gives a shifted feature map: axis 2 of the map is time."""
    torch.manual_seed(0)
    for encoder, shape in (
        (InertialEncoder((4, 4), (3, 2)), (20, 6)),
        (SkeletonEncoder((4,), ((3, 2, 2),)), (20, 5, 3)),
    ):
        x = torch.randn(1, *shape)
        features = encoder.eval()(x)
        shifted = encoder(x.roll(-1, dims=1))
        torch.testing.assert_close(shifted[:, :, :-1], features[:, :, 1:], rtol=1e-4, atol=1e-6)


@cases
def test_hyperparameters_rebuild_the_same_network(
    encoder_class: type[Encoder], arguments: dict[str, Any], sample: tuple[int, ...], feature: tuple[int, ...]
) -> None:
    encoder = encoder_class(**arguments)
    stored = json.loads(json.dumps(dict(encoder.hparams)))
    rebuilt = encoder_class(**stored)
    assert str(rebuilt) == str(encoder)
    rebuilt.load_state_dict(encoder.state_dict())
    x = torch.randn(2, *sample)
    assert torch.equal(rebuilt.eval()(x), encoder.eval()(x))
    assert json.loads(json.dumps(dict(rebuilt.hparams))) == stored


@pytest.mark.parametrize("encoder_class", [InertialEncoder, SkeletonEncoder])
def test_hyperparameters_are_all_arguments_defaults_included(encoder_class: type[Encoder]) -> None:
    assert set(encoder_class().hparams) == {"channels", "kernels", "dropout"}
    assert str(encoder_class(**encoder_class().hparams)) == str(encoder_class())


@cases
def test_copies_share_nothing(
    encoder_class: type[Encoder], arguments: dict[str, Any], sample: tuple[int, ...], feature: tuple[int, ...]
) -> None:
    encoder = encoder_class(**arguments)
    other = copy.deepcopy(encoder)
    pointers = {parameter.data_ptr() for parameter in encoder.parameters()}
    assert not pointers & {parameter.data_ptr() for parameter in other.parameters()}
    assert same(state(encoder), state(other)) and other.feature_shape(sample) == feature


@pytest.mark.parametrize("training", [True, False])
@cases
def test_feature_shape_changes_nothing(
    encoder_class: type[Encoder], arguments: dict[str, Any], sample: tuple[int, ...], feature: tuple[int, ...],
    training: bool,
) -> None:  # fmt: skip
    encoder = encoder_class(**arguments)
    encoder(torch.randn(4, *sample))  # statistics that differ from the initial ones
    encoder.train(training)
    before = state(encoder)
    random = torch.get_rng_state()
    encoder.feature_shape(sample)
    assert same(before, state(encoder))
    assert torch.equal(random, torch.get_rng_state())
    assert all(module.training is training for module in encoder.modules())
    assert all(parameter.requires_grad and parameter.grad is None for parameter in encoder.parameters())


WRONG: list[tuple[type[Encoder], tuple[int, ...]]] = [
    (InertialEncoder, (2, 6)),  # too short
    (InertialEncoder, (120, 2)),  # too few axes
    (InertialEncoder, (120,)),
    (InertialEncoder, (40, 20, 3)),  # a skeleton
    (SkeletonEncoder, (16, 20, 3)),  # too short: 17 frames are needed
    (SkeletonEncoder, (40, 13, 3)),  # too few joints: 14 are needed
    (SkeletonEncoder, (40, 20, 2)),  # too few coordinates
    (SkeletonEncoder, (120, 6)),  # an inertial window
    (SkeletonEncoder, (40,)),
    (SkeletonEncoder, (40, 20, 3, 2)),
]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("encoder_class", "sample"), WRONG)
def test_samples_that_do_not_fit_are_refused(
    encoder_class: type[Encoder], sample: tuple[int, ...], training: bool
) -> None:
    encoder = encoder_class().train(training)
    with pytest.raises(ConfigurationError) as caught:
        encoder.feature_shape(sample)
    message = str(caught.value)
    assert encoder_class.__name__ in message and str(sample) in message
    assert all(module.training is training for module in encoder.modules())


@pytest.mark.parametrize("encoder", [InertialEncoder((4,), (1,)), SkeletonEncoder((4,), ((1, 1, 1),))])
@pytest.mark.parametrize("sample", [(), (40,), (40, 20), (40, 20, 3), (40, 20, 3, 2)])
def test_samples_of_another_number_of_axes_are_refused_whatever_the_kernels(
    encoder: Encoder, sample: tuple[int, ...]
) -> None:
    if len(sample) == (2 if isinstance(encoder, InertialEncoder) else 3):
        assert encoder.feature_shape(sample) == (4, *sample)
    else:
        with pytest.raises(ConfigurationError):
            encoder.feature_shape(sample)


def test_smallest_samples_that_fit() -> None:
    assert InertialEncoder().feature_shape((3, 3)) == (16, 1, 1)
    assert SkeletonEncoder().feature_shape((17, 14, 3)) == (16, 1, 1, 1)


@pytest.mark.parametrize("encoder_class", [InertialEncoder, SkeletonEncoder])
@pytest.mark.parametrize(("widths", "kernels"), [(3, 2), (2, 3), (0, 0), (0, 1), (1, 0)])
def test_refuses_another_number_of_widths_than_kernels(encoder_class: type[Encoder], widths: int, kernels: int) -> None:
    kernel: Any = 1 if encoder_class is InertialEncoder else (1, 1, 1)
    with pytest.raises(ConfigurationError, match="channels"):
        encoder_class(channels=(4,) * widths, kernels=(kernel,) * kernels)
