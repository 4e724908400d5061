"""Runs the command line in processes that start warm and can be killed, and compares what they leave."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cosmo_pl.run_folder import LAST, versions
from processes import LIMIT, ended, started

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


def in_process(
    work: Callable[[], object], folder: Path, log: Path, kill_after: float = LIMIT, temporary: str | None = None
) -> int:
    """Runs something in a process of its own, which does not wait for imports.

    Args:
        work: What to run there, a method or function of a module.
        folder: Its working directory.
        log: Takes what it prints.
        kill_after: Seconds until SIGKILL, also of the processes that it has started.
        temporary: Its folder of temporary files.

    Returns:
        Its exit status, -9 where it was killed.
    """
    process = started(_logged, work, folder, log, temporary)
    process.join(kill_after)
    if process.is_alive():
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:  # it has not become a group of its own yet
            process.kill()
    return ended(process)


def _logged(work: Callable[[], object], folder: Path, log: Path, temporary: str | None) -> None:
    os.setsid()
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", closefd=False)
    os.chdir(folder)
    if temporary is not None:
        os.environ["TMPDIR"], tempfile.tempdir = temporary, None
    work()


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
