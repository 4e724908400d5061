"""The examples in docstrings give what they show."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest

import cosmo_pl

PACKAGE = Path(cosmo_pl.__file__).parent
WITH_EXAMPLES = [path for path in sorted(PACKAGE.rglob("*.py")) if ">>> " in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_examples(path: Path) -> None:
    module = import_module(".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts))
    failed, attempted = doctest.testmod(module)
    assert attempted and not failed


def test_examples_are_found() -> None:
    assert {"contrastive_fusion", "attention", "quality", "temporal"} <= {path.stem for path in WITH_EXAMPLES}
