"""Packages that an installation may lack: each belongs to an extra of setup.cfg."""

from __future__ import annotations

from importlib.util import find_spec

from cosmo_pl.errors import ConfigurationError

EXTRAS = {
    "wandb": "loggers",
    "submitit": "slurm",
    "onnx": "export",
    "onnxruntime": "export",
    "onnxscript": "export",
    "skl2onnx": "export",
    "paho": "mqtt",
    "rerun": "viewer",
    "aeon": "classical",
    "flwr": "federated",
}
"""Package to the extra that installs it."""


def installed(package: str | None) -> bool:
    """Whether a package is installed; None stands for no package."""
    found = None if package is None else find_spec(package)
    # A folder of that name, as W&B's of its logs, is no package.
    return package is None or (found is not None and found.origin is not None)


def require(package: str, argument: str) -> None:
    """Checks that a package of an extra is installed.

    Args:
        package: Name of the package, a key of `EXTRAS`.
        argument: Name of the argument that needs it, for the error.

    Raises:
        ConfigurationError: It is not installed.
    """
    if not installed(package):
        problem = f"needs the package {package}, which is not installed"
        raise ConfigurationError(argument, problem, f"Install it by `pip install 'cosmo_pl[{EXTRAS[package]}]'`")


def lacking(error: BaseException) -> ConfigurationError | None:
    """The user's error behind the import of a package that is not installed; None for any other exception."""
    package = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    if package in ("", "cosmo_pl"):
        return None
    remedy = "Install it; `pip install cosmo_pl` brings all that this package needs"
    return ConfigurationError("command", f"needs the package {package}, which is not installed", remedy)
