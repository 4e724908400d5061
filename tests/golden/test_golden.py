"""Nobody changes numbers without saying so: values of few steps, and every default, are as they were recorded.

`make golden` records them: COSMO_PL_GOLDEN=record pytest tests/golden. It refuses what changed without new numerics.
"""

from __future__ import annotations

import json
import os
import re
from functools import partial
from pathlib import Path

import pytest
import torch

import cosmo_pl.data
import cosmo_pl.encoders
import cosmo_pl.modules
from cosmo_pl.data import augmentations, transforms
from cosmo_pl.fusion import modality_quality
from cosmo_pl.modules.rocket import RocketModule
from cosmo_pl.simulation import simulate_self_collected
from data.streams.written import write_streams

from .cases import Data, all_cases
from .golden import VALUES, defaults, entry, may_record, problem, read

ROOT = Path(__file__).parents[2]
SPACES = (cosmo_pl.data, cosmo_pl.encoders, cosmo_pl.modules, augmentations, transforms)
CLASSES = sorted(
    {kind for space in SPACES for kind in vars(space).values() if isinstance(kind, type) and hasattr(kind, "numerics")},
    key=lambda kind: kind.__name__,
)
SLOW = ("MultiRocket-Hydra",)  # compiles for half a minute
NAMES = [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in all_cases(Data(*[Path()] * 6))]
RECORD = os.environ.get("COSMO_PL_GOLDEN") == "record"


def three_sensors(root: Path) -> None:
    """Writes the smallest set of depth, radar and IMU that trains."""
    simulate_self_collected(root, range(1, 4), trials=1, resolution=(12, 16), progress=False, jobs=1)


def streams(root: Path) -> None:
    """Writes streams of five subjects, each with an unlabelled recording."""
    write_streams(root, unlabeled=1)


@pytest.fixture(scope="module")
def cases(utd_root, usc_root, mex_root, once, tmp_path_factory):
    recordings = (utd_root, usc_root, once("golden", three_sensors), once("golden_streams", streams), mex_root)
    with pytest.MonkeyPatch.context() as patch:
        quick = partial(modality_quality, num_seeds=1)
        patch.setattr("cosmo_pl.modules.base.quality.modality_quality", quick)
        yield all_cases(Data(*recordings, tmp_path_factory.mktemp("bundles")))


def check(name, found):
    """Compares with what is recorded, or records it."""
    recorded = read()
    if RECORD and may_record(recorded.get(name), found):
        VALUES.write_text(json.dumps({**recorded, name: found}, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        return
    wrong = problem(name, recorded.get(name), found)
    assert wrong is None, wrong


@pytest.mark.parametrize("name", NAMES)
def test_values_are_as_recorded(name, cases):
    torch.set_num_threads(1)
    case = cases[name]
    if issubclass(case.classes[0], RocketModule):
        pytest.importorskip("aeon")
    check(name, entry(case.classes, case.run()))


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_defaults_are_as_recorded(kind):
    check(f"defaults of {kind.__name__}", entry([kind], defaults(kind)))


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_class_has_numerics_of_its_own(kind):
    assert "numerics" in vars(kind), f"{kind.__name__} inherits its numerics; give it its own"
    assert re.fullmatch(r"[1-9]\d*\.\d+", kind.numerics)


def test_every_class_is_in_a_case(cases):
    shown = {kind for case in cases.values() for kind in case.classes}
    covered = {ancestor for kind in shown for ancestor in kind.__mro__}
    assert set(CLASSES) <= covered, f"no case shows {[kind.__name__ for kind in set(CLASSES) - covered]}"


def test_every_raised_number_is_in_the_changelog():
    told = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    raised = {f"{kind.__name__} {kind.numerics}" for kind in CLASSES if kind.numerics != "1.0"}
    lines = set(re.findall(r"`(\w+ \d+\.\d+)`:", told))
    assert raised <= lines, f"without a line: {sorted(raised - lines)}"
    known = {kind.__name__ for kind in CLASSES}
    assert {line.split()[0] for line in lines} <= known


# The rule itself


FOUND = {"numerics": {"a:B": "1.0"}, "values": {"loss": 2.0, "width": 8}}


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"loss": 2.0001, "width": 8}, None),
        ({"loss": 2.0, "width": 8, "new": 1}, None),
        ({"loss": 2.1, "width": 8}, "raise the meaning"),
        ({"loss": 2.0, "width": 9}, r"width 8 -> 9"),
        ({"loss": 2.0}, "width 8 -> nothing"),
    ],
)
def test_a_change_is_red_until_the_numerics_are_raised_and_recorded(values, told):
    changed = {**FOUND, "values": values}
    wrong = problem("a case", FOUND, changed)
    assert wrong is None if told is None else re.search(told, wrong)
    assert may_record(FOUND, changed) == (told is None)
    raised = {**changed, "numerics": {"a:B": "2.0"}}
    assert "Run `make golden`" in problem("a case", FOUND, raised)
    assert may_record(FOUND, raised)
    assert problem("a case", raised, raised) is None


def test_what_was_never_recorded_is_red():
    assert "nothing is recorded" in problem("a case", None, FOUND)
    assert may_record(None, FOUND)
