"""Arguments that cannot work are refused by their annotations, in Python and on the command line."""

from __future__ import annotations

import copy
import inspect
import math
import pickle
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import numpy as np
import pytest
import torch
from pytorch_lightning.cli import LightningArgumentParser

import cosmo_pl.data
from cosmo_pl import encoders, fusion, losses, modules
from cosmo_pl.callbacks import ModalityDropout, NearestNeighborPositives
from cosmo_pl.cli import main
from cosmo_pl.constraints import (
    Constrained,
    Constraint,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Share,
    check,
    constraints_of,
)
from cosmo_pl.data import USCDataModule, UTDDataModule, augmentations, transforms
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.study.resolving import resolve

ROOT = Path(__file__).parents[1]
SHAPES = {"inertial": (40, 6), "skeleton": (40, 20, 3)}
NAN, INF = math.nan, math.inf
COUNTS: list[Any] = [0, -1, 1.5, True, "3", NAN, None]
RATES: list[Any] = [0, -0.1, NAN, INF, "0.1", True, None]

# Class, what it needs, and argument to values that it cannot take.
BAD: list[tuple[type, dict[str, Any], dict[str, list[Any]]]] = [
    (UTDDataModule, {}, {
        "batch_size": [*COUNTS, 1], "pretrain_batch_size": [1, 0], "label_rate": [0, 1.01, -0.1, NAN, "0.5", None],
        "labels_per_class": [0, -1, 2.0], "label_seed": [-1, 2**32, 0.5], "unlabeled_per_labeled": [0, -1, NAN],
        "person_labels_per_class": [-1, 0.5], "person_unlabeled": ["all", 1],
        "target_label_fraction": [-0.1, 1.1, NAN], "max_train_samples": [0], "max_train_per_class": [0, -3],
        "max_test_samples": [0], "num_augmentations": [0, 1001], "num_workers": [-1, 513],
        "inertial_steps": [9, 10**7, 120.0], "skeleton_frames": [9], "depth_frames": [0, 10**6],
        "depth_size": [(0, 40), (30,), 30, (30, 40, 1)], "test_subjects": [[-1], [1, "2"], 3, "12", [1.0]],
        "train_subjects": [[True]], "val_subjects": [[-2], None], "folds": [1, 0, -3, 2.5, "2", [[1], [-2]]],
        "fold": [-1, 1.0],
        "plausible": [{"g": (1, -1)}, {"g": (1,)}, {"g": (0, INF)}, {"g": 3}, [0, 1]], "phase": ["pretraining", 1],
    }),
    (USCDataModule, {}, {"window_size": [0, 10**6], "stride": [0, -5, 70.0], "label_rate": [2], "label_seed": [-1]}),
    (encoders.InertialEncoder, {}, {"channels": [(0, 4), (4, -1), 4], "kernels": [(0, 1)], "dropout": [1, -0.1, NAN]}),
    (encoders.SkeletonEncoder, {}, {"kernels": [((5, 5, 0),), ((5, 5),)], "dropout": [1.5]}),
    (encoders.DepthEncoder, {}, {"strides": [((0, 1, 1),)], "grid": [(0, 5), (4,)], "recurrent": [-1], "dropout": [1]}),
    (encoders.RadarEncoder, {}, {"in_channels": [0], "strides": [(0, 2, 2)], "grid": [(2, 4)], "recurrent": [-1]}),
    (encoders.TemporalEncoder, {"in_features": 6}, {
        "in_features": [0], "kernel_size": [0, 4, -1], "segments": [0], "strides": [(0,)], "dropout": [1],
    }),
    (encoders.SpectralEncoder, {"in_features": 6}, {"intervals": [0], "frequencies": [6], "width": [0]}),
    (encoders.StatisticsEncoder, {"in_features": 6}, {"num_frequencies": [0], "widths": [(), (0,)]}),
    (encoders.CPCEncoder, {}, {
        "in_features": [0], "channels": [(), (0,)], "context_dim": [0], "pooling": [0], "dropout": [1],
    }),
    (encoders.ProjectionHead, {"in_features": 6}, {"hidden_features": [0], "out_features": [-1]}),
    (encoders.RecurrentClassifier, {"in_features": 6, "steps": 4, "num_classes": 3}, {
        "in_features": [0], "steps": [0], "num_classes": [0], "hidden_size": [0], "num_layers": [0],
        "mlp_features": [(0,)],
    }),
    (losses.ContrastiveFusionLoss, {}, {"temperature": RATES, "reduction": ["none"]}),
    (losses.CrossViewLoss, {}, {"temperature": RATES}),
    (fusion.FusionAugmentation, {}, {
        "num_fused": [1, 0, -1, 2.5], "weight_range": [(-0.1, 0.9), (0.1, 1.1), (0.9, 0.1), (NAN, 0.9), 0.5],
        "sampling": ["uniform"], "mode": ["mean"],
    }),
    (fusion.QualityGuidedAttention, {"feature_dims": {"imu": 4}}, {
        "quality_lambda": [-0.1, 1.1, NAN], "quality_weights": [{"imu": -1}, {"imu": NAN}], "score": ["cosine"],
    }),
    (augmentations.RotateSensor, {}, {"max_degrees": RATES}),
    (augmentations.RotateAboutGravity, {}, {"max_degrees": [0]}),
    (augmentations.RotateBody, {}, {"max_degrees": [0]}), (augmentations.Gain, {}, {"strength": [0, 1, NAN]}),
    (augmentations.Jitter, {}, {"std": [0, -1, [], [0.1, 0], "a", NAN]}),
    (augmentations.ScaleAxes, {}, {"strength": [0, 1]}), (augmentations.ScaleLimbs, {}, {"strength": [0, 1]}),
    (augmentations.DropChannels, {}, {"share": [0, 1]}), (augmentations.DropJoints, {}, {"share": [0, 1]}),
    (augmentations.MaskTime, {}, {"max_fraction": [0, 1]}), (augmentations.ShiftDistance, {}, {"max_millimetres": [0]}),
    (augmentations.ShiftSpace, {}, {"max_shift": [[], [0, 0], [-1, 2], [1.5], 2]}),
    (augmentations.WarpTime, {}, {"strength": [0], "knots": [1], "crop": [0, 0.5, NAN]}),
    (transforms.CenterOnHip, {}, {"frame": ["last", None]}),
    (ModalityDropout, {}, {"probability": [0, 1, NAN]}),
    (NearestNeighborPositives, {}, {"start_epoch": [-1], "every": [0], "fraction": [0, 1.1]}),
]  # fmt: skip

SETTINGS = {
    "name": ["lion"], "momentum": [1, -0.1, NAN], "betas": [(0.9, 1), (0.9,), (-1, 0.9)], "weight_decay": [-1, NAN],
    "schedule": ["linear"], "milestones": [[-1], [1.5], 100, "1"], "gamma": [0, -1, INF],
}  # fmt: skip
BAD.append((modules.OptimizerSettings, {}, SETTINGS))
OPTIMIZER = {"lr": RATES, "optimizer": ["lion", {"name": "lion"}, {"betas": [0.9, 1]}, {"gama": 0.1}]}
STAGE_1 = {"projection_dim": COUNTS, "projection_hidden": [0, 10**6], "temperature": RATES, "max_clusters": [1, 2.0]}
PRETRAINED = {"num_classes": [0, "3"], "optimizer": [{"name": "lion"}]}
BAD += [
    (getattr(modules, name), {"modality_shapes": SHAPES, "num_classes": 3}, {**PRETRAINED, **arguments})
    for name, arguments in {
        "ContrastiveFusionModule": OPTIMIZER | STAGE_1 | {
            "num_fused": [1, 0], "weight_range": [(0.9, 0.1), (-1, 0.5)], "sampling": ["all"],
            "same_subject_weight": [0, -1, NAN],
        },
        "CMCModule": OPTIMIZER | STAGE_1 | {"variant": ["other"], "same_subject_weight": [0, -1, NAN]},
        "CMKMModule": OPTIMIZER | STAGE_1 | {"num_positives": [-1, 0.5], "intra_weight": [-1, NAN]},
        "COCOAModule": OPTIMIZER | STAGE_1 | {"negative_weight": [-0.1, INF]},
        "FOCALModule": OPTIMIZER | STAGE_1 | {
            "projection_dim": [0, 7, 2.0], "sequence_length": [0], "margin": [-1, NAN], "shared_weight": [-1],
            "private_weight": [-1], "orthogonality_weight": [-1], "temporal_weight": [-1],
        },
        "SimCLRModule": OPTIMIZER | STAGE_1,
        "CPCModule": OPTIMIZER | {
            "horizon": COUNTS, "channels": [()], "context_dim": [0], "dropout": [1], "pooling": [0],
        },
        "IterativeFusionModule": {**OPTIMIZER, "lr": []} | {
            "iterative_epochs": [-1, 2.5], "phase_offset": [-1], "quality_lambda": [1.1], "encoder_lr": RATES,
            "classifier_lr": RATES, "gradient_clip_val": [0, -1, NAN], "quality_weights": [{"inertial": -1}],
            "steps": [0], "head": ["mlp"], "first_part": ["both"], "sequence_axis": ["space"],
        },
        "SingleModalModule": OPTIMIZER | {"steps": [0]},
        "DeepSenseModule": OPTIMIZER | {"steps": [0], "intervals": [0], "variant": ["published"]},
        "AttnSenseModule": OPTIMIZER | {"noise_std": [-0.1, NAN], "intervals": [0], "fusion": ["product"]},
    }.items()
]  # fmt: skip
BAD += [
    (getattr(modules, name), {"modality_shapes": SHAPES, "num_classes": 3}, {"num_classes": [0], **arguments})
    for name, arguments in {
        "RandomForestModule": {
            "num_trees": [0], "num_frequencies": [-1], "seed": [-1, 2**32], "self_training_rounds": [-1],
            "context": [-1], "max_pseudo_labels": [0],
        },
        "FeatureForestModule": {"num_trees": [0], "max_pseudo_labels": [0]},
        "MiniRocketModule": {"num_kernels": [0, 83], "seed": [-1], "self_training_rounds": [-1], "context": [-1]},
        "MultiRocketHydraModule": {"num_kernels": [0], "num_groups": [0], "max_pseudo_labels": [0]},
        "NearestNeighborModule": {"band": [-0.1, 1.1, NAN], "metric": ["cosine"]},
        "PrototypeModule": {"unlabeled_weight": [1, -0.1], "temperature": RATES},
    }.items()
]  # fmt: skip
CASES = [
    pytest.param(kind, needed, argument, value, id=f"{kind.__name__}.{argument}={value}")
    for kind, needed, arguments in BAD
    for argument, values in arguments.items()
    for value in values
]


@pytest.mark.parametrize(("kind", "needed", "argument", "value"), CASES)
def test_an_argument_that_cannot_work_is_refused_in_python(
    kind: type, needed: dict[str, Any], argument: str, value: Any
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        kind(**{**needed, argument: value})
    message = str(caught.value)
    assert message.startswith(f"{kind.__name__}.{argument}") and "\n" not in message
    assert ": is " in message and ". Use " in message and message.endswith(".")


def test_the_message_says_what_is_allowed() -> None:
    told = {
        "batch_size: is 1. Use a whole number of at least 2.": {"batch_size": 1},
        "batch_size: is '16' of type str. Use a whole number of at least 2.": {"batch_size": "16"},
        "batch_size: is np.int64(16) of type int64. Use a whole number of at least 2.": {"batch_size": np.int64(16)},
        "label_rate: is nan. Use a share in (0, 1].": {"label_rate": NAN},
        "max_test_samples: is 0. Use a whole number of at least 1 or null.": {"max_test_samples": 0},
        "test_subjects[1]: is -2. Use a whole number of at least 0.": {"test_subjects": [1, -2]},
        "folds: is 1. Use a whole number of at least 2 or a list or null.": {"folds": 1},
        "folds[1][0]: is -1. Use a whole number of at least 0.": {"folds": [[1], [-1]]},
        "phase: is 'both' of type str. Use 'pretrain' or 'finetune' or null.": {"phase": "both"},
        "depth_size: is (30,). Use a list of 2.": {"depth_size": (30,)},
        "phase: is array(['pretrain'], dtype='<U8') of type ndarray. Use 'pretrain' or 'finetune' or null.": {
            "phase": np.array(["pretrain"])
        },
        f"test_subjects: is tensor([{'0., ' * 18}... of type Tensor. Use a list or null.": {
            "test_subjects": torch.zeros(99)
        },
    }
    for message, arguments in told.items():
        with pytest.raises(ConfigurationError) as caught:
            UTDDataModule(**arguments)
        assert str(caught.value) == f"UTDDataModule.{message}"


def test_what_works_stays_what_it_is() -> None:
    data = UTDDataModule(batch_size=2, label_rate=1, folds=4, fold=3, depth_size=[3, 4], test_subjects=[7])
    assert type(data.label_sampling.rate) is int and data.batch_size == 2
    loss = losses.CrossViewLoss(1)
    assert type(loss.temperature) is int
    assert augmentations.Jitter([1, 0.5]).std.tolist() == [1.0, 0.5]


def test_positional_arguments_and_those_handed_on_are_checked_and_a_class_may_redefine_them() -> None:
    class Mine(UTDDataModule):
        def __init__(self, label_rate: Any = 0.5, width: PositiveInt = 3, **shared: Any) -> None:
            super().__init__(**shared)

    # annotations of a local class name what its file imports
    assert not {"label_rate"} & set(constraints_of(Mine))
    assert {"width", "inertial_steps", "batch_size", "folds"} <= set(constraints_of(Mine))
    with pytest.raises(ConfigurationError, match=r"^Mine\.width: is 0"):
        Mine(0.1, 0)
    with pytest.raises(ConfigurationError, match=r"^Mine\.label_seed: is -1"):
        Mine(label_seed=-1)
    Mine(label_rate="whatever it makes of it")


def test_constructors_say_themselves_what_is_missing_or_too_much() -> None:
    with pytest.raises(TypeError, match="in_features"):
        encoders.TemporalEncoder()
    with pytest.raises(TypeError, match="no_such"):
        UTDDataModule(no_such=3)
    with pytest.raises(TypeError, match="takes no arguments"):
        transforms.ScaleByTorso(3)
    with pytest.raises(TypeError, match="abstract"):
        augmentations.Augmentation()
    assert list(inspect.signature(UTDDataModule).parameters)[:2] == ["inertial_steps", "skeleton_frames"]


def test_copies_and_pickles_need_no_arguments() -> None:
    encoder = encoders.InertialEncoder((4, 4), (2, 2))
    assert copy.deepcopy(encoder).hparams == encoder.hparams
    assert pickle.loads(pickle.dumps(encoder)).hparams == encoder.hparams
    assert pickle.loads(pickle.dumps(augmentations.Gain(0.3))).strength == 0.3


# The command line


def parsed_module() -> modules.CPCModule:
    parser = LightningArgumentParser(exit_on_error=False)
    parser.add_lightning_class_args(modules.BaseModule, "model", subclass_mode=True)
    arguments = {"modality_shapes": {"inertial": (40, 6)}, "num_classes": 3, "lr": "1e-3"}
    arguments["optimizer"] = {"milestones": [1, 2]}
    model = parser.instantiate(
        parser.parse_object({"model": {"class_path": "CPCModule", "init_args": arguments}})
    ).model
    assert isinstance(model, modules.CPCModule)
    return model


def plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(plain, value.values()))
    return (
        all(map(plain, value)) if type(value) in (list, tuple) else type(value) in (int, float, str, bool, type(None))
    )


def test_hyper_parameters_stay_plain_and_load_as_weights_only(tmp_path: Path) -> None:
    model = parsed_module()
    assert model.hparams["lr"] == 1e-3 and len(model.hparams) == 10 and plain(dict(model.hparams))
    torch.save({"hyper_parameters": dict(model.hparams)}, tmp_path / "of.ckpt")
    stored = torch.load(tmp_path / "of.ckpt", weights_only=True)["hyper_parameters"]
    rebuilt = modules.CPCModule(**stored)
    assert dict(rebuilt.hparams) == stored


@pytest.mark.parametrize(
    ("argument", "value", "told"),
    [
        ("model.init_args.lr", -1, "model.init_args.lr: is -1.0. Use a finite number above 0."),
        ("model.init_args.lr", ".nan", "model.init_args.lr: is nan. Use a finite number above 0."),
        ("model.init_args.optimizer.momentum", 1,
         "model.init_args.optimizer.momentum: is 1.0. Use a number in [0, 1)."),
        ("model.init_args.optimizer.milestones", [-1],
         "model.init_args.optimizer.milestones[0]: is -1. Use a whole number of at least 0."),
        ("model.init_args.projection_dim", 0,
         "model.init_args.projection_dim: is 0. Use a whole number from 1 to 100000."),
        ("model.init_args.encoders.inertial.init_args.dropout", 1,
         "model.init_args.encoders.inertial.init_args.dropout: is 1.0. Use a number in [0, 1)."),
        ("data.init_args.inertial_steps", 10**7,
         "data.init_args.inertial_steps: is 10000000. Use a whole number from 10 to 10000."),
        ("data.init_args.label_seed", -1, "data.init_args.label_seed: is -1. Use a whole number from 0 to 4294967295."),
        ("trainer.max_epochs", -2,
         "trainer.max_epochs: is -2. Use a whole number of at least 1, or -1 for no limit or null."),
        ("trainer.check_val_every_n_epoch", 0,
         "trainer.check_val_every_n_epoch: is 0. Use a whole number of at least 1 or null."),
        ("seed_everything", -1,
         "seed_everything: is -1. Use true or false or a whole number from 0 to 4294967295 or null."),
    ],
)  # fmt: skip
def test_the_parsers_configuration_is_refused_by_the_argument_s_place(argument: str, value: Any, told: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        resolve([ROOT / "configs/utd_stage1.yaml"], {argument: value})
    assert str(caught.value) == told


def test_augmentations_and_callbacks_in_lists_are_found(tmp_path: Path) -> None:
    overlay = tmp_path / "overlay.yaml"
    gain = "{class_path: cosmo_pl.data.augmentations.Gain, init_args: {strength: 1.5}}"
    overlay.write_text(f"data:\n  init_args:\n    augmentations: {{inertial: [{gain}]}}\n", encoding="utf-8")
    with pytest.raises(
        ConfigurationError, match=r"^data\.init_args\.augmentations\.inertial\[0\]\.init_args\.strength: "
    ):
        resolve([ROOT / "configs/utd_stage1.yaml", overlay], {})


@pytest.mark.parametrize(
    "option",
    ["model.init_args.lr=-1", "trainer.devices=0", "seed_everything=-1", "data.init_args.num_workers=-1"],
)
def test_the_command_ends_with_one_line_before_anything_is_read(
    option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["cosmo-pl", "fit", f"--config={ROOT / 'configs/utd_stage1.yaml'}", f"--{option}"])
    with pytest.raises(SystemExit) as ended:
        main()
    told = capsys.readouterr().err.strip()
    assert ended.value.code == 2 and told.startswith(f"cosmo-pl: {option.split('=')[0]}: is ") and "\n" not in told
    assert not list(tmp_path.iterdir())


# All arguments have one


def classes() -> Iterator[type]:
    """All classes that refuse arguments, with those of methods that nothing else imports."""
    found = [Constrained]
    for kind in found:
        found += [each for each in kind.__subclasses__() if each not in found]
    return (kind for kind in found if kind.__module__.startswith("cosmo_pl."))


def unconstrained(hint: Any) -> bool:
    """Whether a number stands in an annotation without a constraint."""
    if get_origin(hint) is Annotated:
        return not any(isinstance(each, Constraint) for each in hint.__metadata__)
    return hint in (int, float) or (get_origin(hint) is not Literal and any(map(unconstrained, get_args(hint))))


@pytest.mark.parametrize("kind", sorted(set(classes()), key=lambda kind: kind.__name__), ids=lambda kind: kind.__name__)
def test_every_number_has_a_constraint_that_its_default_meets(kind: type) -> None:
    init = vars(kind).get("__init__")
    for name, parameter in inspect.signature(init).parameters.items() if init else ():
        hint = eval(parameter.annotation, init.__globals__) if isinstance(parameter.annotation, str) else None
        assert not unconstrained(hint), f"{name}: {parameter.annotation}"
        if parameter.default is not parameter.empty:
            check(name, parameter.default, hint)


def test_all_that_yaml_can_name_refuses_arguments() -> None:
    found = {kind.__name__ for kind in classes()}
    for package in (cosmo_pl.data, encoders, losses, fusion, modules, augmentations):
        public = {name for name in package.__all__ if inspect.isclass(getattr(package, name))}
        missing = {name for name in public - found if "__init__" in vars(getattr(package, name))}
        assert missing <= {"ModalityQuality", "OptimizerSettings"}, missing  # a result; a dataclass that checks itself


def test_unions_and_containers() -> None:
    for value, hint, allowed in (
        ([1, 2], Sequence[PositiveInt], True), ((1, 0), Sequence[PositiveInt], False),
        ("12", Sequence[PositiveInt], False),
        ({"a": 1}, Mapping[str, PositiveFloat], True), ({"a": 0}, Mapping[str, PositiveFloat], False),
        (2, PositiveInt | Share, True), (0.5, PositiveInt | Share, True), (1.5, PositiveInt | Share, False),
        ((1, 2, 3), tuple[NonNegativeInt, ...], True), (range(3), Sequence[NonNegativeInt], True),
    ):  # fmt: skip
        if allowed:
            check("x", value, hint)
        else:
            with pytest.raises(ConfigurationError):
                check("x", value, hint)
