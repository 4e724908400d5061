"""Where a picture goes: a file, a page for browsers, or the viewer's own window."""

from __future__ import annotations

import errno
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING
from urllib.parse import quote

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.extras import require
from cosmo_pl.io import whole_file
from cosmo_pl.storage import StorageError

if TYPE_CHECKING:
    from rerun import RecordingStream

ENDING = ".rrd"
PAGE_PORT, DATA_PORT = 9090, 9876
APPLICATION = "cosmo_pl"


def check_destination(save: Path | None, serve: bool) -> None:
    """Checks, before anything is read, that a picture can be written or shown.

    Args:
        save: File to write, or None.
        serve: Whether browsers show it.

    Raises:
        ConfigurationError: The package of the viewer is missing; the file exists or is not named ``.rrd``; a port is in
            use; or there is no display for a window.
    """
    require("rerun", "view")
    if save is not None and serve:
        raise ConfigurationError("save", "and serve are both given", "Give one of them")
    if save is not None:
        if save.suffix != ENDING:
            raise ConfigurationError("save", f"'{save}' does not end in {ENDING}", f"Name it {save.stem}{ENDING}")
        if save.exists():
            raise ConfigurationError("save", f"'{save}' exists", "Delete it, or name another file")
    elif serve:
        for port in (PAGE_PORT, DATA_PORT):
            if _in_use(port):
                problem = f"port {port} of this machine is in use, perhaps by another viewer"
                raise ConfigurationError("serve", problem, "End that program, or use --save")
    elif sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise ConfigurationError(
            "view", "needs a display for its window", "Use --serve for a browser, or --save FILE.rrd"
        )


@contextmanager
def connected(save: Path | None, serve: bool) -> Iterator[RecordingStream]:
    """A connection to where a picture goes; see `check_destination`, which is to be called before.

    A file is complete when the body ends, and does not exist if the body fails. A page is served as long as the body
    runs; its address is printed.
    """
    import rerun as rr

    stream = rr.RecordingStream(APPLICATION)
    if save is not None:
        with whole_file(save) as part, _full_disk(save):
            stream.save(part)
            yield stream
            stream.flush()
            stream.disconnect()
    elif serve:
        address = stream.serve_grpc(grpc_port=DATA_PORT)
        rr.serve_web_viewer(web_port=PAGE_PORT, open_browser=False)
        print(f"http://127.0.0.1:{PAGE_PORT}/?url={quote(address, safe='')}", file=sys.stderr, flush=True)
        yield stream
        stream.disconnect()
    else:
        folder = str(Path(sys.executable).parent)  # of the viewer's program, whether the environment is active or not
        os.environ["PATH"] = os.pathsep.join([folder, os.environ.get("PATH", "")])
        stream.spawn()
        yield stream
        stream.flush()


@contextmanager
def _full_disk(path: Path) -> Iterator[None]:
    """Raises a StorageError where the viewer's package has a RuntimeError of its own for a full disk."""
    try:
        yield
    except RuntimeError as error:
        if "No space left" in str(error) or "File-writer thread" in str(error):
            raise StorageError(path, errno.ENOSPC) from error
        raise


def wait_for_interrupt() -> None:
    """Returns when the user presses Ctrl-C: the page is served until then."""
    try:
        Event().wait()
    except KeyboardInterrupt:
        print(file=sys.stderr)


def _in_use(port: int) -> bool:
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind(("", port))
        except OSError:
            return True
    return False
