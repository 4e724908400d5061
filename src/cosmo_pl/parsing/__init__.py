"""Command lines and YAML files as arguments, and one line on what is wrong with them."""

from cosmo_pl.parsing.commands import Strict, parse, parse_content, run_command

__all__ = ["Strict", "parse", "parse_content", "run_command"]
