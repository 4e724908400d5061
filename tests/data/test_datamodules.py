"""Both datasets' datamodules, on simulated recordings."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from cosmo_pl.data import USCDataModule, UTDDataModule

from .datamodule_suite import DatamoduleSuite, Make


class TestUSC(DatamoduleSuite):
    @pytest.fixture
    def make(self, usc_root: Path) -> Make:
        return partial(USCDataModule, root=str(usc_root), label_rate=0.1)


class TestUTD(DatamoduleSuite):
    @pytest.fixture
    def make(self, utd_root: Path) -> Make:
        return partial(UTDDataModule, root=str(utd_root), label_rate=0.25)
