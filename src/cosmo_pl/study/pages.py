"""What the documentation shows of the results, as Markdown: a page for each study, the overview and the claims."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from cosmo_pl.study.claims import Claim, by_location, collect, judged, protocol, rule, summary
from cosmo_pl.study.jobs import Project
from cosmo_pl.study.records import Results
from cosmo_pl.study.render import Rendering, presets_with_results, render_study, study_page, view_of
from cosmo_pl.study.rendering import differences, headline, overview
from cosmo_pl.study.rendering.formats import bullets, csv_of, markdown_of, numbers_of, picture, png_of
from cosmo_pl.study.rendering.view import PLUS, Rendered, Verdict, View, unique

COMPARED_TOO = ("mex", "baselines")  # studies whose runs with the usual number of labels are compared as well
OVERVIEW = ("table2", headline.STUDY)  # the studies that the overview of a dataset takes its runs from
PAPER = ("Table ", "Figure ")  # what the titles of the paper's own tables and figures begin with
IN_PAPER = "Tables and figures of the paper"


@dataclass(frozen=True)
class Pages:
    """All studies of a project, rendered.

    Args:
        project: The project.
        results: Its results.
        renderings: Study to its renderings, one for each preset, that of the paper's protocol first.
    """

    project: Project
    results: Results
    renderings: Mapping[str, Sequence[Rendering]]

    @classmethod
    def render(cls, project: Project, results: Results) -> Pages:
        """Renders each study under each preset that it has results of; one without, under the paper's protocol."""
        usual, renderings = protocol(project.paper()), {}
        for name in project.studies():
            found = presets_with_results(project, name, results)
            ordered = sorted(found or [usual], key=lambda preset: preset != usual)
            renderings[name] = [render_study(project, name, preset, results, found) for preset in ordered]
        return cls(project, results, renderings)

    @property
    def sections(self) -> dict[str, dict[str, str]]:
        """Section of the list of studies to its studies and their names in it, those of the paper first."""
        found: dict[str, dict[str, str]] = {IN_PAPER: {}}
        for name, every in self.renderings.items():
            study = every[0].view.study
            section = IN_PAPER if study.title.startswith(PAPER) else study.section
            found.setdefault(section, {})[name] = study.short or study.title
        return {section: studies for section, studies in found.items() if studies}

    def files(self) -> dict[str, str | bytes]:
        """Name to content of the pages of the studies, and of the files beside them."""
        found: dict[str, str | bytes] = {}
        for name, every in self.renderings.items():
            found[f"{name}.md"] = study_page(every)
            beside = {f"{its.stem}{suffix}": content for its in every for suffix, content in its.files().items()}
            found |= {file: content for file, content in beside.items() if not file.endswith(".md")}
        for kind, pictures in (("overview", self.overviews()), ("differences", self.differences())):
            for dataset, rendered in pictures.items():
                found[f"{kind}-{dataset}.png"] = png_of(rendered.figure)
                found[f"{kind}-{dataset}.csv"] = csv_of([rendered.header, *rendered.rows]).encode()
        return found

    def parts(self) -> dict[str, Callable[[], str]]:
        """Name to what makes a part of a written page."""
        return {
            "headline": self.headline,
            "overviews": self.overview_sections,
            "differences": self.difference_sections,
            "studies": self.studies,
            "presets": self.presets,
            "claims summary": lambda: summary(self.claims()),
            "claims": lambda: by_location(self.claims(), "results/{}.md".format),
            "rule": lambda: rule(self.project.paper()),
        }

    def overviews(self) -> dict[str, Rendered]:
        """Dataset to the overview of its methods under both recipes."""
        views = [self.renderings[name][0].view for name in OVERVIEW]
        datasets = unique(dataset.removesuffix(PLUS) for view in views for dataset in view.datasets())
        return {dataset: overview.accuracy(views, dataset) for dataset in datasets}

    def differences(self) -> dict[str, Rendered]:
        """Dataset to the differences of its methods to Cosmo and to the recommended recipe."""
        views = [self.renderings[name][0].view for name in (*OVERVIEW, *COMPARED_TOO) if name in self.renderings]
        datasets = unique(dataset.removesuffix(PLUS) for view in views for dataset in view.datasets())
        return {dataset: differences.against(views, dataset) for dataset in datasets}

    def difference_sections(self) -> str:
        """The figure of each dataset and its numbers."""
        return self._sections("differences", "paired differences", self.differences())

    def overview_sections(self) -> str:
        """A section for each dataset: the figure and its numbers."""
        return self._sections("overview", "accuracy with 95 % intervals", self.overviews())

    def _sections(self, kind: str, about: str, pictures: Mapping[str, Rendered]) -> str:
        view = self.renderings[OVERVIEW[0]][0].view
        return "\n\n".join(
            _shown_beside(f"{kind}-{name}", view.title(name), f"{view.title(name)}: {about}", its)
            for name, its in pictures.items()
        )

    def studies(self) -> str:
        """All studies with their pages, and how many of their runs are done under each preset, by section."""
        parts = []
        for section, names in self.sections.items():
            every = [(name, self.renderings[name]) for name in names]
            rows = [(f"[{its[0].view.study.title}]({name}.md)", ", ".join(map(_done, its))) for name, its in every]
            parts += [f"### {section}", markdown_of([("table or figure", "runs that are done"), *rows])]
        return "\n\n".join(parts)

    def presets(self) -> str:
        """The presets that the renderings are of, with what they are for."""
        named = unique(rendering.view.preset for every in self.renderings.values() for rendering in every)
        return bullets(f"**{name}**: {self.project.preset(name).about}" for name in named)

    def claims(self) -> list[Claim]:
        """Each claim of the paper once, judged under the paper's protocol."""
        usual = protocol(self.project.paper())

        def verdicts(name: str, first: Rendering) -> tuple[View, Sequence[Verdict]]:
            if first.view.preset == usual:
                return first.view, first.rendered.verdicts
            return judged(view_of(self.project, name, usual, self.results))

        return collect(verdicts(name, every[0]) for name, every in self.renderings.items())

    def headline(self) -> str:
        """The table of headline results."""
        return markdown_of(headline.table(self.renderings[headline.STUDY][0].view))


def headline_table(project: Project, results: Results) -> str:
    """The table of headline results alone, without rendering anything else."""
    return markdown_of(headline.table(view_of(project, headline.STUDY, protocol(project.paper()), results)))


def _shown_beside(name: str, title: str, about: str, rendered: Rendered) -> str:
    """A figure that is a file of the pages, under its title, with its notes and numbers."""
    parts = [f"### {title}", picture(about, name), bullets(rendered.notes)]
    return "\n\n".join([*parts, numbers_of(rendered), f"Download: [CSV]({name}.csv)"])


def _done(rendering: Rendering) -> str:
    done = sum(outcome.record is not None for outcome in rendering.view.outcomes)
    return f"{rendering.view.preset}: {done} of {len(rendering.view.outcomes)}"
