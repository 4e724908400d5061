"""Command lines and YAML files as arguments, and one line on what is wrong with them."""

from cosmo_pl.parsing.commands import Strict, parse, parse_content, run_command
from cosmo_pl.parsing.given import Given
from cosmo_pl.parsing.refusal import refusal

__all__ = ["Given", "Strict", "parse", "parse_content", "refusal", "run_command"]
