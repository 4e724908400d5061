"""Inference time of a trained model per sample (Ouyang et al., MobiCom 2022, Fig. 17)."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from cosmo_pl.data import MultimodalDataModule
from cosmo_pl.data.loading import on_device
from cosmo_pl.modules import BaseModule

BATCHES = (1, 64)
WARM_UP = 3
REPEATS = 30


def latency(runs: Sequence[tuple[BaseModule, MultimodalDataModule]]) -> dict[str, Any]:
    """Times inference on samples that are already in memory, read and normalised.

    Args:
        runs: One run.

    Returns:
        ``seconds``, on the processor: batch size ("1", "64") to the median seconds per sample; beside ``device``,
        ``threads`` and ``cores`` of the measurement.
    """
    model, data = runs[0]
    model.eval()
    return {
        "seconds": {str(size): _digits(median_seconds(_inference(model, data, size)) / size) for size in BATCHES},
        "device": str(model.device),
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
    }


def _inference(model: BaseModule, data: MultimodalDataModule, size: int) -> Callable[[], None]:
    """Inference of a batch of test samples, which are repeated if they are fewer."""
    rows = data.split.test
    batch = on_device(data.plain_batch(rows[np.arange(size) % len(rows)]), model.device)

    def infer() -> None:
        with torch.inference_mode():
            model(batch["inputs"], batch.get("present"))

    return infer


def median_seconds(run: Callable[[], object]) -> float:
    """Median seconds of a run after a warm-up."""
    for _ in range(WARM_UP):
        run()
    taken = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        run()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def _digits(seconds: float) -> float:
    return float(f"{seconds:.3g}")
