"""`cosmo-pl federated simulate|app`: stage 1 with recordings that stay with the clients."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cosmo_pl.errors import ConfigurationError, choices
from cosmo_pl.extras import require

USAGE = """usage: cosmo-pl federated simulate --config CONFIG [options]
       cosmo-pl federated app DIR

simulate  run a federation in one process; every training subject of the config is a client. The options are those of
          `cosmo-pl fit`, and the rounds are in --federated: --federated.rounds=12 --federated.local_epochs=5
app       write the folder that `flwr run DIR` sends to the server; clients and server run in their own environments
"""


def main(args: Sequence[str]) -> None:
    """Runs one subcommand."""
    command, rest = (args[0] if args else ""), list(args[1:])
    if command in ("-h", "--help") or rest in (["-h"], ["--help"]):
        print(USAGE, end="")
        return
    if command not in ("simulate", "app"):
        problem = f"there is no '{command}'" if command else "none is given"
        raise ConfigurationError("command of `cosmo-pl federated`", problem, choices(command, ("simulate", "app")))
    require("flwr", f"federated {command}")
    if command == "app":
        from cosmo_pl.federated.flower_app import write_app

        if len(rest) != 1:
            raise ConfigurationError("federated app", "takes one folder", "Name a folder that does not exist")
        print(write_app(Path(rest[0])))
        return
    from cosmo_pl.federated.simulation import simulate
    from cosmo_pl.run_folder import BUNDLE

    print(f"bundle: {simulate(rest) / BUNDLE}")
