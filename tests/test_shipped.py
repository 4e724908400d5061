"""The configs and studies that ship with the package, from any working directory."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from cosmo_pl import shipped
from cosmo_pl.cli import main
from cosmo_pl.errors import ConfigurationError, CosmoError
from cosmo_pl.study.locations import Locations

ROOT = Path(__file__).parents[1]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(capsys, *words):
    with pytest.raises(SystemExit) as stopped:
        main(list(words))
    assert stopped.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]


def test_every_config_has_a_name_and_a_summary():
    files = list((ROOT / "configs").rglob("*.yaml"))
    assert len(files) == len(shipped.config_names()) > 30
    for name in shipped.config_names():
        path = shipped.config_path(name)
        assert path == shipped.config_path(f"{name}.yaml") and path.is_file()
        assert 10 < len(shipped.summary(path)) <= shipped.LONGEST_SUMMARY


def test_names_become_paths_wherever_they_stand():
    words = ["fit", "--config", "cosmo:utd_stage1", "--config=cosmo:model/cmc.yaml", "--run.name=a:b", "x"]
    assert shipped.with_paths(words) == [
        "fit",
        "--config",
        str(ROOT / "configs/utd_stage1.yaml"),
        f"--config={ROOT / 'configs/model/cmc.yaml'}",
        "--run.name=a:b",
        "x",
    ]


@pytest.mark.parametrize(
    ("name", "near"), [("utd_stage3", "utd_stage2"), ("model/depsense", "model/deepsense"), ("../setup", "`cosmo-pl")]
)
def test_an_unknown_name_lists_near_ones(name, near, capsys):
    with pytest.raises(ConfigurationError, match=re.escape(f"cosmo:{name}: there is no such config. ")) as error:
        shipped.config_path(name)
    assert near in str(error.value)
    assert near in refused(capsys, "fit", f"--config=cosmo:{name}")


def test_a_package_without_its_files_says_so(tmp_path, monkeypatch):
    shipped.shipped_root.cache_clear()
    monkeypatch.setattr(shipped, "PACKAGE", tmp_path / "lib" / "site" / "cosmo_pl")
    with pytest.raises(CosmoError, match="Install cosmo_pl again"):
        shipped.shipped_root()
    (tmp_path / "lib/site/cosmo_pl/project/configs").mkdir(parents=True)
    (tmp_path / "lib/site/cosmo_pl/project/configs/utd_stage1.yaml").touch()
    assert shipped.shipped_root() == tmp_path / "lib/site/cosmo_pl/project"
    shipped.shipped_root.cache_clear()


def test_the_list_names_each_config(capsys):
    main(["configs"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [f"cosmo:{name}" for name in shipped.config_names()]
    assert any("contrastive multiview coding" in line for line in lines)


def test_a_copy_never_replaces_what_was_changed(here, capsys):
    main(["configs", "copy", "mine"])
    assert capsys.readouterr().out == f"{len(shipped.config_names())} files written to mine\n"
    changed = here / "mine/model/cmc.yaml"
    assert changed.read_bytes() == (ROOT / "configs/model/cmc.yaml").read_bytes()
    changed.write_text("run: {name: mine}\n", encoding="utf-8")
    (here / "mine/utd_stage1.yaml").unlink()
    line = refused(capsys, "configs", "copy", "mine")
    assert "1 files exist with other content: mine/model/cmc.yaml" in line and "--overwrite" in line
    assert not (here / "mine/utd_stage1.yaml").exists(), "nothing is written where something would be lost"
    main(["configs", "copy", "mine", "--overwrite"])
    assert capsys.readouterr().out == "2 files written to mine\n"
    assert "needs" not in refused(capsys, "configs", "copy")


def test_the_project_is_the_working_directory_only_if_it_has_studies(here):
    outside = shipped.study_folders(None)
    assert (outside.project, outside.output) == (ROOT, Path())
    assert outside.shipped_results == ROOT / "experiments/results"
    (here / "experiments/results").mkdir(parents=True)  # as the shipped studies leave it
    assert shipped.study_folders(None) == outside
    (here / "experiments/mine.yaml").touch()
    assert shipped.study_folders(None) == shipped.StudyFolders(Path(), Path())
    assert shipped.study_folders(str(here)).output == here
    with pytest.raises(ConfigurationError, match="has no study"):
        shipped.study_folders(str(here / "experiments"))


def test_shipped_results_are_read_and_never_written(here):
    where = Locations.of(None)
    jobs = [job for job in where.project.jobs("table2", "paper") if (job.dataset, job.method) == ("utd", "dtw")]
    record = where.results.get(jobs[0])
    assert record is not None and where.results.found(jobs[0]).is_relative_to(ROOT)
    assert record.key in {each.key for each in where.results.every()}
    where.results.put(jobs[0], record)
    assert where.results.found(jobs[0]) == where.results.path(jobs[0])
    assert where.results.path(jobs[0]).resolve().is_relative_to(here)
    assert where.results.get(jobs[0]) == record
    own = replace(record, seconds=record.seconds + 1)
    where.results.put(jobs[0], own)
    assert [each for each in where.results.every() if each.key == record.key] == [own], "instead of the shipped one"
    alone = Locations.of(None, results="other")
    assert alone.results.found(jobs[0]) is None


def test_render_outside_of_a_checkout(here, capsys):
    main(["study", "render", "fig4", "--preset=paper"])
    assert capsys.readouterr().out.split() == [f"experiments/rendered/fig4.{kind}" for kind in ("csv", "md", "png")]
    main(["study", "render", "fig4", "--preset=paper", f"--project={ROOT}", "--output=as_the_checkout_does"])
    for kind in ("csv", "md", "png"):
        ours, theirs = (here / folder / f"fig4.{kind}" for folder in ("experiments/rendered", "as_the_checkout_does"))
        assert ours.read_bytes() == theirs.read_bytes()
    assert "usc,label_rate,0.01,200," in (here / "experiments/rendered/fig4.csv").read_text(encoding="utf-8")


def test_a_project_without_presets_is_one_clear_line(here, capsys):
    (here / "experiments").mkdir()
    (here / "experiments/mine.yaml").write_text("title: T\nrender: table2.accuracy\nruns: []\n", encoding="utf-8")
    assert "preset: there is none in" in refused(capsys, "study", "render", "mine")
    assert "W&B's agents read their configs" not in refused(capsys, "study", "status", "mine")


def test_a_sweep_of_wandb_needs_a_checkout(here, capsys):
    assert "Change to a checkout" in refused(capsys, "study", "sweep", "sweeps/utd_lambda")
