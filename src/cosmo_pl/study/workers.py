"""Several processes on one grid, on this machine or as jobs of a cluster, which share the runs by locks on disk."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cosmo_pl.errors import ConfigurationError, CosmoError
from cosmo_pl.extras import require
from cosmo_pl.provenance import PROCESSES

COMMAND = [sys.executable, "-m", "cosmo_pl"]


class WorkersFailedError(CosmoError):
    """Some of the processes did not do all of their work."""


def start_workers(arguments: Sequence[str], count: int) -> None:
    """Starts processes of `cosmo-pl` on this machine and waits for them; each gets an equal share of the cores.

    Args:
        arguments: Arguments of each process.
        count: Number of processes.

    Raises:
        WorkersFailedError: One of them failed.
    """
    env = {**os.environ, **shared(count)}
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # raises an exception, which ends the workers
    workers = [subprocess.Popen([*COMMAND, *arguments], env=env) for _ in range(count)]
    try:
        failed = sum(worker.wait() != 0 for worker in workers)
    except BaseException:
        for worker in workers:
            worker.terminate()
        raise
    if failed:
        raise WorkersFailedError(
            f"{failed} of {count} processes could not make all runs; the lines above give the reasons"
        )


def shared(count: int) -> dict[str, str]:
    """Environment of each of several processes on this machine: its share of the cores, and their number."""
    threads = max(1, (os.cpu_count() or 1) // count)
    return {"OMP_NUM_THREADS": str(threads), PROCESSES: str(count)}


def submit_workers(arguments: Sequence[str], count: int, cluster: str, logs: Path, options: Mapping[str, Any]) -> None:
    """Submits processes of `cosmo-pl` to a cluster through submitit, and prints the folder of their logs.

    Args:
        arguments: Arguments of each process.
        count: Number of processes.
        cluster: "slurm", or "local" for submitit's local executor, whose processes are awaited.
        logs: Folder in which ``submitit/`` is made.
        options: Options of submitit's executor.

    Raises:
        ConfigurationError: submitit is not installed, an option is unknown, or this machine has no such cluster.
        WorkersFailedError: A process of the local executor failed.
    """
    require("submitit", "submit")
    from submitit import AutoExecutor
    from submitit.core.utils import FailedJobError, UncompletedJobError

    folder = logs / "submitit"
    try:
        executor = AutoExecutor(folder=folder, cluster=cluster)
        executor.update_parameters(name="cosmo-pl", **options)
    except (RuntimeError, NameError, TypeError) as error:
        raise ConfigurationError("submit", f"'{cluster}' cannot be used ({error})", "Correct submit_options") from error
    jobs = [executor.submit(work, list(arguments)) for _ in range(count)]
    print(
        f"submitted {', '.join(job.job_id for job in jobs)}; logs in {folder}; `cosmo-pl study status` shows progress"
    )
    if cluster == "local":
        try:
            for job in jobs:
                job.result()
        except (FailedJobError, UncompletedJobError) as error:
            raise WorkersFailedError(f"a process failed; its log is in {folder}") from error


def work(arguments: list[str]) -> None:
    """Runs one process of the cluster.

    Raises:
        WorkersFailedError: It could not do all of its work.
    """
    if subprocess.run([*COMMAND, *arguments], check=False).returncode:
        raise WorkersFailedError("could not make all runs; the log gives the reasons")
