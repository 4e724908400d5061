"""Projection onto the sphere and the recurrent classifier."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cosmo_pl.encoders import ProjectionHead, RecurrentClassifier


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("sizes", [(20, 16, 8), (7, 3, 1), (5, 30, 128)])
def test_projections_have_unit_norm(sizes: tuple[int, int, int], scale: float, training: bool) -> None:
    torch.manual_seed(0)
    head = ProjectionHead(*sizes).train(training)
    r = head(scale * torch.randn(9, sizes[0]))
    assert r.shape == (9, sizes[2])
    torch.testing.assert_close(r.norm(dim=1), torch.ones(9))


def test_projection_is_linear_norm_relu_linear() -> None:
    torch.manual_seed(0)
    head = ProjectionHead(6, 5, 4)
    z = torch.randn(8, 6)
    first, norm, last = (layer for layer in head.modules() if isinstance(layer, nn.Linear | nn.BatchNorm1d))
    h = z @ first.weight.T + first.bias
    h = (h - h.mean(dim=0)) / (h.var(dim=0, unbiased=False) + norm.eps).sqrt()
    expected = h.clamp(min=0) @ last.weight.T + last.bias
    torch.testing.assert_close(head(z), F.normalize(expected, dim=1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("features", "millions"), [(7552, 9.83), (2688, 3.61)])
def test_projection_heads_have_the_released_sizes(features: int, millions: float) -> None:
    assert parameters(ProjectionHead(features)) == pytest.approx(millions * 1e6, abs=0.005e6)
    assert ProjectionHead(features)(torch.randn(2, features)).shape == (2, 128)


@pytest.mark.parametrize(
    ("arguments", "samples"),
    [
        ({"in_features": 10, "steps": 4, "num_classes": 3}, 5),
        ({"in_features": 3, "steps": 1, "num_classes": 2, "hidden_size": 7, "num_layers": 1}, 2),
        ({"in_features": 3, "steps": 6, "num_classes": 27, "hidden_size": 8, "mlp_features": ()}, 4),
        ({"in_features": 3, "steps": 6, "num_classes": 12, "hidden_size": 8, "mlp_features": [5, 4, 3]}, 4),
    ],
)
def test_logits_have_one_column_a_class(arguments: dict[str, int], samples: int) -> None:
    torch.manual_seed(0)
    classifier = RecurrentClassifier(**arguments)
    x = torch.randn(samples, arguments["steps"], arguments["in_features"], requires_grad=True)
    logits = classifier(x)
    assert logits.shape == (samples, arguments["num_classes"])
    logits.square().sum().backward()
    assert x.grad is not None and (x.grad.abs().sum(dim=2) > 0).all()  # every step counts
    assert all(parameter.grad is not None for parameter in classifier.parameters())


def test_classifier_has_the_released_size() -> None:
    classifier = RecurrentClassifier(640, 16, 27)
    assert parameters(classifier.gru) == pytest.approx(0.36e6, abs=0.005e6)
    assert parameters(classifier.mlp) == pytest.approx(2.63e6, abs=0.005e6)
    assert classifier.eval()(torch.zeros(1, 16, 640)).shape == (1, 27)


def test_all_steps_are_flattened_in_order() -> None:
    """Without a hidden layer the logits are one linear map of the GRU's states, step after step."""
    torch.manual_seed(0)
    classifier = RecurrentClassifier(3, 5, 2, hidden_size=4, num_layers=1, mlp_features=())
    x = torch.randn(6, 5, 3)
    states, _ = classifier.gru(x)
    linear = classifier.mlp[-1]
    assert isinstance(linear, nn.Linear)
    expected = sum(states[:, t] @ linear.weight[:, 4 * t : 4 * t + 4].T for t in range(5)) + linear.bias
    torch.testing.assert_close(classifier(x), expected)


def test_recurrent_layer_does_not_look_ahead_or_at_other_samples() -> None:
    torch.manual_seed(0)
    classifier = RecurrentClassifier(3, 5, 2)
    x = torch.randn(2, 5, 3)
    changed = x.clone()
    changed[0, 3:] += 1
    states, other = classifier.gru(x)[0], classifier.gru(changed)[0]
    assert torch.equal(states[0, :3], other[0, :3]) and not torch.allclose(states[0, 3:], other[0, 3:])
    assert torch.equal(states[1], other[1])


def test_recurrent_layer_is_the_same_in_both_modes() -> None:
    """A frozen GRU stays in train mode, so that mode must not matter."""
    torch.manual_seed(0)
    gru = RecurrentClassifier(3, 5, 2).gru
    x = torch.randn(4, 5, 3)
    assert gru.dropout == 0
    assert torch.equal(gru.train()(x)[0], gru.eval()(x)[0])
