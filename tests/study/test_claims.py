"""The page with every claim of the paper."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cosmo_pl.cli import main
from cosmo_pl.study.claims import all_claims, collect, counts, judged, write_claims
from cosmo_pl.study.jobs import Project
from cosmo_pl.study.records import Results
from cosmo_pl.study.render import view_of
from cosmo_pl.study.rendering.effect import Effect
from cosmo_pl.study.rendering.view import Verdict, View

from .conftest import finished, write_record
from .factory import PROJECT, paper, view

RELEASED = "UTD-MHAD with the inputs of the released code"


def test_each_claim_once_by_the_study_that_can_judge_it() -> None:
    def verdict(claim: str, found: str, evidence: str = "", of_paper: bool = True) -> Verdict:
        return Verdict(claim, found, evidence, of_paper)

    def of(study: str) -> View:
        return view(study, "paper", {})

    a, b, c, d = "Table 2: a", "Fig. 9: b", "Table 2: c", "Fig. 9: d"
    claims = collect(
        [
            (of("table2"), [verdict(a, "not comparable"), verdict("ours", "reproduced", of_paper=False)]),
            (
                of("fig9"),
                [verdict(b, "too few runs"), verdict(c, "not reproduced", "first"), verdict(d, "not comparable")],
            ),
            (of("released"), [verdict(a, "not reproduced", "judged"), verdict(b, "not comparable")]),
            (of("fig14"), [verdict(c, "reproduced"), verdict(a, "too few runs"), verdict(d, "undecided", "both")]),
        ]
    )
    rows = [(claim.location, *claim.row("at/{}".format)) for claim in claims]
    assert [(*row[:3], *row[5:]) for row in rows] == [
        ("Table 2", "a", "✗ not reproduced", "judged", "-", f"[{RELEASED}](at/released)"),
        ("Table 2", "c", "✗ not reproduced", "first", "-", "[Figure 9](at/fig9)"),
        ("Fig. 9", "b", "… too few runs", "", "-", "[Figure 9](at/fig9)"),
        ("Fig. 9", "d", "~ undecided", "both", "-", "[Figure 14](at/fig14)"),
    ]
    assert rows[0][3:5] == ("-", "-")
    assert counts(claims) == {
        "reproduced": 0,
        "not reproduced": 2,
        "undecided": 1,
        "too few runs": 1,
        "not comparable": 0,
    }


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_studies_that_judge_a_claim_the_one_of_more_runs_counts(order: int) -> None:
    few = Verdict("Table 2: a", "not reproduced", "few", effect=Effect((0.1, 0.2, 0.1)))
    many = Verdict("Table 2: a", "undecided", "many", effect=Effect((0.1, 0.2, -0.1, 0.0, 0.1)))
    judged = [(view("table2", "paper", {}), [few]), (view("fig9", "paper", {}), [many])]
    (claim,) = collect(judged[::order])
    assert claim.verdict.evidence == "many" and claim.study == "fig9"
    own = [*judged, (view("released", "paper", {}), [few])]
    assert [each.study for each in collect(own[::order])] == ["released"], "of the paper's own inputs"


@pytest.fixture(scope="module")
def nothing_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_claims(
        all_claims(PROJECT, Results(tmp_path_factory.mktemp("none"))), tmp_path_factory.mktemp("page"), paper()
    )


def rows_of(page: Path) -> dict[str, list[str]]:
    """Location and claim, to the other cells of the claim's row."""
    found: dict[str, list[str]] = {}
    location = ""
    for line in page.read_text(encoding="utf-8").splitlines():
        location = line.removeprefix("### ") if line.startswith("### ") else location
        if location and line.startswith("| ") and not line.startswith("| claim |"):
            text, *cells = line.strip("| ").split(" | ")
            assert f"{location} | {text}" not in found
            found[f"{location} | {text}"] = cells
    return found


def test_every_claim_is_there_before_anything_is_run(nothing_run: Path) -> None:
    page, rows = nothing_run.read_text(encoding="utf-8"), rows_of(nothing_run)
    assert len(rows) > 100
    assert "| ✓ reproduced | 0 |" in page and "| ✗ not reproduced | 0 |" in page
    for words in (
        "Fig. 9, section 5.2 | the training loss moves in steps",
        "Fig. 14, section 6.3 | Cosmo converges in fewer epochs than the baselines on UTD-MHAD",
        "Fig. 11, section 6.2.2 | Cosmo is above the baselines at all label rates on USC-HAD",
        "Section 6.2.1 | Cosmo is 20.93 points above the skeleton alone on UTD-MHAD",
        "Section 6.2.2 | Cosmo is 51.61 points above the radar alone on self-collected",
        "Fig. 15, section 6.4 | the weight of the skeleton is larger where",
        "Table 3, section 6.6 | Cosmo's stage 2 is trained faster than the baselines, seconds on USC-HAD",
    ):
        assert any(row.startswith(words) for row in rows), words
    constant = "Fig. 15, section 6.4 | the distance of the features is almost constant in stage 2"
    assert rows[constant][0] == "○ not comparable"
    assert "- usc: the paper does not name its four test subjects" in page
    assert "**too few runs**: Fewer than three" in page


def test_every_claim_says_what_would_change_its_verdict(nothing_run: Path) -> None:
    changes = {cells[4] for cells in rows_of(nothing_run).values()}
    assert "-" not in changes
    assert {"3 seeds", "runs with all labels", "a measurement of energy on the paper's machine"} < changes


def test_claims_on_utd_are_left_to_the_study_with_its_inputs(nothing_run: Path) -> None:
    (cells,) = [its for claim, its in rows_of(nothing_run).items() if claim.endswith(" | Cosmo has 0.6093 on UTD-MHAD")]
    assert cells[-1] == f"[{RELEASED}](released.md)"


@pytest.mark.slow
def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(PROJECT.root)
    main(["study", "claims", f"--results={tmp_path}", f"--output={tmp_path}"])
    assert capsys.readouterr().out == f"{tmp_path}/claims.md\n"
    assert (tmp_path / "claims.md").read_text(encoding="utf-8").startswith("# The paper's claims\n")


def test_a_claim_links_the_page_of_its_study_that_exists(tmp_path: Path) -> None:
    """Figure 13 has results under the preset quick alone."""
    for name in ("table2.md", "table2-quick.md", "fig13-quick.md"):
        (tmp_path / name).touch()
    results = Results(tmp_path / "none")
    found = collect(judged(view_of(PROJECT, name, "paper", results)) for name in ("table2", "fig9", "fig13"))
    rows = rows_of(write_claims(found, tmp_path, paper())).values()
    linked = {re.search(r"\((.+)\)", cells[-1])[1] for cells in rows}  # type: ignore[index]
    assert {"table2.md", "fig13-quick.md", "fig9.md"} <= linked and not {"table2-quick.md", "fig13.md"} & linked


def test_no_paper_no_claims(project: Project, results: Results) -> None:
    """The test project states nothing."""
    assert all_claims(project, results) == []


def test_the_page_names_damaged_results(project: Project, results: Results, tmp_path: Path) -> None:
    job = project.jobs("table9", "paper")[1]
    write_record(results, job, finished(job, seconds=-1))
    assert all_claims(project, results) == []
    page = write_claims([], tmp_path, {}, results.damaged.values()).read_text(encoding="utf-8")
    assert f"- Left out: {results.path(job)}: is damaged (seconds is -1" in page
