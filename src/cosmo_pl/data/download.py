"""Fetch the official archives of a dataset, check them, and unpack them in their official layout."""

from __future__ import annotations

import hashlib
import logging
import re
import shutil
import stat
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING, NamedTuple

from cosmo_pl.errors import ConfigurationError, DownloadError
from cosmo_pl.io import user_path, whole_file

if TYPE_CHECKING:
    import requests

logger = logging.getLogger(__name__)

ATTEMPTS = 4  # transfers of one archive, each of which continues the one before
BACKOFF = 1.0  # seconds; the waits between tries to connect are 0, 2 and 4 times this
TIMEOUT = 30.0  # seconds without a byte
SPACE_FACTOR = 3  # the archive, its recordings, and room to spare
CHUNK = 1 << 16
EXPANSION = 100  # largest ratio of unpacked to packed size of a member: MATLAB files are compressed already
NOT_TO_BE_USED = "Do not use this archive; remove it"
ROOM = 4  # largest ratio of the size of all members to that of the recordings


class Kind(NamedTuple):
    """A kind of files.

    Attributes:
        name: Its name with its article.
        begins: What each file begins with.
        header: Bytes of a file without content.
    """

    name: str
    begins: bytes
    header: int


MATLAB = Kind("a MATLAB 5.0 file", b"MATLAB 5.0 MAT-file", 128)
ZIP = Kind("a zip archive", b"PK\x03\x04", 30)


@dataclass(frozen=True)
class Archive:
    """One official archive and its contents.

    Args:
        name: File name on the server and below the root.
        url: Official address.
        folder: Folder below the root that receives the recordings.
        members: Number of recordings.
        pattern: Regular expression of a recording's path below ``folder``; a top folder in the archive is ignored.
        sha256: Hash of the archive in hexadecimal, where one is known.
        default: Whether it is fetched if no modalities are named.
        unpacked: Bytes of the unpacked recordings; None if unknown. An archive of more than four times as much is
            refused.
        kind: Kind of the recordings: MATLAB files, or archives that a datamodule reads as they are.
    """

    name: str
    url: str
    folder: str
    members: int
    pattern: str
    sha256: str | None = None
    default: bool = True
    unpacked: int | None = None
    kind: Kind = MATLAB


def download(
    archives: Mapping[str, Archive],
    root: Path,
    modalities: Sequence[str] | None = None,
    base_url: str | None = None,
    verify_hash: bool = True,
) -> Path:
    """Fetch, check and unpack the archives of a dataset; recordings on disk are never changed.

    A transfer that broke off is resumed by the next call. An archive that already lies in ``root`` is not fetched, but
    checked like a fresh one. The archives stay in ``root``.

    Args:
        archives: Modality to its archive, as the `archives` of a datamodule's class; several may share one.
        root: Folder that receives the dataset's folder; created where missing.
        modalities: Modalities whose archives are fetched; None takes those that are fetched by default.
        base_url: Address of a mirror's folder that holds the archives under their official names.
        verify_hash: Compare the archive's SHA-256 with the recorded one, where there is one.

    Returns:
        The dataset's folder below ``root``.

    Raises:
        ConfigurationError: For an unknown modality.
        DownloadError: If an archive cannot be fetched or is not the official one, if the disk is too small, or if the
            folder already holds something other than the complete recordings.
    """
    chosen = _choose(archives, modalities)
    root = user_path(root)
    try:
        root.mkdir(parents=True, exist_ok=True)
        for archive in [a for a in chosen if not _is_complete(root / a.folder, a)]:
            path = root / archive.name
            if not path.exists():
                _fetch(f"{base_url.rstrip('/')}/{archive.name}" if base_url else archive.url, path)
            _unpack(path, root / archive.folder, _verify(path, archive, verify_hash))
    except OSError as error:
        raise DownloadError(root, f"cannot be written or read ({error})", "Choose another root") from error
    return root / Path(chosen[0].folder).parts[0]


def _choose(known: Mapping[str, Archive], modalities: Sequence[str] | None) -> list[Archive]:
    if modalities is None:
        modalities = [modality for modality, archive in known.items() if archive.default]
    unknown = [modality for modality in modalities if modality not in known]
    if unknown or not modalities:
        raise ConfigurationError(
            "modalities", f"there is no archive of {unknown or list(modalities)}", f"Choose from {', '.join(known)}"
        )
    return list(dict.fromkeys(known[modality] for modality in modalities))


def _is_complete(folder: Path, archive: Archive) -> bool:
    """Whether all recordings exist; a folder that holds anything else is refused, so nothing is overwritten."""
    if not folder.exists() or not any(folder.iterdir()):
        return False
    files = [path for path in folder.rglob("*") if path.is_file() and path.stat().st_size > archive.kind.header]
    names = [path.relative_to(folder).as_posix() for path in files]
    found = sum(re.fullmatch(archive.pattern, name) is not None for name in names)
    if found != archive.members:
        raise DownloadError(
            folder,
            f"is not empty and holds {found} of the {archive.members} recordings",
            "Move it away or choose another root, then run the command again",
        )
    logger.info("%s already holds its %d recordings; nothing to download.", folder, found)
    return True


def _require_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise DownloadError(
            folder,
            f"needs about {needed / 1e6:.0f} MB, but {free / 1e6:.0f} MB are free",
            "Make room or choose another root",
        )


def _fetch(url: str, path: Path) -> None:
    """Download to a part file; its sidecar holds the address and the server's version of the file."""
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3.util import Retry

    part, sidecar = path.with_name(f"{path.name}.part"), path.with_name(f"{path.name}.part.version")
    retry = Retry(
        ATTEMPTS - 1, backoff_factor=BACKOFF, status_forcelist=(429, 500, 502, 503), respect_retry_after_header=False
    )
    with requests.Session() as session:
        session.mount("http://", HTTPAdapter(max_retries=retry))
        session.mount("https://", HTTPAdapter(max_retries=retry))
        try:
            finished = any(_transfer(session, url, part, sidecar) for _ in range(ATTEMPTS))
        except requests.RequestException as error:
            remedy = f"Run the command again later, give a mirror as base_url, or put the archive at '{path}' yourself"
            raise DownloadError(url, f"cannot be fetched ({error})", remedy) from error
    if not finished:
        raise DownloadError(url, f"the transfer broke off {ATTEMPTS} times", "Run the command again to continue it")
    part.replace(path)
    sidecar.unlink()


def _transfer(session: requests.Session, url: str, part: Path, sidecar: Path) -> bool:
    """Fetch what is missing of ``part``; return whether it is whole now."""
    import requests
    from tqdm import tqdm

    offset, version = _resume_point(url, part, sidecar)
    headers = {"Accept-Encoding": "identity"}
    if version:
        headers |= {"Range": f"bytes={offset}-", "If-Range": version}
    with session.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
        resumed = version is not None and response.status_code == 206
        # Some servers honour Range but not If-Range: the answer itself must belong to the version of the part.
        continues = response.headers.get("Content-Range", "").startswith(f"bytes {offset}-") and (
            _version(response.headers) in ("", version)
        )
        if version and (response.status_code == 416 or (resumed and not continues)):
            part.unlink()
            return False
        response.raise_for_status()
        offset = offset if resumed else 0
        length = response.headers.get("Content-Length")
        total = offset + int(length) if length else None
        _require_space(part.parent, SPACE_FACTOR * total - offset if total else 0)
        with (
            part.open("ab" if resumed else "wb") as file,
            tqdm(total=total, initial=offset, unit="B", unit_scale=True, desc=part.stem, disable=None) as bar,
        ):
            if not resumed:  # after the part was emptied, so that an old part never has a new sidecar
                sidecar.write_text(f"{url}\n{_version(response.headers)}", encoding="utf-8")
            try:
                for chunk in response.iter_content(CHUNK):
                    file.write(chunk)
                    bar.update(len(chunk))
            except requests.RequestException:
                return False
    return total is None or part.stat().st_size == total


def _resume_point(url: str, part: Path, sidecar: Path) -> tuple[int, str | None]:
    """Bytes of the part and the server's version of them; ``(0, None)`` if they cannot be continued safely."""
    if part.exists() and sidecar.exists():
        source, _, version = sidecar.read_text(encoding="utf-8").partition("\n")
        if source == url and version and part.stat().st_size:
            return part.stat().st_size, version
    return 0, None


def _version(headers: Mapping[str, str]) -> str:
    """The value of If-Range: a strong ETag, otherwise the date of the last change, otherwise nothing."""
    etag = headers.get("ETag", "W/")
    return headers.get("Last-Modified", "") if etag.startswith("W/") else etag


def _verify(path: Path, archive: Archive, verify_hash: bool) -> dict[str, zipfile.ZipInfo]:
    """Check the whole archive; return its recordings by their path below the archive's folder."""
    again = "Remove it and run the command again"
    recordings: dict[str, zipfile.ZipInfo] = {}
    try:
        with zipfile.ZipFile(path) as file:
            _check_sizes(file.infolist(), archive, path)
            for info in file.infolist():
                target = _recording(info, archive, path)
                with file.open(info) as member:
                    header = member.read(archive.kind.header)
                    while member.read(CHUNK):  # to the end, where zipfile compares the checksum
                        pass
                whole = info.file_size > archive.kind.header and header.startswith(archive.kind.begins)
                if target and not whole:
                    raise DownloadError(path, f"'{info.filename}' is not {archive.kind.name}", again)
                if target in recordings:
                    raise DownloadError(path, f"'{target}' is in it twice", again)
                if target:
                    recordings[target] = info
    except DownloadError:
        raise
    except Exception as error:  # a damaged archive makes zipfile raise struct.error, LZMAError and a dozen others
        raise DownloadError(path, f"not a readable zip archive ({error})", again) from error
    if len(recordings) != archive.members:
        raise DownloadError(path, f"holds {len(recordings)} recordings instead of {archive.members}", again)
    if verify_hash and archive.sha256 and hashlib.sha256(path.read_bytes()).hexdigest() != archive.sha256:
        raise DownloadError(
            path,
            f"its SHA-256 is not {archive.sha256}, which a third party recorded",
            f"{again}; every member is readable, so if you trust the source, skip this check by verify_hash=false",
        )
    return recordings


def _check_sizes(members: Sequence[zipfile.ZipInfo], archive: Archive, path: Path) -> None:
    """Refuse an archive that would expand to far more than recordings take, before any of it is expanded."""
    for info in members:
        if info.file_size > CHUNK and info.file_size > EXPANSION * info.compress_size:
            raise DownloadError(
                path,
                f"'{info.filename}' would expand from {info.compress_size} to {info.file_size} bytes",
                NOT_TO_BE_USED,
            )
    total = sum(info.file_size for info in members)
    if archive.unpacked is not None and total > ROOM * archive.unpacked:
        raise DownloadError(
            path,
            f"would expand to {total:,} bytes, its recordings have {archive.unpacked:,}",
            NOT_TO_BE_USED,
        )


def _recording(info: zipfile.ZipInfo, archive: Archive, path: Path) -> str | None:
    """Path of a recording below the archive's folder, None for other members."""
    name = PureWindowsPath(info.filename)  # reads both kinds of slash, and drive letters
    if name.anchor or ".." in name.parts or stat.S_ISLNK(info.external_attr >> 16):
        raise DownloadError(path, f"'{info.filename}' is a link or points outside the archive", NOT_TO_BE_USED)
    match = re.search(rf"(?:^|/)({archive.pattern})$", name.as_posix())
    return match.group(1) if match else None


def _unpack(path: Path, folder: Path, recordings: Mapping[str, zipfile.ZipInfo]) -> None:
    """Write the recordings into a temporary folder beside the final one, and rename it when it is complete."""
    _require_space(path.parent, sum(info.file_size for info in recordings.values()))
    with whole_file(folder) as staging, zipfile.ZipFile(path) as file:
        for target, info in recordings.items():
            (staging / target).parent.mkdir(parents=True, exist_ok=True)
            with file.open(info) as source, (staging / target).open("wb") as sink:
                shutil.copyfileobj(source, sink)
    logger.info("%s: %d recordings. The archive stays at %s.", folder, len(recordings), path)
