"""Names in studies that stand for nothing: of functions, and of datasets and presets, whose runs are left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cosmo_pl.errors import choices, located
from cosmo_pl.study.functions import measurement, renderer
from cosmo_pl.study.jobs import Project


def check_functions(project: Project, names: Iterable[str]) -> None:
    """Refuses studies whose measurements or renderers do not exist, before anything is run.

    Args:
        project: The project.
        names: Names of the studies.

    Raises:
        ConfigurationError: One does not.
    """
    for name in names:
        study = project.study(name)
        with located(f"study '{name}'"):
            renderer(study.render)
            for measure in {runs.measure for runs in study.runs if runs.measure is not None}:
                measurement(measure)


def unknown_names(project: Project, names: Iterable[str]) -> list[str]:
    """A line for each unknown dataset and preset in the grids of studies.

    They are no errors: a study may have datasets and presets that not every project with it has.

    Args:
        project: The project.
        names: Names of the studies.
    """
    return list(dict.fromkeys(line for name in names for line in _of_study(project, name)))


def _of_study(project: Project, name: str) -> Iterator[str]:
    presets = project.presets()
    for runs in project.study(name).runs:
        for dataset in runs.datasets:
            if not project.has_dataset(dataset):
                problem = f"there is no configs/{dataset}_stage2.yaml, so that '{dataset}' has no runs"
                yield f"study '{name}': datasets: {problem}. {choices(dataset, project.datasets())}."
        for preset in runs.presets or []:
            if preset not in presets:
                yield f"study '{name}': presets: there is no '{preset}'. {choices(preset, presets)}."
