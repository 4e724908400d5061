"""Rendering a study from what results there are."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace

import pytest
import yaml

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.study.functions import renderer
from cosmo_pl.study.lineage import digest_of
from cosmo_pl.study.names import check_functions
from cosmo_pl.study.render import presets_with_results, render_study, study_page, view_of
from cosmo_pl.study.rendering.formats import csv_of, latex_of, markdown_of
from cosmo_pl.study.rendering.provenance import marked, provenance
from cosmo_pl.study.rendering.view import Rendered, Verdict

from .conftest import finished, left_by, write, write_record

TABLE = [("method", "accuracy"), ("A & B_1 | 50 %", "0.5 ± 0.1"), ("λ < 1", '"x", y')]


@pytest.fixture
def plain(monkeypatch):
    """A renderer that lists accuracies, and draws a picture of them where the view has any."""

    def render(view):
        found = view.records(lambda job: job.kind == "finetune")
        rows = [[job.name, f"{record.result['accuracy']:.2f}"] for job, record in found]
        verdicts = [Verdict("claim", "reproduced", "1 > 0")]
        compared = [("UTD", "7-8", "a", "b", "+0.1")]
        return Rendered(["run", "accuracy"], rows, notes=["a note"], verdicts=verdicts, comparisons=compared)

    monkeypatch.setattr("cosmo_pl.study.rendering.table2.accuracy", render)


def test_the_files_of_a_table(project, results, tmp_path, plain):
    job = project.jobs("table9", "paper")[1]
    results.put(job, finished(job))
    rendering = render_study(project, "table9", "paper", results)
    files = {path.suffix: path for path in rendering.write(tmp_path / "out")}
    assert {path.name for path in files.values()} == {"table9.csv", "table9.md", "table9.tex"}
    assert files[".csv"].read_text(encoding="utf-8") == "run,accuracy\ntoy cosmo seed 0 finetune,0.50\n"
    page = files[".md"].read_text(encoding="utf-8")
    assert page.startswith("# Table 9\n\n## Preset paper\n")
    assert "- a note" in page
    assert "- absent has no results: there is no configs/absent_stage2.yaml." in page
    assert "\n1 result; 1 from an unknown commit; package " in page, "where it comes from"
    assert "| UTD | 7-8 | a | b | +0.1 |" in page
    assert "| claim | ✓ reproduced | 1 > 0 |" in page
    before = {path: path.read_bytes() for path in files.values()}
    render_study(project, "table9", "paper", results).write(tmp_path / "out")
    assert {path: path.read_bytes() for path in files.values()} == before


def test_a_figure_is_one_file_and_one_yaml(project, results, tmp_path, monkeypatch):
    """A renderer outside of the package, in a study that nothing else names."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "package").mkdir()
    (tmp_path / "package/__init__.py").touch()
    (tmp_path / "package/my_figures.py").write_text(
        "from cosmo_pl.study.rendering import style\n"
        "from cosmo_pl.study.rendering.view import Rendered\n"
        "def runs(view):\n"
        "    figure, axes = style.new_figure()\n"
        "    axes[0][0].bar(['runs'], [len(view.outcomes)])\n"
        "    return Rendered(['runs'], [[str(len(view.outcomes))]], figure)\n",
        encoding="utf-8",
    )
    study = {
        "title": "Runs",
        "render": "package.my_figures.runs",
        "runs": [{"datasets": ["toy"], "methods": ["cosmo"]}],
    }
    write(project.root, "experiments/my_runs.yaml", study)
    assert "my_runs" in project.studies()
    check_functions(project, ["my_runs"])
    first, *_ = jobs = project.jobs("my_runs", "paper")
    results.put(first, finished(first))
    files = render_study(project, "my_runs", "paper", results).write(tmp_path / "out")
    assert [path.name for path in files] == ["my_runs.csv", "my_runs.md", "my_runs.png"]
    assert files[0].read_text(encoding="utf-8") == f"runs\n{len(jobs)}\n"


def test_results_of_a_stage_1_of_uncommitted_code_are_marked(project, results):
    jobs = project.jobs("table9", "paper")
    for job in jobs:
        made = finished(job)
        dirty = job.kind == "pretrain" and job.method == "cosmo" and job.seed == 0
        results.put(job, replace(made, environment={**made.environment, "dirty": dirty}))
    seen = {o.job.key: o.record for o in view_of(project, "table9", "paper", results).outcomes}
    for job in jobs:
        own = job.method == "cosmo" and job.kind == "pretrain"
        depends = any(parent.method == "cosmo" and parent.seed == 0 for parent in job.parents)
        assert bool(marked([seen[job.key]])) == (job.seed == 0 and (own or depends)), job.name
    assert not results.get(jobs[1]).environment["dirty"]  # the record says what its own code was


def test_results_of_another_training_than_the_record_of_stage_1_are_marked(project, results):
    """Seed 0 of Cosmo was trained again on another machine; so was seed 1, with the same result."""
    jobs = project.jobs("table9", "paper")
    first = {job.seed: job for job in jobs if job.kind == "pretrain" and job.method == "cosmo"}
    for job in jobs:
        made = finished(job, curves={"epoch": [0], "train/loss": [1.5 + job.seed]})
        of_cosmo = [parent for parent in job.parents if parent in first.values()]
        used = ["other" if parent.seed == 0 else digest_of(results.get(parent)) for parent in of_cosmo]
        results.put(job, replace(made, parent_results=used))
    view = view_of(project, "table9", "paper", results)
    seen = {outcome.job.key: outcome.record for outcome in view.outcomes}
    for job in jobs:
        assert bool(marked([seen[job.key]])) == (first[0] in job.parents), job.name
    number = sum(first[0] in job.parents for job in jobs)
    assert number > 0
    text = f"{number} of a training that was repeated since with another result (†)"
    assert text in provenance([record for record in seen.values() if record is not None])


def test_a_damaged_result_is_left_out_and_named(project, results, plain):
    whole, edited = [job for job in project.jobs("table9", "paper") if job.kind == "finetune"][:2]
    results.put(whole, finished(whole))
    write_record(results, edited, finished(edited, result=left_by("finetune") | {"accuracy": 0.99}))
    rendering = render_study(project, "table9", "paper", results)
    assert [row[0] for row in rendering.rendered.rows] == [whole.name]
    (note,) = [line for line in study_page([rendering]).splitlines() if line.startswith("- Left out: ")]
    assert str(results.path(edited)) in note and "accuracy is 0.99, not 5/10 = 0.5" in note and "Remove it" in note
    assert "\n1 result;" in study_page([rendering])
    assert note.removeprefix("- ") in rendering.rendered.notes


def test_a_preset_with_few_results_is_folded_behind_a_better_one(project, results, plain):
    """Two methods with two seeds each: a cell of stage 2 each, and one of stage 1."""
    jobs = {preset: project.jobs("table9", preset) for preset in ("paper", "quick")}
    for job in jobs["quick"]:
        results.put(job, finished(job))

    def page():
        return study_page([render_study(project, "table9", preset, results) for preset in jobs])

    def sections(page):
        return re.findall(r"^## Preset (.*)$", page, flags=re.MULTILINE)

    assert sections(page()) == ["quick", "paper"]
    some, every = render_study(project, "table9", "paper", results).filled
    assert f'## Preset paper\n\n<details markdown="1">\n<summary>{some} of {every} cells have a result' in page()
    alone = study_page([render_study(project, "table9", "paper", results)])
    assert "cells have a result" not in alone, "there is no better one"
    for job in jobs["paper"]:
        results.put(job, finished(job))
    assert sections(page()) == ["paper", "quick"] and "cells have a result" not in page()


def test_a_damaged_result_of_another_preset_is_named_too(project, results, plain):
    whole, edited = project.jobs("table9", "paper")[1], project.jobs("table9", "quick")[1]
    results.put(whole, finished(whole))
    results.put(edited, finished(edited))
    results.path(edited).write_text("{", encoding="utf-8")
    page = study_page([render_study(project, "table9", "paper", results)])
    assert f"- Left out: {results.path(edited)}: is damaged" in page


def test_a_sweep_is_drawn_into_a_folder_of_its_own(project, results, tmp_path, plain):
    rendering = render_study(project, "table9", "paper", results)
    renamed = replace(rendering, view=replace(rendering.view, name="sweeps/rate"), png=b"picture")
    files = renamed.write(tmp_path / "out")
    assert {str(path.relative_to(tmp_path)) for path in files} == {
        "out/sweeps/rate.csv", "out/sweeps/rate.md", "out/sweeps/rate.png",
    }  # fmt: skip
    assert "[![Table 9](rate.png)](rate.png)" in (tmp_path / "out/sweeps/rate.md").read_text(encoding="utf-8")


def test_a_dataset_without_runs_is_left_out_with_the_reason(project, results, plain):
    rendering = render_study(project, "table9", "paper", results)
    assert rendering.view.skipped == {
        "toy": "no run has been made", "absent": "there is no configs/absent_stage2.yaml",
    }  # fmt: skip


def test_presets_are_those_that_something_of_their_own_was_run_under(project, results):
    assert presets_with_results(project, "table9", results) == []
    forest = next(job for job in project.jobs("table9", "quick") if job.method == "forest")
    results.put(forest, finished(forest))
    assert presets_with_results(project, "table9", results) == ["paper"], "a run that the presets share"
    stage1, quick = project.jobs("table9", "quick")[:2]
    results.put(stage1, finished(stage1))
    assert presets_with_results(project, "table9", results) == ["paper"], "a stage 1 alone"
    results.put(quick, finished(quick))
    assert presets_with_results(project, "table9", results) == ["quick"]
    paper = project.jobs("table9", "paper")[1]
    results.put(paper, finished(paper))
    assert presets_with_results(project, "table9", results) == ["paper", "quick"]


@pytest.mark.parametrize("name", ["table2", "table2.absent", "absent.table"])
def test_an_unknown_renderer_is_named(name):
    with pytest.raises(ConfigurationError, match=name):
        renderer(name)


def test_a_renderer_of_another_package():
    assert renderer("cosmo_pl.study.rendering.formats.csv_of") is csv_of


def test_csv_reads_back():
    assert [tuple(row) for row in csv.reader(io.StringIO(csv_of(TABLE)))] == TABLE


def test_markdown():
    assert markdown_of(TABLE).splitlines() == [
        "| method | accuracy |", "|---|---|", "| A & B_1 \\| 50 % | 0.5 ± 0.1 |", '| λ < 1 | "x", y |',
    ]  # fmt: skip


def test_a_line_break_does_not_end_a_row_of_markdown():
    assert markdown_of([("a", "b"), ("one\ntwo", "")]).splitlines()[2:] == ["| one two |  |"]


def test_latex_escapes_what_is_a_command():
    row = latex_of([(r"a\b", "x~y^z", "{q}")]).splitlines()[2]
    assert row == r"a\textbackslash{}b & x\textasciitilde{}y\textasciicircum{}z & \{q\} \\"


def test_latex_escapes():
    lines = latex_of(TABLE).splitlines()
    assert lines[:4] == [r"\begin{tabular}{ll}", r"\toprule", r"method & accuracy \\", r"\midrule"]
    assert lines[4] == r"A \& B\_1 | 50 \% & 0.5 $\pm$ 0.1 \\"
    assert lines[5] == r'$\lambda$ $<$ 1 & "x", y \\'
    assert lines[-2:] == [r"\bottomrule", r"\end{tabular}"]


def test_a_recipe_is_what_the_configs_are_named_for(project, results, plain):
    """A recipe of any name stands in the title of a dataset. A dataset whose name has an underscore has none."""
    copied = yaml.safe_load((project.root / "configs" / "toy_stage2.yaml").read_text(encoding="utf-8"))
    for name in ("toy_mine", "far_away"):
        write(project.root, f"configs/{name}_stage2.yaml", copied)
    assert [project.recipe(name) for name in ("toy", "toy_mine", "far_away")] == ["", "mine", ""]
    runs = [{"datasets": ["toy_mine", "far_away"], "methods": ["forest"]}]
    write(project.root, "experiments/mine.yaml", {"title": "Mine", "render": "table2.accuracy", "runs": runs})
    job = next(job for job in project.jobs("mine", "paper") if job.dataset == "toy_mine")
    results.put(job, finished(job, result=left_by("finetune") | {"title": "Toy"}))
    view = view_of(project, "mine", "paper", results)
    assert view.title("toy_mine") == "Toy, mine" and view.title("far_away") == "far_away"
