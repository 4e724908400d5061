"""Fixtures of the whole suite: simulated raw data, written once a session, and nothing shared with the user's cache."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from cosmo_pl.simulation import simulate_usc, simulate_utd


@pytest.fixture(scope="session", autouse=True)
def isolation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache of the session's own, and one thread: the suite runs on small machines."""
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COSMO_PL_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def usc_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder that holds a simulated ``USC-HAD``: 14 subjects, 12 activities, one trial of about 4 s (2-5 windows).

    The default split fits; the default label rate does not: 1 % is less than one label a class. Never write here.
    """
    root = tmp_path_factory.mktemp("usc")
    simulate_usc(root, subjects=range(1, 15), trials=1, seconds=4.0, seed=0, progress=False)
    return root


@pytest.fixture(scope="session")
def utd_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder that holds a simulated ``UTD-MHAD``: 8 subjects, 27 actions, one trial: 162 training, 54 test clips.

    The default split fits; the default label rate does not: 5 % is less than one label a class. Never write here.
    """
    root = tmp_path_factory.mktemp("utd")
    simulate_utd(root, subjects=range(1, 9), trials=1, seed=0, progress=False)
    return root


@pytest.fixture(scope="session")
def real_root() -> Path:
    """Folder of the official recordings; skips where there are none."""
    root = os.environ.get("COSMO_PL_DATA")
    if not root:
        pytest.skip("COSMO_PL_DATA is unset: no official recordings here")
    return Path(root)
