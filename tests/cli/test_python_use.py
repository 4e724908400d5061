"""The same training by the command line and in Python, with the names of `cosmo_pl` and a plain Trainer."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest
import torch
from pytorch_lightning import Trainer, seed_everything
from pytorch_lightning.loggers import CSVLogger

import cosmo_pl
from cosmo_pl import (
    Bundle,
    ContrastiveFusionModule,
    InertialEncoder,
    IterativeFusionModule,
    OptimizerSettings,
    SkeletonEncoder,
    UTDDataModule,
    default_callbacks,
)
from cosmo_pl.cli import main
from cosmo_pl.data.transforms import CenterOnHip, FaceCamera, ScaleByTorso

pytestmark = pytest.mark.usefixtures("no_picture")
EPOCHS = {1: 2, 2: 4}


def by_command_line(root: Path) -> Path:
    """Folder of the runs of both stages, trained and tested by the command line."""
    quiet = ["--trainer.enable_progress_bar=false", "--trainer.enable_model_summary=false"]
    given = [f"--data.init_args.root={root}", "--data.init_args.label_rate=0.3", "--data.init_args.track_test=false"]
    for stage, epochs in EPOCHS.items():
        run = ["--trainer.accelerator=cpu", "--trainer.precision=32-true", f"--trainer.max_epochs={epochs}", *quiet]
        main(["fit", f"--config=cosmo:demo_stage{stage}", "--run.folder=by_command", *given, *run])
    main(["test", "--config=cosmo:demo_stage2", "--run.folder=by_command", *given, *run])
    return Path("by_command")


def encoders() -> dict[str, InertialEncoder | SkeletonEncoder]:
    channels = (16, 16, 8, 8)
    return {"inertial": InertialEncoder(channels=channels), "skeleton": SkeletonEncoder(channels=channels)}


def trainer(stage: int, name: str) -> Trainer:
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "log_every_n_steps": 1}
    return Trainer(
        max_epochs=EPOCHS[stage],
        check_val_every_n_epoch=5,
        accelerator="cpu",
        devices=1,
        num_sanity_val_steps=0,
        logger=CSVLogger("by_python", name),
        callbacks=default_callbacks(),
        **quiet,
    )


def by_python(root: Path) -> Path:
    """The same in Python."""
    transforms = {"skeleton": [CenterOnHip(), ScaleByTorso(), FaceCamera()]}
    data = UTDDataModule(root=str(root), label_rate=0.3, transforms=transforms, track_test=False)
    seed_everything(0)
    first = ContrastiveFusionModule(
        data.modality_shapes,
        data.num_classes,
        encoders(),
        projection_hidden=256,
        optimizer=OptimizerSettings(milestones=()),
    )
    trainer(1, "cosmo").fit(first, datamodule=data)
    seed_everything(0)
    second = IterativeFusionModule(
        data.modality_shapes,
        data.num_classes,
        bundle="by_python/cosmo",
        encoders=encoders(),
        encoder_lr=0.005,
        classifier_lr=0.005,
        optimizer=OptimizerSettings(milestones=()),
    )
    last = trainer(2, "cosmo-iterative")
    last.fit(second, datamodule=data)
    last.test(second, datamodule=data, verbose=False)
    return Path("by_python")


def test_python_gives_what_the_command_line_gives(here, utd_root):
    one, other = by_command_line(utd_root), by_python(utd_root)
    bundles = [Bundle.load(folder / "cosmo").encoders for folder in (one, other)]
    for name, encoder in bundles[0].items():
        assert all(torch.equal(v, bundles[1][name].state_dict()[key]) for key, v in encoder.state_dict().items())
    run = Path("cosmo-iterative", "version_0")
    states = [torch.load(folder / run / "checkpoints/last.ckpt")["state_dict"] for folder in (one, other)]
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
    metrics = [json.loads((folder / run / "test_0/metrics.json").read_text()) for folder in (one, other)]
    same = ("accuracy", "confusion_matrix", "f1_macro", "precision", "labels", "training")
    for found in metrics:
        found["training"] = {key: found["training"][key] for key in ("epochs", "max_epochs", "pretraining")}
    assert {key: metrics[0][key] for key in same} == {key: metrics[1][key] for key in same}
    assert metrics[0]["precision"] == "32-true"


def imported_for_types() -> set[str]:
    tree = ast.parse(Path(cosmo_pl.__file__).read_text(encoding="utf-8"))
    (guarded,) = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    return {alias.name for node in guarded.body if isinstance(node, ast.ImportFrom) for alias in node.names}


def test_every_public_name_can_be_imported_and_is_known_to_type_checkers():
    assert imported_for_types() == set(cosmo_pl.__all__) <= set(dir(cosmo_pl))
    assert all(getattr(cosmo_pl, name) is not None for name in cosmo_pl.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Recognizer'"):
        cosmo_pl.Recognizer  # noqa: B018
