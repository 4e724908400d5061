"""Folders of adaptations with odd names, and what is done with their runs, which have no tested people."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path

import pytest

from cosmo_pl import Recogniser
from cosmo_pl.cli import main
from cosmo_pl.edge.adaptation import AdaptationReport, adapt
from cosmo_pl.errors import ConfigurationError, CosmoError
from cosmo_pl.storage import only_writer
from data.streams.written import write_streams
from edge.adapting import on_device


@pytest.mark.parametrize("name", ["me and my box", "a link", "."])
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


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("{me}", "out: '{me}' has braces"),
        ("x" * 300, "file name too long"),
        ("loop", "'loop' cannot be used"),
    ],
)
def test_a_name_that_no_run_can_have_is_refused(
    bundle: Path, here: Path, out: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("loop").symlink_to("loop")
    with pytest.raises(SystemExit) as stopped:
        main(
            ["adapt", f"--bundle={bundle}", "--data=device", "--config=short.yaml", "--labels=few.csv", f"--out={out}"]
        )
    assert stopped.value.code == 2 and message in capsys.readouterr().err.splitlines()[-1]


def test_an_overlay_whose_trainer_is_no_mapping_is_refused(bundle: Path, here: Path) -> None:
    Path("odd.yaml").write_text("trainer: 5\n", encoding="utf-8")
    with pytest.raises(CosmoError):
        on_device(bundle, configs=[Path("odd.yaml")])


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


def test_people_without_labels_are_shown_and_predicted_and_not_tested(
    bundle: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two people, one of whom has no labels."""
    store = write_streams(Path("home"), subjects=(7, 8), per_activity=2)
    rest = tuple(each if each.subject == 7 else replace(each, labels=()) for each in store.recordings)
    replace(store, recordings=rest).write()
    words = ["--config=cosmo:model/prototypes", "--data=cosmo_pl.data.StreamsDataModule", "--data.init_args.root=home"]
    words += ["--data.init_args.test_subjects=[8]", f"--model.init_args.bundle={bundle}", "--run.folder=runs"]
    main(["fit", *words, "--model.init_args.encoders=null", "--run.name=other", "--trainer.max_epochs=1"])
    main(["view", "runs/other", "--save=other.rrd"])
    config = "--config=runs/other/version_0/config.yaml"
    main(["predict", config])
    assert list(Path("runs/other").rglob("predictions.csv"))
    with pytest.raises(SystemExit):
        main(["test", config])
    assert "test_subjects: have no labels to test with. Use predict" in capsys.readouterr().err


def test_a_second_adaptation_waits_for_the_first(bundle: Path, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also by a link to its folder; processes that a training starts itself do not wait."""
    Path("me").mkdir()
    Path("link").symlink_to("me")
    begun, done = list[str](), AdaptationReport("run", 1, 1, 2, 0.5, 0.5, 100.0, 1, False)
    monkeypatch.setattr("cosmo_pl.edge.adaptation.adapt", lambda *given: begun.append(str(given[2])) or done)
    monkeypatch.setattr("cosmo_pl.extras.installed", lambda package: package != "onnx")
    words = ["adapt", "--bundle=bundle", "--data=device", "--out"]
    with ThreadPoolExecutor() as pool:
        with only_writer(here / "me"):
            others = [pool.submit(main, [*words, name]) for name in ("me", "link")]
            wait(others, timeout=0.5)
            assert begun == []
            monkeypatch.setattr("pytorch_lightning.utilities.rank_zero_only.rank", 1, raising=False)
            main([*words, "me"])
            monkeypatch.setattr("pytorch_lightning.utilities.rank_zero_only.rank", 0)
            assert begun == ["me"]
        wait(others)
    assert sorted(begun) == ["link", "me", "me"]
    monkeypatch.chdir("me")
    main([*words, "."])
