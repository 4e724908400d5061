"""Files in other encodings than UTF-8: the draft refuses what the import refuses, and names the encoding."""

from __future__ import annotations

from pathlib import Path

import pytest

from cosmo_pl.cli import main
from cosmo_pl.data.streams.encodings import other_encoding
from cosmo_pl.data.streams.sniffing import sniff
from cosmo_pl.errors import ConfigurationError

from .recorded import SECOND, START, drafted, record

FIRST = START // SECOND


def encode(path: Path, encoding: str, **replaced: str) -> None:
    text = path.read_text(encoding="utf-8")
    for before, after in replaced.items():
        text = text.replace(before, after, 1)
    path.write_bytes(text.encode(encoding))


@pytest.mark.parametrize(
    ("encoding", "name"),
    [
        ("cp1252", "not UTF-8, but Windows-1252"),
        ("utf-16", "is UTF-16"),
        ("utf-16-le", "is UTF-16"),
        ("utf-32", "UTF-32"),
    ],
)
def test_a_draft_refuses_other_encodings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], encoding: str, name: str
) -> None:
    record(tmp_path, ["anna/wrist.csv", "ben/wrist.csv"])
    for person in ("anna", "ben"):
        encode(tmp_path / person / "wrist.csv", encoding, x="Größe")
    with pytest.raises(ConfigurationError, match=rf"anna/wrist\.csv: .*{name}.*Save it as UTF-8"):
        sniff(tmp_path)
    with pytest.raises(SystemExit, match="2"):
        main(["data", "sniff", str(tmp_path)])
    assert "Save it as UTF-8" in capsys.readouterr().err and not (tmp_path / "streams.yaml").exists()


def test_one_such_file_is_named_and_the_others_are_described(tmp_path: Path) -> None:
    record(tmp_path, ["anna/wrist.csv", "ben/wrist.csv"])
    encode(tmp_path / "ben" / "wrist.csv", "cp1252", x="Größe")
    assert any("ben/wrist.csv: has a first row that is not UTF-8" in line for line in sniff(tmp_path).unknown)


def test_later_rows_may_have_other_bytes_as_in_the_import(tmp_path: Path) -> None:
    record(tmp_path / "home", ["anna/wrist.csv"])
    path = tmp_path / "home" / "anna" / "wrist.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_bytes("\n".join([f"{lines[0]},note", *(f"{line},groß" for line in lines[1:])]).encode("cp1252"))
    found, store = drafted(tmp_path / "home")
    assert found.description.sensors["wrist"].values == ("x", "y", "z") and store.recordings[0].duration > 9


def test_labels_that_are_not_utf8_are_named(tmp_path: Path) -> None:
    record(tmp_path, ["anna/wrist.csv", "ben/wrist.csv"])
    rows = f"start,end,activity\n{FIRST + 1},{FIRST + 3},Brötchen essen\n"
    (tmp_path / "anna" / "labels.csv").write_bytes(rows.encode("cp1252"))
    assert any("anna/labels.csv' is not UTF-8, but Windows-1252" in line for line in sniff(tmp_path).unknown)


def test_a_character_that_is_cut_is_utf8() -> None:
    assert other_encoding("aä".encode()[:-1]) == other_encoding(b"") == ""
