"""Runs the command line in processes that start warm and can be killed, and compares what they leave."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cosmo_pl.run_folder import LAST, versions

CONFIGS = Path(__file__).parents[2] / "configs"
SMALL = [
    "--trainer.enable_progress_bar=false", "--trainer.enable_model_summary=false", "--trainer.accelerator=cpu",
    "--trainer.max_epochs=4", "--trainer.limit_train_batches=2", "--trainer.check_val_every_n_epoch=1",
    "--data.init_args.pretrain_batch_size=8", "--data.init_args.label_rate=0.3",
    "--model.init_args.encoders.inertial.init_args.channels=[4,4,4,4]",
    "--model.init_args.encoders.skeleton.init_args.channels=[4,4,4,4]",
]  # fmt: skip
STAGE1 = [f"--config={CONFIGS}/demo_stage1.yaml", "--model.init_args.projection_hidden=16"]
STAGE2 = [f"--config={CONFIGS}/demo_stage2.yaml"]
LIMIT = 120.0  # seconds


def forked(
    work: Callable[[], object], folder: Path, log: Path, kill_after: float | None = None, temporary: str | None = None
) -> int:
    """Runs something in a copy of this process, so that nobody waits for imports.

    Args:
        work: What to run there.
        folder: Its working directory.
        log: Takes what it prints.
        kill_after: Seconds until SIGKILL.
        temporary: Its folder of temporary files.

    Returns:
        Its exit status, -9 where it was killed.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        status = 70
        try:
            os.setsid()
            descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(descriptor, 1)
            os.dup2(descriptor, 2)
            sys.stdout = os.fdopen(1, "w", closefd=False)
            sys.stderr = os.fdopen(2, "w", closefd=False)
            os.chdir(folder)
            if temporary is not None:
                os.environ["TMPDIR"], tempfile.tempdir = temporary, None
            try:
                work()
                status = 0
            except SystemExit as end:
                status = end.code if isinstance(end.code, int) else 1
            except BaseException:
                traceback.print_exc()
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(status)
    start = time.monotonic()
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() - start > (LIMIT if kill_after is None else kill_after):
            try:
                os.killpg(child, signal.SIGKILL)
            except ProcessLookupError:  # it has not become a group of its own yet
                os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return -signal.SIGKILL
        time.sleep(0.002)


def same(one: Any, other: Any) -> bool:
    """Whether two nests of values are equal to the bit."""
    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, Sequence) and not isinstance(one, str):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def final_state(runs: Path) -> dict[str, Any]:
    """Weights, optimizers and schedules of the newest run, and the weights of its bundle."""
    files = [version / LAST for version in versions(runs) if (version / LAST).is_file()]
    content = torch.load(files[-1], map_location="cpu", weights_only=True)
    kept = {name: content[name] for name in ("state_dict", "optimizer_states", "lr_schedulers", "epoch", "global_step")}
    bundles = [version / "bundle/encoders.safetensors" for version in versions(runs)]
    return {**kept, "bundle": [path.read_bytes() for path in bundles if path.is_file()][-1:]}
