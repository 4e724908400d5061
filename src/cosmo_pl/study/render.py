"""Renders a study from its results: Markdown, CSV and LaTeX of a table, or PNG, CSV and Markdown of a figure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from pathlib import Path
from traceback import extract_tb
from typing import Any

from cosmo_pl.errors import ConfigurationError, CosmoError, located
from cosmo_pl.io import shortened, whole_file
from cosmo_pl.study.functions import is_of_another, renderer
from cosmo_pl.study.jobs import Project, cells_of
from cosmo_pl.study.records import Results
from cosmo_pl.study.rendering.formats import (
    bullets,
    csv_of,
    folded,
    latex_of,
    markdown_of,
    numbers_of,
    picture,
    png_of,
    table_of,
    with_symbol,
)
from cosmo_pl.study.rendering.provenance import provenance, with_marks
from cosmo_pl.study.rendering.view import COMPARED, Outcome, Rendered, View

MOST_ROWS = 150  # of the numbers of a figure that a page shows; longer ones are files alone
FEW = 0.4  # share of cells with a result, under which a page folds a preset if it has a better one


@dataclass(frozen=True)
class Rendering:
    """A rendered study under one preset.

    Args:
        view: The study with its results.
        rendered: The table or figure.
        png: The picture of a figure, None for a table.
    """

    view: View
    rendered: Rendered
    png: bytes | None

    @property
    def stem(self) -> str:
        """Name of its files: that of the study, and that of the preset unless it is "paper"."""
        return self.view.name if self.view.preset == "paper" else f"{self.view.name}-{self.view.preset}"

    @property
    def provenance(self) -> str:
        """Provenance of its results."""
        return provenance(outcome.record for outcome in self.view.outcomes if outcome.record is not None)

    @property
    def remarks(self) -> list[str]:
        """What stands below it: notes, and datasets that are left out."""
        skipped = (f"{self.view.title(name)} has no results: {why}." for name, why in self.view.skipped.items())
        return [*self.rendered.notes, *skipped]

    @property
    def filled(self) -> tuple[int, int]:
        """Number of its cells with a result, and of all its cells."""
        done = {outcome.job.key for outcome in self.view.outcomes if outcome.record is not None}
        cells = cells_of(outcome.job for outcome in self.view.outcomes).values()
        return sum(any(job.key in done for job in cell) for cell in cells), len(cells)

    def files(self) -> dict[str, bytes]:
        """Suffix to content of its files: numbers, page, and a figure's picture or a table in LaTeX."""
        table = [self.rendered.header, *self.rendered.rows]
        last = {".tex": latex_of(table).encode()} if self.png is None else {".png": self.png}
        return {".csv": csv_of(table).encode(), ".md": study_page([self]).encode(), **last}

    def write(self, folder: Path) -> list[Path]:
        """Writes its files, the same bytes from the same results."""
        files = {folder / f"{self.stem}{suffix}": content for suffix, content in self.files().items()}
        for path, content in files.items():
            with whole_file(path) as part:
                part.write_bytes(content)
        return list(files)

    def section(self, fold: bool = False) -> str:
        """Its section of a page.

        Args:
            fold: Whether all but the heading is shown on a click.
        """
        some, every = self.filled
        content = folded(f"{some} of {every} cells have a result", self._content) if fold else self._content
        return f"## Preset {self.view.preset}\n\n{content}"

    @property
    def _content(self) -> str:
        """The picture or table, remarks, comparisons and claims of the paper."""
        rendered = self.rendered
        parts = [self._shown, *([bullets(self.remarks)] if self.remarks else [])]
        parts.append(folded("Where the results come from", self.provenance))
        if rendered.comparisons:
            parts += ["### Methods of one kind", markdown_of([COMPARED, *rendered.comparisons])]
        if rendered.verdicts:
            rows = [(each.claim, with_symbol(each.verdict), each.evidence) for each in rendered.verdicts]
            parts += [
                "### Claims of the paper" if self.view.paper else "### Questions",
                markdown_of([("claim", "verdict", "evidence"), *rows]),
            ]
        return "\n\n".join(parts)

    @property
    def _shown(self) -> str:
        rendered, name = self.rendered, Path(self.stem).name
        if self.png is None:
            return f"{table_of(rendered)}\n\nDownload: [CSV]({name}.csv), [LaTeX]({name}.tex)"
        numbers = [numbers_of(rendered)] if 0 < len(rendered.rows) <= MOST_ROWS else []
        return "\n\n".join([picture(self.view.study.title, name), *numbers, f"Download: [CSV]({name}.csv)"])


def study_page(renderings: Sequence[Rendering]) -> str:
    """The page of a study: a section for each preset, those that have few results last and folded.

    Args:
        renderings: The study under each of its presets, at least one.
    """
    study, shares = renderings[0].view.study, [some / max(every, 1) for some, every in (r.filled for r in renderings)]
    few = [share < FEW <= max(shares) for share in shares]
    ordered = sorted(zip(few, renderings, strict=True), key=itemgetter(0))
    parts = [f"# {study.title}", study.about, *(rendering.section(fold) for fold, rendering in ordered)]
    return "\n\n".join(part for part in parts if part) + "\n"


def render_study(
    project: Project, name: str, preset: str, results: Results, presets: Sequence[str] | None = None
) -> Rendering:
    """Renders a study under a preset from its results; a note names damaged results, which are skipped.

    Args:
        project: The project.
        name: Name of the study.
        preset: The preset.
        results: The results.
        presets: Presets that the study has results of, where they are known; they are looked up by default.

    Raises:
        ConfigurationError: There is no such study, preset or renderer.
        ResultError: A result is of other recordings.
    """
    view = view_of(project, name, preset, results)
    known = presets_with_results(project, name, results) if presets is None else presets
    others = [other for other in known if other != preset]
    view = replace(view, others={other: _outcomes(project, name, other, results) for other in others})
    rendered = drawn(view)
    every = [*view.outcomes, *(outcome for outcomes in view.others.values() for outcome in outcomes)]
    damaged = dict.fromkeys(results.damaged[o.job.key] for o in every if o.job.key in results.damaged)
    rendered = replace(rendered, notes=[*rendered.notes, *map(left_out, damaged)])
    return Rendering(view, rendered, None if rendered.figure is None else png_of(rendered.figure))


def view_of(project: Project, name: str, preset: str, results: Results) -> View:
    """A study under one preset with its results.

    Raises:
        ConfigurationError: There is no such study or preset.
        ResultError: A result is of other recordings.
    """
    study, found = project.study(name), _outcomes(project, name, preset, results)
    methods, without = project.methods(study), skipped(project, study.runs, found)
    recipes = {dataset: project.recipe(dataset) for runs in study.runs for dataset in runs.datasets}
    return View(name, study, preset, found, methods, project.paper(), without, recipes=recipes)


def drawn(view: View) -> Rendered:
    """What the renderer of a study makes of it.

    Raises:
        ConfigurationError: There is no such renderer, or one of another package fails or returns something else.
    """
    name = view.study.render
    with located(f"study '{view.name}'"):
        draw = renderer(name)
        if not is_of_another(draw):
            of_this: Rendered = draw(view)
            return of_this
        try:
            found = draw(view)
        except CosmoError:
            raise
        except Exception as error:  # whatever the code of another package raises
            inside = [f"; {frame.filename}, line {frame.lineno}" for frame in extract_tb(error.__traceback__)[1:]]
            problem = f"'{name}' failed ({type(error).__name__}: {error}{''.join(inside[-1:])})"
            raise ConfigurationError("render", problem, "Correct the function") from error
        if (wrong := _not_rendered(found)) is not None:
            remedy = "Return a Rendered: a header, rows and notes of text, each row as long as the header"
            raise ConfigurationError("render", f"'{name}' returned {wrong}", remedy)
        rendered: Rendered = found
        return rendered


def _not_rendered(found: Any) -> str | None:
    """What is wrong with the return value of a renderer; None if nothing is."""
    if not isinstance(found, Rendered):
        return f"a {type(found).__name__}"
    if not isinstance(found.rows, list | tuple):
        return f"rows that are a {type(found.rows).__name__}"
    for part in (found.header, found.notes, *found.rows):
        if not (isinstance(part, list | tuple) and all(isinstance(cell, str) for cell in part)):
            return f"{shortened(repr(part))}, which is no list of texts"
    return next((f"a row of {len(row)} cells" for row in found.rows if len(row) != len(found.header)), None)


def _outcomes(project: Project, name: str, preset: str, results: Results) -> list[Outcome]:
    found = dict[str, Outcome]()
    for job in project.jobs(name, preset):  # parents come before their children
        record = results.usable(job)
        if record is not None:
            parents = [found[parent.key].record if parent.key in found else None for parent in job.parents]
            record = with_marks(record, parents)
        found[job.key] = Outcome(job, record)
    return list(found.values())


def left_out(damage: str) -> str:
    """The note on a damaged result."""
    return f"Left out: {damage}"


def skipped(project: Project, runs: Iterable[Any], outcomes: Sequence[Outcome]) -> dict[str, str]:
    """Datasets without any result, and the reasons."""
    run = {outcome.job.dataset for outcome in outcomes if outcome.record is not None}
    named = dict.fromkeys(dataset for grid in runs for dataset in grid.datasets)
    return {
        dataset: "no run has been made"
        if project.has_dataset(dataset)
        else f"there is no configs/{dataset}_stage2.yaml"
        for dataset in named
        if dataset not in run
    }


def presets_with_results(project: Project, name: str, results: Results) -> list[str]:
    """Presets under which a study has results.

    A stage 1 whose stage 2 is missing is no result. Runs that several presets share, such as those of methods without
    epochs, do not count; a study that has only such runs is rendered under the first of its presets.

    Raises:
        ConfigurationError: The project has no presets, or no such study.
    """
    jobs = {}
    if not project.presets():
        problem = f"there is none in '{project.experiments / 'presets'}'"
        raise ConfigurationError("preset", problem, "Write presets/NAME/preset.yaml, or name another project")
    for preset in project.presets():
        every = project.jobs(name, preset)
        needed = {parent.key for job in every for parent in job.parents}
        jobs[preset] = {job.key: job for job in every if job.key not in needed}

    def results_of(preset: str) -> bool:
        shared = {key for other in jobs if other != preset for key in jobs[other]}
        return any(results.has(job) for key, job in jobs[preset].items() if key not in shared)

    found = [preset for preset in jobs if results_of(preset)]
    first = next(iter(jobs))
    return found or [first] * any(results.has(job) for job in jobs[first].values())
