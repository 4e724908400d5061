"""Measures training on samples that stay on disk: `python experiments/bench_stored.py`, after simulating the set.

The self-collected set at 40 × 60 × 80 depth: samples a second of the loader alone and of stage 1, the share of its
time that is spent waiting for data, and the peak of memory, with 0, 1 and 2 worker processes; and the time and memory
that one clip of the paper's resolution takes to be prepared.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from cosmo_pl.data import SelfCollectedDataModule
from cosmo_pl.data.reduction import reduce_depth
from cosmo_pl.encoders import DepthEncoder, InertialEncoder, RadarEncoder
from cosmo_pl.modules import ContrastiveFusionModule

STEPS = 12
GIB = 1024**2  # of the kibibytes that the system counts


def peak() -> str:
    """Most memory that this process has had, and the largest of its workers."""
    own, children = (
        resource.getrusage(who).ru_maxrss / GIB for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return f"peak {own:.2f} GiB, of a worker {children:.2f} GiB"


def training(workers: int) -> None:
    """Times the loader, then stage 1."""
    data = SelfCollectedDataModule(
        depth_frames=40, depth_size=(60, 80), phase="pretrain", num_workers=workers, pretrain_batch_size=32
    )
    data.prepare_data()
    data.setup()
    encoders = {
        "imu": InertialEncoder((16, 16, 16, 8)),
        "depth": DepthEncoder(),
        "radar": RadarEncoder(),
    }
    module = ContrastiveFusionModule(
        data.modality_shapes, data.num_classes, encoders, projection_hidden=256, sampling="random", num_fused=10
    )
    optimizer = module.configure_optimizers()["optimizer"]
    for name, train in (("loader alone", False), ("stage 1", True)):
        waited, start, last = 0.0, time.perf_counter(), time.perf_counter()
        for step, batch in enumerate(data.train_dataloader()):
            waited += time.perf_counter() - last
            if train:
                optimizer.zero_grad()
                module.loss(module.views(module.project(module(batch["inputs"])))).backward()
                optimizer.step()
            if step + 1 == (STEPS if train else 5 * STEPS):
                break
            last = time.perf_counter()
        seconds = time.perf_counter() - start
        count = (step + 1) * 32
        print(f"{workers} workers, {name}: {count / seconds:.1f} samples/s, {waited / seconds:.1%} waiting for data")
    print(f"{workers} workers: {peak()}", flush=True)


def preparing() -> None:
    """Times the reduction of one clip of 40 × 480 × 640, memory-mapped from disk."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.npy"
        np.save(path, np.random.default_rng(0).integers(500, 5000, (40, 480, 640), dtype=np.uint16))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        start = time.perf_counter()
        reduce_depth(np.load(path, mmap_mode="r"), 40, (60, 80))
        seconds = time.perf_counter() - start
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"one clip of 40 x 480 x 640 to 40 x 60 x 80: {seconds:.2f} s, {max(0.0, after - before):.0f} MiB more memory"
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // 2))
        training(int(sys.argv[1]))
    else:
        preparing()
        for count in (0, 1, 2):  # each in a process of its own, for its peak of memory
            subprocess.run([sys.executable, "-W", "ignore", __file__, str(count)], check=True)
