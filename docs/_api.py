"""Hook of the documentation: a page for each package and each single module, made from the docstrings."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

import cosmo_pl
from cosmo_pl.study.rendering.formats import markdown_of

PACKAGE = Path(cosmo_pl.__file__).parent
LIST = "<!-- made: packages -->"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Adds the pages to the navigation, below "API"."""
    (entry,) = [entry for entry in config.nav or [] if "API" in entry]
    entry["API"] += [{part: f"api/{part}.md"} for part in _parts()]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages."""
    for part in _parts():
        files.append(File.generated(config, f"api/{part}.md", content=_page(part)))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Puts the list of the pages in place of the comment that asks for it."""
    rows = [(f"[{part}]({part}.md)", _summary(part)) for part in _parts()]
    return markdown.replace(LIST, markdown_of([("page", "content"), *rows]))


def _parts() -> list[str]:
    """Dotted names below `cosmo_pl`, of packages first, then of single modules; each has a page."""
    folders = (path.parent.relative_to(PACKAGE) for path in PACKAGE.rglob("__init__.py") if path.parent != PACKAGE)
    return [*sorted(".".join(folder.parts) for folder in folders), *_public(PACKAGE)]


def _public(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("[!_]*.py"))


def _file(part: str) -> Path:
    folder = PACKAGE.joinpath(*part.split("."))
    return folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")


def _page(part: str) -> str:
    """What the file of a part itself defines, then the public modules of a package."""
    file, name = _file(part), f"cosmo_pl.{part}"
    options = {"heading_level": 1, "members": _defined(file)}
    modules = _public(file.parent) if file.name == "__init__.py" else []
    return (
        "\n\n".join([f"::: {name}\n    options: {json.dumps(options)}", *(f"::: {name}.{m}" for m in modules)]) + "\n"
    )


def _defined(file: Path) -> list[str]:
    """Public names that a file defines; those that it only imports are shown where they are defined."""
    found: list[str] = []
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        found += [node.name] if isinstance(node, ast.ClassDef | ast.FunctionDef) else []
        found += [each.id for each in getattr(node, "targets", []) if isinstance(each, ast.Name)]
        found += [node.target.id] if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) else []
    return [name for name in found if not name.startswith("_")]


def _summary(part: str) -> str:
    return (ast.get_docstring(ast.parse(_file(part).read_text(encoding="utf-8"))) or "").partition("\n")[0]
