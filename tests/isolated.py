"""Python processes in which only some of the installed packages can be imported."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

RUNTIME = frozenset({"numpy", "onnxruntime", "flatbuffers", "google", "packaging", "sympy"})
"""ONNX Runtime, and what it is installed with."""
HIDE = """
import sys

class OnlyAllowed:
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        allowed = name.partition(".")[0] in sys.stdlib_module_names | {allowed!r}
        return self.finder.find_spec(name, path, target) if allowed else None

sys.meta_path[:] = map(OnlyAllowed, sys.meta_path)
"""


def alone(
    code: str, allowed: Collection[str], given: str = "", folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs code in a process whose imports, beside the standard library, are those of the allowed packages.

    Args:
        code: The code.
        allowed: Names of packages.
        given: Text on standard input.
        folder: Working directory.
    """
    command = [sys.executable, "-P", "-c", HIDE.format(allowed=set(allowed)) + code]
    return subprocess.run(command, input=given, cwd=folder, capture_output=True, text=True, check=False)
