"""The table of headline results."""

from __future__ import annotations

import pytest

from cosmo_pl.cli import main
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.study.rendering.headline import BEGIN, END, ROWS, insert, table

from .factory import jobs, records, view


def test_each_method_has_its_accuracy_and_number_of_runs() -> None:
    wanted = [job for job in jobs("plus") if job.kind == "finetune" and job.seed < 3]
    found = records(wanted, lambda job: 0.5 + 0.1 * job.seed)
    for job in wanted:
        its = {"utd": ("UTD-MHAD", 27, 27), "usc": ("USC-HAD", 200, 12), "mex": ("MEx", 35, 7)}
        title, labels, classes = its[job.dataset.removesuffix("_plus")]
        found[job.key].result.update(title=title, labels=labels, chance=1 / classes)
    header, *rows = table(view("plus", "paper", found))
    assert header[0] == "method" and header[1] == "UTD-MHAD, 27 labels, test subjects 7-8"
    assert header[2].startswith("USC-HAD, 200 labels, test subjects ")
    assert header[3].startswith("MEx, 35 labels, test subjects ")
    three = "0.600 ± 0.100 (n=3)"
    assert dict(zip(ROWS, [row[1:] for row in rows], strict=False)) == {
        ("plus", "cosmo"): [three] * 3,
        ("plus", "cmc_plus"): [three] * 3,
        ("paper", "cosmo"): [three] * 3,
        ("", "dtw"): [three, three, "-"],
        ("", "nearest_neighbor"): [three] * 3,
        ("", "random_forest"): [three, three, "-"],
        ("plus", "random_forest_self"): ["-", three, "-"],
    }
    assert rows[-2][1:] == ["0.600 ± 0.100 (n=3), of whole folds"] * 3, "all folds have these accuracies"
    assert rows[-1] == ["chance", "0.037", "0.083", "0.143"]
    assert [row[0] for row in rows] == [
        "Cosmo, recipe `plus`",
        "CMC, the same second stage, recipe `plus`",
        "Cosmo, the paper's recipe",
        "1-NN, time warping",
        "1-NN, Euclidean",
        "random forest",
        "random forest, self-trained",
        "Cosmo, recipe `plus`, over the subjects of all folds",
        "chance",
    ]


def test_what_has_not_been_run_is_a_dash() -> None:
    header, *rows = table(view("plus", "paper", {}))
    assert header == ["method", "UTD-MHAD", "USC-HAD", "MEx"]
    assert {cell for row in rows for cell in row[1:]} == {"-"}


def test_the_text_around_the_markers_stays() -> None:
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    assert insert(page, "| new |") == f"before\n{BEGIN}\n| new |\n{END}\nafter\n"
    assert insert(insert(page, "| new |"), "| new |") == insert(page, "| new |")


@pytest.mark.parametrize("text", ["", BEGIN, END, f"{END} {BEGIN}"])
def test_a_text_without_the_markers_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="headline:begin"):
        insert(text, "| new |")


def test_a_damaged_result_is_named_and_no_page_is_written(tmp_path, monkeypatch, capsys) -> None:
    def damaged(project, results) -> str:
        results.damaged["k"] = "utd/x.json: is damaged. Remove it and run the study again."
        return "| new |"

    monkeypatch.setattr("cosmo_pl.study.pages.headline_table", damaged)
    main(["study", "headline"])
    assert capsys.readouterr().out.splitlines()[-1].startswith("- Left out: utd/x.json: is damaged")
    page = tmp_path / "page.md"
    page.write_text(f"{BEGIN}\n{END}", encoding="utf-8")
    with pytest.raises(SystemExit):
        main(["study", "headline", "--output", str(page)])
    assert "utd/x.json: is damaged" in capsys.readouterr().err
    assert "new" not in page.read_text(encoding="utf-8")


def test_the_command_names_a_file_without_markers(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr("cosmo_pl.study.pages.headline_table", lambda project, results: "| new |")
    page = tmp_path / "page.md"
    page.write_text("nothing", encoding="utf-8")
    with pytest.raises(SystemExit):
        main(["study", "headline", "--output", str(page)])
    assert "headline:begin" in capsys.readouterr().err
    page.write_text(f"{BEGIN}\n{END}", encoding="utf-8")
    main(["study", "headline", "--output", str(page)])
    assert "| new |" in page.read_text(encoding="utf-8")
