"""Every claim of the paper once, and what became of it."""

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
HEADER = ("place", "claim", "verdict", "evidence", "study")


@dataclass(frozen=True)
class Claim:
    """A claim of the paper.

    Args:
        verdict: What became of it.
        study: Name of the study that judged it.
    """

    verdict: Verdict
    study: str

    @property
    def place(self) -> str:
        """Where the paper makes it."""
        return self.verdict.claim.partition(": ")[0]

    @property
    def text(self) -> str:
        """What it says."""
        return self.verdict.claim.partition(": ")[2]

    @property
    def row(self) -> tuple[str, ...]:
        """Its cells of the page."""
        return self.place, self.text, self.verdict.verdict, self.verdict.evidence, self.study


def protocol(paper: Mapping[str, Any]) -> str:
    """The preset that has the paper's protocol."""
    return str(paper.get("protocol", {}).get("preset", "paper"))


def all_claims(project: Project, results: Results) -> list[Claim]:
    """The claims of all studies under the preset that has the paper's protocol; also of those without results."""
    preset = protocol(project.paper())
    views = [view_of(project, name, preset, results) for name in project.studies()]
    return collect((view.name, renderer(view.study.render)(view).verdicts) for view in views)


def collect(judged: Iterable[tuple[str, Sequence[Verdict]]]) -> list[Claim]:
    """Each claim of the paper once, in the order in which studies name it.

    Args:
        judged: Study and its verdicts. Of two studies with the same claim the one that judges it counts, before one
            that has too few runs, and that before one that cannot be compared.
    """
    found: dict[str, Claim] = {}
    for study, verdicts in judged:
        for verdict in verdicts:
            if verdict.of_paper:
                known = found.setdefault(verdict.claim, Claim(verdict, study))
                if _rank(verdict) < _rank(known.verdict):
                    found[verdict.claim] = Claim(verdict, study)
    places = list(dict.fromkeys(claim.place for claim in found.values()))
    return sorted(found.values(), key=lambda claim: places.index(claim.place))


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
        folder: Where the page is written.
        paper: Content of ``paper.yaml``, with the rule and remarks on the inputs.
        damaged: What is wrong with results that were left out.

    Returns:
        The page.
    """
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts(claims).items())
    summary = f"{len(claims)} claims, each once: {told}. Preset `{protocol(paper)}`."
    remarks = [f"- {name}: {its['remark']}." for name, its in paper.get("inputs", {}).items() if "remark" in its]
    remarks += [f"- {left_out(damage)}" for damage in damaged]
    rule = [f"- **{name}**: {text}" for name, text in paper.get("rule", {}).items()]
    parts = [
        "# The paper's claims",
        f"{summary} The pages of the studies have the figures.",
        markdown_of([HEADER, *(claim.row for claim in claims)]),
        *(["\n".join(remarks)] if remarks else []),
        *(["## The rule", "\n".join(rule)] if rule else []),
    ]
    path = folder / "claims.md"
    write_whole(path, "\n\n".join(parts) + "\n")
    return path
