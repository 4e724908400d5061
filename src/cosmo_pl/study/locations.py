"""Where a study command reads, and where it writes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.shipped import study_folders
from cosmo_pl.study.jobs import Project
from cosmo_pl.study.records import Results

RESULTS, RUNS, RENDERED = "experiments/results", "runs/study", "experiments/rendered"


@dataclass(frozen=True)
class Locations:
    """Where a command reads studies and results, and writes.

    Args:
        project: The studies.
        results: Their results.
        runs: Folder of logs, bundles and checkpoints.
        rendered: Folder of the rendered files.
    """

    project: Project
    results: Results
    runs: Path
    rendered: Path

    @classmethod
    def of(
        cls, project: str | None, results: str | None = None, runs: str | None = None, output: str | None = None
    ) -> Locations:
        """The folders that a user names, and those of the project in place of the ones left out.

        Args:
            project: Folder of the studies, see `cosmo_pl.shipped.study_folders`.
            results: Folder of the results; a folder that is named is read alone, without the shipped results.
            runs: Folder of the runs.
            output: Folder of the rendered files.

        Raises:
            ConfigurationError: The project holds no studies, or a file is in place of a folder.
        """
        for option, folder in {"results": results, "runs": runs, "output": output}.items():
            if folder is not None and Path(folder).exists() and not Path(folder).is_dir():
                raise ConfigurationError(option, f"'{folder}' is a file", "Name a folder")
        folders = study_folders(project)
        kept = Results(folders.output / RESULTS, folders.shipped_results) if results is None else Results(Path(results))
        return cls(
            project=Project(folders.project),
            results=kept,
            runs=folders.output / RUNS if runs is None else Path(runs),
            rendered=folders.output / RENDERED if output is None else Path(output),
        )
