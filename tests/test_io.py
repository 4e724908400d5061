"""JSON that a person can read, YAML that cannot hurt, and files that are neither."""

from __future__ import annotations

import json
import math
import os
import re
from pathlib import Path
from typing import Any

import pytest

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.io import (
    cache_folder,
    json_text,
    keep_json,
    kept_json,
    read_config,
    read_json,
    read_yaml,
    user_path,
    whole_file,
    write_json,
)


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
    "nothing": (lambda path: None, "does not exist"),
    "folder": (lambda path: path.mkdir(), "is a folder"),
    "dangling": (lambda path: path.symlink_to("nowhere"), "a link to a file that does not exist"),
    "loop": (lambda path: path.symlink_to(path.name), "symbolic links"),
    "pipe": (os.mkfifo, "is no regular file"),
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


# YAML

BOMB = "\n".join(["a0: &a0 [0, 0]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 30))])
MERGED = "\n".join(["a0: &a0 {k: 0}", *(f"a{n}: &a{n} {{x{n}: *a{n - 1}, y{n}: *a{n - 1}}}" for n in range(1, 30))])


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("", {}),
        ("# nothing\n", {}),
        ("a: [1, 2.5, true, null, 1e-3]", {"a": [1, 2.5, True, None, "1e-3"]}),
        ("a: &a {k: 1}\nb: *a\nc: {<<: *a, l: 2}", {"a": {"k": 1}, "b": {"k": 1}, "c": {"k": 1, "l": 2}}),
        ("activity: Köper", {"activity": "Köper"}),
    ],
)
def test_yaml_is_read(text: str, content: object, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    assert read_yaml(tmp_path / "config.yaml") == content


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: [1", "line 1"),
        ("a: 1\na: 2", "the key 'a' occurs twice"),
        ("- 1\n- 2", "contains a list instead of a mapping"),
        ("text", "contains text"),
        ("[" * 100_000, "nested deeper than 100 levels"),
        ("a: " + "{a: " * 200 + "1" + "}" * 200, "nested deeper"),
        (BOMB, "expands to more than 100,000 values"),
        (MERGED, "expands to more than 100,000 values"),
        ("a: &a [*a]", "contains itself"),
        ("a: &a {b: *a}", "contains itself"),
        ("a: !!python/object/apply:os.system [ls]", "python/object"),
        ("[1, 2]: 3", "unhashable"),
        ("a: 2026-99-99", "month"),
        ("a: \x00", "is no YAML"),
        ("a: *b", "undefined alias"),
    ],
)
def test_yaml_that_cannot_be_used_is_one_line(text: str, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as refused:
        read_yaml(path)
    message = str(refused.value)
    assert message.startswith(f"{path}: ") and problem in message and "\n" not in message


def test_what_is_no_yaml_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "dangling").symlink_to("nothing")
    (tmp_path / "latin").write_bytes("activity: Köper".encode("latin-1"))
    os.mkfifo(tmp_path / "fifo")
    with (tmp_path / "large").open("wb") as file:
        file.truncate(10_000_001)
    for name, problem in {
        "nothing": "does not exist", "dangling": "a link to a file that does not exist", "": "is a folder",
        "fifo": "is no regular file", "loop": "symbolic links", "latin": "is not UTF-8 (byte 11)",
        "large": "larger than", "latin/below": "Not a directory",
    }.items():  # fmt: skip
        with pytest.raises(ConfigurationError, match=re.escape(problem)) as refused:
            read_yaml(tmp_path / name)
        assert str(refused.value).startswith(str(tmp_path / name))


@pytest.mark.parametrize("one_writer", [True, False])
def test_a_body_that_fails_leaves_the_file_as_it_was(one_writer: bool, tmp_path: Path) -> None:
    path = tmp_path / "folder" / "a.bin"
    for content in (b"first", b"second"):
        with whole_file(path, one_writer) as part:
            assert part.parent == path.parent
            part.write_bytes(content)
        assert path.read_bytes() == content
    with pytest.raises(KeyboardInterrupt), whole_file(path, one_writer) as part:
        part.write_bytes(b"half")
        raise KeyboardInterrupt
    assert [each.name for each in path.parent.iterdir()] == ["a.bin"]
    assert path.read_bytes() == b"second"


def test_a_folder_is_written_as_a_whole(tmp_path: Path) -> None:
    with pytest.raises(ValueError), whole_file(tmp_path / "a") as part:
        (part / "b").mkdir(parents=True)
        raise ValueError
    assert not list(tmp_path.iterdir())
    with whole_file(tmp_path / "a") as part:
        part.mkdir()
        (part / "b").touch()
    assert [path.name for path in tmp_path.rglob("*")] == ["a", "b"]


def test_the_only_writer_replaces_what_a_killed_process_has_left(tmp_path: Path) -> None:
    (tmp_path / ".a.part").write_text("half", encoding="utf-8")
    with whole_file(tmp_path / "a", one_writer=True) as part:
        assert not part.exists()
        part.write_text("whole", encoding="utf-8")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_config_contains_the_files_that_it_names(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts/data.yaml").write_text("more: deeper.yml", encoding="utf-8")
    (tmp_path / "parts/deeper.yml").write_text("a: 1", encoding="utf-8")
    (tmp_path / "config.yaml").write_text("data: parts/data.yaml\nmodel: My.Class", encoding="utf-8")
    assert read_config(tmp_path / "config.yaml") == {"data": {"more": {"a": 1}}, "model": "My.Class"}
