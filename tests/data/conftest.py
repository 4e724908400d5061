"""Good recordings of both datasets, written once, and a server for downloads."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import cosmo_pl.data.download as module

from .download_server import ARCHIVES, MEMBERS, Server, clips, make_zip
from .raw import noise, write_usc, write_utd


@pytest.fixture(scope="session")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with good recordings of both datasets, below ``usc`` and ``utd``."""
    root = tmp_path_factory.mktemp("originals")
    write_usc(root / "usc", trials=(1,), content=noise(30, 6))
    write_utd(root / "utd", trials=(1,))
    return root


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers["Range"]
            state.requests.append((self.path, wanted))
            if state.unavailable:
                state.unavailable -= 1
                self.send_error(503)
                return
            body = state.files.get(self.path.lstrip("/"))
            if body is None:
                self.send_error(404)
                return
            total, start = len(body), 0
            same = not state.honours_if_range or self.headers["If-Range"] == state.etag
            if wanted and state.ranges and same:
                start = int(re.fullmatch(r"bytes=(\d+)-", wanted).group(1))
                start -= start % state.aligned
            if start and start >= total:
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
            if state.etag:
                self.send_header("ETag", state.etag)
            self.send_header("Content-Length", str(total - start))
            self.end_headers()
            chunk = body[start:]
            if state.break_after:
                chunk = chunk[: state.break_after.pop(0)]
            state.sent.append(len(chunk))
            self.wfile.write(chunk)

        def log_message(self, *args: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{http.server_port}"
    yield state
    http.shutdown()
    http.server_close()
    thread.join()


@pytest.fixture
def small_archives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(module, "BACKOFF", 0.0)
    monkeypatch.setattr(module, "CHUNK", 1000)
    for known in ARCHIVES.values():
        for modality, archive in known.items():
            monkeypatch.setitem(known, modality, replace(archive, members=MEMBERS, sha256=None, unpacked=20_000))


@pytest.fixture
def inertial(server: Server) -> bytes:
    server.files["Inertial.zip"] = make_zip(clips("inertial", "Inertial/"))
    return server.files["Inertial.zip"]
