"""Folders of adaptations with odd names, and what is done with their runs, which have no tested people."""

from __future__ import annotations

from pathlib import Path

import pytest

from cosmo_pl import Recogniser
from cosmo_pl.cli import main
from cosmo_pl.edge.adaptation import adapt
from cosmo_pl.errors import ConfigurationError
from edge.adapting import on_device


@pytest.mark.parametrize("name", ["{me}", "{0}", "a link", "."])
def test_a_folder_of_any_name_is_trained_in_and_gone_on_with(
    bundle: Path, here: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = here / name
    if name == "a link":
        folder = here / "elsewhere/me"
        folder.mkdir(parents=True)
        Path(name).symlink_to(folder)
    elif name == ".":
        folder = here / "empty"
        folder.mkdir()
        monkeypatch.chdir(folder)
    given = {"data": here / "device", "configs": [here / "short.yaml"], "labels": here / "few.csv"}
    first = on_device(bundle, name, **given)
    again = on_device(bundle, name, **given)
    assert Path(first.run) == Path(again.run) and Path(first.run).resolve().parent == folder.resolve()
    assert again.epochs == 3 and [each.name for each in folder.glob("version_*")] == ["version_0"]


def test_a_file_is_no_folder_for_an_adaptation(bundle: Path, here: Path) -> None:
    for out in ("few.csv", "few.csv/me"):
        before = Path("few.csv").read_bytes()
        with pytest.raises(ConfigurationError, match=r"out: '.*few\.csv' is a file\. Name a folder\."):
            adapt(bundle, Path("device"), Path(out), fit=pytest.fail)
        assert Path("few.csv").read_bytes() == before


def test_a_run_without_tested_people_says_so(bundle: Path, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    on_device(bundle)
    config = Path("me/version_0/config.yaml")
    for words in (["view", "me", "--save=me.rrd"], ["predict", f"--config={config}"], ["test", f"--config={config}"]):
        with pytest.raises(SystemExit) as stopped:
            main(words)
        error = capsys.readouterr().err.strip().splitlines()[-1]
        assert stopped.value.code == 2
        assert ("has no tested recordings" if words[0] == "view" else "nobody who has samples to test") in error
    assert Recogniser.load("me").class_names
