"""The report: self-contained, complete, honest about what is missing, and the same twice."""

from __future__ import annotations

import base64
import io
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.study.claims import Claim
from cosmo_pl.study.definition import Study
from cosmo_pl.study.records import Record
from cosmo_pl.study.rendering.view import Rendered, Verdict
from cosmo_pl.study.report import ReportItem, _configs, column_classes, data_uri, png_size, row_groups, write_report

from .factory import PROJECT, job, record

RULE = {"rule": {"value": "lies in the <interval>", "not comparable": "simulated"}}
PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 960, 456) + b"pixels"
TABLE = Rendered(
    header=["dataset", "method", "accuracy"],
    rows=[["UTD", "Cosmo", "0.693 ± 0.021 (n=5)"], ["UTD", "C & <b>C</b>", "-"], ["USC", "Cosmo", "0.6"]],
    notes=["Labels are drawn by seed."],
    verdicts=[
        Verdict("Table 2: 0.6093", "not reproduced", "ours is higher"),
        Verdict("Cosmo above CMC", "reproduced", "difference +0.1"),
        Verdict("Cosmo above CPC", "reproduced", "difference +0.2"),
        Verdict("training time", "not comparable", "another machine"),
    ],
)


def item(
    name: str = "table2",
    preset: str = "paper",
    rendered: Rendered = TABLE,
    png: bytes | None = None,
    records: Sequence[Record] | None = None,
    planned: int = 2,
    skipped: Mapping[str, str] | None = None,
) -> ReportItem:
    found = [record(job(seed=seed), seconds=1800.0) for seed in (0, 1)] if records is None else records
    study = Study(f"Title of {name}", "table2.accuracy", [], about=f"About {name}.")
    return ReportItem(
        name, preset, study, rendered, png, found, planned, skipped or {}, {"datasets": {"usc": "USC-HAD"}}
    )


class Page(HTMLParser):
    """What a page consists of."""

    VOID = {"meta", "img", "br", "link"}

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.words += " " if tag in ("th", "td", "span", "div") else ""
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words += data

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def text(self) -> str:
        return " ".join(self.words.split())


def page(tmp_path: Path, *items: ReportItem) -> Page:
    read = Page(write_report(items, tmp_path / "report", RULE, PROJECT.root).read_text(encoding="utf-8"))
    assert read.open == [], "every element is closed"
    return read


def test_everything_of_an_item_is_on_the_page(tmp_path: Path) -> None:
    told = page(tmp_path, item(planned=5, skipped={"usc": "no recordings here"})).text
    for part in (
        "Title of table2", "About table2.", "preset paper", "2 of 5 runs", "2 seeds: 0, 1", "60 min of computing",
        "Labels are drawn by seed.", "0.693 ± 0.021 (n=5)", "C & <b>C</b>", "✗ not reproduced", "Cosmo above CPC",
        "difference +0.2", "3 of 5 runs are not done", "USC-HAD left out: no recordings here",
        "lies in the <interval>",
    ):  # fmt: skip
        assert part in told, part


def test_counts_and_what_was_not_reproduced_come_first(tmp_path: Path) -> None:
    other = replace(TABLE, verdicts=[Verdict("a trend", "not reproduced", "falls instead")])
    told = page(tmp_path, item(), item("fig11", "quick", other)).text
    top = told[: told.index("The rule of the verdicts")]
    assert "Preset paper: 4 claims 2 ✓ reproduced 1 ✗ not reproduced 0 … too few runs 1 ○ not comparable" in top
    assert "Preset quick: 1 claim 0 ✓ reproduced 1 ✗ not reproduced 0 … too few runs 0 ○ not comparable" in top
    assert "Title of table2: 1 of 4 Table 2: 0.6093 ours is higher" in top
    assert "Title of fig11: 1 of 1 a trend falls instead" in top
    assert "Cosmo above CMC" not in top and "training time" not in top


def test_every_claim_of_the_paper_is_listed_once(tmp_path: Path) -> None:
    claims = [Claim(Verdict("Fig. 9, section 5.2: it jumps", "too few runs", "n=2"), "fig9")]
    told = Page(write_report([item()], tmp_path, RULE, PROJECT.root, claims=claims).read_text(encoding="utf-8")).text
    assert "Every claim of the paper once" in told
    assert "Fig. 9, section 5.2 it jumps too few runs n=2 fig9" in told
    assert "Every claim" not in page(tmp_path, item()).text


def test_where_results_come_from_and_what_is_compared_stands_with_them(tmp_path: Path) -> None:
    compared = replace(TABLE, comparisons=[("UTD", "7-8", "Cosmo", "CMC", "+0.017")])
    dirty = [replace(record(job(seed=seed)), environment={"commit": "1", "dirty": True}) for seed in (0, 1)]
    told = page(tmp_path, item(rendered=compared, records=dirty)).text
    assert "2 results; 2 from uncommitted code (†); package" in told
    assert "7-8 Cosmo CMC +0.017" in told


def test_runs_that_two_items_share_count_once(tmp_path: Path) -> None:
    assert "2 runs, 60 min of computing" in page(tmp_path, item(), item("fig11")).text


def test_the_page_needs_nothing_else(tmp_path: Path) -> None:
    read = page(tmp_path, item("fig14", png=PNG))
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in read.tags}
    addresses = [value or "" for _, given in read.tags for name, value in given.items() if name in ("src", "href")]
    assert addresses and all(address.startswith(("data:image/png;base64,", "#")) for address in addresses)
    text = write_report([item("fig14", png=PNG)], tmp_path, RULE, PROJECT.root).read_text(encoding="utf-8")
    assert "@import" not in text and "url(" not in text
    (image,) = read.of("img")
    assert base64.b64decode((image["src"] or "").partition(",")[2]) == PNG
    assert (image["width"], image["height"]) == ("960", "456")


def test_a_reader_by_ear_and_on_a_phone_finds_the_way(tmp_path: Path) -> None:
    read = page(tmp_path, item("fig14", png=PNG), item())
    assert read.of("html") == [{"lang": "en"}]
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in read.of("meta")
    assert all("Title of fig14" in (image["alt"] or "") for image in read.of("img"))
    levels = [int(tag[1]) for tag, _ in read.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(deeper - level <= 1 for level, deeper in pairwise(levels))
    tables = len(read.of("table"))
    assert len(read.of("caption")) == tables == 4
    assert sum(given.get("class") == "scroll" and given["tabindex"] == "0" for given in read.of("div")) == tables
    assert all("scope" in given for given in read.of("th"))
    ids = [given["id"] for _, given in read.tags if "id" in given]
    assert len(set(ids)) == len(ids)
    assert {(given["href"] or "")[1:] for given in read.of("a")} <= set(ids)
    assert {given["aria-labelledby"] for _, given in read.tags if "aria-labelledby" in given} <= set(ids)


def test_one_study_under_two_presets_has_two_places(tmp_path: Path) -> None:
    read = page(tmp_path, item(preset="paper"), item(preset="quick"))
    assert {"#table2-paper", "#table2-quick"} <= {given["href"] for given in read.of("a")}


def test_settings_are_those_of_the_runs(tmp_path: Path) -> None:
    used = replace(record(job()), configs=("configs/utd_stage2.yaml", "experiments/presets/quick/utd_stage2.yaml"))
    told = page(tmp_path, item(preset="quick", records=[used])).words
    for path in (
        "configs/utd_stage2.yaml", "configs/data/utd.yaml", "experiments/methods.yaml", "experiments/table2.yaml",
        "experiments/presets/quick/utd_stage1.yaml", "experiments/presets/quick/utd_stage2.yaml",
    ):  # fmt: skip
        assert (PROJECT.root / path).read_text(encoding="utf-8").strip() in told, path
    assert "configs/data/usc.yaml" not in told
    assert " ".join(PROJECT.preset("quick").about.split()) in " ".join(told.split())


def test_nothing_outside_of_configs_is_shown(tmp_path: Path) -> None:
    """Neither what a record names, nor what a config names, nor what a link leads to."""
    root = tmp_path / "project"
    files = {
        "secret.yaml": "token: SECRET",
        "project/configs/data/toy.yaml": "class_path: shown.Data",
        "project/configs/first.yaml": "data: data/toy.yaml\nmodel: ../../secret.yaml\ntrainer: first.yaml",
        "project/configs/broken.yaml": "[",
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
    (root / "configs/link.yaml").symlink_to(tmp_path / "secret.yaml")
    names = ["../../secret.yaml", "first.yaml", "link.yaml", "gone.yaml", "broken.yaml"]
    used = replace(record(job()), configs=tuple(f"configs/{name}" for name in names))
    shown = _configs(root, [used])
    assert sorted(shown) == ["configs/broken.yaml", "configs/data/toy.yaml", "configs/first.yaml", "configs/gone.yaml"]
    assert "SECRET" not in str(shown)
    assert shown["configs/gone.yaml"].startswith("# cannot be read")


def test_versions_machines_and_recordings_are_told_apart(tmp_path: Path) -> None:
    here = record(job(seed=0), seconds=60)
    machine = {"commit": "1" * 12, "dirty": True, "torch": "2.6", "device": "H200", "cores": 16}
    there = replace(record(job(seed=1), seconds=120), environment=machine)
    simulated = replace(record(job(seed=2), seconds=240, simulated=True), data_fingerprint="5" * 64)
    read = page(tmp_path, item(records=[here, there, simulated], planned=3))
    assert f"{here.version} 111111111111 and changes 2.6 H200 16 - 1 2 min" in read.text
    assert "000000000000 2.13.0 cpu 2 1 2 5 min" in read.text
    assert f"UTD-MHAD measured {'f' * 64} 2 3 min" in read.text
    assert f"UTD-MHAD simulated {'5' * 64} 1 4 min" in read.text
    assert "simulated recordings: UTD-MHAD" in read.text
    assert "simulated recordings" not in page(tmp_path, item(records=[here, there])).text


def test_what_a_note_says_is_not_said_twice(tmp_path: Path) -> None:
    noted = replace(TABLE, notes=["USC-HAD: no recordings here."])
    assert item(rendered=noted, skipped={"usc": "no recordings here", "demo": "why not"}).unsaid == {"demo": "why not"}


def test_a_report_of_nothing_says_so(tmp_path: Path) -> None:
    assert "Nothing has been run yet" in page(tmp_path).text
    bare = Rendered(header=["a"], rows=[])
    for png in (None, PNG):
        told = page(tmp_path, item(rendered=bare, png=png, records=[], planned=0)).text
        assert ("There is no result yet." in told) == (png is None)
        assert "all runs of all tables and figures above are done" in told


def test_a_second_report_is_the_same_to_the_byte(tmp_path: Path) -> None:
    items = [item("fig14", png=PNG), item(skipped={"usc": "missing"}), item(preset="quick")]
    one = write_report(items, tmp_path / "one", RULE, PROJECT.root)
    two = write_report(items, tmp_path / "two", RULE, PROJECT.root)
    assert one.name == "report.html" and one.read_bytes() == two.read_bytes()
    before = one.read_bytes()
    assert write_report(items, tmp_path / "one", RULE, PROJECT.root).read_bytes() == before
    assert [path.name for path in one.parent.iterdir()] == ["report.html"]


def test_a_preset_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no 'gone'"):
        write_report([item(preset="gone")], tmp_path, RULE, PROJECT.root)


def test_columns_of_numbers_and_of_words() -> None:
    rows = [["1-NN", "a" * 19, "-", "+0.1 (n=5)", "x"], ["2", "b", "0.5", "−0.2", "1"]]
    assert column_classes(["n", "long", "m", "d", "mixed"], rows) == ["number", "words", "number", "number", ""]
    with pytest.raises(ValueError, match="zip"):
        column_classes(["one"], rows)


def test_rows_are_grouped_where_neighbours_agree() -> None:
    assert row_groups([["a", "1"], ["a", "2"], ["b", "3"]]) == [("a", [["1"], ["2"]]), ("b", [["3"]])]
    assert row_groups([["a", "1"], ["b", "2"], ["a", "3"]]) == [("", [["a", "1"], ["b", "2"], ["a", "3"]])]


def test_size_and_address_of_a_real_picture() -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3, 2), dpi=100)
    FigureCanvasAgg(figure)
    file = io.BytesIO()
    figure.savefig(file, format="png")
    assert png_size(file.getvalue()) == (300, 200)
    assert base64.b64decode(data_uri(file.getvalue()).removeprefix("data:image/png;base64,")) == file.getvalue()
