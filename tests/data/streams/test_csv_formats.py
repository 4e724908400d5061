"""CSV with lines before the table, comments and decimal commas: found by a draft, and read as it describes them."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from cosmo_pl.data.streams.csv_format import CsvFormat, csv_format
from cosmo_pl.data.streams.csv_lines import CleanLines
from cosmo_pl.data.streams.importing import import_streams
from cosmo_pl.data.streams.quality import BROKEN
from cosmo_pl.data.streams.reading_description import parse_description
from cosmo_pl.data.streams.sniffing import sniff
from cosmo_pl.data.streams.store import StreamStore
from cosmo_pl.errors import ConfigurationError, RecordingError

from .recorded import SECOND, described, jittered, signal, write_csv

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
PREAMBLE = ["Device: wrist 7", "Firmware;1.2;beta", "", "Started at 12:26"]


def rows(delimiter: str = ",", decimal: str = ".", header: bool = True) -> list[str]:
    """Ten seconds of acceleration at about 60 Hz."""
    time = jittered(10, 60)
    body = [[f"{t / 1e9:.9f}", *(f"{v:.6f}" for v in row)] for t, row in zip(time, signal(time), strict=True)]
    lines = [delimiter.join(cell.replace(".", decimal) for cell in row) for row in body]
    return [*([delimiter.join(["time", "x", "y", "z"])] if header else []), *lines]


def commented(lines: list[str]) -> list[str]:
    """The same with comments before, within and after."""
    return ["# a, b, c, d", "#", *lines[:3], "# paused, resumed, 1, 2", *lines[3:], "# end"]


FORMS = {
    "plain": (rows(), CsvFormat()),
    "preamble": ([*PREAMBLE, *rows()], CsvFormat(skip=4)),
    "separator of Excel": (["sep=;", *rows(";", ",")], CsvFormat(";", 1, "", ",")),
    "decimal commas": (rows(";", ","), CsvFormat(";", decimal=",")),
    "decimal commas and tabs": (rows("\t", ","), CsvFormat("\t", decimal=",")),
    "comments": (commented(rows()), CsvFormat(comment="#")),
    "comments without a header": (commented(rows(header=False)), CsvFormat(comment="#")),
    "all": ([*PREAMBLE, *commented(rows(";", ","))], CsvFormat(";", 4, "#", ",")),
    "an empty line": (["", *rows()], CsvFormat(skip=1)),
}


def test_a_header_longer_than_a_block_is_read(tmp_path: Path) -> None:
    names = [f"a_long_name_of_a_pixel_{n:06d}" for n in range(3000)]  # 90 kB
    path = tmp_path / "home" / "anna" / "wrist.csv"
    path.parent.mkdir(parents=True)
    rows = [",".join([f"{0.1 * n:.1f}", *["0.5"] * len(names)]) for n in range(30)]
    path.write_text("\n".join([",".join(["time", *names]), *rows]) + "\n", encoding="utf-8")
    time = {"column": "time", "unit": "s", "relative": True}
    wrist = {"files": "{subject}/wrist.csv", "kind": "accelerometer", "time": time, "values": names[:3], "rate": 10}
    description = parse_description({"title": "Wide", "sensors": {"wrist": {**wrist, "unit": "g"}}})
    found = import_streams(tmp_path / "home", tmp_path / "imported", description)
    assert found.recordings[0].segments["wrist"][0].frames == 30


@pytest.mark.parametrize(("lines", "expected"), FORMS.values(), ids=FORMS)
def test_the_format_is_found_and_read(tmp_path: Path, lines: list[str], expected: CsvFormat) -> None:
    time = jittered(10, 60)
    write_csv(tmp_path / "plain" / "anna" / "wrist.csv", time, signal(time))
    plain = import_streams(tmp_path / "plain", tmp_path / "expected", described())
    for name in ("anna", "ben"):
        (tmp_path / "home" / name).mkdir(parents=True)
        (tmp_path / "home" / name / "wrist.csv").write_text("\n".join(lines) + "\n")
    assert csv_format(lines[:200]) == expected
    found = yaml.safe_load(sniff(tmp_path / "home").text)
    given = found["sensors"]["wrist"]
    fields = {name: given.get(name, default) for name, default in CsvFormat._field_defaults.items()}
    assert CsvFormat(**fields) == expected
    store = import_streams(tmp_path / "home", tmp_path / "out", parse_description(found))
    frames = [each for recording in store.recordings for each in recording.segments["wrist"]]
    assert len(frames) == 2
    for part in frames:
        read = store.array("wrist")[part.row : part.row + part.frames]
        wanted = np.interp(np.arange(len(read)) / given["rate"], (time - time[0]) / SECOND, signal(time)[:, 0])
        np.testing.assert_allclose(read[:, 0], wanted, atol=2e-5)
    assert plain.recordings[0].duration == pytest.approx(store.recordings[0].duration, abs=0.02)


def test_rows_are_numbered_as_in_the_file(tmp_path: Path) -> None:
    lines = [*PREAMBLE, *commented(rows())]
    lines[10] = lines[10].rpartition(",")[0]
    (tmp_path / "anna").mkdir()
    path = tmp_path / "anna" / "wrist.csv"
    path.write_text("\n".join(lines))
    sensor = {"time": {"column": "time", "unit": "s"}, "skip": 4, "comment": "#"}
    store = import_streams(tmp_path, tmp_path / "out", described(sensor))
    report = json.loads((store.folder / "report.json").read_text())
    facts = report["recordings"][0]["sensors"]["wrist"]
    assert facts["where"] == {BROKEN: "anna/wrist.csv row 11"} and facts["left_out"] == {BROKEN: 1}
    lines[10] = "soon,1,1,1"
    path.write_text("\n".join(lines))
    with pytest.raises(RecordingError, match="row 11, column 'time': 'soon' is no number"):
        import_streams(tmp_path, tmp_path / "again", described(sensor))


@pytest.mark.parametrize("block", [1, 7, 1000])
def test_comments_become_empty_lines_whatever_the_size_of_a_block(block: int) -> None:
    content = b"\xef\xbb\xbf# a\n1,2\r\n#\n#3,4\n5,#6\n# end"
    file = io.BufferedReader(CleanLines(io.BytesIO(content), "#", block))
    assert file.read() == b"\n1,2\r\n\n\n5,#6\n"
    file = io.BufferedReader(CleanLines(io.BytesIO(b"# a\r1,2\r#\r#3,4\r5,#6\r# end"), "#", block))
    assert file.read() == b"\r1,2\r\r\r5,#6\r", "lines that end as those of old spreadsheets"


@pytest.mark.parametrize("block", [1, 7, 1000])
def test_bytes_that_are_no_utf8_are_replaced_whatever_the_size_of_a_block(block: int) -> None:
    content = "µ,1\nü,2\n".encode() + b"\xe4,3\n\xe4\n\xc2"
    file = io.BufferedReader(CleanLines(io.BytesIO(content), "", block))
    assert file.read().decode() == "µ,1\nü,2\n\ufffd,3\n\ufffd\n\ufffd"


def imported(folder: Path, content: bytes, sensor: dict[str, Any]) -> StreamStore:
    """The import of one file."""
    path = folder / "home" / "anna" / "wrist.csv"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return import_streams(folder / "home", folder / "out", described(sensor))


SECONDS = {"time": {"column": "time", "unit": "s"}}


@pytest.mark.parametrize(
    ("lines", "sensor"), [(rows(), {}), (commented(rows()), {"comment": "#"})], ids=["plain", "comments"]
)
def test_lines_may_end_in_cr_alone(tmp_path: Path, lines: list[str], sensor: dict[str, Any]) -> None:
    store = imported(tmp_path, "\r".join([*PREAMBLE, *lines]).encode(), {**SECONDS, "skip": 4, **sensor})
    assert store.recordings[0].duration == pytest.approx(10, abs=0.05)


def test_a_first_row_with_a_huge_cell_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"anna/wrist.csv: row 1: cannot be read \(field larger than"):
        imported(tmp_path, b"time,x,y,z," + b"n" * 200_000 + b"\n1,1,1,1,1\n", SECONDS)


def test_rows_may_be_much_longer_than_the_header(tmp_path: Path) -> None:
    """Images of 64 x 64 pixels whose columns are numbered."""
    random = np.random.default_rng(0)
    lines = [",".join([f"{n / 10}", *(f"{v:.18e}" for v in random.normal(size=4096))]) for n in range(12)]
    content = "\n".join([",".join(["t", *map(str, range(4096))]), "", *lines]).encode()
    image = {"kind": "depth", "values": [str(n) for n in range(4096)], "unit": "m", "rate": 10, "shape": [64, 64]}
    time = {"column": "t", "unit": "s", "relative": True}
    assert imported(tmp_path, content, {**image, "time": time}).frames("wrist") == 12


def test_images_that_are_black_at_first_are_read(tmp_path: Path) -> None:
    """The first rows, by which a block is as large as a row, are shorter than the others."""
    zeros, bright = ["0"] * 6400, [f"{v:.18e}" for v in np.random.default_rng(0).random(6400)]
    lines = [",".join([f"{n / 10}", *(zeros if n < 3 else bright)]) for n in range(14)]
    image = {"kind": "depth", "values": "1:6401", "unit": "m", "rate": 10, "shape": [80, 80], "header": False}
    time = {"column": 0, "unit": "s", "relative": True}
    assert imported(tmp_path, "\n".join(lines).encode(), {**image, "time": time}).frames("wrist") == 14


def test_a_delimiter_at_the_end_of_each_row_is_named(tmp_path: Path) -> None:
    lines = ["time,x,y,z", *(f"{n / 50},1,1,1," for n in range(100))]
    with pytest.raises(RecordingError, match=r"row 2: has another number of values .*, as have 100.*header"):
        imported(tmp_path, "\n".join(lines).encode(), SECONDS)


@pytest.mark.parametrize("at", [100, len(rows()) - 2])
def test_a_quotation_mark_that_is_not_closed_is_named(tmp_path: Path, at: int) -> None:
    """It takes in the rows after it, which are more than one broken row."""
    lines = [line.encode() for line in rows()]
    lines[at] += b',"fell'
    with pytest.raises(RecordingError, match=f"wrist.csv: row {at + 1}: a quotation mark is not closed, and takes in"):
        imported(tmp_path, b"\n".join(lines), SECONDS)


def test_a_broken_row_that_is_no_utf8_is_left_out(tmp_path: Path) -> None:
    lines = [line.encode() for line in rows()]
    lines[100] = b"\xe4\xff," + lines[100] + b",\xfc"  # row 101
    facts = json.loads((imported(tmp_path, b"\n".join(lines), SECONDS).folder / "report.json").read_text())
    assert facts["recordings"][0]["sensors"]["wrist"]["where"] == {BROKEN: "anna/wrist.csv row 101"}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"decimal": ","}, "decimal is ',', not another character than the delimiter"),
        ({"decimal": "·"}, "decimal is '·', not a point or a comma"),
        ({"comment": "//"}, "comment is '//', not one character"),
        ({"comment": ","}, "comment is ',', not another character than the delimiter"),
        ({"skip": -1}, "skip is -1, not a whole number"),
    ],
)
def test_what_cannot_be_is_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        described(fields)


def test_a_file_that_ends_before_its_table_is_named(tmp_path: Path) -> None:
    write_csv(tmp_path / "anna" / "wrist.csv", [1, 2], np.ones((2, 3)))
    with pytest.raises(RecordingError, match=r"anna/wrist.csv: has an empty first row. .* correct `skip`"):
        import_streams(tmp_path, tmp_path / "out", described({"skip": 9}))


def test_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "anna").mkdir()
    (home / "anna" / "wrist.csv").write_text("time,x,y,z,x,y,z\n0,1,2,3,4,5,6\n", encoding="utf-8")
    with pytest.raises(RecordingError, match="has 2 columns 'x'"):
        import_streams(home, tmp_path / "out", described())
