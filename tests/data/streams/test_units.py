"""Units that look wrong by the size of the values: one line for each sensor of an import."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cosmo_pl.data.streams.importing import import_streams
from cosmo_pl.data.streams.report import REPORT
from cosmo_pl.errors import RecordingError
from cosmo_pl.plots.import_report import write_page

from .recorded import described, jittered, signal, write_csv

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
WRONG = "have a unit that looks wrong"


def write(folder: Path, scales: list[float]) -> None:
    """A recording of each scale of g, which are a little different, as those of devices are."""
    for number, scale in enumerate(scales):
        time = jittered(10, 50, seed=number)
        write_csv(folder / f"p{number}" / "wrist.csv", time, scale * (1 + number / 100) * signal(time))


def lines(folder: Path, out: Path, **more: bool) -> list[str]:
    store = import_streams(folder, out, described(), **more)
    return [line for line in json.loads((store.folder / REPORT).read_text())["faults"] if "unit" in line]


@pytest.mark.parametrize("scales", [[9.8] * 5, [9.8, 9.8, 9.8, 1, 1], [9.8, 1]])
def test_a_wrong_unit_is_one_line_over_all_recordings(tmp_path: Path, scales: list[float]) -> None:
    write(tmp_path / "home", scales)
    (line,) = lines(tmp_path / "home", tmp_path / "out")
    assert line.startswith(f"{scales.count(9.8)} recordings of wrist {WRONG}: in p0, median acceleration of 9.8")
    assert "g looks like m/s2 (p0" in line
    with pytest.raises(RecordingError, match=f"refused under strict: .*{WRONG}"):
        import_streams(tmp_path / "home", tmp_path / "strict", described(), strict=True)


@pytest.mark.parametrize("strict", [False, True])
def test_a_unit_that_is_right_in_most_recordings_is_not_reported(tmp_path: Path, strict: bool) -> None:
    write(tmp_path / "home", [9.8, 1, 1])
    assert not lines(tmp_path / "home", tmp_path / "out", strict=strict)
    page = write_page(tmp_path / "out").read_text(encoding="utf-8")
    assert page.count("looks like m/s2") == 1  # where the recording itself is described
