"""Which runs of a study are asked for, and whether they may begin."""

from __future__ import annotations

from collections.abc import Sequence

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.provenance import code_state
from cosmo_pl.study.jobs import Job, Project


def check_functions(project: Project, names: Sequence[str]) -> None:
    """Refuses studies whose measurements or drawings do not exist, before their grids run.

    Raises:
        ConfigurationError: One does not.
    """
    from cosmo_pl.study.execution import measurement
    from cosmo_pl.study.render import renderer

    for name in names:
        study = project.study(name)
        try:
            renderer(study.render)
            for measure in {runs.measure for runs in study.runs if runs.measure is not None}:
                measurement(measure)
        except ConfigurationError as error:
            raise error.within(f"study '{name}'") from error


def check_code() -> None:
    """Refuses code that differs from its commit: nobody could tell later what its results are of.

    Raises:
        ConfigurationError: It does.
    """
    commit, dirty = code_state()
    if dirty:
        raise ConfigurationError(
            "preset", f"asks for committed code, and there are uncommitted changes since {commit}",
            "Commit them, or use --allow-dirty: every table will mark the results",
        )  # fmt: skip


def choose(jobs: Sequence[Job], key: str | None, datasets: Sequence[str] | None) -> list[Job]:
    """The jobs of a key or of some datasets.

    Raises:
        ConfigurationError: There is no such job.
    """
    there = sorted({job.dataset for job in jobs})
    unknown = sorted(set(datasets or ()) - set(there))
    if unknown:
        raise ConfigurationError(
            "datasets", f"the study has no {', '.join(unknown)}", f"Choose from {', '.join(there)}"
        )
    chosen = [job for job in jobs if key in (None, job.key) and (not datasets or job.dataset in datasets)]
    if not chosen and key is None:
        raise ConfigurationError("study", "has no runs: its datasets have no configs", "Choose another")
    if not chosen:
        raise ConfigurationError("key", f"the study has no run '{key}'", "Look at `cosmo-pl study agents`")
    return chosen
