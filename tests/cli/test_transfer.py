"""The commands of docs/transfer.md: stage 1 on one dataset or on both, stage 2 on another."""

from __future__ import annotations

import json

import pytest
import torch
import yaml

from cosmo_pl import Recogniser
from cosmo_pl.bundle import Bundle
from cosmo_pl.cli import main

from .conftest import CONFIGS, SHORT, TINY, fit

JOINT = CONFIGS / "joint_motion_stage1.yaml"


@pytest.fixture
def both(here, utd_root, usc_root, monkeypatch):
    """A folder with both datasets, as COSMO_PL_DATA names it."""
    for root, name in ((utd_root, "UTD-MHAD"), (usc_root, "USC-HAD")):
        (here / "data").mkdir(exist_ok=True)
        (here / "data" / name).symlink_to(root / name)
    monkeypatch.setenv("COSMO_PL_DATA", str(here / "data"))
    return here


@pytest.mark.parametrize("normalization", ["data", "bundle", "adapt"])
def test_stage_2_on_another_dataset(normalization, here, roots):
    fit("usc_motion_stage1", roots["usc_motion"], *SHORT)
    given = ["--model.init_args.bundle=runs/usc_motion/cosmo", f"--data.init_args.normalization={normalization}"]
    fit("utd_motion_stage2", roots["utd_motion"], *SHORT, *given)
    run = here / "runs" / "utd_motion" / "runs_usc_motion_cosmo-prototypes" / "version_0"
    main(["test", f"--ckpt_path={run / 'checkpoints' / 'last.ckpt'}", *TINY])
    metrics = json.loads((run / "test_0" / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["total"] == 54 and metrics["title"] == "UTD-MHAD"


@pytest.mark.parametrize(
    ("first", "second", "names", "run"),
    [
        ("mex_motion", "mex_motion", "{act: acw, acw: act}", "cosmo-prototypes"),
        ("usc_motion", "mex_motion", "{act: acc, acw: acc}", "runs_usc_motion_cosmo-prototypes"),
        ("mex_motion", "usc_acc", "{acc: act}", "runs_mex_motion_cosmo-prototypes"),
    ],
)
def test_an_accelerometer_has_the_encoder_of_another(first, second, names, run, here, roots):
    fit(f"{first}_stage1", roots[first], *SHORT)
    bundle = [] if first == second else [f"--model.init_args.bundle=runs/{first}/cosmo"]
    fit(f"{second}_stage2", roots[second], *SHORT, *bundle, f"--model.init_args.bundle_modalities={names}")
    encoders = Bundle.load(f"runs/{first}/cosmo").encoders
    recogniser = Recogniser.of_run(here / "runs" / second / run)
    for name, other in yaml.safe_load(names).items():
        expected, found = encoders[other].state_dict(), recogniser.module.encoders[name].state_dict()
        assert expected.keys() == found.keys() and all(torch.equal(expected[key], found[key]) for key in expected)


def test_an_encoder_of_stretched_clips_is_refused(here, roots, capsys):
    fit("usc_motion_stage1", roots["usc_motion"], *SHORT)
    given = ["--model.init_args.bundle=runs/usc_motion/cosmo", "--data.init_args.inertial_rate=null"]
    with pytest.raises(SystemExit):
        fit("utd_motion_stage2", roots["utd_motion"], *SHORT, *given)
    error = capsys.readouterr().err.splitlines()[-1]
    assert "has an encoder of 'acc' that does not suit 'acc' of UTD-MHAD: rate varying, not 50 Hz" in error


def test_stage_1_on_both_datasets(both, roots):
    config = yaml.safe_load(JOINT.read_text(encoding="utf-8"))
    for part, label_rate in zip(config["data"]["init_args"]["datasets"], (0.3, 0.3), strict=True):
        part["init_args"]["label_rate"] = label_rate
    (both / "joint.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    main(["fit", "--config", "joint.yaml", "--data.init_args.label_seed=1", *SHORT, *TINY])
    bundle = Bundle.load("runs/joint_motion/cosmo")
    assert set(bundle.data.joined) == {"utd", "usc"}
    given = ["--model.init_args.bundle=runs/joint_motion/cosmo", "--data.init_args.normalization=bundle"]
    for name in ("utd_motion", "usc_motion"):
        fit(f"{name}_stage2", roots[name], *SHORT, *given)
        assert (both / "runs" / name / "runs_joint_motion_cosmo-prototypes" / "version_0" / "checkpoints").is_dir()
