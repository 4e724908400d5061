"""A server of this process for downloads, with archives of a few hundred bytes."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cosmo_pl.data import DATASETS
from cosmo_pl.data.download import download
from cosmo_pl.errors import DownloadError

MEMBERS = 3
ARCHIVES = {key: kind.archives for key, kind in DATASETS.items() if kind.archives}
OFFICIAL = {dataset: dict(known) for dataset, known in ARCHIVES.items()}


def mat(seed: int) -> bytes:
    """A MATLAB 5.0 header and a body that does not compress."""
    return b"MATLAB 5.0 MAT-file, made for a test".ljust(128) + hashlib.shake_128(bytes([seed])).digest(5000)


def make_zip(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return buffer.getvalue()


def clips(sensor: str, top: str = "", count: int = MEMBERS) -> dict[str, bytes]:
    return {f"{top}a{i}_s1_t1_{sensor}.mat": mat(i) for i in range(1, count + 1)}


@dataclass
class Server:
    """What the server holds, how it misbehaves, and what it was asked."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    etag: str | None = '"one"'
    ranges: bool = True
    honours_if_range: bool = True
    aligned: int = 1  # a range is answered from the last multiple of this on
    unavailable: int = 0  # requests to answer with 503
    break_after: list[int] = field(default_factory=list)  # bytes of the body before the connection is cut, a request
    requests: list[tuple[str, str | None]] = field(default_factory=list)  # path, Range
    sent: list[int] = field(default_factory=list)  # bytes of each body


def fetch(server: Server, root: Path, verify_hash: bool = True) -> Path:
    return download(ARCHIVES["utd"], root, ["inertial"], base_url=server.url, verify_hash=verify_hash)


def tree(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


RECORDINGS = [f"UTD-MHAD/Inertial/a{i}_s1_t1_inertial.mat" for i in range(1, MEMBERS + 1)]


def broken_off(server: Server, root: Path, length: int = 4000) -> None:
    """Leave the part of a transfer that broke off for good after ``length`` bytes."""
    server.break_after = [length] + [0] * 10
    with pytest.raises(DownloadError, match=r"broke off.*again"):
        fetch(server, root)
    assert (root / "Inertial.zip.part").stat().st_size == length
    assert not (root / "Inertial.zip").exists()
    server.break_after = []
    server.requests.clear()
    server.sent.clear()
