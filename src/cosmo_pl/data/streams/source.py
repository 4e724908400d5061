"""The folder or ZIP archive that recordings are imported from; nothing outside of it is read."""

from __future__ import annotations

import os
import shutil
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import IO, Any

from cosmo_pl.errors import RecordingError
from cosmo_pl.io import whole_file


class Source(ABC):
    """Files with names below a folder, with ``/`` between their parts.

    Args:
        path: The folder or archive.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    @abstractmethod
    def names(self) -> list[str]:
        """All files that are not hidden, nor in a hidden folder, sorted.

        Raises:
            RecordingError: They cannot be listed.
        """

    @abstractmethod
    def identity(self, name: str) -> list[Any]:
        """What changes whenever the file changes."""

    @abstractmethod
    def open(self, name: str) -> IO[bytes]:
        """Opens a file for reading.

        Raises:
            RecordingError: It cannot be read.
        """

    @abstractmethod
    def on_disk(self, name: str, scratch: Path) -> Path:
        """Path of a file, or of a copy of it in `scratch`."""

    def shown(self, name: str) -> Path:
        """A file as it is named in errors."""
        return self.path / name


class FolderSource(Source):
    """A folder. Links to files outside of it, and links to folders, are refused."""

    @cached_property
    def names(self) -> list[str]:
        """All files that are not hidden, sorted."""
        root, found = self.path.resolve(), []
        for folder, folders, files in os.walk(root, onerror=self._unreadable):
            here = Path(folder)
            folders[:] = [each for each in folders if not _is_hidden(each)]
            files = [each for each in files if not _is_hidden(each)]
            for each in (*folders, *files):
                self._check(here / each, root)
            found += [(here / each).relative_to(root).as_posix() for each in files]
        return sorted(found)

    def _unreadable(self, error: OSError) -> None:
        problem = f"cannot be read ({error.strerror})"
        raise RecordingError(Path(error.filename), problem, "Permit reading it, or move it elsewhere") from error

    def _check(self, path: Path, root: Path) -> None:
        """Refuses links that leave the folder or lead to no file."""
        try:
            target = path.resolve(strict=True)
            linked_folder = path.is_symlink() and target.is_dir()
        except FileNotFoundError as error:
            if path.is_symlink():  # else it was removed since the folder was listed
                raise self._leaves(path, "is a link to a file that is missing") from error
        except RuntimeError as error:
            raise self._leaves(path, "is a link that leads back to itself") from error
        except OSError as error:
            self._unreadable(error)
        else:
            if linked_folder:
                raise self._leaves(path, "is a link to a folder")
            if not target.is_relative_to(root):
                raise self._leaves(path, "is a link to a file outside of the folder")

    def _leaves(self, path: Path, problem: str) -> RecordingError:
        return RecordingError(path, problem, "Copy what it points to into the folder, or remove it")

    def identity(self, name: str) -> list[Any]:
        """Size and time of change."""
        found = (self.path / name).stat()
        return [name, found.st_size, found.st_mtime_ns]

    def open(self, name: str) -> IO[bytes]:
        """Opens a file."""
        try:
            return (self.path / name).open("rb")
        except OSError as error:
            raise RecordingError(self.shown(name), f"cannot be read ({error.strerror})") from error

    def on_disk(self, name: str, scratch: Path) -> Path:
        """The file itself."""
        return self.path / name


class ZipSource(Source):
    """A ZIP archive, which is read as it is."""

    @cached_property
    def _archive(self) -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(self.path)
        except (OSError, zipfile.BadZipFile) as error:
            raise RecordingError(self.path, f"is not readable as a ZIP archive ({error})") from error

    @cached_property
    def names(self) -> list[str]:
        """All files that are not hidden, sorted."""
        files = (each.filename for each in self._archive.infolist() if not each.is_dir())
        return sorted(name for name in files if not any(map(_is_hidden, name.split("/"))))

    def identity(self, name: str) -> list[Any]:
        """Size and check sum."""
        found = self._archive.getinfo(name)
        return [name, found.file_size, found.CRC]

    def open(self, name: str) -> IO[bytes]:
        """Opens a file."""
        try:
            return self._archive.open(name)
        except (RuntimeError, NotImplementedError, zipfile.BadZipFile, OSError) as error:
            raise RecordingError(self.shown(name), f"cannot be read ({error})", "Unpack the archive") from error

    def on_disk(self, name: str, scratch: Path) -> Path:
        """A copy of the file."""
        path = scratch / name.replace("/", "_")
        with whole_file(path) as part, readable(self.shown(name)), self.open(name) as packed, part.open("wb") as copy:
            shutil.copyfileobj(packed, copy)
        return path


def _is_hidden(name: str) -> bool:
    """Whether a file or folder is hidden, as those that systems write beside the files: "._anna.csv" of macOS."""
    return name.startswith(".")


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turns errors of damaged members of archives into errors that name the file.

    Raises:
        RecordingError: The file is damaged.
    """
    import lzma
    import zlib

    try:
        yield
    except (zipfile.BadZipFile, lzma.LZMAError, zlib.error, EOFError) as error:
        raise RecordingError(path, f"is damaged ({error})") from error


def open_source(path: Path) -> Source:
    """The folder or archive at a path.

    Raises:
        RecordingError: There is neither a folder nor a ZIP archive.
    """
    if path.is_dir():
        return FolderSource(path)
    if path.is_file() and path.suffix.lower() == ".zip":
        return ZipSource(path)
    raise RecordingError(path, "is neither a folder nor a ZIP archive", "Give the folder of the recordings")
