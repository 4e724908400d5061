"""Hook of the documentation: the pages of results and claims, made from the records when the site is built."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from cosmo_pl.study.jobs import Project
from cosmo_pl.study.pages import Pages
from cosmo_pl.study.records import Results

COMMENT = re.compile("<!-- made: (.+?) -->")
WIDE = "---\nhide: [toc]\n---\n\n"  # tables of results are wider than the column beside a table of contents


def _pages(config: MkDocsConfig) -> Pages:
    return _rendered(Path(config.config_file_path).parent)


@cache  # for all pages of one build, and for those that `mkdocs serve` builds after it
def _rendered(root: Path) -> Pages:
    return Pages.render(Project(root), Results(root / "experiments" / "results"))


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Adds the pages of the studies to the navigation, below "Results"."""
    (entry,) = [entry for entry in config.nav or [] if "Results" in entry]
    for section, studies in _pages(config).sections.items():
        entry["Results"].append({section: [{title: f"results/{name}.md"} for name, title in studies.items()]})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages of the studies, and the pictures and tables beside them."""
    for name, content in _pages(config).files().items():
        if isinstance(content, str):
            content = WIDE + content
        files.append(File.generated(config, f"results/{name}", content=content))
    return files


def on_page_markdown(markdown: str, config: MkDocsConfig, **_: Any) -> str:
    """Puts what is made in place of the comments that ask for it, as "<!-- made: claims -->"."""
    made = _pages(config).parts()
    return COMMENT.sub(lambda found: made[found[1]]() if found[1] in made else found[0], markdown)
