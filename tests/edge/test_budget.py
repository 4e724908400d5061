"""The time limit of an adaptation, and the memory that it reports."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cosmo_pl.edge.budget import Budget, peak_megabytes


class Training:
    """As much of a trainer as the budget looks at."""

    max_epochs, current_epoch, should_stop = 10, 0, False


def test_the_budget_expects_an_epoch_as_long_as_the_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("cosmo_pl.edge.budget.time.perf_counter", lambda: now[0])
    budget, trainer = Budget(10.0), Training()
    for seconds in (3.0, 1.0, 2.0):
        budget.on_train_epoch_start(trainer, None)  # type: ignore[arg-type]
        now[0] += seconds
        budget.on_train_epoch_end(trainer, None)  # type: ignore[arg-type]
        assert not budget.time_is_up
        trainer.current_epoch += 1
    now[0] += 1.5  # one more epoch of 3 s would end after the limit
    budget.on_train_epoch_start(trainer, None)  # type: ignore[arg-type]
    now[0] += 0.5
    budget.on_train_epoch_end(trainer, None)  # type: ignore[arg-type]
    assert budget.time_is_up and trainer.should_stop


def test_the_peak_is_that_of_the_system() -> None:
    status = Path("/proc/self/status")
    if not status.is_file():
        pytest.skip("no Linux")
    (kilobytes,) = re.findall(r"VmHWM:\s+(\d+) kB", status.read_text(encoding="utf-8"))
    assert peak_megabytes() == pytest.approx(int(kilobytes) * 1024 / 1e6, rel=0.05)
