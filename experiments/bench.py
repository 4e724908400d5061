"""Measures training steps before and now, and the loss: `make bench`, or `python experiments/bench.py --help`.

Before is the step of `bench_before.py`. Epochs before and now alternate, each ratio is the median of the ratios of
epochs that followed each other, and everything is in one thread, so that other work on the machine meets all alike.
The loss is measured on Linux alone, which tells a process its peak of memory.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

import torch

from cosmo_pl.cli.allocation import keep_freed_memory
from cosmo_pl.losses import ContrastiveFusionLoss, contrastive_fusion
from cosmo_pl.precision import runs_on_bfloat16_units
from cosmo_pl.study.evidence import quiet

TRAINING = Path(__file__).with_name("bench_training.py")
CLIPS = 512  # of an epoch of stage 1
STAGE1 = {"utd": "UTD-MHAD, paper's encoders, batch 32", "utd_plus": "UTD-MHAD, `plus`, batch 64 of 3 views each"}
STAGE2 = {"encoders": "encoders' epochs", "classifier": "classifier's epochs, features remembered now"}
VIEWS, DIMENSIONS = 9, 128  # P and D of the loss
LOSS_SAMPLES = (64, 256, 1024, 2222)
MOST_MEMORY = 6e9  # bytes that a loss may take to be measured
MATRICES = 4  # of M × M similarities in float32 that the plain loss and its gradient hold at once, at least
CLEAR = Path("/proc/self/clear_refs")  # where Linux takes what begins a process's peak of memory anew

Spent = dict[str, float]


class Variant:
    """A process that trains in one way.

    Args:
        name: "before", "float32" or "bfloat16".
    """

    def __init__(self, name: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(TRAINING), name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def measure(self, what: str) -> Spent:
        """Seconds of an epoch, by the parts of its steps; see `bench_training.py`."""
        assert self.process.stdin is not None and self.process.stdout is not None
        print(what, file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"the process that measures '{what}' has ended")
        spent: Spent = json.loads(line)
        return spent

    def close(self) -> None:
        """Ends the process."""
        self.process.communicate()


def alternately(variants: dict[str, Variant], what: str, rounds: int) -> dict[str, list[Spent]]:
    """What each variant spends on an epoch, in each of some rounds."""
    measured: dict[str, list[Spent]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, variant in variants.items():
            measured[name].append(variant.measure(what))
    return measured


def seconds(epochs: list[Spent]) -> list[float]:
    """Seconds of each epoch."""
    return [sum(spent.values()) for spent in epochs]


def ratio(measured: dict[str, list[Spent]], name: str) -> str:
    """How many times as fast as before a variant is, with the least and the most of the rounds."""
    ratios = [then / now for then, now in zip(seconds(measured["before"]), seconds(measured[name]), strict=True)]
    return f"{statistics.median(ratios):.2f} × ({min(ratios):.2f} to {max(ratios):.2f})"


def print_table(*columns: str) -> None:
    """Prints the head of a Markdown table."""
    print()
    print_row(*columns)
    print_row(*["---"] * len(columns))


def print_row(*cells: str) -> None:
    """Prints a row of a Markdown table."""
    print(f"| {' | '.join(cells)} |", flush=True)


def training(rounds: int) -> None:
    """Prints what both stages take before and now, and what today's steps spend their time on."""
    names = ["before", "float32"] + ["bfloat16"] * runs_on_bfloat16_units("cpu")
    variants = {name: Variant(name) for name in names}
    stage1 = {config: alternately(variants, f"stage1 {config}", rounds) for config in STAGE1}
    stage2 = {part: alternately(variants, f"stage2 {part}", rounds) for part in STAGE2}
    for variant in variants.values():
        variant.close()
    print_table("epochs in one thread", *names, *(f"before / {name}" for name in names[1:]))
    for config, measured in stage1.items():
        speeds = [f"{CLIPS / statistics.median(seconds(measured[name])):.0f} clips/s" for name in names]
        print_row(f"stage 1, {STAGE1[config]}", *speeds, *(ratio(measured, name) for name in names[1:]))
    for part, measured in stage2.items():
        times = [f"{statistics.median(seconds(measured[name])):.3f} s" for name in names]
        row = f"stage 2, UTD-MHAD, 27 labels, batch 16, {STAGE2[part]}"
        print_row(row, *times, *(ratio(measured, name) for name in names[1:]))
    parts = list(stage1["utd"]["before"][0])
    print_table("share of the time of stage 1", *parts)
    for config, measured in stage1.items():
        for name in names:
            print_row(f"{STAGE1[config]}, {name}", *(share(measured[name], part) for part in parts))


def share(epochs: list[Spent], part: str) -> str:
    """Share of a part in the time of epochs."""
    return f"{statistics.median(spent[part] / sum(spent.values()) for spent in epochs):.1%}"


def losses() -> None:
    """Prints what the loss and its gradient take, the whole matrix of similarities at once and tile by tile."""
    hows = ("plain", "tiled")
    print_table(
        f"loss and gradient, P = {VIEWS}, D = {DIMENSIONS}",
        *hows,
        "plain / tiled",
        "peak over the start, plain",
        "tiled",
    )
    for count in LOSS_SAMPLES:
        found = [loss_alone(count, how) for how in hows]
        times = ["not measured" if each is None else f"{each[0]:.3f} s" for each in found]
        peaks = ["would be over 6 GB" if each is None else f"{each[1] / 1e6:.0f} MB" for each in found]
        plain, tiled = found
        faster = "" if plain is None or tiled is None else f"{plain[0] / tiled[0]:.2f} ×"
        print_row(f"P·N = {VIEWS * count:,}", *times, faster, *peaks)


def loss_alone(count: int, how: str) -> tuple[float, float] | None:
    """What `loss` gives in a process of its own, as a peak of memory never falls; None for what takes too much."""
    if how == "plain" and MATRICES * 4 * (VIEWS * count) ** 2 > MOST_MEMORY:
        return None
    command = [sys.executable, __file__, "--loss", str(count), "--how", how]
    time_taken, peak = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    return float(time_taken), float(peak)


def loss(count: int, tiled: bool) -> tuple[float, float]:
    """Median seconds of the loss and its gradient, and bytes by which the peak of memory is over the start."""
    torch.set_num_threads(1)
    keep_freed_memory()
    contrastive_fusion.TILED_FROM = 0 if tiled else sys.maxsize
    criterion = ContrastiveFusionLoss()
    criterion(torch.randn(2, VIEWS, DIMENSIONS, requires_grad=True)).backward()  # libraries set themselves up
    views = torch.randn(count, VIEWS, DIMENSIONS, requires_grad=True)
    gc.collect()
    start = memory("VmRSS")
    CLEAR.write_text("5", encoding="ascii")
    times = []
    for _ in range(4):
        views.grad = None
        begin = time.perf_counter()
        criterion(views).backward()
        times.append(time.perf_counter() - begin)
    return statistics.median(times[1:]), memory("VmHWM") - start


def memory(name: str) -> float:
    """Bytes of memory of this process as Linux counts them: "VmRSS" now, "VmHWM" at most.

    Unlike the peak that `resource` gives, that of the process which started this one has no part in it.
    """
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(float(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


def main() -> None:
    """Prints Markdown tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5, help="rounds of epochs of each training")
    parser.add_argument("--loss", type=int, help="measure the loss alone, on that many samples: seconds and bytes")
    parser.add_argument("--how", choices=("plain", "tiled"), default="plain", help="how that loss is computed")
    arguments = parser.parse_args()
    if arguments.loss:
        print(*loss(arguments.loss, arguments.how == "tiled"))
        return
    print(f"One thread, torch {torch.__version__}")
    training(arguments.repeats)
    if CLEAR.exists():
        losses()


if __name__ == "__main__":
    with quiet(Path(__file__).parents[1]):
        main()
