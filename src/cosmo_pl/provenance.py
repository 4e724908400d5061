"""The provenance of a result: the state of the code, and the machine."""

from __future__ import annotations

import os
import platform
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

from cosmo_pl.errors import ConfigurationError

PROCESSES = "COSMO_PL_PROCESSES"  # environment variable: number of processes that share the machine
BUSY = "COSMO_PL_BUSY"  # environment variable: set if other work on the machine distorts measured seconds
COMMIT = "COSMO_PL_COMMIT"  # environment variable: commit of a copy without a repository, compared file by file
PACKAGE = Path(__file__).parent
# Results and rendered files do not influence later results.
CODE = ("src", "configs", "experiments", ":(exclude)experiments/results", ":(exclude)experiments/rendered")


@cache  # the code that runs is the code that was imported
def code_state(package: Path = PACKAGE) -> tuple[str | None, bool | None]:
    """Commit of the package, and whether code, configs or studies differ from it.

    Args:
        package: Folder of the package.

    Returns:
        Twelve digits of the commit and True for uncommitted changes, or $COSMO_PL_COMMIT and False; (None, None)
        outside of the project's checkout, for instance in the repository of another project.
    """
    if compared := os.environ.get(COMMIT):
        return compared, False
    top = _git(package, "rev-parse", "--show-toplevel")
    if top is None or Path(top, "src", package.name).resolve() != package.resolve():
        return None, None
    if not _git(package, "ls-files", "__init__.py"):
        return None, None
    changes = _git(Path(top), "status", "--porcelain", "--", *CODE)
    return _git(package, "rev-parse", "--short=12", "HEAD"), changes is None or bool(changes)


def check_committed(remedy: str) -> None:
    """Refuses code that differs from its commit: the origin of its results could not be known later.

    Args:
        remedy: What else the user can do than to commit the changes.

    Raises:
        ConfigurationError: There are uncommitted changes.
    """
    commit, dirty = code_state()
    if dirty:
        problem = f"requires committed code, and there are uncommitted changes since {commit}"
        raise ConfigurationError("preset", problem, f"Commit them, or {remedy}")


def environment() -> dict[str, Any]:
    """The code and the machine of a run."""
    import torch

    commit, dirty = code_state()
    return {
        "commit": commit,
        "dirty": dirty,
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name(0) if torch.cuda.is_available() else "cpu",
        "cpu": processor(),
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "processes": int(os.environ.get(PROCESSES, "1")),
        "busy": bool(os.environ.get(BUSY)),
    }


@cache
def processor() -> str:
    """Name of the processor, as reported by the system."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())


def _git(folder: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *words], cwd=folder, capture_output=True, encoding="utf-8", timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
