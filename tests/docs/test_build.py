"""The site as a whole: no broken link, anchor or reference, and nothing that a browser would fetch elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import cosmo_pl

ROOT = Path(__file__).parents[2]
FETCHED = re.compile(r"""<(?:script|link|img|iframe|source)\b[^>]*\b(?:src|href)=["']?(https?:)?//""")


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The site, built strictly: a warning is an error."""
    for name in ("mkdocs", "material", "mkdocstrings"):
        pytest.importorskip(name, reason="the extra docs is not installed")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    source = str(Path(cosmo_pl.__file__).parents[1])
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": source}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.mark.slow
def test_each_study_and_each_package_has_a_page(site: Path) -> None:
    studies = {path.stem for path in (ROOT / "experiments").glob("*.yaml")} - {"methods", "paper"}
    assert studies <= {path.name for path in (site / "results").iterdir()}
    packages = {path.parent.name for path in (ROOT / "src" / "cosmo_pl").glob("*/__init__.py")}
    assert packages <= {path.name for path in (site / "api").iterdir()}


@pytest.mark.slow
def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 50
    assert not [page for page in pages if FETCHED.search(page.read_text(encoding="utf-8"))]


@pytest.mark.slow
def test_every_comment_that_asks_for_something_is_answered(site: Path) -> None:
    pages = [site / "index.html", site / "reproduce" / "index.html", site / "results" / "index.html"]
    assert not [page for page in pages if "<!-- made:" in page.read_text(encoding="utf-8")]
