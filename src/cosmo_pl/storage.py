"""Errors of full disks, and of folders and names that cannot be written to, with the path and the free space."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cosmo_pl.errors import CosmoError, causes

STORAGE = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EFBIG, errno.EIO}
    | {errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP}
)


class StorageError(CosmoError):
    """A disk that is full, or a folder that cannot be written to.

    Args:
        path: The file that could not be written or read; None where the system does not report it.
        problem: The error of the system.
    """

    def __init__(self, path: Path | None, problem: str) -> None:
        what = "a file" if path is None else f"'{path}'"
        super().__init__(
            f"{what} cannot be used: {problem}{_free_space(path)}. Free space, or use a folder that can be written to."
        )


def storage_error(error: BaseException | None, path: Path | None = None) -> StorageError | None:
    """The error of a full disk or read-only folder that caused an exception; None for another cause.

    Args:
        error: The exception.
        path: The file that was written, if the system does not report it.
    """
    for each in causes(error):
        if isinstance(each, StorageError):
            return each
        if isinstance(each, OSError) and each.errno in STORAGE:
            where = Path(os.fsdecode(each.filename)) if isinstance(each.filename, str | bytes | os.PathLike) else path
            return StorageError(where, os.strerror(each.errno).lower())
    return None


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Adds the path to storage errors in the body, which often lack it.

    Raises:
        StorageError: The disk is full, or the folder cannot be written to.
    """
    try:
        yield
    except CosmoError:
        raise
    except Exception as error:  # torch.save raises a RuntimeError where the disk is full
        found = storage_error(error, path)
        if found is None:
            raise
        raise found from error


def _free_space(path: Path | None) -> str:
    for folder in () if path is None else (path, *path.absolute().parents):
        try:
            return f" ({shutil.disk_usage(folder).free / 2**20:,.0f} MiB are free on its disk)"
        except OSError:
            continue
    return ""
