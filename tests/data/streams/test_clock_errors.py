"""Errors that are put into the clocks of imported recordings, and their correction."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cosmo_pl.data import StreamsDataModule
from cosmo_pl.data.samples import Samples
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.study.measures.clock_error import clock_error

from .written import rewrite, write_streams


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eighteen recordings of 40 s in which both sensors see the same movement."""
    made = tmp_path_factory.mktemp("clocks") / "kitchen"
    return write_streams(made, subjects=range(1, 7), seconds=40.0, offset=0.0).folder


def make(folder: Path, **arguments: object) -> StreamsDataModule:
    given = {"test_subjects": (6,), "labels_per_class": 2, **arguments}
    return StreamsDataModule(root=str(folder), **given)  # type: ignore[arg-type]


def first_rows(samples: Samples) -> dict[tuple[str, int], int]:
    """Recording and start of each window to the row of the mat's first frame."""
    rows = samples.inputs["mat"].rows  # type: ignore[union-attr]
    return dict(zip(zip(samples.recording.tolist(), samples.start.tolist(), strict=True), rows.tolist(), strict=True))


def test_an_offset_shifts_the_frames_of_all_windows(folder: Path) -> None:
    plain, late = (first_rows(make(folder, clock_error=error).load()) for error in (None, {"mat": (0.6, 0.0)}))
    assert {late[window] - plain[window] for window in late} == {-3}, "0.6 s of 5 Hz"
    left_out = {start for _, start in plain.keys() - late.keys()}
    assert left_out == {0}, "the clock begins at 0.6 s"


@pytest.mark.parametrize("error", [(0.6, 0.0), (-0.4, 200.0)])
def test_errors_are_corrected(folder: Path, error: tuple[float, float]) -> None:
    plain, corrected = make(folder).load(), make(folder, clock_error={"mat": error}, correct_clocks=True).load()
    one, two = first_rows(plain), first_rows(corrected)
    assert np.mean([two[window] == one[window] for window in two]) > 0.9
    assert len(two) > 0.95 * len(one)


@pytest.mark.parametrize("error", [(-0.4, 1000.0), (0.2, -800.0)])
def test_a_drift_is_corrected_as_well(folder: Path, error: tuple[float, float]) -> None:
    found = make(folder, clock_error={"mat": error}, correct_clocks=True)._clock_errors()["mat"]
    assert abs(found.offset) < 0.1 and abs(found.drift) < 0.6 * abs(error[1])


def test_the_estimate_does_not_depend_on_test_subjects(folder: Path, tmp_path: Path) -> None:
    arguments = {"clock_error": {"mat": (0.5, 0.0)}, "correct_clocks": True}
    other = write_streams(tmp_path / "kitchen", subjects=range(1, 7), seconds=40.0, offset=0.0)
    mat = np.load(other.path("mat"))
    mat[5 * len(mat) // 6 :] = np.random.default_rng(1).normal(size=mat[5 * len(mat) // 6 :].shape)
    rewrite(other, "mat", mat)
    one, two = (make(each, **arguments)._clock_errors() for each in (folder, other.folder))
    assert one == two


def test_the_estimate_does_not_depend_on_the_untested_of_the_tested_fold(folder: Path, tmp_path: Path) -> None:
    folds = {"folds": [[1, 2, 3, 4], [5, 6]], "fold": 1, "test_subjects": (6,)}
    other = write_streams(tmp_path / "kitchen", subjects=range(1, 7), seconds=40.0, offset=0.0)
    mat = np.load(other.path("mat"))
    fifth = slice(4 * len(mat) // 6, 5 * len(mat) // 6)
    mat[fifth] = np.random.default_rng(1).normal(size=mat[fifth].shape)
    rewrite(other, "mat", mat)
    modules = [
        make(each, clock_error={"mat": (0.5, 0.0)}, correct_clocks=True, **folds) for each in (folder, other.folder)
    ]
    for data in modules:
        data.load()
    assert modules[0]._clock_errors() == modules[1]._clock_errors()


def test_an_uncertain_clock_is_not_changed_and_that_is_said(tmp_path: Path) -> None:
    folder = write_streams(tmp_path / "kitchen", subjects=range(1, 7), seconds=40.0).folder
    with pytest.warns(UserWarning, match=r"1 sensors keep their clock, as its error is uncertain \(mat \(the conf"):
        found = make(folder, correct_clocks=True).load()
    assert first_rows(found) == first_rows(make(folder).load())


def test_other_recordings_are_corrected_by_themselves(folder: Path) -> None:
    """A trained model predicts recordings none of whose subjects it was trained on."""
    data = make(folder, test_subjects=range(1, 7), clock_error={"mat": (0.5, 0.0)}, correct_clocks=True)
    assert abs(data._clock_errors()["mat"].offset) < 0.05


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"clock_error": {"wrist": (0.1, 0)}},
            "clock_error: 'wrist' is no sensor whose clock is compared with that of",
        ),
        ({"clock_error": {"ankle": (0.1, 0)}}, "clock_error: 'ankle' is no sensor .* Choose from"),
        ({"correct_clocks": True, "modalities": ["mat"]}, "correct_clocks: needs another sensor than 'mat'"),
    ],
)
def test_what_cannot_work_is_refused(folder: Path, arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        make(folder, **arguments)


def test_what_remains_of_errors_is_measured(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cosmo_pl.study.measures.clock_error.ERRORS", 4)
    found = clock_error([(None, loaded(make(folder)))])
    assert (found["sensors"], found["clips"], found["reliable"]) == (["mat"], 18, 8)
    for kind in ("constant", "drifting"):
        assert all(len(case["remaining_ms"]) == 1 and case["remaining_ms"][0] < 100 for case in found[kind])
    assert max(abs(case["offset"]) for case in found["constant"]) > 1.0
    unrelated = write_streams(tmp_path / "kitchen", subjects=range(1, 7), seconds=40.0).folder
    found = clock_error([(None, loaded(make(unrelated)))])
    assert found["reliable"] == 0 and [case["remaining_ms"] for case in found["constant"]] == [[]] * 4


def loaded(data: StreamsDataModule) -> StreamsDataModule:
    data.load()
    return data
