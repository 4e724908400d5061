"""The command line on small simulated data."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from cosmo_pl.cli import main
from cosmo_pl.simulation import simulate_mex, simulate_self_collected

CONFIGS = Path(__file__).parents[2] / "configs"
TINY = [
    "--trainer.enable_progress_bar=false", "--trainer.enable_model_summary=false", "--trainer.accelerator=cpu",
]  # fmt: skip
SMALL_ENCODERS = [
    "--model.init_args.encoders.inertial.init_args.channels=[4,4,4,4]",
    "--model.init_args.encoders.skeleton.init_args.channels=[4,4,4,4]",
]
NARROW = [*SMALL_ENCODERS, "--model.init_args.projection_hidden=16"]
SHORT = [
    "--trainer.max_epochs=1", "--trainer.limit_train_batches=2", "--data.init_args.pretrain_batch_size=8",
]  # fmt: skip

SECOND_RUN = {  # base of a chain of configs to the run and the method of its stage 2
    **dict.fromkeys(("utd", "utd_released", "usc", "demo"), ("cosmo-iterative", "IterativeFusionModule")),
    "utd_plus": ("cosmo-prototypes", "PrototypeModule"),
    "usc_plus": ("cosmo-forest", "FeatureForestModule"),
    "utd_motion": ("cosmo-prototypes", "PrototypeModule"),
    "utd_depth": ("cosmo-prototypes", "PrototypeModule"),
    "self_collected": ("cosmo-iterative", "IterativeFusionModule"),
    "mex": ("cosmo-iterative", "IterativeFusionModule"),
    "mex_plus": ("cosmo-pseudo-labels", "PseudoLabelModule"),
}
THREE_FOLDS = ("--data.init_args.folds=[[1],[2],[3]]", "--data.init_args.labels_per_class=1")
FEW = {
    "self_collected": ("--data.init_args.test_subjects=[4,5]", "--data.init_args.labels_per_class=1"),
    "mex": THREE_FOLDS,
    "mex_plus": THREE_FOLDS,
    "mex_motion": THREE_FOLDS,
}
"""Dataset to arguments that the small simulated set needs."""
CHAINS = tuple(SECOND_RUN)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COSMO_PL_DATA", raising=False)
    return tmp_path


@pytest.fixture(autouse=True, scope="module")
def quality(quick_quality):
    """Quality is measured quickly."""


@pytest.fixture(scope="session")
def self_root(once):
    """Folder that holds a simulated ``SelfCollected``: 5 subjects, 14 activities, one trial. Never write here."""
    few = functools.partial(
        simulate_self_collected, subjects=range(1, 6), trials=1, resolution=(30, 40), progress=False, jobs=1
    )
    return once("self", few)


@pytest.fixture(scope="session")
def mex_root(once):
    """Folder that holds a simulated ``MEx``: 3 subjects, 12 s per recording. Never write here."""
    return once("mex-of-12-s", functools.partial(simulate_mex, subjects=range(1, 4), seconds=12.0, progress=False))


@pytest.fixture(scope="session")
def utd_depth_root(tmp_path_factory, utd_root):
    """A part of the simulated ``UTD-MHAD``, subjects 1, 2 and 7, with depth files of ten frames: a plate that moves."""
    folder = tmp_path_factory.mktemp("depth") / "UTD-MHAD"
    for name in ("Inertial", "Skeleton", "Depth"):
        (folder / name).mkdir(parents=True)
    for path in (utd_root / "UTD-MHAD" / "Inertial").glob("*.mat"):
        clip = path.stem.removesuffix("_inertial")
        action, subject = (int(part[1:]) for part in clip.split("_")[:2])
        if subject in (1, 2, 7):
            for name in ("Inertial", "Skeleton"):
                file = f"{clip}_{name.lower()}.mat"
                (folder / name / file).symlink_to(utd_root / "UTD-MHAD" / name / file)
            depth = np.zeros((240, 320, 10), dtype=np.uint16)
            depth[60:200, 5 * action : 5 * action + 100] = 2000 + 40 * subject + 10 * np.arange(10)
            savemat(folder / "Depth" / f"{clip}_depth.mat", {"d_depth": depth})
    return folder.parent


@pytest.fixture(scope="session")
def roots(usc_root, utd_root, utd_depth_root, self_root, mex_root):
    utd = dict.fromkeys(("utd", "utd_released", "demo", "utd_plus", "utd_motion"), str(utd_root))
    usc = dict.fromkeys(("usc", "usc_plus", "usc_motion", "usc_acc"), str(usc_root))
    mex = dict.fromkeys(("mex", "mex_plus", "mex_motion"), str(mex_root))
    return {**utd, **usc, **mex, "utd_depth": str(utd_depth_root), "self_collected": str(self_root)}


def cosmo(command, name, root, *more, overlay=None):
    """Runs a shipped config on the small simulated data, whose 162 training clips need more labels than 10 %."""
    given = ["--config", str(CONFIGS / f"{name}.yaml")]
    if overlay:
        given += ["--config", str(CONFIGS / "model" / f"{overlay}.yaml")]
    few = FEW.get(name.rpartition("_")[0], ["--data.init_args.label_rate=0.3"])
    main([command, *given, f"--data.init_args.root={root}", *few, *TINY, *more])


fit = functools.partial(cosmo, "fit")


def released_labels(folder):
    """A list of labelled clips as the released code has it: one of each class."""
    path = folder / "splits.json"
    path.write_text(json.dumps({"5": [f"a{action}_s1_t1" for action in range(1, 28)]}), encoding="utf-8")
    return f"--data.init_args.label_split_file={path}"
