"""Studies, run and drawn through the command line on small simulated recordings.

What `make paper-smoke` does, but for what hundreds of runs would repeat: k-means on all samples, forests of 200 trees,
pictures of confusion matrices, and reading the recordings twice.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat, savemat
from sklearn.ensemble import RandomForestClassifier

from cosmo_pl.cli import main
from cosmo_pl.data import MultimodalDataModule
from cosmo_pl.data.samples import fingerprint
from cosmo_pl.fusion import modality_quality, optimal_num_clusters
from cosmo_pl.simulation import simulate_mex, simulate_self_collected, simulate_usc, simulate_utd
from cosmo_pl.study.jobs import Project

ROOT = Path(__file__).parents[2]


def recordings(root: Path) -> None:
    """Writes all datasets as the smoke preset needs them: UTD-MHAD of four trials, nearly the first."""
    simulate_utd(root, subjects=range(1, 9), trials=1, seed=0, progress=False)
    for path in sorted((root / "UTD-MHAD").rglob("*_t1_*.mat")):
        content = {name: values for name, values in loadmat(path).items() if name.startswith("d_")}
        for trial in (2, 3, 4):  # a copy would be left out
            other = {name: values * (1 + trial / 1000) for name, values in content.items()}
            savemat(path.with_name(path.name.replace("_t1_", f"_t{trial}_")), other)
    simulate_usc(root, subjects=range(1, 15), trials=1, seed=0, progress=False)
    simulate_self_collected(root, range(1, 7), trials=2, resolution=(12, 16), progress=False, jobs=1)
    simulate_mex(root, range(1, 6), seconds=12.0, progress=False)
    add_depth(root / "UTD-MHAD")


def add_depth(folder: Path) -> None:
    """Depth recordings of the first trials of UTD-MHAD: ten frames of a plate that moves."""
    (folder / "Depth").mkdir()
    for path in (folder / "Inertial").glob("*_t1_inertial.mat"):
        clip = path.stem.removesuffix("_inertial")
        action, subject = (int(part[1:]) for part in clip.split("_")[:2])
        depth = np.zeros((240, 320, 10), dtype=np.uint16)
        depth[60:200, 5 * action : 5 * action + 100] = 2000 + 40 * subject + action + 10 * np.arange(10)
        savemat(folder / "Depth" / f"{clip}_depth.mat", {"d_depth": depth}, do_compression=True)


def project(folder: Path, data: Path, without: Sequence[str] = ()) -> Iterator[Path]:
    """A working directory with the project's configs and experiments, without some of its presets."""
    for name in ("configs", "experiments"):
        leave = shutil.ignore_patterns("results", "rendered", *without)
        shutil.copytree(ROOT / name, folder / name, ignore=leave)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("COSMO_PL_DATA", str(data))
        # It fills the cache for further processes; `setup` reads by itself.
        patch.setattr(MultimodalDataModule, "prepare_data", lambda self: None)
        patch.setattr("cosmo_pl.data.reading.fingerprint", fingerprint_once)
        patch.setattr("cosmo_pl.modules.base.quality.modality_quality", quick_quality)
        patch.setattr("cosmo_pl.study.measures.quality.optimal_num_clusters", quick_clusters)
        patch.setattr("sklearn.ensemble.RandomForestClassifier", small_forest)
        yield folder


def fingerprint_once(files, root):
    """Fingerprint of files that nobody changes."""
    return _fingerprint(tuple(files), root)


_fingerprint = cache(fingerprint)


def quick_quality(features, *arguments, **named):
    """Modality quality of the first samples, with one run of k-means."""
    return modality_quality({name: x[:300] for name, x in features.items()}, *arguments, num_seeds=1, **named)


def small_forest(num_trees, random_state):
    """A forest of few trees."""
    return RandomForestClassifier(min(num_trees, 5), random_state=random_state)


def quick_clusters(points, max_clusters):
    """Silhouettes of a few points, with one run of k-means."""
    return optimal_num_clusters(points[:100], max_clusters, num_seeds=1)


def run_and_draw(name, folder, capsys):
    """Runs a study, draws it, and checks what came out."""
    main(["study", "run", name, "--preset=smoke"])
    told = capsys.readouterr().out
    assert "failed" not in told
    assert "cannot be run" not in told
    jobs = Project().jobs(name, "smoke")
    assert all(any((folder / "experiments/results" / job.dataset).glob(f"*-{job.key}.json")) for job in jobs)
    main(["study", "render", name, "--preset=smoke"])
    files = {path.split(".")[-1]: Path(path) for path in capsys.readouterr().out.split()}
    assert {"md", "csv"} < set(files)
    assert len(files["csv"].read_text(encoding="utf-8").splitlines()) > 1
    page = files["md"].read_text(encoding="utf-8")
    assert page.startswith(f"# {Project().study(name).title}\n")
    assert "| reproduced |" not in page, "simulated recordings are not compared with the paper"
    assert "| not reproduced |" not in page
    if "png" in files:
        assert files["png"].read_bytes().startswith(b"\x89PNG")
    else:
        assert r"\begin{tabular}" in files["tex"].read_text(encoding="utf-8")
