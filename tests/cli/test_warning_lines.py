"""Warnings on the command line: one line for those of this package."""

from __future__ import annotations

import warnings

import cosmo_pl.data.faults
from cosmo_pl.cli.warning_lines import short_warnings


def test_own_warnings_have_one_line_and_those_of_others_their_place() -> None:
    own = str(cosmo_pl.data.faults.__file__)
    usual = warnings.formatwarning
    with short_warnings():
        assert warnings.formatwarning("2 clips are left out", UserWarning, own, 53) == "warning: 2 clips are left out\n"
        other = warnings.formatwarning("old", FutureWarning, warnings.__file__, 1)
    assert "FutureWarning: old" in other and "warnings.py:1" in other
    assert warnings.formatwarning is usual
