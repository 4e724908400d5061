"""What the site shows of the committed records is what the records hold."""

from __future__ import annotations

import json
import re
from pathlib import Path
from statistics import fmean, stdev

import pytest

from cosmo_pl.study.claims import collect, judged
from cosmo_pl.study.jobs import Job, Project
from cosmo_pl.study.pages import IN_PAPER, Pages, headline_table
from cosmo_pl.study.records import Results
from cosmo_pl.study.render import Rendering, render_study, study_page, view_of
from cosmo_pl.study.rendering.headline import insert
from cosmo_pl.study.rendering.view import Rendered, View

ROOT = Path(__file__).parents[2]
STUDY = "plus_labels"  # grids of several methods and amounts of labels


@pytest.fixture(scope="module")
def project() -> Project:
    return Project(ROOT)


@pytest.fixture(scope="module")
def results() -> Results:
    return Results(ROOT / "experiments" / "results")


def tables(page: str) -> list[list[dict[str, str]]]:
    """The tables of a page, a dictionary for each row."""
    blocks = re.findall(r"(?:^ *\|.*\n)+", page, flags=re.MULTILINE)
    cells = [
        [[cell.strip() for cell in line.strip()[1:-1].split("|")] for line in block.splitlines()] for block in blocks
    ]
    return [[dict(zip(header, row, strict=True)) for row in rows] for header, _, *rows in cells]


def accuracies(results: Results, jobs: list[Job]) -> list[float]:
    """Accuracies in the files of jobs, read without the package."""
    files = [results.path(job) for job in jobs if results.path(job).is_file()]
    return [json.loads(file.read_text(encoding="utf-8"))["result"]["accuracy"] for file in files]


def test_a_page_has_exactly_the_numbers_of_the_records(project: Project, results: Results) -> None:
    cells: dict[tuple[str, ...], list[Job]] = {}
    for job in (job for job in project.jobs(STUDY, "paper") if job.kind == "finetune"):
        for _, factors in job.cells:
            cell = (job.dataset, str(factors["label_rate"]), project.methods()[job.method].title)
            cells.setdefault(cell, []).append(job)
    expected = {}
    for cell, jobs in cells.items():
        if found := accuracies(results, jobs):
            spread = f"{stdev(found):.4f}" if len(found) > 1 else ""
            expected[cell] = (f"{fmean(found):.4f}", spread, len(found))
    assert expected, "there are records"
    rows, *_ = tables(study_page([render_study(project, STUDY, "paper", results, ["paper"])]))
    shown = {
        (row["dataset"], row["value"], row["method"]): (row["accuracy"], row["std"], int(row["n"].rstrip("†")))
        for row in rows
    }
    assert shown == expected


def test_readme_has_the_headline_results_of_the_records(project: Project, results: Results) -> None:
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    table = headline_table(project, results)
    assert insert(page, table) == page, "run `cosmo-pl study headline --output README.md`"


def test_every_place_for_something_made_has_it(project: Project, results: Results) -> None:
    known = {*Pages(project, results, {}).parts(), "packages"}
    pages = {path: path.read_text(encoding="utf-8") for path in (ROOT / "docs").rglob("*.md")}
    asked = {name for text in pages.values() for name in re.findall(r"<!-- made: (.+?) -->", text)}
    assert asked == known


def test_the_site_has_the_claims_of_the_command(project: Project, results: Results) -> None:
    """Also those of studies without results under the paper's protocol."""
    names = ("fig13", "fig9")
    expected = collect(judged(view_of(project, name, "paper", results)) for name in names)
    renderings = {
        name: [render_study(project, name, preset, results, [preset])]
        for name, preset in zip(names, ("quick", "paper"), strict=True)
    }
    assert Pages(project, results, renderings).claims() == expected
    assert {claim.study for claim in expected} == set(names)


def test_every_study_is_in_one_section_and_those_of_the_paper_come_first(project: Project, results: Results) -> None:
    def unrun(name: str) -> Rendering:
        return Rendering(View(name, project.study(name), "paper", [], {}, {}, {}), Rendered((), ()), None)

    sections = Pages(
        project, results, {name: [unrun(name)] for name in ("plus", "fig9", "negatives", "table1")}
    ).sections
    assert next(iter(sections.items())) == (IN_PAPER, {n: project.study(n).title for n in ("fig9", "table1")})
    assert {name: short for its in list(sections.values())[1:] for name, short in its.items()} == {
        "plus": "The two recipes",
        "negatives": "Negatives of the same subject",
    }


def test_a_page_has_a_section_for_each_preset_and_links_its_files(project: Project, results: Results) -> None:
    renderings = [render_study(project, "fig9", preset, results, [preset]) for preset in ("paper", "quick")]
    page = study_page(renderings)
    assert re.findall(r"^## (.*)$", page, flags=re.MULTILINE) == ["Preset paper", "Preset quick"]
    made = Pages(project, results, {"fig9": renderings, "table2": renderings, "plus": renderings}).files()
    named = re.findall(r"\]\(([^)]+)\)", page)
    assert {"fig9.png", "fig9.csv", "fig9-quick.png", "fig9-quick.csv"} == set(named) <= set(made)
