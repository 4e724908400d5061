"""`cosmo-pl federated simulate|app`: stage 1 with recordings that stay with the clients."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cosmo_pl.extras import require

PACKAGE = "flwr"


def simulate() -> None:
    """Runs a federation in one process; every training subject of the config is a client.

    The options are those of `cosmo-pl fit`. The rounds are in --federated, as in --federated.rounds=12
    --federated.local_epochs=5.
    """


def app(folder: str) -> None:
    """Writes the folder that `flwr run` sends to the server; server and clients have this package installed.

    Args:
        folder: A folder that does not exist.
    """
    from cosmo_pl.federated.flower_app import write_app

    print(write_app(Path(folder)))


def main(args: Sequence[str]) -> None:
    """Runs one subcommand."""
    from cosmo_pl.parsing import run_command

    if args[:1] != ["simulate"] or args[1:] in (["-h"], ["--help"]):
        run_command([simulate, app], args, "cosmo-pl federated")
        return
    from cosmo_pl.federated.config import TrainingConfig
    from cosmo_pl.run_folder import BUNDLE

    words = list(args[1:])
    _ = TrainingConfig.of(words).settings  # wrong arguments are reported without the package, too
    require(PACKAGE, "federated simulate")
    from cosmo_pl.federated.simulation import simulate as run

    print(f"bundle: {run(words) / BUNDLE}")
