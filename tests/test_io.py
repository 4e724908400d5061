"""JSON that a person can read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cosmo_pl.io import json_text, write_json


def test_keys_have_lines_and_lists_of_scalars_one() -> None:
    content = {"accuracy": 0.5, "matrix": [[1, 2], [3, 4]], "folds": [{"n": 1}], "none": None, "by": {7: [1, 2]}}
    assert json_text(content).splitlines() == [
        "{",
        ' "accuracy": 0.5,',
        ' "matrix": [',
        "  [1, 2],",
        "  [3, 4]",
        " ],",
        ' "folds": [',
        "  {",
        '   "n": 1',
        "  }",
        " ],",
        ' "none": null,',
        ' "by": {',
        '  "7": [1, 2]',
        " }",
        "}",
    ]


@pytest.mark.parametrize("content", [{}, {"a": {}, "b": [], "c": [[]], "d": ['x, "y"', True, 1e-9]}, {"é": [1, [2]]}])
def test_it_is_the_same_json(content: dict[str, Any]) -> None:
    assert json.loads(json_text(content)) == content


def test_a_file_is_written_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text("old", encoding="utf-8")
    write_json(path, {"a": (1, 2)})
    assert path.read_text(encoding="utf-8") == '{\n "a": [1, 2]\n}\n'
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    assert json.loads(path.read_text(encoding="utf-8")) == {"a": [1, 2]}, "what cannot be written leaves the old file"
