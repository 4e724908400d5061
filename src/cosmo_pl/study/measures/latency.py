"""Inference time of a trained model per sample (Ouyang et al., MobiCom 2022, Fig. 17), and its other overheads."""

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
from cosmo_pl.edge.overheads import overheads
from cosmo_pl.edge.timing import durations, one_thread
from cosmo_pl.modules import ClassifierModule
from cosmo_pl.recogniser import Recogniser

BATCHES = (1, 64)
REPEATS = 30


def latency(runs: Sequence[tuple[ClassifierModule, MultimodalDataModule]]) -> dict[str, Any]:
    """Times inference on samples that are already in memory, read and normalised, and measures the model's overheads.

    Args:
        runs: One run.

    Returns:
        ``seconds``: batch size ("1", "64") to the median seconds of the processor per sample, at one thread;
        ``overheads``, see `cosmo_pl.edge.overheads.overheads`; beside ``device``, ``threads`` and ``cores`` of the
        measurement.
    """
    model, data = runs[0]
    model.eval()
    assert model.trained is not None, "the run is one of a trainer with a datamodule"
    seconds = {}
    with one_thread():
        for size in BATCHES:
            (taken,) = durations([_inference(model, data, size)], REPEATS, time.thread_time)
            seconds[str(size)] = float(f"{statistics.median(taken) / size:.3g}")
    return {
        "seconds": seconds,
        "overheads": overheads(Recogniser(model, model.trained, data.transforms), data),
        "device": str(model.device),
        "threads": 1,
        "cores": os.cpu_count(),
    }


def _inference(model: ClassifierModule, data: MultimodalDataModule, size: int) -> Callable[[], None]:
    """Inference of a batch of test samples, which are repeated if they are fewer."""
    rows = data.split.test
    batch = on_device(data.plain_batch(rows[np.arange(size) % len(rows)]), model.device)

    def infer() -> None:
        with torch.inference_mode():
            model(batch["inputs"], batch.get("present"))

    return infer


def median_seconds(run: Callable[[], object]) -> float:
    """Median seconds of a run after a warm-up."""
    return statistics.median(durations([run], REPEATS)[0])
