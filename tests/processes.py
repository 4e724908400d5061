"""Functions in processes of their own, which start in milliseconds and can be killed.

Each is a copy of a server that has imported everything and has no threads. A copy of the test process itself could wait
for ever for a lock that another thread held, or for threads that the copy lacks.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from multiprocessing.process import BaseProcess

import torch

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["cosmo_pl.cli.train"])
LIMIT = 120.0  # seconds


def started(work: Callable[..., object], *arguments: object) -> BaseProcess:
    """A process that runs a function of a module, with the environment and the folder of this process."""
    process = CONTEXT.Process(target=_work, args=(dict(os.environ), work, arguments))
    process.start()
    return process


def exit_code(work: Callable[..., object], *arguments: object) -> int:
    """Runs a function of a module to its end. A signal that ended it is negative."""
    return ended(started(work, *arguments))


def ended(process: BaseProcess, limit: float = LIMIT) -> int:
    """Exit code of a process, which is killed after a number of seconds."""
    process.join(limit)
    if process.exitcode is None:
        process.kill()
        process.join()
    assert process.exitcode is not None
    return process.exitcode


def _work(environment: dict[str, str], work: Callable[..., object], arguments: tuple[object, ...]) -> None:
    os.environ.clear()  # the server has that of its start
    os.environ.update(environment)
    torch.set_num_threads(1)
    work(*arguments)
