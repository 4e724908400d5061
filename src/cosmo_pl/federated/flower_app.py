"""The folder that `flwr run` sends to the server. It holds no code: server and clients have the package installed."""

from __future__ import annotations

from pathlib import Path

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.io import whole_file
from cosmo_pl.version import __version__

PROJECT = """[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "cosmo-federated"
version = "{version}"
description = "Stage 1 of Cosmo over Flower"
license = "MIT"
dependencies = []

[tool.hatch.build.targets.wheel]
packages = ["."]

[tool.flwr.app]
publisher = "local"

[tool.flwr.app.components]
serverapp = "cosmo_pl.federated.server:app"
clientapp = "cosmo_pl.federated.client:app"

[tool.flwr.app.config]
arguments = ""
"""


def write_app(folder: Path) -> Path:
    """Writes the folder.

    Args:
        folder: A folder that does not exist.

    Raises:
        ConfigurationError: It exists.
    """
    if folder.exists():
        raise ConfigurationError("federated app", f"'{folder}' exists", "Name a folder that does not exist")
    with whole_file(folder) as part:
        part.mkdir()
        release = ".".join(__version__.split(".")[:3])
        (part / "pyproject.toml").write_text(PROJECT.format(version=release), encoding="utf-8")
    return folder
