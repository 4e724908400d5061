"""Counters of energy, on folders and a driver made up here."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint
from torch.utils.data import DataLoader

from cosmo_pl.energy import Counter, EnergyMeter, Meter, gpu_counters, package_counters
from cosmo_pl.modules import BaseModule

SPAN = 1000  # joules

KEPT = {"fit_seconds", "epochs", "precision", "max_epochs"}  # what a record has without energy


def zone(folder: Path, zone: str, name: str, joules: float, span: float = SPAN) -> Path:
    """A zone as Linux shows it; gives the counter's file."""
    (folder / zone).mkdir(parents=True, exist_ok=True)
    (folder / zone / "name").write_text(f"{name}\n", encoding="utf-8")
    (folder / zone / "max_energy_range_uj").write_text(f"{round(span * 1e6)}\n", encoding="utf-8")
    (folder / zone / "energy_uj").write_text(f"{round(joules * 1e6)}\n", encoding="utf-8")
    return folder / zone / "energy_uj"


def turn(counter: Path, joules: float) -> None:
    """Lets a counter run on, through zero at its span."""
    counter.write_text(
        f"{(int(counter.read_text(encoding='utf-8')) + round(joules * 1e6)) % (SPAN * 10**6)}\n", encoding="utf-8"
    )


def test_joules_between_readings(tmp_path: Path) -> None:
    counter = zone(tmp_path, "intel-rapl:0", "package-0", 100)
    meter = Meter(package_counters(tmp_path))
    turn(counter, 12.5)
    assert meter.joules() == pytest.approx(12.5)
    turn(counter, 0.25)
    assert meter.joules() == pytest.approx(0.25)
    assert meter.joules() == 0


def test_a_counter_that_began_again(tmp_path: Path) -> None:
    counter = zone(tmp_path, "intel-rapl:0", "package-0", SPAN - 3)
    meter = Meter(package_counters(tmp_path))
    turn(counter, 10)
    assert int(counter.read_text(encoding="utf-8")) == 7e6
    assert meter.joules() == pytest.approx(10)


def test_packages_are_summed_and_what_lies_within_them_is_not(tmp_path: Path) -> None:
    names = {
        "intel-rapl:0": "package-0", "intel-rapl:1": "package-1", "intel-rapl:0:0": "core", "intel-rapl:0:1": "dram",
        "intel-rapl:2": "psys", "intel-rapl-mmio:0": "package-0",
    }  # fmt: skip
    counters = {path: zone(tmp_path, path, name, 100 + i) for i, (path, name) in enumerate(names.items())}
    (tmp_path / "intel-rapl").mkdir()  # the type of the zones, beside them
    meter = Meter(package_counters(tmp_path))
    assert [counter.name for counter in meter.counters] == ["package-0", "package-1"]
    for i, path in enumerate(counters.values()):
        turn(path, 10**i / 1000)
    assert meter.joules() == pytest.approx(0.001 + 0.01)


@pytest.mark.parametrize("broken", ["missing", "empty", "forbidden"])
def test_nothing_is_measured_where_nothing_can_be(broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "powercap"
    if broken != "missing":
        folder.mkdir()
    if broken == "forbidden":
        zone(folder, "intel-rapl:0", "package-0", 1)
        forbid(zone(folder, "intel-rapl:1", "package-1", 1), monkeypatch)
    assert package_counters(folder) == []
    assert Meter([]).joules() is None


def forbid(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes a file unreadable, for root too, who runs tests in containers."""
    read = Path.read_text

    def refuse(self: Path, *args: Any, **kwargs: Any) -> str:
        if self == path:
            raise PermissionError(13, "Permission denied", str(self))
        return read(self, *args, **kwargs)

    monkeypatch.setattr(Path, "read_text", refuse)


def test_a_counter_lost_on_the_way_gives_none_until_two_readings_are_there() -> None:
    values = iter([1.0, None, 5.0, 7.5])

    def read() -> float:
        value = next(values)
        if value is None:
            raise OSError("gone")
        return value

    meter = Meter([Counter("gpu-0", read)])
    assert [meter.joules() for _ in range(3)] == [None, None, 2.5]


def test_a_counter_without_span_that_runs_back_is_unknown() -> None:
    values = iter([3.0, 1.0])
    assert Meter([Counter("gpu-0", lambda: next(values))]).joules() is None


class NVMLError(Exception):
    """Stands for the driver's own."""


def driver(joules: dict[str, float | None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Installs a driver that knows GPUs by their UUID; PyTorch sees them in this order."""

    def energy(uuid: str) -> int:
        value = joules[uuid]
        if value is None:
            raise NVMLError("Not Supported")
        return round(value * 1000)

    fake = SimpleNamespace(
        NVMLError=NVMLError, nvmlInit=lambda: None, nvmlDeviceGetHandleByUUID=lambda uuid: uuid,
        nvmlDeviceGetTotalEnergyConsumption=energy,
    )  # fmt: skip
    monkeypatch.setitem(sys.modules, "pynvml", fake)
    uuids = [uuid.removeprefix("GPU-") for uuid in joules]
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(uuid=uuids[device]))


def test_energy_of_the_gpus_that_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    joules: dict[str, float | None] = {"GPU-a": 10.0, "GPU-b": 20.0, "GPU-c": 30.0}
    driver(joules, monkeypatch)
    meter = Meter(gpu_counters([2, 1]))
    joules |= {"GPU-a": 11.0, "GPU-b": 22.5, "GPU-c": 34.25}
    assert meter.joules() == pytest.approx(2.5 + 4.25)


def test_a_gpu_without_counter_and_a_machine_without_driver_measure_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    driver({"GPU-a": 10.0, "GPU-b": None}, monkeypatch)
    assert len(gpu_counters([0])) == 1 and gpu_counters([0, 1]) == [] and gpu_counters([]) == []
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert gpu_counters([0]) == []


class Line(BaseModule):
    """The smallest training that there is."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)

    def training_step(self, batch: torch.Tensor) -> torch.Tensor:
        return self.layer(batch).square().mean()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


class Load(Callback):
    """Uses energy in every batch; the first reading of a run comes before."""

    def __init__(self, counter: Path | None, joules: float) -> None:
        self.counter, self.joules = counter, joules

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        if self.counter is not None:
            turn(self.counter, self.joules)


def train(folder: Path, powercap: Path, load: Load, epochs: int, last: Path | None = None) -> dict[str, Any]:
    """Record of a training of four batches an epoch."""
    store = ModelCheckpoint(folder, filename="last", enable_version_counter=False, save_on_train_epoch_end=True)
    callbacks: Sequence[Callback] = [load, EnergyMeter(powercap), store]
    trainer = Trainer(
        accelerator="cpu", max_epochs=epochs, logger=False, enable_progress_bar=False, enable_model_summary=False,
        callbacks=list(callbacks),
    )  # fmt: skip
    module = Line()
    trainer.fit(module, DataLoader(torch.ones(4, 1)), ckpt_path=last)
    return module.record


def test_a_training_and_its_resumed_part_add_up(tmp_path: Path) -> None:
    powercap = tmp_path / "powercap"
    counter = zone(powercap, "intel-rapl:0", "package-0", SPAN - 20)
    record = train(tmp_path, powercap, Load(counter, 2.0), epochs=3)
    assert record["fit_joules"] == pytest.approx(3 * 4 * 2)
    assert record["fit_joules_of"] == ["package-0"]
    stored = torch.load(tmp_path / "last.ckpt", weights_only=True)
    assert stored["record"]["fit_joules"] == record["fit_joules"], "the checkpoint's last epoch counts"
    turn(counter, 500)  # between the runs
    resumed = train(tmp_path, powercap, Load(counter, 0.5), epochs=5, last=tmp_path / "last.ckpt")
    assert resumed["fit_joules"] == pytest.approx(3 * 4 * 2 + 2 * 4 * 0.5)
    assert resumed["epochs"] == 5


def test_nothing_is_recorded_without_counters(tmp_path: Path) -> None:
    record = train(tmp_path, tmp_path / "nowhere", Load(None, 0), epochs=1)
    assert record.keys() == KEPT


@pytest.mark.parametrize("then", ["nowhere", "other"])
def test_a_part_measured_otherwise_leaves_no_sum(then: str, tmp_path: Path) -> None:
    one = zone(tmp_path / "one", "intel-rapl:0", "package-0", 0)
    zone(tmp_path / "other", "intel-rapl:0", "package-0", 0)
    other = zone(tmp_path / "other", "intel-rapl:1", "package-1", 0)
    assert "fit_joules" in train(tmp_path, tmp_path / "one", Load(one, 1), epochs=1)
    load = Load(other if then == "other" else None, 1)
    last = tmp_path / "last.ckpt"
    assert train(tmp_path, tmp_path / then, load, epochs=2, last=last).keys() == KEPT
    assert "fit_joules" not in train(tmp_path, tmp_path / "one", Load(one, 1), epochs=3, last=last)


def test_a_counter_lost_during_training_leaves_no_sum(tmp_path: Path) -> None:
    counter = zone(tmp_path / "powercap", "intel-rapl:0", "package-0", 0)

    class Vanish(Load):
        def on_train_batch_start(self, trainer: Trainer, *rest: Any) -> None:
            if trainer.current_epoch == 1:
                counter.unlink(missing_ok=True)

    record = train(tmp_path, tmp_path / "powercap", Vanish(None, 0), epochs=3)
    assert record.keys() == KEPT
