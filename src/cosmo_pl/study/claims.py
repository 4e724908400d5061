"""All claims of the paper with their verdicts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cosmo_pl.io import write_whole
from cosmo_pl.study.definition import renderer
from cosmo_pl.study.jobs import Project
from cosmo_pl.study.records import Results
from cosmo_pl.study.render import left_out, markdown_of, view_of
from cosmo_pl.study.rendering.verdict import NOT_COMPARABLE, NOT_REPRODUCED, REPRODUCED, TOO_FEW
from cosmo_pl.study.rendering.view import Verdict

VERDICTS = (REPRODUCED, NOT_REPRODUCED, TOO_FEW, NOT_COMPARABLE)
HEADER = ("location", "claim", "verdict", "effect", "95 % interval", "evidence", "another verdict needs", "study")


@dataclass(frozen=True)
class Claim:
    """A claim of the paper.

    Args:
        verdict: Its verdict.
        study: Name of the study with this verdict.
    """

    verdict: Verdict
    study: str

    @property
    def location(self) -> str:
        """The part of the paper that makes it."""
        return self.verdict.claim.partition(": ")[0]

    @property
    def text(self) -> str:
        """The claim without its location."""
        return self.verdict.claim.partition(": ")[2]

    @property
    def row(self) -> tuple[str, ...]:
        """Its cells in the table of claims."""
        verdict = self.verdict
        return self.location, self.text, verdict.verdict, *self.effect, verdict.evidence, verdict.change, self.study

    @property
    def effect(self) -> tuple[str, str]:
        """Its effect and the 95 % interval of that as cells."""
        return ("-", "-") if self.verdict.effect is None else self.verdict.effect.cells


def protocol(paper: Mapping[str, Any]) -> str:
    """The preset with the paper's protocol."""
    return str(paper.get("protocol", {}).get("preset", "paper"))


def all_claims(project: Project, results: Results) -> list[Claim]:
    """The claims of all studies under the preset with the paper's protocol, including studies without results."""
    preset = protocol(project.paper())
    views = [view_of(project, name, preset, results) for name in project.studies()]
    return collect((view.name, renderer(view.study.render)(view).verdicts) for view in views)


def collect(judged: Iterable[tuple[str, Sequence[Verdict]]]) -> list[Claim]:
    """Each claim of the paper once, in the order of the studies.

    Args:
        judged: Study and its verdicts. If two studies have the same claim, the verdict "reproduced" or "not
            reproduced" takes precedence over "too few runs", and that over "not comparable".
    """
    found: dict[str, Claim] = {}
    for study, verdicts in judged:
        for verdict in verdicts:
            if verdict.of_paper:
                known = found.setdefault(verdict.claim, Claim(verdict, study))
                if _rank(verdict) < _rank(known.verdict):
                    found[verdict.claim] = Claim(verdict, study)
    locations = list(dict.fromkeys(claim.location for claim in found.values()))
    return sorted(found.values(), key=lambda claim: locations.index(claim.location))


def _rank(verdict: Verdict) -> int:
    return 0 if verdict.verdict in (REPRODUCED, NOT_REPRODUCED) else VERDICTS.index(verdict.verdict)


def counts(claims: Sequence[Claim]) -> dict[str, int]:
    """Number of claims with each verdict."""
    found = Counter(claim.verdict.verdict for claim in claims)
    return {verdict: found[verdict] for verdict in VERDICTS}


def write_claims(claims: Sequence[Claim], folder: Path, paper: Mapping[str, Any], damaged: Iterable[str] = ()) -> Path:
    """Writes ``claims.md``.

    Args:
        claims: The claims.
        folder: Folder of the page.
        paper: Content of ``paper.yaml``, with the rule and remarks on the inputs.
        damaged: Problems of the results that were skipped.

    Returns:
        The page.
    """
    verdicts = ", ".join(f"{count} {verdict}" for verdict, count in counts(claims).items())
    summary = f"{len(claims)} claims: {verdicts}. Preset `{protocol(paper)}`."
    remarks = [f"- {name}: {its['remark']}." for name, its in paper.get("inputs", {}).items() if "remark" in its]
    remarks += [f"- {left_out(damage)}" for damage in damaged]
    rule = [f"- **{name}**: {text}" for name, text in paper.get("rule", {}).items()]
    parts = [
        "# The paper's claims",
        f"{summary} The pages of the studies contain the figures.",
        markdown_of([HEADER, *(claim.row for claim in claims)]),
        *(["\n".join(remarks)] if remarks else []),
        *(["## The rule", "\n".join(rule)] if rule else []),
    ]
    path = folder / "claims.md"
    write_whole(path, "\n\n".join(parts) + "\n")
    return path
