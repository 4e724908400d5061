"""All claims of the paper with their verdicts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

from cosmo_pl.io import write_whole
from cosmo_pl.study.jobs import Project
from cosmo_pl.study.records import Results
from cosmo_pl.study.render import drawn, left_out, view_of
from cosmo_pl.study.rendering.formats import SYMBOL, bullets, markdown_of, with_symbol
from cosmo_pl.study.rendering.verdict import NOT_REPRODUCED, REPRODUCED, UNDECIDED
from cosmo_pl.study.rendering.view import Verdict, View

VERDICTS = tuple(SYMBOL)
HEADER = ("claim", "verdict", "effect", "95 % interval", "evidence", "another verdict needs", "table or figure")


@dataclass(frozen=True)
class Claim:
    """A claim of the paper.

    Args:
        verdict: Its verdict.
        study: Name of the study with this verdict.
        title: Title of that study.
        own_inputs: Whether all datasets of that study have the paper's own inputs.
    """

    verdict: Verdict
    study: str
    title: str
    own_inputs: bool = False

    @property
    def rank(self) -> tuple[int, bool, int]:
        """What is compared of two verdicts on one claim; the smaller one counts."""
        verdict = self.verdict
        decided = verdict.verdict in (REPRODUCED, NOT_REPRODUCED, UNDECIDED)
        runs = 0 if verdict.effect is None else len(verdict.effect.values)
        return 0 if decided else VERDICTS.index(verdict.verdict), not self.own_inputs, -runs

    @property
    def location(self) -> str:
        """The part of the paper that makes it."""
        return self.verdict.claim.partition(": ")[0]

    @property
    def text(self) -> str:
        """The claim without its location."""
        return self.verdict.claim.partition(": ")[2]

    def row(self, link: Callable[[str], str]) -> tuple[str, ...]:
        """Its cells in the table of claims.

        Args:
            link: From a study to its page, as seen from that of the table.
        """
        verdict = self.verdict
        effect = ("-", "-") if verdict.effect is None else verdict.effect.cells
        study = f"[{self.title.partition(':')[0]}]({link(self.study)})"
        return self.text, with_symbol(verdict.verdict), *effect, verdict.evidence, verdict.change, study


def protocol(paper: Mapping[str, Any]) -> str:
    """The preset with the paper's protocol."""
    return str(paper.get("protocol", {}).get("preset", "paper"))


def usual_preset(project: Project) -> str:
    """The preset with the paper's protocol, or the only one of the project."""
    presets = project.presets()
    return presets[0] if len(presets) == 1 else protocol(project.paper())


def all_claims(project: Project, results: Results, preset: str | None = None) -> list[Claim]:
    """The claims of all studies, including studies without results.

    Args:
        project: The project.
        results: Its results.
        preset: Preset of the results; `usual_preset` by default.

    Raises:
        ConfigurationError: There is no such preset.
    """
    preset = preset or usual_preset(project)
    project.preset(preset)
    return collect(judged(view_of(project, name, preset, results)) for name in project.studies())


def judged(view: View) -> tuple[View, Sequence[Verdict]]:
    """A study with its verdicts."""
    return view, drawn(view).verdicts


def collect(studies: Iterable[tuple[View, Sequence[Verdict]]]) -> list[Claim]:
    """Each claim of the paper once, in the order of the studies.

    Args:
        studies: Study and its verdicts. If two studies have the same claim, the verdict "reproduced", "not
            reproduced" or "undecided" takes precedence over "too few runs", and that over "not comparable"; of two
            such verdicts that of a study of the paper's own inputs, or else the one over more runs.
    """
    found: dict[str, Claim] = {}
    for view, verdicts in studies:
        for verdict in verdicts:
            if verdict.of_paper:
                inputs = view.stated("inputs")
                own = all("of" in inputs.get(dataset, {}) for dataset in view.datasets())
                claim = Claim(verdict, view.name, view.study.title, own)
                known = found.setdefault(verdict.claim, claim)
                if claim.rank < known.rank:
                    found[verdict.claim] = claim
    locations = list(dict.fromkeys(claim.location for claim in found.values()))
    return sorted(found.values(), key=lambda claim: locations.index(claim.location))


def counts(claims: Sequence[Claim]) -> dict[str, int]:
    """Number of claims with each verdict."""
    found = Counter(claim.verdict.verdict for claim in claims)
    return {verdict: found[verdict] for verdict in VERDICTS}


def summary(claims: Sequence[Claim]) -> str:
    """How many claims have each verdict."""
    rows = [(with_symbol(verdict), str(count)) for verdict, count in counts(claims).items()]
    return markdown_of([("verdict", "claims"), *rows])


def by_location(claims: Sequence[Claim], link: Callable[[str], str]) -> str:
    """All claims with verdict, effect and evidence, under their location in the paper.

    Args:
        claims: The claims.
        link: From a study to its page, as seen from this one.
    """
    parts = []
    for location, found in groupby(claims, key=lambda claim: claim.location):
        parts += [f"### {location}", markdown_of([HEADER, *(claim.row(link) for claim in found)])]
    return "\n\n".join(parts)


def rule(paper: Mapping[str, Any]) -> str:
    """The rule by which claims are judged, and remarks on the paper's inputs."""
    remarks = [f"{name}: {its['remark']}." for name, its in paper.get("inputs", {}).items() if "remark" in its]
    return bullets([*(f"**{name}**: {text}" for name, text in paper.get("rule", {}).items()), *remarks])


def _page_of(folder: Path, study: str) -> str:
    """The page of a study in a folder; one without results under the paper's protocol has that of another preset."""
    pages = [folder / f"{study}.md", *sorted(folder.glob(f"{study}-*.md"))]
    return next((page for page in pages if page.is_file()), pages[0]).name


def write_claims(
    claims: Sequence[Claim],
    folder: Path,
    paper: Mapping[str, Any],
    damaged: Iterable[str] = (),
    preset: str | None = None,
) -> Path:
    """Writes ``claims.md``.

    Args:
        claims: The claims.
        folder: Folder of the page.
        paper: Content of ``paper.yaml``, with the rule and remarks on the inputs.
        damaged: Problems of the results that were skipped.
        preset: Preset of the results; that of the paper's protocol by default.

    Returns:
        The page.
    """
    parts = [
        "# The paper's claims",
        f"Preset `{preset or protocol(paper)}`.",
        summary(claims),
        bullets(map(left_out, damaged)),
    ]
    parts += ["## Each claim", by_location(claims, partial(_page_of, folder)), "## The rule", rule(paper)]
    path = folder / "claims.md"
    write_whole(path, "\n\n".join(part for part in parts if part) + "\n")
    return path
