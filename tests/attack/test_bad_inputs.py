"""Every bad input ends in one clear line that names it, before compute, and none is taken silently."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from cosmo_pl.cli import main
from cosmo_pl.data import DATASETS
from cosmo_pl.errors import CosmoError
from cosmo_pl.study.records import Results
from data.raw import noise, write_usc, write_utd

from .bad_inputs import ARGUMENTS, CHECKPOINTS, CONFIGS, FILES, MANIFESTS, copied
from .harness import SMALL, STAGE1, STAGE2

SECONDS = 30


@pytest.fixture
def refused(capsys, figures, monkeypatch):
    """Runs something that has to end with one line that names one of some words."""

    def attack(work, *named):
        def late(*_):
            raise TimeoutError(f"it hung for {SECONDS} s")

        before = signal.signal(signal.SIGALRM, late)
        signal.alarm(SECONDS)
        verdict, line = "silent", ""
        try:
            work()
        except CosmoError as error:
            verdict, line = "clear", str(error)
        except SystemExit as end:
            lines = capsys.readouterr().err.splitlines()
            told = [text for text in lines if text.startswith("cosmo-pl: ")]
            line = "\n".join(lines[-3:])
            verdict = "clear" if end.code == 2 and len(told) == 1 and lines[-1] == told[0] else "usage"
            line = told[0] if verdict == "clear" else line
        except BaseException as error:
            verdict, line = "traceback", f"{type(error).__name__}: {error}"
        finally:
            signal.alarm(0)
            signal.signal(signal.SIGALRM, before)
        if verdict == "clear" and ("\n" in line or len(line) > 1500 or not any(name in line for name in named)):
            verdict = "unclear"
        figures("inputs", verdict == "clear")
        figures("silent", verdict == "silent")
        assert verdict == "clear", f"{verdict}: {line[-1500:]}"

    return attack


def cases(table, every=1, first=0):
    """All rows, of which some are cheap enough for every run of the tests."""
    rows = list(table)
    kept = set(range(first, len(rows), every)) if every else set()
    return [pytest.param(row, marks=[] if i in kept else pytest.mark.slow) for i, row in enumerate(rows)]


def fit(stage, root, *more):
    main(["fit", *stage, f"--data.init_args.root={root}", *SMALL, *more])


@pytest.mark.parametrize("case", cases(ARGUMENTS, 12), ids="=".join)
def test_arguments(case, tmp_path, utd_root, monkeypatch, refused):
    monkeypatch.chdir(tmp_path)
    name, value = case
    given = [word for word in SMALL if not word.startswith(f"--{name}=")]
    words = ["fit", *STAGE1, *given, *([] if name.endswith(".root") else [f"--data.init_args.root={utd_root}"])]
    refused(lambda: main([*words, f"--{name}={value}"]), name.split(".")[-1], value)


@pytest.mark.parametrize("stage", [1, 2])
@pytest.mark.parametrize("case", cases(CONFIGS, 7))
def test_configs(case, stage, tmp_path, utd_root, monkeypatch, refused):
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(CONFIGS[case], encoding="utf-8")
    section = CONFIGS[case].partition(":")[0]
    named = ("mine.yaml", f" {section}: ", f"{section}.", f"{section}=")
    refused(lambda: fit([STAGE1, STAGE2][stage - 1], utd_root, "--config=mine.yaml"), *named)
    assert not Path("x").exists()


@pytest.mark.parametrize("what", ["config", "data", "recipe"])
@pytest.mark.parametrize("case", cases(FILES, 0))
def test_files_in_place_of_configs(case, what, tmp_path, utd_root, monkeypatch, refused):
    if case == "empty" or (case.startswith("truncated") and what != "data"):
        pytest.skip("a valid configuration")
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "mine.yaml"
    path.write_text(
        "class_path: cosmo_pl.data.UTDDataModule\ninit_args: {label_rate: 0.3, transforms: {}}\n", encoding="utf-8"
    )
    FILES[case](path)
    work = {
        "config": lambda: fit(STAGE1, utd_root, "--config=mine.yaml"),
        "data": lambda: main(["data", "describe", "mine.yaml", f"--root={utd_root}"]),
        "recipe": lambda: main(["data", "augmentations", "mine.yaml"]),
    }
    refused(work[what], "mine.yaml")


@pytest.mark.parametrize("command", ["fit", "test", "predict"])
@pytest.mark.parametrize("case", cases(CHECKPOINTS, 9))
def test_checkpoints(case, command, tmp_path, trained, utd_root, monkeypatch, refused):
    monkeypatch.chdir(tmp_path)
    copied(trained / "runs", tmp_path / "runs")
    path = Path("runs/demo/cosmo-iterative/version_0/checkpoints/last.ckpt")
    CHECKPOINTS[case](path)
    words = [command, *STAGE2, f"--data.init_args.root={utd_root}", *SMALL]
    refused(lambda: main([*words, f"--ckpt_path={path}"]), str(path), "ckpt_path")
    assert not Path("pickle-was-run").exists()


@pytest.mark.slow
@pytest.mark.parametrize("command", ["test", "predict"])
def test_a_checkpoint_of_another_class(command, tmp_path, trained, utd_root, monkeypatch, refused):
    monkeypatch.chdir(trained)
    path = "runs/demo/cosmo/version_0/checkpoints/last.ckpt"
    refused(
        lambda: main([command, *STAGE2, f"--data.init_args.root={utd_root}", *SMALL, f"--ckpt_path={path}"]),
        path,
        "ckpt",
    )


@pytest.mark.parametrize("file", ["bundle.json", "encoders.safetensors"])
@pytest.mark.parametrize("case", cases(FILES, 8))
def test_bundles(case, file, tmp_path, trained, utd_root, monkeypatch, refused):
    monkeypatch.chdir(tmp_path)
    copied(trained / "runs/demo/cosmo", tmp_path / "runs/demo/cosmo")
    FILES[case](Path("runs/demo/cosmo/version_0/bundle", file))
    refused(lambda: fit(STAGE2, utd_root), "bundle")


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    root = tmp_path_factory.mktemp("recordings")
    write_usc(root, subjects=(1, 2), trials=(1,), content=noise(250, 6))
    write_utd(root, subjects=(1, 2), trials=(1,))
    return root


VICTIMS = {
    "usc": "USC-HAD/Subject2/a5t1.mat",
    "utd": "UTD-MHAD/Inertial/a5_s2_t1_inertial.mat",
    "utd-skeleton": "UTD-MHAD/Skeleton/a5_s2_t1_skeleton.mat",
}


@pytest.mark.parametrize("victim", VICTIMS)
@pytest.mark.parametrize("case", cases([case for case in FILES if case != "missing"], 8))
def test_recordings(case, victim, tmp_path, recordings, refused):
    root = copied(recordings, tmp_path / "raw")
    FILES[case](root / VICTIMS[victim])
    describe = partial(
        main, ["data", "describe", victim.partition("-")[0], f"--root={root}", f"--cache_dir={tmp_path}/c"]
    )
    refused(describe, Path(VICTIMS[victim]).name)


def manifest(folder):
    folder.mkdir(parents=True)
    clips = []
    for subject in (1, 2):
        for activity in ("sit", "walk"):
            name = f"{activity}{subject}"
            np.save(folder / f"{name}.npy", np.random.default_rng(subject).normal(size=(20, 6)).astype("float32"))
            files = {"imu": f"{name}.npy"}
            clips.append(
                {"name": name, "subject": subject, "activity": activity, "start": 0.0, "duration": 1.0, "files": files}
            )
    sensor = {"kind": "series", "rate": 20.0, "shape": [6], "dtype": "float32", "unit": ["g"] * 3 + ["deg/s"] * 3}
    return {"format": 1, "activities": ["sit", "walk"], "modalities": {"imu": sensor}, "clips": clips}


def describe_own(root):
    data = DATASETS.named("self_collected").for_description(root=str(root), cache_dir=str(root / "cache"))
    data.prepare_data()
    data.setup()


@pytest.mark.parametrize("case", cases([(f, v) for f, values in MANIFESTS.items() for v in values], 9), ids=str)
def test_manifests(case, tmp_path, refused):
    field, value = case
    folder = tmp_path / "SelfCollected"
    told = inner = manifest(folder)
    *keys, last = field.split(".")
    for key in keys:
        inner = inner[int(key) if key.isdigit() else key]
    inner[last] = value
    (folder / "manifest.json").write_text(json.dumps(told), encoding="utf-8")
    refused(lambda: describe_own(tmp_path), "manifest.json", ".npy")


@pytest.mark.parametrize("file", ["manifest.json", "sit1.npy"])
@pytest.mark.parametrize("case", cases(FILES, 8))
def test_files_of_ones_own(case, file, tmp_path, refused):
    folder = tmp_path / "SelfCollected"
    told = manifest(folder)
    (folder / "manifest.json").write_text(json.dumps(told), encoding="utf-8")
    FILES[case](folder / file)
    refused(lambda: describe_own(tmp_path), file, "SelfCollected")


@pytest.mark.parametrize("case", cases([case for case in FILES if case != "missing"], 6))
def test_results(case, tmp_path, figures):
    """A damaged result is left out, and named."""
    from study.factory import jobs, record

    job, results = jobs("table2")[0], Results(tmp_path)
    results.put(job, record(job))
    FILES[case](results.path(job))
    found = results.usable(job)
    well = found is None and (str(results.path(job)) in results.damaged.get(job.key, "") or not results.has(job))
    figures("inputs", well)
    assert well


PROCESSES = {
    "option": ["fit", *STAGE1, "--trainer.max_epoch=1"],
    "config": ["fit", "--config=nowhere.yaml"],
    "study": ["study", "run", "nothing"],
    "dataset": ["data", "describe", "nothing"],
}


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=[pytest.mark.slow] * (case != "option")) for case in PROCESSES]
)
def test_as_processes(case, tmp_path, figures):
    command = [sys.executable, "-m", "cosmo_pl", *PROCESSES[case]]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=SECONDS)
    lines = done.stderr.splitlines()
    well = done.returncode == 2 and len(lines) == 1 and lines[0].startswith("cosmo-pl: ")
    figures("inputs", well)
    assert well, done.stderr[-1500:]
    shutil.rmtree(tmp_path)
