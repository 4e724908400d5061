"""What the written pages name exists: commands, make targets, configurations, links and arguments."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from cosmo_pl.cli import main

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
PROGRAMS = ("cosmo-pl", "make")
TESTED = {"extending", "own-recordings", "import", "adapt"}  # tests run these commands
WRITTEN = {  # configurations that the reader has written before
    "mine.yaml": "run: {name: mine}\n",
    "kitchen_stage2.yaml": "data: {class_path: cosmo_pl.data.StreamsDataModule}\n",
}
BLOCK = re.compile(r"^```(\w*).*?\n(.*?)^```|^((?: {4}.*\n)+)", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)|!\[[^\]]*\]\((?!https?:)([^)]+)\)")


def commands(page: Path) -> Iterator[list[str]]:
    """Words of the commands in shell blocks, without comments; a line that ends with a backslash continues."""
    for kind, fenced, indented in BLOCK.findall(page.read_text(encoding="utf-8")):
        lines = (indented or fenced * (kind in ("sh", "bash"))).replace("\\\n", " ").splitlines()
        yield from (shlex.split(line, comments=True) for line in lines if line.strip().startswith(PROGRAMS))


def commands_of(program: str) -> list[str]:
    found = (
        shlex.join(words)
        for page in PAGES
        if page.stem not in TESTED and page.parent.name not in TESTED
        for words in commands(page)
        if words[0] == program
    )
    return sorted(set(found))


@pytest.mark.parametrize("command", commands_of("cosmo-pl"))
def test_a_command_is_accepted_by_the_command_line(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = shlex.split(command)[1:]
    if "--ckpt_path" in words and "--config" not in words:
        pytest.skip("it needs the checkpoint that it names")
    for word in words:
        if word in WRITTEN:
            (tmp_path / word).write_text(WRITTEN[word], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    if words == ["configs"]:
        main(words)
    else:
        with pytest.raises(SystemExit) as stopped:  # after all has been parsed
            main([*words, "--print_config"])
        assert not stopped.value.code, capsys.readouterr().err
    assert capsys.readouterr().out


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_named_targets_and_configurations_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    studies = {path.stem for path in (ROOT / "experiments").glob("*.yaml")}
    sweeps = {f"sweep-{path.stem.replace('_', '-')}" for path in (ROOT / "experiments" / "sweeps").glob("*.yaml")}
    targets = {*re.findall(r"^([a-z0-9-]+):", makefile, re.MULTILINE), *studies, *sweeps}
    used = {words[1] for words in commands(page) if words[0] == "make"}
    used |= set(re.findall(r"`make ([a-z0-9-]+)", text))
    assert used <= targets
    configs = set(re.findall(r"cosmo:([a-z0-9_/]+)", text))
    assert not {name for name in configs if not (ROOT / "configs" / f"{name}.yaml").is_file()}


@pytest.mark.parametrize("page", [ROOT / "README.md", ROOT / "CONTRIBUTING.md"], ids=lambda page: page.name)
def test_links_outside_of_the_site_lead_somewhere(page: Path) -> None:
    links = LINK.findall(page.read_text(encoding="utf-8"))
    assert links
    for path, anchor, picture in links:
        target = ROOT / (path or picture)
        assert target.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_argument_in_the_glossary_exists() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))
    rows = re.findall(
        r"^\|([^|]*)\|([^|]*)\|", (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    named = {name for _, cell in rows for name in re.findall(r"`([A-Za-z_]+)`", cell)}
    assert "num_fused" in named
    assert not {name for name in named if not re.search(rf"\b{name}\b", code)}


def test_the_glossary_is_in_alphabetical_order() -> None:
    rows = re.findall(r"^\| (\S[^|]*?) \|", (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8"), re.MULTILINE)
    terms = [row.lower() for row in rows[1:]]
    assert len(terms) > 50 and terms == sorted(terms)
