"""Energy that a machine measures itself: counters of its processors and of its NVIDIA GPUs.

They count what the whole processor or GPU uses: a measurement means something while nothing else runs there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pytorch_lightning import Callback, LightningModule, Trainer

from cosmo_pl.modules import BaseModule

POWERCAP = Path("/sys/class/powercap")


@dataclass(frozen=True)
class Counter:
    """A counter of energy.

    Args:
        name: What it counts the energy of, "package-0".
        read: Gives joules since some moment in the past; OSError where it cannot.
        span: Joules after which it begins again at zero.
    """

    name: str
    read: Callable[[], float]
    span: float = math.inf


class Meter:
    """Joules used from one reading to the next. Readings must not be further apart than a counter's span.

    A processor's is some 260 kJ, which takes it a quarter of an hour at full load or longer.

    Args:
        counters: What is summed; without any nothing is measured.
    """

    def __init__(self, counters: Sequence[Counter]) -> None:
        self.counters = counters
        self._last = self._read()

    def joules(self) -> float | None:
        """Joules since the previous call or, the first time, since construction; None where they are not known."""
        before, self._last = self._last, self._read()
        if not before or not self._last:
            return None
        used = 0.0
        for counter, then, now in zip(self.counters, before, self._last, strict=True):
            used += now - then if now >= then else now - then + counter.span
        return used if math.isfinite(used) else None

    def _read(self) -> list[float] | None:
        try:
            return [counter.read() for counter in self.counters]
        except OSError:
            return None


def package_counters(folder: Path = POWERCAP) -> list[Counter]:
    """Counters of the processor packages that Linux tells of (RAPL, Intel and AMD).

    Zones of cores and memory are left out, as they lie within a package, and so is that of the platform, which holds
    the packages. A package that two interfaces tell of is taken once.

    Args:
        folder: The folder of zones, each with ``name``, ``energy_uj`` and ``max_energy_range_uj``.

    Returns:
        A counter a package; none where one of them cannot be read, as on most systems for all users but root.
    """
    counters: dict[str, Counter] = {}
    try:
        for zone in sorted(folder.glob("*/energy_uj")):
            name = zone.with_name("name").read_text(encoding="utf-8").strip()
            if not name.startswith("package"):
                continue
            span = _joules(zone.with_name("max_energy_range_uj"))
            counters[name] = Counter(name, partial(_joules, zone), span)
            counters[name].read()
    except OSError:
        return []
    return list(counters.values())


def _joules(path: Path) -> float:
    """A file of microjoules."""
    return int(path.read_text(encoding="utf-8")) / 1e6


def gpu_counters(devices: Iterable[int]) -> list[Counter]:
    """Counters of NVIDIA GPUs, where the package ``nvidia-ml-py`` is installed.

    Args:
        devices: Numbers of the GPUs as PyTorch counts them.

    Returns:
        A counter a GPU; none where one of them has no counter.
    """
    import torch

    try:
        import pynvml
    except ImportError:
        return []

    def counter(device: int) -> Counter:
        # NVML counts all GPUs, PyTorch the visible ones.
        handle = pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{torch.cuda.get_device_properties(device).uuid}")

        def read() -> float:
            try:
                return float(pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)) / 1e3
            except pynvml.NVMLError as error:
                raise OSError(f"GPU {device} does not tell its energy ({error})") from error

        read()
        return Counter(f"gpu-{device}", read)

    try:
        pynvml.nvmlInit()
        return [counter(device) for device in devices]
    except (pynvml.NVMLError, OSError):
        return []


class EnergyMeter(Callback):
    """Adds ``fit_joules`` to the record of a training, and in ``fit_joules_of`` what was measured.

    They are there only if the whole training was measured by the same counters, resumed parts included.

    Args:
        folder: Folder of the processors' counters.
    """

    def __init__(self, folder: Path = POWERCAP) -> None:
        self.folder = folder
        self._meter = Meter([])

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Takes the first reading, unless an earlier part of the training was not measured in the same way."""
        if not isinstance(pl_module, BaseModule):
            return
        devices = trainer.device_ids if trainer.strategy.root_device.type == "cuda" else []
        counters = [*package_counters(self.folder), *gpu_counters(devices)]
        names, record = [counter.name for counter in counters], pl_module.record
        if record["epochs"] == 0:
            record |= {"fit_joules": 0.0, "fit_joules_of": names}
        if not names or record.get("fit_joules_of") != names:
            _forget(pl_module)
        self._meter = Meter(counters)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Adds what the epoch used."""
        if not isinstance(pl_module, BaseModule) or "fit_joules" not in pl_module.record:
            return
        used = self._meter.joules()
        if used is None:
            _forget(pl_module)
        else:
            pl_module.record["fit_joules"] += used


def _forget(module: BaseModule) -> None:
    """Removes a sum that would lack a part."""
    module.record.pop("fit_joules", None)
    module.record.pop("fit_joules_of", None)
