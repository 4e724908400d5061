"""One modality alone, trained anew or from a bundle, and the encoders of several streams."""

from __future__ import annotations

import math

import pytest
import torch
from pytorch_lightning.loggers import CSVLogger

from cosmo_pl.bundle import Bundle
from cosmo_pl.encoders import InertialEncoder, SkeletonEncoder
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.modules import SingleModalModule
from cosmo_pl.modules.base import Streams, load_encoders

from .conftest import small_encoders, stage1

UTD = {"inertial": (120, 6), "skeleton": (40, 20, 3)}


def single(data, modality="inertial", **arguments):
    torch.manual_seed(0)
    arguments.setdefault("encoders", small_encoders(dropout=0.0))
    return SingleModalModule(data.modality_shapes, data.num_classes, modality, **arguments)


@pytest.mark.parametrize("modality", UTD)
def test_only_its_modality_counts(make_data, modality):
    data = make_data()
    data.setup()
    module = single(data, modality)  # in train mode: untrained statistics would silence so few channels
    inputs = next(iter(data.train_dataloader()))["inputs"]
    other = next(name for name in UTD if name != modality)
    told = module(inputs)
    assert torch.equal(told, module({modality: inputs[modality]}))
    assert torch.equal(told, module({**inputs, other: torch.randn_like(inputs[other])}))
    assert not torch.equal(told, module({**inputs, modality: torch.randn_like(inputs[modality])}))
    assert module.attention_by_class() is None


@pytest.mark.parametrize(("modality", "steps_width"), [("inertial", 472), ("skeleton", 168)])
def test_parameters_are_those_of_the_released_code(modality, steps_width):
    """FACTS of the released code: 2.95 M for the inertial sensor, 3.09 M for the skeleton."""
    encoders = {"inertial": InertialEncoder(), "skeleton": SkeletonEncoder()}
    module = SingleModalModule(UTD, 27, modality, encoders, sequence_axis="channel")
    encoder = {"inertial": 19_728, "skeleton": 264_848}[modality]
    first, second = (3 * 120 * (size + 120 + 2) for size in (steps_width, 120))
    mlp = sum(a * b + b for a, b in ((1920, 1280), (1280, 128), (128, 27))) + 2 * (1280 + 128)
    expected = encoder + first + second + mlp
    assert sum(p.numel() for p in module.parameters()) == expected
    assert round(expected / 1e6, 2) == {"inertial": 2.95, "skeleton": 3.09}[modality]


def test_overfits_27_clips(make_data, make_trainer):
    data = make_data(labels_per_class=1, track_test=False)
    module = single(data, "skeleton", lr=0.02)
    trainer = make_trainer(25)
    trainer.fit(module, datamodule=data)
    assert trainer.callback_metrics["train/loss"] < 1.0 < math.log(27)
    assert trainer.callback_metrics["train/acc"] > 0.9


@pytest.fixture
def bundle(make_data, make_trainer, tmp_path):
    data = make_data(phase="pretrain")
    make_trainer(1, logger=CSVLogger(str(tmp_path), name="cosmo")).fit(stage1(data), datamodule=data)
    return tmp_path / "cosmo"


def test_one_encoder_of_a_bundle(bundle, make_data, make_trainer):
    """Where the data have both modalities, and where they have the one alone."""
    trained = Bundle.load(bundle).encoders["inertial"].state_dict()
    for modalities in (["inertial", "skeleton"], ["inertial"]):
        data = make_data(modalities=modalities)
        module = single(data, bundle=str(bundle), encoders=None)
        state = module.encoders["inertial"].state_dict()
        assert all(torch.equal(value, state[key]) for key, value in trained.items())
        make_trainer(1, limit_train_batches=1).fit(module, datamodule=data)
        assert module.record.pretraining == "ContrastiveFusionModule"
        moved = module.encoders["inertial"].state_dict()
        assert not all(torch.equal(value, moved[key]) for key, value in trained.items()), "fine-tuned, not frozen"


class ListedEncoder(InertialEncoder):
    """An encoder of a user's own, whose arguments are as they were given."""

    def __init__(self, widths=(4, 4)):
        super().__init__(widths, (2, 2))
        self.save_hyperparameters()


def test_tuples_become_lists_in_a_bundle_and_are_still_the_same(tmp_path):
    Bundle({"imu": ListedEncoder((4, 5))}, {"imu": (30, 3)}, {}, {}, "").save(tmp_path / "bundle")
    with pytest.raises(ConfigurationError, match=r"\[4, 5\].*\[4, 4\]"):
        load_encoders({"imu": (30, 3)}, {"imu": ListedEncoder()}, str(tmp_path / "bundle"))
    streams, _ = load_encoders({"imu": (30, 3)}, {"imu": ListedEncoder((4, 5))}, str(tmp_path / "bundle"))
    assert streams["imu"].hparams == {"widths": [4, 5]}


def test_an_encoder_of_a_bundle_is_ready_for_use(bundle):
    """In eval mode: two calls agree and no statistics move."""
    encoder = Bundle.load(bundle).encoders["inertial"]
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    x = torch.randn(5, 120, 6)
    assert torch.equal(encoder(x), encoder(x))
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())


def test_encoders_beside_a_bundle_have_to_be_its_own(bundle):
    with pytest.raises(ConfigurationError, match=r"encoders.*\[4, 4, 4, 4\].*\[8, 8, 8, 8\]"):
        load_encoders(UTD, {**small_encoders(), "inertial": InertialEncoder((8, 8, 8, 8))}, str(bundle))
    with pytest.raises(ConfigurationError, match="are for"):
        load_encoders({"inertial": (120, 6)}, {"inertial+skeleton": small_encoders()["inertial"]}, str(bundle))
    streams, loaded = load_encoders({"inertial": (120, 6)}, small_encoders(), str(bundle))
    assert loaded is not None and list(streams) == ["inertial"], "what the data leave out may be named"
    assert streams["inertial"] is loaded.encoders["inertial"]


def test_joined_streams():
    shapes = {"acc": (30, 3), "gyro": (30, 3), "baro": (15, 1)}
    joint, alone = InertialEncoder((4, 4), (2, 2)), InertialEncoder((4,), (1,))
    streams = Streams(shapes, {"baro": alone, "acc+gyro": joint})
    assert list(streams) == ["acc+gyro", "baro"], "in the order of the data"
    assert streams.feature_shapes == {"acc+gyro": (4, 28, 4), "baro": (4, 15, 1)}
    inputs = {name: torch.randn(2, *shape) for name, shape in shapes.items()}
    streams.eval()
    maps = streams(inputs)
    assert torch.equal(maps["acc+gyro"], joint(torch.cat([inputs["acc"], inputs["gyro"]], dim=2)))
    assert torch.equal(maps["baro"], alone(inputs["baro"]))


@pytest.mark.parametrize(
    "names", [["acc+gyro"], ["acc+gyro", "gyro", "baro"], ["acc", "gyro+gyro", "baro"], ["acc+baro", "gyro"]]
)
def test_streams_that_do_not_fit_are_refused(names):
    shapes = {"acc": (30, 3), "gyro": (30, 3), "baro": (15, 1)}
    with pytest.raises(ConfigurationError, match=r"encoders|sampling rates"):
        Streams(shapes, {name: InertialEncoder((4,), (1,)) for name in names})


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"modality": None}, "modality: none is given"),
        ({"modality": "radar"}, "modality: the data have no 'radar'"),
        ({"encoders": {"skeleton": None}}, "modality: the encoders have no 'inertial'"),
        ({"encoders": None}, "encoders"),
        ({"sequence_axis": "space"}, "sequence_axis"),
        ({"steps": 0}, "steps"),
    ],
)
def test_bad_arguments_are_named(make_data, arguments, named):
    with pytest.raises(ConfigurationError, match=named):
        single(make_data(), **arguments)
