"""Measures both stages and the loss: `make bench`, or `python experiments/bench.py --help`.

Training speed is measured on the shapes of UTD-MHAD with random samples, in float32, one process, all threads.
"""

from __future__ import annotations

import argparse
import gc
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from cosmo_pl.data.loading import SampleBatches
from cosmo_pl.encoders import Encoder, InertialEncoder, SkeletonEncoder
from cosmo_pl.losses import ContrastiveFusionLoss, contrastive_fusion
from cosmo_pl.modules import ContrastiveFusionModule, IterativeFusionModule
from cosmo_pl.modules.base import toggle
from cosmo_pl.study.evidence import quiet

SHAPES: dict[str, tuple[int, ...]] = {"inertial": (120, 6), "skeleton": (40, 20, 3)}
RELEASED_CLIPS_PER_SECOND = 81  # the released code, repaired to run, on two CPU cores: 512 clips in 6.3 s


def encoders() -> dict[str, Encoder]:
    """The paper's encoders of UTD-MHAD."""
    return {"inertial": InertialEncoder(), "skeleton": SkeletonEncoder()}


def samples(count: int) -> SampleBatches:
    """Random samples of UTD-MHAD's shapes."""
    inputs = {name: torch.randn(count, *shape) for name, shape in SHAPES.items()}
    index = torch.arange(count)
    return SampleBatches(inputs, index % 27, index, index)


def timed(step: Callable[[], object], repeats: int) -> float:
    """Median seconds of a step, after one that is not counted."""
    step()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    return sorted(seconds)[len(seconds) // 2]


def stage1(repeats: int) -> tuple[float, float]:
    """Seconds of one epoch of 512 clips in batches of 32, and of them those spent on data."""
    module = ContrastiveFusionModule(SHAPES, 27, encoders())
    optimizer = module.configure_optimizers()["optimizer"]
    loader = samples(512).loader(32, shuffle=True, drop_last=True)
    spent = []

    def epoch() -> None:
        data, last = 0.0, time.perf_counter()
        for batch in loader:
            data += time.perf_counter() - last
            optimizer.zero_grad()
            module.loss(module.augment(module.project(module(batch["inputs"])))).backward()
            optimizer.step()
            last = time.perf_counter()
        spent.append(data)

    module.train()
    return timed(epoch, repeats), sorted(spent)[len(spent) // 2]


def stage2(repeats: int) -> tuple[float, float]:
    """Seconds of one epoch on 27 labelled clips in batches of 16, averaged over the two turns, and of a test."""
    weights = {"inertial": 0.5, "skeleton": 0.5}
    module = IterativeFusionModule(SHAPES, 27, encoders=encoders(), quality_weights=weights)
    optimizers, _ = module.configure_optimizers()
    loader, test = samples(27).loader(16, shuffle=True), samples(215).loader(128)

    def turn(part: int) -> None:
        for number, name in enumerate(("encoders", "classifier")):
            toggle(getattr(module, name), number == part)
        for batch in loader:
            optimizers[part].zero_grad()
            nn.functional.cross_entropy(module(batch["inputs"]), batch["label"]).backward()
            optimizers[part].step()

    def evaluate() -> None:
        module.eval()
        with torch.inference_mode():
            for batch in test:
                module(batch["inputs"])

    seconds = sum(timed(lambda part=part: turn(part), 3 * repeats) for part in (0, 1)) / 2  # type: ignore[misc]
    return seconds, timed(evaluate, repeats)


def loss(samples_in_batch: int, tiled: bool) -> tuple[float, float]:
    """Seconds of the loss forward and backward at P = 9, D = 128, and MB by which the process's peak rose."""
    contrastive_fusion.TILED_FROM = 0 if tiled else sys.maxsize
    views = torch.randn(samples_in_batch, 9, 128, requires_grad=True)
    gc.collect()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = timed(lambda: ContrastiveFusionLoss()(views).backward(), 3)
    return seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def main() -> None:
    """Prints a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3, help="epochs or rounds of each measurement")
    parser.add_argument("--loss", type=int, help="measure the loss alone, on that many samples, and print the result")
    parser.add_argument("--how", choices=("plain", "tiled"), default="plain", help="how that loss is computed")
    arguments = parser.parse_args()
    if arguments.loss:
        print("{:.4f} {:.0f}".format(*loss(arguments.loss, arguments.how == "tiled")))
        return
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}\n\n| what | measured |\n|---|---|")
    seconds, data = stage1(arguments.repeats)
    speed = 512 / seconds
    print(f"| stage 1, UTD-MHAD, batch 32 | {speed:.0f} clips/s ({speed / RELEASED_CLIPS_PER_SECOND:.1f} × released) |")
    print(f"| stage 1, share of time on data | {data / seconds:.2%} |")
    seconds, test = stage2(arguments.repeats)
    print(f"| stage 2, UTD-MHAD, 27 labels | {1 / seconds:.2f} epochs/s, {1 / (seconds + test):.2f} with a test each |")
    for count in (64, 256, 1024):
        for how in ("plain", "tiled"):
            # A process each: the peak of memory of a process never falls.
            command = [sys.executable, __file__, "--loss", str(count), "--how", how]
            printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
            what = f"loss and its gradient, (N, P) = ({count}, 9), {how}"
            print(f"| {what} | {float(printed[0]):.3f} s, {printed[1]} MB over the start |")


if __name__ == "__main__":
    with quiet(Path(__file__).parents[1]):
        main()
