"""`cosmo-pl configs [list|copy]`: the configs that ship with the package."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def list_() -> None:
    """Lists the shipped configs with what each is for; `--config cosmo:NAME` uses one in any folder."""
    from cosmo_pl.shipped import PREFIX, config_names, config_path, summary

    names = config_names()
    width = max(map(len, names))
    print("\n".join(f"{PREFIX}{name:<{width}}  {summary(config_path(name))}" for name in names))


def copy(folder: str, overwrite: bool = False) -> None:
    """Copies the shipped configs into a folder, to change them there.

    Args:
        folder: The folder, made where it does not exist.
        overwrite: Replace files of these names that have other content. By default nothing is written then.
    """
    from cosmo_pl.shipped import copy_configs

    written = copy_configs(Path(folder), overwrite)
    print(f"{len(written)} files written to {folder}")


def main(args: Sequence[str]) -> None:
    """Runs one configs subcommand; none of them is `list`."""
    from cosmo_pl.parsing import run_command

    run_command([list_, copy], args or ["list"], "cosmo-pl configs")
