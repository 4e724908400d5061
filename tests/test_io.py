"""JSON that a person can read, and files that are none."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import pytest

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.io import cache_folder, json_text, keep_json, kept_json, read_json, user_path, write_json


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


# What stands in the place of a file


def refuse(problem: str) -> ConfigurationError:
    return ConfigurationError("file", problem, "Mend it")


IN_PLACE = {
    "nothing": (lambda path: None, "is not there"),
    "folder": (lambda path: path.mkdir(), "is a folder"),
    "dangling": (lambda path: path.symlink_to("nowhere"), "a link that leads nowhere"),
    "loop": (lambda path: path.symlink_to(path.name), "a link that leads nowhere"),
    "pipe": (os.mkfifo, "is a pipe or device"),
    "not UTF-8": (lambda path: path.write_bytes(b'{"a": "K\xf6per"}'), "is not UTF-8 (byte 8)"),
    "empty": (lambda path: path.touch(), "not readable as JSON"),
    "nested": (lambda path: path.write_text("[" * 100_000, encoding="utf-8"), "nested too deeply"),
    "NaN": (lambda path: path.write_text('{"a": NaN}', encoding="utf-8"), "NaN is no number"),
    "infinity": (lambda path: path.write_text("[-Infinity]", encoding="utf-8"), "-Infinity is no number"),
    "digits": (lambda path: path.write_text("1" * 5000, encoding="utf-8"), "not readable as JSON"),
    "surrogate": (lambda path: path.write_text('["\\ud800"]', encoding="utf-8"), "not readable as JSON"),
}


@pytest.mark.parametrize("name", IN_PLACE)
def test_what_is_no_json_is_one_clear_error(tmp_path: Path, name: str) -> None:
    write, told = IN_PLACE[name]
    write(tmp_path / "file")
    with pytest.raises(ConfigurationError) as caught:
        read_json(tmp_path / "file", refuse)
    assert told in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ['\ufeff{"a": "é"}', '{"a": "\\u00e9"}', '{"a": "é"}'])
def test_json_is_read(tmp_path: Path, text: str) -> None:
    (tmp_path / "file").write_text(text, encoding="utf-8")
    assert read_json(tmp_path / "file", refuse) == {"a": "é"}


@pytest.mark.filterwarnings("error")
def test_a_kept_file_that_was_changed_is_told_and_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    assert kept_json(path) is None
    keep_json(path, {"quality": [0.1, math.inf]})
    assert kept_json(path) == {"quality": [0.1, math.inf]}
    whole = path.read_bytes()
    for damaged in (b"", whole[:-10], whole.replace(b"0.1", b"0.2"), b"\xff" + whole, b"{}", b"[]", b"["):
        path.write_bytes(damaged)
        with pytest.warns(UserWarning, match=r"kept\.json in the cache is damaged"):
            assert kept_json(path) is None


def test_home_is_expanded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("COSMO_PL_CACHE", "~/other")
    assert cache_folder("~/cache") == tmp_path / "cache" and cache_folder() == tmp_path / "other"
    assert user_path("~no_such_user/a") == Path("~no_such_user/a")
