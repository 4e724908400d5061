"""What went wrong in a live source."""

from __future__ import annotations

import pytest

from cosmo_pl.edge.live import Report, Reporter


@pytest.fixture
def reports() -> list[Report]:
    return []


@pytest.fixture
def reporter(reports: list[Report]) -> Reporter:
    return Reporter(reports.append)
