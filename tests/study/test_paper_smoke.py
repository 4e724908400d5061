"""Every table and figure of the paper, run and drawn through the command line on small simulated recordings.

What `make paper-smoke` does, but for k-means, which is run once for a number of clusters instead of five times, and on
few samples.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from cosmo_pl.cli import main
from cosmo_pl.fusion import modality_quality
from cosmo_pl.simulation import simulate_usc, simulate_utd
from cosmo_pl.study.jobs import Project

ROOT = Path(__file__).parents[2]
STUDIES = Project(ROOT).studies()


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory):
    """A working directory with the project's configs and experiments, and recordings as the smoke preset needs them."""
    folder = tmp_path_factory.mktemp("smoke")
    simulate_utd(folder / "data", subjects=range(1, 9), trials=4, seed=0, progress=False)
    simulate_usc(folder / "data", subjects=range(1, 15), trials=1, seed=0, progress=False)
    for name in ("configs", "experiments"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("results", "rendered"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("COSMO_PL_DATA", str(folder / "data"))
        patch.setattr("cosmo_pl.modules.base.quality.modality_quality", quick_quality)
        yield folder


def quick_quality(features, *arguments, **named):
    """Modality quality of the first samples, with one run of k-means."""
    return modality_quality({name: x[:300] for name, x in features.items()}, *arguments, num_seeds=1, **named)


def drawn(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "experiments" / "rendered").iterdir()}


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_runs_and_is_drawn(name, folder, capsys):
    main(["study", "run", name, "--preset=smoke"])
    told = capsys.readouterr().out
    assert "failed" not in told
    assert "cannot be run" not in told
    jobs = Project().jobs(name, "smoke")
    assert all(any((folder / "experiments/results" / job.dataset).glob(f"*-{job.key}.json")) for job in jobs)
    main(["study", "render", name, "--preset=smoke"])
    files = {path.split(".")[-1]: Path(path) for path in capsys.readouterr().out.split()}
    assert {"md", "csv"} < set(files)
    assert len(files["csv"].read_text().splitlines()) > 1
    page = files["md"].read_text()
    assert page.startswith(f"# {Project().study(name).title}\n")
    assert "| reproduced |" not in page, "simulated recordings are not compared with the paper"
    assert "| not reproduced |" not in page
    if "png" in files:
        assert files["png"].read_bytes().startswith(b"\x89PNG")
    else:
        assert r"\begin{tabular}" in files["tex"].read_text()


def test_nothing_is_left_to_run(capsys):
    main(["study", "run", "all", "--preset=smoke"])
    assert capsys.readouterr().out.splitlines()[-1].endswith(" done, 0 to run")
    main(["study", "status", "all", "--preset=smoke"])
    assert " 0 running" in capsys.readouterr().out


def test_a_second_rendering_is_the_same_to_the_byte(folder):
    before = drawn(folder)
    main(["study", "render", "all", "--preset=smoke"])
    assert drawn(folder) == before
    assert len(before) >= 3 * len(STUDIES) - 1


def test_results_are_small_and_say_that_they_are_simulated(folder):
    files = sorted((folder / "experiments/results").rglob("*.json"))
    assert max(path.stat().st_size for path in files) < 100_000
    assert all(json.loads(path.read_text())["simulated"] for path in files)


def test_the_report_has_everything(folder, capsys):
    main(["study", "report"])
    page = Path(capsys.readouterr().out.strip()).read_text()
    for name in STUDIES:
        assert Project().study(name).title.split(":")[0] in page
    drawn_ones = [name for name in STUDIES if (folder / f"experiments/rendered/{name}-smoke.png").is_file()]
    assert page.count("data:image/png;base64,") == len(drawn_ones)
    assert {"fig2", "fig11", "fig16", "plus"} < set(drawn_ones)
