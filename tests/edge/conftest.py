"""What went wrong in a live source, and the table of operators that all exports share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from torch.onnx._internal.exporter._registration import ONNXRegistry

from cosmo_pl.edge.live import Report, Reporter
from edge.adapting import bundle, here

__all__ = ["bundle", "here"]  # fixtures


@pytest.fixture(scope="session", autouse=True)
def operators() -> Iterator[None]:
    """Exports share one table of operators: torch reads it anew for each graph, which is half of the time."""
    tables: dict[int | None, ONNXRegistry] = {}
    read = ONNXRegistry.from_torchlib

    def shared(opset_version: int | None = None) -> ONNXRegistry:
        if opset_version not in tables:
            tables[opset_version] = read(opset_version)
        return tables[opset_version]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ONNXRegistry, "from_torchlib", staticmethod(shared))
        yield


@pytest.fixture
def reports() -> list[Report]:
    return []


@pytest.fixture
def reporter(reports: list[Report]) -> Reporter:
    return Reporter(reports.append)
