"""Options of Lightning's Trainer that cannot work are refused, before data is read, with the option that does it."""

from __future__ import annotations

import pytest
import torch
from jsonargparse import Namespace
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning import Trainer
from pytorch_lightning.callbacks import EarlyStopping

from cosmo_pl.cli import main
from cosmo_pl.cli.lightning_options import REFUSED, Use, check_loggers, check_options, refused
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.modules import (
    ContrastiveFusionModule,
    DeepSenseModule,
    IterativeFusionModule,
    PrototypeModule,
    RandomForestModule,
)

from .conftest import CONFIGS, SMALL_ENCODERS, TINY

DEFAULTS = {
    "accelerator": "auto",
    "strategy": "auto",
    "devices": 1,
    "accumulate_grad_batches": 1,
    "overfit_batches": 0.0,
}
ALL = [ContrastiveFusionModule, DeepSenseModule, IterativeFusionModule, PrototypeModule, RandomForestModule]
BY_HAND, WITHOUT = ALL[2:], ALL[3:]


def use(model, fits=True, data=None, **trainer):
    return Use(fits, {**DEFAULTS, **trainer}, model, data or {})


def callback(name, **arguments):
    return {"callbacks": [Namespace(class_path=f"pytorch_lightning.callbacks.{name}", init_args=arguments)]}


CASES = [  # Trainer's arguments, the models that they cannot work with, what the line names
    *[({"precision": kind}, ALL, "16-mixed") for kind in ("16-true", "bf16-true", "64-true", 64, "transformer-engine")],
    ({"plugins": [Namespace(class_path="pytorch_lightning.plugins.HalfPrecision")]}, ALL, "trainer.precision"),
    ({"accumulate_grad_batches": 2}, [IterativeFusionModule], "data.init_args.batch_size"),
    ({"accumulate_grad_batches": 2}, WITHOUT, "Leave it out"),
    ({"gradient_clip_val": 0.5}, [IterativeFusionModule], "model.init_args.gradient_clip_val"),
    ({"gradient_clip_val": 0.5}, WITHOUT, "Leave it out"),
    ({"gradient_clip_algorithm": "value"}, ALL, "trainer.gradient_clip_val"),
    ({"overfit_batches": 1}, ALL, "trainer.limit_train_batches"),
    ({"overfit_batches": 0.5}, ALL, "trainer.limit_train_batches"),
    ({"enable_checkpointing": False}, ALL, "checkpoint"),
    ({"barebones": True}, ALL, "checkpoints"),
    *(({"devices": several}, WITHOUT, "devices=1") for several in (2, [0, 1], "0,1", -1)),
    ({"strategy": "ddp"}, WITHOUT, "Leave it out"),
    (callback("BatchSizeFinder"), ALL, "data.init_args.pretrain_batch_size"),
    (callback("LearningRateFinder"), ALL, "learning rate"),
    (callback("GradientAccumulationScheduler", scheduling={1: 2}), BY_HAND, "data.init_args.batch_size"),
    (callback("StochasticWeightAveraging", swa_lrs=0.1), BY_HAND, "optimizer"),
    (callback("WeightAveraging"), WITHOUT, "Leave it out"),
    (callback("Timer", duration="1"), ALL, "trainer.max_time"),
    (callback("BackboneFinetuning"), ALL, "frozen_encoders"),
    (callback("EarlyStopping", monitor="val/acc"), ALL[1:], "data.init_args.val_subjects"),
    (callback("ModelCheckpoint", monitor="val/acc"), ALL[1:], "data.init_args.val_subjects"),
    (callback("EarlyStopping", monitor="test/acc"), ALL, "data.init_args.val_subjects"),
    (callback("EarlyStopping", monitor="probe/acc"), ALL, "data.init_args.val_subjects"),
    (callback("ModelCheckpoint", monitor="positives/agreement"), ALL, "Monitor probe/acc"),
    ({"max_steps": 5}, WITHOUT, "trainer.max_epochs"),
]


@pytest.mark.parametrize(("trainer", "models", "named"), CASES, ids=lambda value: str(value)[:50])
def test_what_cannot_work_is_refused_and_nothing_else(trainer, models, named):
    for model in models:
        with pytest.raises(ConfigurationError) as error:
            check_options(use(model, **trainer))
        line = str(error.value)
        assert line.startswith("trainer.") and named in line and "\n" not in line and len(line) < 250
    refused_by = {option for given, kinds, _ in CASES if given == trainer for option in kinds}
    for model in set(ALL) - refused_by:
        check_options(use(model, **trainer))


@pytest.mark.parametrize("model", ALL)
@pytest.mark.parametrize(
    "trainer",
    [
        {}, {"precision": "16-mixed"}, {"precision": 32}, {"gradient_clip_val": None}, {"gradient_clip_val": 0},
        {"callbacks": None}, {"callbacks": []}, {"logger": True}, {"limit_train_batches": 1}, callback("ModelSummary"),
        callback("EarlyStopping", monitor="train/loss"), {"accelerator": "cpu"}, {"profiler": "simple"},
    ],
)  # fmt: skip
def test_what_works_is_not_refused(trainer, model):
    check_options(use(model, **trainer))


@pytest.mark.parametrize("one", [1, "1", "auto", [0], "0,"])
def test_one_device_is_not_several(one):
    check_options(use(RandomForestModule, devices=one))


def test_validation_subjects_and_evaluations():
    stopping = callback("EarlyStopping", monitor="val/acc")
    check_options(use(DeepSenseModule, data={"val_subjects": [6]}, **stopping))
    check_options(use(DeepSenseModule, fits=False, **stopping))
    check_options(use(RandomForestModule, fits=False, devices=2))


@pytest.mark.parametrize(
    ("gpus", "trainer", "named"),
    [
        (0, {"accelerator": "gpu"}, "trainer.accelerator: 'gpu' needs a GPU, and the machine has none"),
        (0, {"accelerator": "cuda", "devices": "auto"}, "trainer.accelerator"),
        (0, {"accelerator": "tpu"}, "trainer.accelerator: 'tpu' names a device that the machine lacks"),
        (0, {"accelerator": "auto", "devices": 2}, None),
        (1, {"accelerator": "gpu"}, None),
        (1, {"accelerator": "gpu", "devices": "auto"}, None),
        (1, {"accelerator": "gpu", "devices": 2}, "trainer.devices: 2 needs more GPUs than the machine has"),
        (1, {"accelerator": "auto", "devices": "2"}, "trainer.devices"),
        (1, {"accelerator": "gpu", "devices": [1]}, "trainer.devices: [1] needs more GPUs"),
        (2, {"accelerator": "gpu", "devices": [1]}, None),
        (2, {"accelerator": "gpu", "devices": -1}, None),
        (1, {"accelerator": "cpu", "devices": 4}, None),
    ],
)
def test_gpus_that_are_not_there(gpus, trainer, named, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    if named is None:
        check_options(use(DeepSenseModule, **trainer))
        return
    with pytest.raises(ConfigurationError, match="^" + named.replace("[", r"\[")):
        check_options(use(DeepSenseModule, **trainer))


def test_every_entry_of_the_table_has_a_case():
    applied = set()
    for trainer, models, _ in CASES:
        for option in REFUSED:
            applied |= {option for model in models if option.when(use(model, **trainer))}
    devices = {option for option in REFUSED if option.option == "accelerator" or "GPU" in option.problem}
    assert set(REFUSED) - applied == devices


def test_what_lightning_refuses_is_one_line():
    for wrong in ({"devices": 0, "accelerator": "cpu"}, {"strategy": "nothing"}, {"profiler": "nothing"}):
        with pytest.raises(ConfigurationError, match=r"^trainer: [^\n]*$"), refused(building=True):
            Trainer(logger=False, **wrong)
    with pytest.raises(ConfigurationError, match=r"^trainer: asks for much"), refused():
        raise MisconfigurationException("asks\n for   much.")
    stopping = EarlyStopping("nothing")
    with (
        pytest.raises(ConfigurationError, match=r"^trainer: Early stopping conditioned on metric `nothing`"),
        refused(),
    ):
        stopping._validate_condition_metric({})


@pytest.mark.parametrize("error", [ValueError("a defect"), RuntimeError("a defect"), AttributeError("a defect")])
def test_a_defect_keeps_its_traceback(error):
    with pytest.raises(type(error), match="a defect") as raised, refused():
        raise error
    assert not isinstance(raised.value, ConfigurationError)


@pytest.mark.parametrize("name", ["../../x", "/etc/x", "a/../../b", ".."])
@pytest.mark.parametrize("argument", ["name", "version", "sub_dir"])
def test_loggers_write_inside_their_folder(name, argument):
    for several in (False, True):
        logger = Namespace(init_args={"save_dir": "runs", "name": "fine", argument: name})
        with pytest.raises(ConfigurationError, match=rf"trainer\.logger\.init_args\.{argument}: '{name}' leads out"):
            check_loggers(Namespace(logger=[True, logger] if several else logger))


@pytest.mark.parametrize("logger", [None, True, False, [], Namespace(init_args={"name": "a/b..c", "version": 3})])
def test_other_loggers_are_fine(logger):
    check_loggers(Namespace(logger=logger))


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("--trainer.logger={class_path: CSVLogger, init_args: {save_dir: a, name: ../../x}}", "'../../x' leads out of"),
        ("--trainer.logger.init_args.name=x", "belongs to a class, and none is specified. Write --trainer.logger"),
        ("--run.name=../../x", "run.name"),
        ("--trainer.accumulate_grad_batches=2", "trainer.accumulate_grad_batches: 2 does not work with two"),
        ("--trainer.strategy=nothing", "trainer: You selected an invalid strategy name: `strategy='nothing'`"),
    ],
)
def test_the_command_line_refuses_before_data_is_read(word, line, here, capsys):
    """The folder of the recordings does not exist, and nobody has looked."""
    whole = ["--model.init_args.bundle=null", "--model.init_args.quality_lambda=0", "--data.init_args.root=nowhere"]
    with pytest.raises(SystemExit) as stopped:
        main(["fit", f"--config={CONFIGS / 'demo_stage2.yaml'}", *TINY, *SMALL_ENCODERS, *whole, word])
    assert stopped.value.code == 2
    (told,) = [each for each in capsys.readouterr().err.splitlines() if each.startswith("cosmo-pl: ")]
    assert line in told
    assert list(here.iterdir()) == []
