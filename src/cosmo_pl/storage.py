"""Folders that are written to: their only writer, and errors of full disks and of names that cannot be written to."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cosmo_pl.errors import CosmoError, causes

SIMULATION = "simulation.json"  # what `cosmo-pl data simulate` writes first into a dataset's folder
UNFINISHED = ".unfinished"  # what is in that folder until it has written all
FULL = "Free space, or use another disk"
READ_ONLY = "Use a folder that can be written to"
IN_THE_WAY = "Move the file that is in the way, or use another folder"
REMEDIES = {
    errno.ENOSPC: FULL,
    errno.EDQUOT: FULL,
    errno.EFBIG: "Use a disk that holds files of this size",
    errno.EROFS: READ_ONLY,
    errno.EACCES: READ_ONLY,
    errno.EPERM: READ_ONLY,
    errno.EIO: "Use another disk",
    errno.ENOTDIR: IN_THE_WAY,
    errno.EEXIST: IN_THE_WAY,
    errno.EISDIR: "Move the folder that is in the way, or use another name",
    errno.ENAMETOOLONG: "Use a shorter name",
    errno.ELOOP: "Remove links that point to each other, or use another folder",
}


class StorageError(CosmoError):
    """A disk that is full, or a file or folder that cannot be written to.

    Args:
        path: The file that could not be written or read; None where the system does not report it.
        number: The number of the system's error, a key of `REMEDIES`.
    """

    def __init__(self, path: Path | None, number: int) -> None:
        what = "a file" if path is None else f"'{path}'"
        free = _free_space(path) if REMEDIES[number] is FULL else ""
        super().__init__(f"{what} cannot be used: {os.strerror(number).lower()}{free}. {REMEDIES[number]}.")


def storage_error(error: BaseException | None, path: Path | None = None) -> StorageError | None:
    """The error of the disk, or of a file or folder that cannot be written to, that caused an exception; or None.

    Args:
        error: The exception.
        path: The file that was written, if the system does not report it.
    """
    for each in causes(error):
        if isinstance(each, StorageError):
            return each
        if isinstance(each, OSError) and each.errno in REMEDIES:
            named = each.filename2 or each.filename  # the target of a file that is renamed
            where = Path(os.fsdecode(named)) if isinstance(named, str | bytes | os.PathLike) else path
            return StorageError(where, each.errno)
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


@contextmanager
def only_writer(target: Path) -> Iterator[None]:
    """Holds a folder for writing, and waits while another process holds it, also one that is killed meanwhile.

    Args:
        target: The folder; a lock lies beside it meanwhile.

    Raises:
        StorageError: It cannot be written to.
    """
    from filelock import FileLock, Timeout  # which devices that stream an exported model may lack

    lock = target.with_name(f".{target.name}.lock")
    with writing(target):
        lock.parent.mkdir(parents=True, exist_ok=True)
        held = FileLock(lock)
        try:
            held.acquire(blocking=False)
        except Timeout:
            from pytorch_lightning.utilities import rank_zero_info

            rank_zero_info(f"another process is writing to '{target}'; waiting for it")
            held.acquire()
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)
        held.release()


def _free_space(path: Path | None) -> str:
    for folder in () if path is None else (path, *path.absolute().parents):
        try:
            return f" ({shutil.disk_usage(folder).free / 2**20:,.0f} MiB are free on its disk)"
        except OSError:
            continue
    return ""
