"""IMU, depth and radar on the command line: pictures, incomplete clips, and what is refused."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from cosmo_pl.cli import main

from .conftest import cosmo, fit

SHORT = ["--trainer.max_epochs=1", "--trainer.limit_train_batches=2", "--data.init_args.pretrain_batch_size=8"]


def refused(capsys, *arguments):
    with pytest.raises(SystemExit) as stopped:
        main(list(arguments))
    assert stopped.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(("out", "start"), [("shown/clip.png", b"\x89PNG"), ("shown/clip.gif", b"GIF89a")])
def test_a_clip_is_drawn(out, start, here, self_root, capsys):
    main(["data", "clip", "s02_a10_t1", "--root", str(self_root), "--out", out])
    assert out in capsys.readouterr().out
    assert (here / out).read_bytes().startswith(start)
    if out.endswith("gif"):
        from PIL import Image

        with Image.open(here / out) as animation:
            frames = [animation.seek(i) or animation.convert("L").tobytes() for i in range(animation.n_frames)]
        assert len(frames) == 20 and len(set(frames)) == 20


def test_bad_names_and_arguments_are_one_line(here, self_root, capsys):
    assert "s99" in refused(capsys, "data", "clip", "s99", "--root", str(self_root))
    assert "manifest.json" in refused(capsys, "data", "clip", "s01", "--root", str(here))
    assert "resolution" in refused(capsys, "data", "simulate", "utd", "--resolution", "[2, 2]")


def incomplete(self_root: Path, folder: Path) -> Path:
    """The simulated set, two clips of test subject 4 without depth, one of them without radar too."""
    root = folder / "incomplete"
    shutil.copytree(self_root / "SelfCollected", root / "SelfCollected", symlinks=True)
    path = root / "SelfCollected" / "manifest.json"
    told = json.loads(path.read_text(encoding="utf-8"))
    for clip in told["clips"]:
        for name in {"s04_a01_t1": ["depth"], "s04_a02_t1": ["depth", "radar"]}.get(clip["name"], ()):
            del clip["files"][name]
    path.write_text(json.dumps(told), encoding="utf-8")
    return root


def test_incomplete_clips_are_recognised_where_they_are_kept(here, self_root):
    root = incomplete(self_root, here)
    alone = ["--model.init_args.bundle=null", "--model.init_args.quality_lambda=0"]
    fit("self_collected_stage2", root, *SHORT, *alone)
    run = here / "runs" / "self_collected" / "scratch-iterative" / "version_0"
    found = {}
    for keep, folder in (("false", "predict_0"), ("true", "predict_1")):
        cosmo("predict", "self_collected_stage2", root, *SHORT, *alone, f"--data.init_args.keep_incomplete={keep}")
        with (run / folder / "predictions.csv").open(encoding="utf-8") as file:
            found[keep] = {row["recording"]: row for row in csv.DictReader(file)}
    assert len(found["false"]) == 26 and set(found["true"]) - set(found["false"]) == {"s04_a01_t1", "s04_a02_t1"}
    assert all(found["true"][name]["predicted"] == row["predicted"] for name, row in found["false"].items())
    with pytest.raises(SystemExit):
        cosmo("test", "self_collected_stage2", root, *SHORT, *alone, "--data.init_args.strict=true")


SUPERVISED = [pytest.param("deepsense", marks=pytest.mark.slow), "attnsense", "nearest_neighbor", "single_modal"]


@pytest.mark.parametrize("method", SUPERVISED)
def test_baselines_of_three_sensors(method, here, self_root):
    more = ["--model.init_args.modality=radar"] if method == "single_modal" else []
    fit("self_collected_stage2", self_root, *SHORT, *more, overlay=method)
    cosmo("test", "self_collected_stage2", self_root, *SHORT, *more, overlay=method)
    run = {"single_modal": "scratch-single-radar"}.get(method, method)
    told = json.loads(
        (here / "runs/self_collected" / run / "version_0/test_0/metrics.json").read_text(encoding="utf-8")
    )
    assert told["total"] == 28 and told["simulated"] is True
    if method == "attnsense":
        assert all(set(row) == {"imu", "depth", "radar"} for row in told["attention_by_class"].values())


@pytest.mark.parametrize("method", ["cmc", "cpc"])
def test_pretraining_of_three_sensors(method, here, self_root):
    more = ["--data.init_args.modalities=[imu]", "--model.init_args.pooling=2"] if method == "cpc" else []
    fit("self_collected_stage1", self_root, *SHORT, *more, overlay=method)
    fit("self_collected_stage2", self_root, *SHORT, *more[:1], f"--model.init_args.bundle={method}", overlay="finetune")
    assert (here / "runs/self_collected" / f"{method}-finetune" / "version_0/checkpoints/last.ckpt").is_file()
