"""Where the files lie that ship with the package: its configs, its studies and their results.

In a checkout and an editable install they are ``configs/`` and ``experiments/`` at the top level of the repository. The
wheel holds a copy below the package, which ``setup.py`` makes. Studies work on a checkout, or on a copy of these files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from textwrap import shorten

from cosmo_pl.errors import ConfigurationError, CosmoError, choices
from cosmo_pl.io import write_whole

PACKAGE = Path(__file__).parent
PREFIX = "cosmo:"
NAMED = re.compile(rf"(--[\w.]+=)?{PREFIX}(.*)", re.DOTALL)
CONFIGS, EXPERIMENTS = "configs", "experiments"
LONGEST_SUMMARY = 120


@dataclass(frozen=True)
class StudyFolders:
    """Where a `cosmo-pl study` command reads and writes.

    Args:
        project: Folder that holds ``configs/`` and ``experiments/``.
        output: Folder that results, runs and drawings are written below.
        shipped_results: Results that are read where `output` has none of its own; None for none.
    """

    project: Path
    output: Path
    shipped_results: Path | None = None


@cache
def shipped_root() -> Path:
    """The folder that holds the shipped ``configs/`` and ``experiments/``.

    Raises:
        CosmoError: There is none: the package was copied without them.
    """
    for folder in (PACKAGE / "project", PACKAGE.parents[1]):
        if (folder / CONFIGS / "utd_stage1.yaml").is_file():
            return folder
    raise CosmoError(f"the configs of the package are neither in '{PACKAGE}' nor beside it. Install cosmo_pl again.")


def config_names() -> list[str]:
    """Names of the shipped configs, "utd_stage1" and "model/cmc": those of runs first, then those of their parts."""
    folder = shipped_root() / CONFIGS
    names = [path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.yaml")]
    return sorted(names, key=lambda name: (name.count("/"), name))


def config_path(name: str) -> Path:
    """File of a shipped config.

    Args:
        name: "utd_stage1" or "model/cmc", with or without ``.yaml``.

    Raises:
        ConfigurationError: There is none of that name; the message lists near names.
    """
    stem, names = name.removesuffix(".yaml"), config_names()
    if stem not in names:
        remedy = f"{choices(stem, names)}; `cosmo-pl configs` lists all"
        raise ConfigurationError(f"{PREFIX}{name}", "there is no such config", remedy)
    return shipped_root() / CONFIGS / f"{stem}.yaml"


def project_config(root: Path, path: str) -> Path:
    """A config of a project; an overlay of ``configs/model/`` that the project lacks is the shipped one.

    Args:
        root: Folder of the project.
        path: Its path below the folder, "configs/model/cmc.yaml".
    """
    own, shipped = root / path, shipped_root() / path
    return shipped if path.startswith(f"{CONFIGS}/model/") and not own.exists() and shipped.is_file() else own


def with_paths(words: Iterable[str]) -> list[str]:
    """A command line with the path of a shipped config wherever it has ``cosmo:NAME``.

    Raises:
        ConfigurationError: There is no such config.
    """
    found = [(word, NAMED.fullmatch(word)) for word in words]
    return [f"{match[1] or ''}{config_path(match[2])}" if match else word for word, match in found]


def summary(path: Path) -> str:
    """What a config is for: the first sentence of the comment that it begins with."""
    comment: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        comment.append(line.lstrip("# "))
    sentence = re.split(r"(?<=\.)\s", " ".join(comment), maxsplit=1)[0].rstrip(".")
    return shorten(sentence, LONGEST_SUMMARY, placeholder="...")


def copy_configs(folder: Path, overwrite: bool = False) -> list[Path]:
    """Copies the shipped configs into a folder.

    Args:
        folder: The folder, made where it does not exist.
        overwrite: Whether files that differ from the shipped ones are replaced.

    Returns:
        The files that were written; those that are equal already are left alone.

    Raises:
        ConfigurationError: A file exists with other content, and `overwrite` is False; nothing was written then.
    """
    sources = [shipped_root() / CONFIGS / f"{name}.yaml" for name in config_names()]
    pairs = [(source, folder / source.relative_to(shipped_root() / CONFIGS)) for source in sources]
    pairs = [(source, target) for source, target in pairs if not _same(source, target)]
    changed = [str(target) for _, target in pairs if target.exists()]
    if changed and not overwrite:
        problem = f"{len(changed)} files exist with other content: {', '.join(changed[:3])}"
        raise ConfigurationError("folder", problem, "Name another folder, or replace them by --overwrite")
    for source, target in pairs:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(target, source.read_text(encoding="utf-8"))
    return [target for _, target in pairs]


def _same(source: Path, target: Path) -> bool:
    return target.is_file() and target.read_bytes() == source.read_bytes()


def study_folders(project: str | None) -> StudyFolders:
    """Where studies are read, and where their results, runs and drawings are written.

    Args:
        project: The folder that a user names. None takes the working directory if it holds studies, else the shipped
            project, whose results are read and whose folder is never written to.

    Raises:
        ConfigurationError: The folder that is named holds no studies.
    """
    if project is not None:
        folder = Path(project).expanduser()
        if not holds_studies(folder):
            problem = f"'{project}' has no study, no YAML file in {EXPERIMENTS}/"
            raise ConfigurationError(
                "project", problem, "Name a folder with configs/ and experiments/, or leave it out"
            )
        return StudyFolders(folder, folder)
    if holds_studies(Path()):
        return StudyFolders(Path(), Path())
    return StudyFolders(shipped_root(), Path(), shipped_root() / EXPERIMENTS / "results")


def holds_studies(folder: Path) -> bool:
    """Whether a folder is a project. One with ``experiments/results`` alone is not: the shipped studies write there."""
    return any((folder / EXPERIMENTS).glob("*.yaml"))
