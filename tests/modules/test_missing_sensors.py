"""Samples that lack a sensor: in every classifier, in evaluation and in training."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cosmo_pl.encoders import DepthEncoder, Encoder, InertialEncoder, RadarEncoder, TemporalEncoder
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.modules import (
    AttnSenseModule,
    CMCModule,
    ContrastiveFusionModule,
    DeepSenseModule,
    IterativeFusionModule,
    NearestNeighborModule,
    PrototypeModule,
    RandomForestModule,
    SingleModalModule,
)
from cosmo_pl.modules.base import ClassifierModule, Streams, availability
from cosmo_pl.modules.base.encoding import on_rows

from .conftest import stage1

SHAPES: dict[str, tuple[int, ...]] = {"imu": (24, 9), "depth": (8, 12, 16), "radar": (9, 2, 4, 8, 4)}
CLASSES, COUNT = 4, 6
WEIGHTS = {"imu": 0.5, "depth": 0.3, "radar": 0.2}


def encoders() -> dict[str, Encoder]:
    return {
        "imu": TemporalEncoder(9, channels=(6, 6), strides=(1, 2), segments=4),
        "depth": DepthEncoder(channels=(4, 4), strides=((1, 2, 2), (2, 2, 2)), recurrent=5),
        "radar": RadarEncoder(channels=(4, 4), strides=(2, 2), recurrent=5),
    }


def samples(seed: int = 0, count: int = COUNT) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(count, *shape, generator=generator) for name, shape in SHAPES.items()}


def iterative(**arguments: Any) -> ClassifierModule:
    given = {"encoders": encoders(), "quality_weights": WEIGHTS, "steps": 4, **arguments}
    return IterativeFusionModule(SHAPES, CLASSES, **given)


def prototype() -> ClassifierModule:
    module = object.__new__(PrototypeModule)
    ClassifierModule.__init__(module, CLASSES)
    module.save_hyperparameters({"temperature": 0.05})
    module.encoders = Streams(SHAPES, encoders())
    size = sum(torch.Size(shape).numel() for shape in module.encoders.feature_shapes.values())
    generator = torch.Generator().manual_seed(1)
    module.register_buffer("centre", 0.1 * torch.randn(size, generator=generator))
    prototypes = torch.randn(CLASSES, size, generator=generator)
    module.register_buffer("prototypes", torch.nn.functional.normalize(prototypes, dim=1))
    return module


def neighbor() -> ClassifierModule:
    module = NearestNeighborModule(SHAPES, CLASSES)
    module.remember({"inputs": samples(5, 8), "label": torch.arange(8) % CLASSES})
    return module


def forest() -> ClassifierModule:
    module = RandomForestModule(SHAPES, CLASSES, num_trees=10, num_frequencies=2)
    module.remember({"inputs": samples(5, 16), "label": torch.arange(16) % CLASSES})
    return module


BUILDERS = {
    "iterative": iterative,
    "attention alone": lambda: iterative(quality_lambda=0.0),
    "quality alone": lambda: iterative(quality_lambda=1.0),
    "concat_mlp": lambda: iterative(score="concat_mlp"),
    "attnsense": lambda: AttnSenseModule(SHAPES, CLASSES, encoders=encoders(), steps=4),
    "attnsense_original": lambda: AttnSenseModule(SHAPES, CLASSES, variant="original", intervals=4),
    "deepsense": lambda: DeepSenseModule(SHAPES, CLASSES, encoders=encoders(), steps=4),
    "deepsense_original": lambda: DeepSenseModule(SHAPES, CLASSES, variant="original", intervals=4),
    "prototype": prototype,
    "neighbor": neighbor,
    "forest": forest,
}


@pytest.fixture(params=BUILDERS)
def module(request: pytest.FixtureRequest) -> ClassifierModule:
    torch.manual_seed(0)
    return BUILDERS[request.param]().eval()


def close(one: Tensor, other: Tensor) -> None:
    torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


def test_what_an_absent_sensor_holds_does_not_matter(module: ClassifierModule) -> None:
    inputs = samples()
    there = torch.tensor([True, False, True, False, True, True])
    broken = {**inputs, "depth": inputs["depth"].clone()}
    broken["depth"][1], broken["depth"][3] = float("nan"), float("inf")
    logits = module(broken, {"depth": there})
    assert torch.isfinite(logits).all()
    close(logits, module(inputs, {"depth": there}))
    # It is the prediction of samples that never had it, and of the others as they are.
    without = {name: x for name, x in inputs.items() if name != "depth"}
    close(logits[~there], module(without)[~there])
    close(logits[there], module(inputs)[there])
    assert not torch.allclose(logits[~there], module(inputs)[~there], atol=1e-4)


def test_a_mixed_batch_is_what_its_samples_are_alone(module: ClassifierModule) -> None:
    inputs = samples()
    present = {"imu": torch.tensor([1, 0, 1, 0, 0, 1]) > 0, "radar": torch.tensor([1, 1, 0, 0, 1, 1]) > 0}
    logits = module(inputs, present)
    for row in range(COUNT):
        one = {name: x[row : row + 1] for name, x in inputs.items()}
        close(logits[row : row + 1], module(one, {name: there[row : row + 1] for name, there in present.items()}))


def test_a_mask_that_hides_nothing_changes_nothing(module: ClassifierModule) -> None:
    everything = {name: torch.ones(COUNT, dtype=torch.bool) for name in SHAPES}
    close(module(samples(), everything), module(samples()))


def test_a_sample_without_any_sensor_is_refused(module: ClassifierModule) -> None:
    present = {name: torch.arange(COUNT) > 1 for name in SHAPES}
    with pytest.raises(ConfigurationError, match=r"present: 2 samples have none of"):
        module(samples(), present)


@pytest.mark.parametrize("name", ["iterative", "attention alone", "quality alone", "attnsense", "attnsense_original"])
def test_weights_are_shared_by_what_is_there(name: str) -> None:
    torch.manual_seed(0)
    module = BUILDERS[name]().eval()
    present = {"imu": torch.tensor([1, 0, 1, 0, 0, 1]) > 0, "depth": torch.tensor([1, 1, 0, 0, 1, 1]) > 0}
    _, weights = module.classify(samples(), present)
    mask = torch.stack([*present.values(), torch.ones(COUNT, dtype=torch.bool)], dim=1)
    close(weights.sum(dim=1), torch.ones(COUNT))
    assert (weights[~mask] == 0).all() and (weights[mask] > 0).all()


def test_a_stream_of_two_sensors_is_there_where_both_are() -> None:
    inputs = {"acc": torch.zeros(3, 4, 3), "gyro": torch.zeros(3, 4, 3), "depth": torch.zeros(3, 5)}
    present = {"acc": torch.tensor([True, True, False]), "gyro": torch.tensor([True, False, True])}
    found = availability(["acc+gyro", "depth"], inputs, present)
    assert found["acc+gyro"].tolist() == [True, False, False] and found["depth"].tolist() == [True, True, True]
    assert availability(["depth"], inputs, present) is None


def test_what_needs_a_sensor_says_so() -> None:
    some = {"depth": torch.arange(COUNT) > 0}
    alone = SingleModalModule(SHAPES, CLASSES, modality="depth", encoders=encoders(), steps=4).eval()
    with pytest.raises(ConfigurationError, match=r"1 samples have none of \['depth'\]"):
        alone(samples(), some)
    alone({"depth": samples()["depth"]}, {"imu": torch.arange(COUNT) > 3})


# Training


def test_an_absent_sensor_trains_nothing_and_moves_no_statistics() -> None:
    torch.manual_seed(0)
    module = iterative(iterative_epochs=0).train()
    before = {key: value.clone() for key, value in module.encoders["depth"].state_dict().items()}
    inputs = {**samples(), "depth": torch.full((COUNT, *SHAPES["depth"]), float("nan"))}
    module(inputs, {"depth": torch.zeros(COUNT, dtype=torch.bool)}).square().mean().backward()
    assert all(p.grad is None or not p.grad.any() for p in module.encoders["depth"].parameters())
    assert all(p.grad.any() for p in module.encoders["imu"].parameters())
    assert all(torch.equal(value, before[key]) for key, value in module.encoders["depth"].state_dict().items())


def test_statistics_are_those_of_the_samples_that_have_the_sensor() -> None:
    some = torch.tensor([True, False, True, True, False, True])
    states = []
    for inputs, present in ((samples(), {"depth": some}), ({n: x[some] for n, x in samples().items()}, None)):
        torch.manual_seed(0)
        module = iterative().train()
        module(inputs, present)
        states.append(module.encoders["depth"].state_dict())
    for key, value in states[0].items():
        close(value, states[1][key])


def test_prototypes_learn_from_what_is_there() -> None:
    """An absent sensor adds nothing to its class, whatever the batch holds of it."""
    module = prototype().eval()
    module.register_buffer("sums", torch.zeros_like(module.prototypes))
    module.optimizers = lambda: torch.optim.SGD([torch.zeros(0)], lr=0.0)
    module._trainer = type("Trainer", (), {"is_last_batch": False})()
    inputs, label = samples(), torch.arange(COUNT) % CLASSES
    there = torch.arange(COUNT) != 0
    found = []
    for value in (0.0, float("nan")):
        module.sums.zero_()
        given = {**inputs, "depth": torch.where(there.view(-1, 1, 1, 1), inputs["depth"], value)}
        module.training_step({"inputs": given, "label": label, "present": {"depth": there}}, 0)
        found.append(module.sums.clone())
    assert torch.equal(*found) and torch.isfinite(found[0]).all()
    module.sums.zero_()
    module.training_step({"inputs": inputs, "label": label}, 0)
    assert not torch.allclose(module.sums[0], found[0][0]) and torch.allclose(module.sums[1], found[0][1], atol=1e-6)


# Three modalities in stage 1


@pytest.mark.parametrize("kind", ["cosmo", "cross_view", "released"])
def test_three_modalities_are_contrasted(kind: str) -> None:
    torch.manual_seed(0)
    small = {"projection_hidden": 8, "projection_dim": 6}
    module = (
        ContrastiveFusionModule(SHAPES, CLASSES, encoders(), sampling="random", num_fused=5, **small)
        if kind == "cosmo"
        else CMCModule(SHAPES, CLASSES, encoders(), variant=kind, **small)
    )
    module.log = lambda *_, **__: None
    loss = module.pretraining_loss(samples())
    loss.backward()
    assert torch.isfinite(loss) and loss > 0
    assert all(p.grad.any() for encoder in module.encoders.values() for p in encoder.parameters())
    views = module.views(module.project(module(samples())))
    assert views.shape == (COUNT, 5 if kind == "cosmo" else 3, 6)


def test_one_sample_with_a_sensor_leaves_its_encoder_in_train_mode() -> None:
    """It has no batch statistics, so that it is encoded in eval mode."""
    network = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    on_rows(network, torch.randn(4, 3), torch.tensor([False, True, False, False]), (2,))
    assert all(module.training for module in network.modules())


def test_streams_have_the_order_of_the_modalities() -> None:
    streams = Streams({"a": (30, 3), "b": (30, 3)}, {name: InertialEncoder((4,), (2,)) for name in ("b", "a")})
    assert list(streams) == list(streams.feature_shapes) == ["a", "b"]


def test_a_validation_draws_no_random_numbers(make_data, monkeypatch) -> None:
    """Otherwise the samples of the epochs after it would be others."""
    data = make_data(phase="pretrain")
    data.setup()
    module = stage1(data, sampling="random").eval()
    monkeypatch.setattr(module, "loader_name", lambda _: "query")
    monkeypatch.setattr(module, "log_dict", lambda *_, **__: None)
    state = torch.get_rng_state()
    module.validation_step({"inputs": data.inputs, "label": torch.zeros(len(data.samples.label))}, 0)
    assert torch.equal(torch.get_rng_state(), state)


def test_measures_of_a_pretraining_are_of_samples_with_all_sensors(make_data, monkeypatch) -> None:
    data = make_data(phase="pretrain")
    data.setup()
    module, observed = stage1(data).eval(), []
    monkeypatch.setattr(module, "observe", lambda features: observed.append({len(each) for each in features.values()}))
    monkeypatch.setattr(module, "loader_name", lambda _: "query")
    present = {"skeleton": torch.tensor([True, False, True, True, False])}
    inputs = {name: values[:5] for name, values in data.inputs.items()}
    module.validation_step({"inputs": inputs, "label": torch.zeros(5), "present": present}, 0)
    assert observed == [{3}]
