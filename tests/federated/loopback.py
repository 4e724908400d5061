"""A federation of real processes on this machine: one SuperLink, and a SuperNode per client."""

from __future__ import annotations

import json
import os
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from cosmo_pl.federated.flower_app import write_app

from .certificates import write_certificates

BIN = Path(sys.executable).parent
SECONDS = 900


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def wait_for(port: int) -> None:
    """Waits until a process listens on a port."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.5)
    raise TimeoutError(f"nothing listens on port {port}")


@contextmanager
def process(words: Sequence[str], log: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """A process that is ended with the body, together with those that it has started."""
    with log.open("wb") as file:
        started = subprocess.Popen(words, stdout=file, stderr=file, env=environment, start_new_session=True)
        try:
            yield
        finally:
            os.killpg(started.pid, 15)
            try:
                started.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(started.pid, 9)
                started.wait()


def toml(path: Path, **values: str) -> Path:
    """A file of texts for ``--node-config`` or ``--run-config``."""
    lines = [f"{name} = {json.dumps(value)}" for name, value in values.items()]  # a text in TOML is one in JSON
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def federation(folder: Path, server: Sequence[str], clients: Mapping[str, Sequence[str]], end: Path) -> str:
    """Runs a federation to its end, over encrypted connections as the page shows them.

    The stream of `flwr run` may end earlier, on a machine with much other work.

    Args:
        folder: Folder for its files and logs.
        server: Arguments of the server.
        clients: Name of each client to its arguments.
        end: What the server writes at its end.

    Returns:
        What `flwr run` has printed.
    """
    port = free_port()
    home = folder / "flwr"
    home.mkdir()
    ca, certificate, key = map(str, write_certificates(folder))
    connection = f"address = {json.dumps(f'127.0.0.1:{port}')}\nroot-certificates = {json.dumps(ca)}\n"
    (home / "config.toml").write_text(f"[superlink.here]\n{connection}", encoding="utf-8")
    environment = {**os.environ, "FLWR_HOME": str(home), "FLWR_TELEMETRY_ENABLED": "0", "OMP_NUM_THREADS": "1"}
    environment["PATH"] = f"{BIN}{os.pathsep}{environment['PATH']}"
    app = write_app(folder / "app")
    run_config = toml(folder / "server.toml", arguments=shlex.join(server))
    encrypted = ["--ssl-ca-certfile", ca, "--ssl-certfile", certificate, "--ssl-keyfile", key]
    link = ["flower-superlink", *encrypted, "--host", "127.0.0.1", "--port", str(port)]
    with ExitStack() as started:
        words = [*link, "--disable-runtime-dependency-installation"]
        started.enter_context(process(words, folder / "superlink.log", environment))
        wait_for(port)
        for name, arguments in clients.items():
            own = toml(folder / f"client_{name}.toml", name=name, arguments=shlex.join(arguments))
            address = ["--superlink", f"127.0.0.1:{port}", "--port", str(free_port())]
            node = ["flower-supernode", "--root-certificates", ca, *address]
            words = [*node, "--node-config", str(own)]
            started.enter_context(process(words, folder / f"client_{name}.log", environment))
        words = ["flwr", "run", str(app), "here", "--stream", "--run-config", str(run_config)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, env=environment, check=False)
        latest = time.monotonic() + SECONDS / 3
        while not end.exists() and time.monotonic() < latest:
            time.sleep(1)
    return done.stdout + done.stderr
