"""Fixtures of the whole suite: simulated raw data, written once for all its processes, and a cache of its own."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from filelock import FileLock
from threadpoolctl import threadpool_limits

from cosmo_pl.fusion import modality_quality
from cosmo_pl.simulation import simulate_mex, simulate_usc, simulate_utd
from cosmo_pl.study.evidence import quiet

ROOT = Path(__file__).parents[1]


def pytest_configure() -> None:
    """Garbage is looked for less often: that takes a twentieth of the time by default."""
    gc.set_threshold(10_000)


def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the session that all its processes know."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session", autouse=True)
def isolation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache of the session's own, which its processes share, and one thread: the suite runs on small machines.

    Processes with more threads than cores wait for each other: some tests then take ten times as long. What has been
    imported is no garbage: a run of a study ends with a collection, which would look through all of it.
    """
    torch.set_num_threads(1)
    gc.freeze()
    cache = shared_folder(tmp_path_factory) / "cache"
    cache.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch, threadpool_limits(1), quiet(ROOT):  # `make evidence` stands still
        patch.setenv("COSMO_PL_CACHE", str(cache))
        patch.setenv("OMP_NUM_THREADS", "1")  # for libraries that are loaded later, and for processes
        patch.setenv("LOKY_MAX_CPU_COUNT", "1")  # a process takes seconds to import what reads a few clips
        yield


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """A test leaves PyTorch with one thread, or all tests after it take several times as long."""
    yield
    assert torch.get_num_threads() == 1


Write = Callable[[Path], object]
Once = Callable[[str, Write], Path]


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """Name and what writes into a folder → the folder, written by the first process that asks for it."""
    base = shared_folder(tmp_path_factory)

    def written(name: str, write: Write) -> Path:
        folder, done = base / f"once-{name}", base / f"once-{name}.done"
        with FileLock(base / f"once-{name}.lock"):
            if not done.exists():
                folder.mkdir(exist_ok=True)
                write(folder)
                done.touch()
        return folder

    return written


@pytest.fixture(scope="module")
def quick_quality() -> Iterator[None]:
    """Stage 1 measures the quality of modalities on few samples, with one run of k-means a number of clusters."""

    def quick(features: dict[str, Any], *arguments: Any, **named: Any) -> Any:
        few = {name: values[:48] for name, values in features.items()}
        return modality_quality(few, *arguments, **{**named, "num_seeds": 1})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cosmo_pl.modules.base.quality.modality_quality", quick)
        yield


@pytest.fixture(scope="module")
def no_picture() -> Iterator[None]:
    """A test draws no confusion matrix, which takes as long as the rest of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cosmo_pl.callbacks.results.plot_confusion", lambda *_: None)
        yield


@pytest.fixture(scope="session")
def usc_root(once: Once) -> Path:
    """Folder that holds a simulated ``USC-HAD``: 14 subjects, 12 activities, one trial of about 4 s (2-5 windows).

    The default split fits; the default label rate does not: 1 % is less than one label a class. Never write here.
    """
    few = partial(simulate_usc, subjects=range(1, 15), trials=1, seconds=4.0, seed=0, progress=False)
    return once("usc", few)


@pytest.fixture(scope="session")
def utd_root(once: Once) -> Path:
    """Folder that holds a simulated ``UTD-MHAD``: 8 subjects, 27 actions, one trial: 162 training, 54 test clips.

    The default split fits; the default label rate does not: 5 % is less than one label a class. Never write here.
    """
    return once("utd", partial(simulate_utd, subjects=range(1, 9), trials=1, seed=0, progress=False))


@pytest.fixture(scope="session")
def mex_root(once: Once) -> Path:
    """Folder that holds a simulated ``MEx``: 5 subjects, recordings of about 6 s. Never write here."""
    return once("mex", partial(simulate_mex, subjects=range(1, 6), seconds=6.0, seed=0, progress=False))


@pytest.fixture(scope="session")
def real_root() -> Path:
    """Folder of the official recordings; skips where there are none."""
    root = os.environ.get("COSMO_PL_DATA")
    if not root:
        pytest.skip("COSMO_PL_DATA is unset: no official recordings here")
    return Path(root)
