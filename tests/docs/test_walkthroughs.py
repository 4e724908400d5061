"""Pages of the documentation as a reader follows them: their files are written and their commands run."""

from __future__ import annotations

import csv
import json
import os
import re
import runpy
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import numpy as np
import pytest
import yaml

from cosmo_pl.cli import main
from cosmo_pl.data.streams.importing import import_streams
from cosmo_pl.data.streams.reading_description import parse_description
from cosmo_pl.data.streams.sniffing import sniff

DOCS = Path(__file__).parents[2] / "docs"
PAGES = (
    "extending/dataset",
    "extending/sensor",
    "extending/augmentation",
    "extending/method",
    "extending/figure",
)  # in the order of the navigation: each builds on those before
BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
QUIET = ["--trainer.enable_progress_bar=false", "--trainer.enable_model_summary=false"]


def blocks(page: str) -> list[tuple[str, str, str]]:
    """Language, file name and content of the code blocks of a page."""
    return BLOCK.findall((DOCS / f"{page}.md").read_text(encoding="utf-8"))


def write_files(page: str, project: Path) -> None:
    """Writes the blocks that have a file name."""
    for _, name, content in blocks(page):
        if name:
            path = project / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")


def run_commands(page: str, project: Path) -> None:
    """Runs the lines of the shell blocks: ours in this process, which is faster, others in a shell.

    A line that ends with a backslash continues.
    """
    for kind, _, content in blocks(page):
        for line in content.replace("\\\n", " ").splitlines() if kind == "sh" else ():
            program, *words = shlex.split(line)
            if program == "cosmo-pl":
                main([*words, *(QUIET if {"fit", "test", "predict"} & {*words} else [])])
            elif words[0].endswith(".py") and len(words) == 1 and page in PAGES:
                runpy.run_path(words[0], run_name="__main__")
            else:
                assert program == "python"
                subprocess.run([sys.executable, *words], cwd=project, check=True, env=environment(project))


def environment(project: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(project), *sys.path])}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project after all pages."""
    project = tmp_path_factory.mktemp("extending")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        patch.syspath_prepend(str(project))
        patch.delenv("COSMO_PL_DATA", raising=False)
        for page in PAGES:
            write_files(page, project)
            run_commands(page, project)
    for name in [name for name in sys.modules if name.split(".")[0] == "kitchen"]:
        del sys.modules[name]
    return project


def test_the_pages_leave_what_they_announce(project: Path) -> None:
    runs = project / "runs" / "kitchen"
    assert (runs / "cosmo" / "version_0" / "bundle" / "bundle.json").is_file()
    assert (runs / "cosmo-iterative" / "version_0" / "test_0" / "metrics.json").is_file()
    assert (runs / "linear" / "version_0" / "test_0" / "metrics.json").is_file()
    assert (runs / "weight" / "version_0" / "bundle" / "bundle.json").is_file()
    assert (runs / "agreement" / "version_0" / "bundle" / "bundle.json").is_file()


def test_the_figure_has_a_row_for_each_method_over_both_seeds(project: Path) -> None:
    rendered = project / "experiments" / "rendered"
    lines = (rendered / "gain-tiny.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "method,accuracy,n" and len(lines) == 3
    assert all(line.endswith(",2") for line in lines[1:])
    assert (rendered / "gain-tiny.png").is_file()
    records = list((project / "experiments" / "results").rglob("*.json"))
    assert len(records) == 6  # stage 1, stage 2 and the linear classifier, two seeds each


@pytest.mark.parametrize("page", PAGES)
def test_every_python_block_of_a_page_has_a_file_name(page: str) -> None:
    found = blocks(page)
    assert found and all(name for kind, name, _ in found if kind in ("python", "yaml"))


@pytest.mark.slow
def test_own_recordings_as_the_page_writes_and_trains_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COSMO_PL_DATA", raising=False)
    write_files("own-recordings", tmp_path)
    run_commands("own-recordings", tmp_path)
    metrics = json.loads(
        (tmp_path / "runs/mine/cosmo-iterative/version_0/test_0/metrics.json").read_text(encoding="utf-8")
    )
    assert metrics["total"] == 24 and metrics["labels"] == 4
    assert metrics["accuracy"] > 0.8  # two frequencies are easy to tell apart


def test_sniff_describes_the_folder_of_the_page_as_the_page_does(tmp_path: Path) -> None:
    write_files("import", tmp_path)
    subprocess.run([sys.executable, "record.py"], cwd=tmp_path, check=True, env=environment(tmp_path))
    found = sniff(tmp_path / "recordings").description
    (text,) = [content for kind, name, content in blocks("import") if kind == "yaml" and not name]
    expected = parse_description(yaml.safe_load(text))
    assert set(found.sensors) == set(expected.sensors) == {"wrist", "ankle"}
    for name, stream in expected.sensors.items():
        mine = found.sensors[name]
        assert replace(mine, time=stream.time, channels=stream.channels) == stream
        assert (mine.time.column, mine.time.unit) == (stream.time.column, stream.time.unit)
    assert found.labels is not None and expected.labels is not None
    assert replace(found.labels, time=expected.labels.time) == expected.labels
    assert found.labels.time.zone == found.sensors["wrist"].time.zone == "Etc/GMT-2"  # Berlin in summer


def test_the_page_imports_in_python_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_files("import", tmp_path)
    subprocess.run([sys.executable, "record.py"], cwd=tmp_path, check=True, env=environment(tmp_path))
    runpy.run_path("in_python.py")
    page, shape = capsys.readouterr().out.splitlines()[-2:]
    assert page.endswith("kitchen/report.html ['anna', 'ben', 'cleo', 'dora', 'emil']")
    assert re.fullmatch(r"\(\d+, 100, 3\)", shape) and Path("kitchen/report.html").is_file()


@pytest.mark.parametrize("files", [["anna/wrist.csv", "ben/wrist.csv"], ["S01.csv", "S02.csv"]])
def test_activities_in_rows_become_intervals_as_the_page_writes_them(
    files: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_files("import", tmp_path)
    rows = [[1.6e9 + n / 50, *(np.array([0, 0, 1]) + n % 7 / 100), "walk" if n < 200 else "sit"] for n in range(500)]
    rows[100:110] = [[*row[:4], ""] for row in rows[100:110]]
    for name in files:
        (tmp_path / "home" / name).parent.mkdir(parents=True, exist_ok=True)
        with (tmp_path / "home" / name).open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([["time", "x", "y", "z", "doing"], *rows])
    monkeypatch.setattr(sys, "argv", ["intervals.py", "home", f"**/{Path(files[0]).name[0]}*.csv", "time", "doing"])
    runpy.run_path("intervals.py")
    store = import_streams("home", "out", sniff("home").description)
    assert len(store.recordings) == 2
    for recording in store.recordings:
        labels = [(round(each.start, 2), round(each.end, 2), each.activity) for each in recording.labels]
        assert labels == [(0.0, 2.0, "walk"), (2.2, 4.0, "walk"), (4.0, 9.98, "sit")]


@pytest.mark.slow
def test_recordings_of_devices_as_the_page_imports_and_predicts_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COSMO_PL_DATA", raising=False)
    write_files("import", tmp_path)
    run_commands("import", tmp_path)
    assert "<svg" in (tmp_path / "kitchen" / "report.html").read_text(encoding="utf-8")
    table = (tmp_path / "runs/kitchen/prototypes/version_0/predict_0/predictions.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(table.splitlines()))
    assert {row["recording"] for row in rows} == {"emil"}
    labelled = [row for row in rows if row["label"]]
    assert 150 < len(labelled) < len(rows) - 50  # windows of three minutes, and of unlabelled time
    assert fmean(row["label"] == row["predicted"] for row in labelled) > 0.8
