"""Checkpoints: written as a whole, and checked before they are used."""

from __future__ import annotations

import errno
import os
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.plugins.io import TorchCheckpointIO
from torch import Tensor

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.io import whole_file
from cosmo_pl.run_folder import CHECKPOINTS, LAST, LAST_NAME, PREVIOUS_NAME, has_checkpoint, versions

KEPT = {"state_dict": dict, "class_path": str, "hyper_parameters": dict, "record": dict, "trained_on": dict}
"""Entry of a checkpoint to its type; older versions have only the first."""
AGAIN = "Train again, or use another checkpoint"


class WholeCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint through `whole_file`, reads it back, and keeps the previous ``last.ckpt``.

    Lightning writes to the folder of temporary files first. If that is another file system, the move is a copy, and a
    kill or a full disk leaves an incomplete file instead of the previous checkpoint.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Saves a checkpoint; an existing one is kept until the new one has been read back."""
        path = Path(path)
        with whole_file(path, one_writer=True) as part:
            with part.open("wb") as file:
                torch.save(checkpoint, file)
                file.flush()
                os.fsync(file.fileno())
            _check_written(part)
            if path.name == LAST_NAME and path.exists():
                path.replace(path.with_name(PREVIOUS_NAME))


def _check_written(path: Path) -> None:
    """Reads back a file of torch, which is a zip archive with a checksum for each part.

    Raises:
        OSError: It differs from what was written.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except zipfile.BadZipFile as error:
        raise OSError(errno.EIO, str(error), str(path)) from error
    if damaged is not None:
        raise OSError(errno.EIO, f"'{damaged}' differs from what was written", str(path))


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint of Lightning, on the CPU.

    Raises:
        ConfigurationError: It does not exist, is no file, damaged or no checkpoint, or has weights that are not finite.
    """
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "is no file" if path.exists() else "does not exist"
        raise ConfigurationError("ckpt_path", f"'{path}' {what}", "Use the path of a checkpoint, or 'last'")
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        problem = f"'{path}' is damaged, or contains more than tensors and plain values"
        raise ConfigurationError("ckpt_path", problem, _instead_of(path)) from error
    except Exception as error:  # torch and zipfile raise many types of errors for a damaged file
        reason = str(error).partition("\n")[0][:120]
        raise ConfigurationError("ckpt_path", f"'{path}' is damaged ({reason})", _instead_of(path)) from error
    whole = isinstance(content, dict) and "state_dict" in content
    if not whole or not all(isinstance(content[key], kind) for key, kind in KEPT.items() if key in content):
        raise ConfigurationError("ckpt_path", f"'{path}' is no checkpoint of a training", AGAIN)
    broken = not_finite(content["state_dict"])
    if broken is not None:
        problem = f"'{path}' contains weights that are not finite ({broken}): the training diverged"
        raise ConfigurationError("ckpt_path", problem, "Train again with a smaller learning rate")
    return content


def _instead_of(damaged: Path) -> str:
    """The remedy for a damaged checkpoint."""
    previous = damaged.with_name(PREVIOUS_NAME)
    kept = damaged.name == LAST_NAME and previous.is_file()
    return f"Use '{previous}', which was saved before it, or train again" if kept else AGAIN


def not_finite(state: Mapping[str, Any]) -> str | None:
    """Name of the first tensor with NaN or infinity, None if all are finite."""
    floating = ((name, value) for name, value in state.items() if isinstance(value, Tensor))
    return next((name for name, value in floating if value.is_floating_point() and not _finite(value)), None)


def _finite(value: Tensor) -> bool:
    # A sum is seven times as fast, and finite only if all terms are. That of finite terms can overflow.
    return bool(value.sum().isfinite() or value.isfinite().all())


def usable_checkpoint(runs: Path) -> Path | None:
    """The newest readable checkpoint of the runs of a config, None without one; prints which damaged ones it skips."""
    paths = (run / CHECKPOINTS / name for run in reversed(versions(runs)) for name in (LAST_NAME, PREVIOUS_NAME))
    for path in filter(Path.exists, paths):
        try:
            read_checkpoint(path)
        except ConfigurationError as error:
            print(f"skipped: {error}")
        else:
            return path
    return None


def newest_checkpoint(runs: Path) -> Path:
    """The newest readable checkpoint of the runs of a config.

    Raises:
        ConfigurationError: No run has one.
    """
    found = usable_checkpoint(runs)
    if found is None:
        problem = f"no run in '{runs}' has a checkpoint that can be used"
        raise ConfigurationError("ckpt_path", problem, "Run `cosmo-pl fit` first")
    return found


def checkpoint_in(path: Path) -> Path:
    """The checkpoint that a path stands for.

    Args:
        path: A checkpoint, the folder of a run, or that of all runs of a config, whose newest usable one is taken.

    Raises:
        ConfigurationError: There is none.
    """
    if path.is_file():
        return path
    if has_checkpoint(path):
        return path / LAST
    if versions(path):
        return newest_checkpoint(path)
    problem = f"'{path}' has no {LAST}" if path.is_dir() else f"'{path}' does not exist"
    raise ConfigurationError("run", problem, "Name a checkpoint, or the folder of a run of `cosmo-pl fit`")
