"""An attack's small project, and its figures at the end of a run."""

from __future__ import annotations

from collections import Counter

import pytest

from cosmo_pl.cli import main

from .harness import SMALL, STAGE1, STAGE2

TITLES = {
    "kills": "kills with equal results after resuming",
    "inputs": "bad inputs with one clear line, or right",
    "silent": "bad inputs that were taken silently",
    "fuzz": "mutated files with one clear error, or valid",
    "storage": "full disks and read-only folders with one clear line",
}


@pytest.fixture
def figures(record_property):
    """Counts one attack: the name of a figure, and whether it went well."""

    def count(name, well):
        record_property(f"attack.{name}", bool(well))

    return count


def pytest_terminal_summary(terminalreporter):
    """Prints how many attacks of each kind went well, those of all processes."""
    total, well = Counter(), Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, value in getattr(report, "user_properties", ()) if getattr(report, "when", "") == "call" else ():
                if name.startswith("attack."):
                    total[name[7:]] += 1
                    well[name[7:]] += value
    for name in (name for name in TITLES if total[name]):
        terminalreporter.write_line(f"{TITLES[name]}: {well[name]} of {total[name]}")


@pytest.fixture(autouse=True, scope="module")
def quality(quick_quality, no_picture):
    """Quality is measured quickly."""


@pytest.fixture(scope="session")
def trained(tmp_path_factory, utd_root):
    """A folder with both stages of the demo trained for four epochs in ``runs``. Never write here."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("COSMO_PL_DATA", str(utd_root))
        for stage in (STAGE1, STAGE2):
            main(["fit", *stage, f"--data.init_args.root={utd_root}", *SMALL])
    return folder
