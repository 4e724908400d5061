"""Stage 2 on a device: equal to `cosmo-pl fit`, within a time limit, after a kill, and with labels that come later."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pytorch_lightning import Callback

from cosmo_pl import Recogniser
from cosmo_pl.bundle import Bundle
from cosmo_pl.cli import main
from cosmo_pl.cli.train import main as fit
from cosmo_pl.data.streams.store import read_store
from cosmo_pl.edge.adaptation import AdaptationReport
from cosmo_pl.edge.given_labels import LABELS, accepted_labels, additions
from cosmo_pl.errors import BundleError, ConfigurationError, CosmoError, RecordingError
from data.streams.written import ACTIVITIES, write_streams
from docs.test_walkthroughs import run_commands, write_files
from edge.adapting import EPOCHS, FEW, HEADER, on_device
from processes import exit_code


def checkpoint(report: AdaptationReport) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(Path(report.run, "checkpoints/last.ckpt"), weights_only=True)
    return content


def same_weights(one: AdaptationReport, other: AdaptationReport) -> bool:
    first, second = (checkpoint(each)["state_dict"] for each in (one, other))
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def windows() -> tuple[dict[str, np.ndarray], list[str]]:
    """The first window of each recording on the device, and its activity."""
    store = read_store(Path("device"))
    found = {
        name: np.stack([store.array(name)[each.segments[name][0].row :][:steps] for each in store.recordings])
        for name, steps in (("wrist", 40), ("mat", 10))
    }
    return found, list(ACTIVITIES) * 2


def with_callback(callback: Callback) -> Callable[[list[str], Sequence[Callback]], None]:
    return lambda words, callbacks: fit(words, [*callbacks, callback])


def test_labels_of_seconds_make_a_recogniser(bundle: Path, here: Path) -> None:
    report = on_device(bundle)
    assert (report.epochs, report.planned, report.labels, report.time_is_up) == (3, 3, 9, False)
    assert 0 < report.seconds < 60 and 50 < report.peak_megabytes < 1e5 and report.threads == torch.get_num_threads()
    assert json.loads(Path(report.run, "adaptation.json").read_text(encoding="utf-8"))["labels"] == 9
    recogniser = Recogniser.load("me")
    assert recogniser.class_names == ACTIVITIES and recogniser.window == 2.0
    arrays, activities = windows()
    assert list(recogniser.predict(arrays).name) == activities
    assert recogniser.trained.normalization == Bundle.load(bundle).normalization


def test_it_is_equal_to_fit_with_the_same_config_and_seed(bundle: Path, here: Path) -> None:
    """With a config of data, as for an official dataset."""
    Path("data.yaml").write_text(
        "class_path: cosmo_pl.data.StreamsDataModule\n"
        "init_args: {root: device, label_file: few.csv, normalization: bundle, test_subjects: []}\n",
        encoding="utf-8",
    )
    Path("stage2.yaml").write_text(
        "seed_everything: 3\nphase: finetune\ndata: data.yaml\n"
        "model: {class_path: cosmo_pl.modules.PrototypeModule, init_args: {unlabeled_weight: 0.4}}\n" + EPOCHS,
        encoding="utf-8",
    )
    report = on_device(bundle, labels=None, data=Path("stage2.yaml"), configs=[])
    fit(["fit", "--config=stage2.yaml", f"--model.init_args.bundle={bundle}", "--run.folder=.", "--run.name=cloud"])
    assert same_weights(report, replace(report, run="cloud/version_0"))


@pytest.mark.parametrize("whole", [True, False])
def test_labels_that_would_replace_those_of_a_config_are_refused(bundle: Path, here: Path, whole: bool) -> None:
    given = "class_path: cosmo_pl.data.StreamsDataModule\ninit_args: {root: device, label_file: few.csv}\n"
    Path("data.yaml").write_text(given, encoding="utf-8")
    overlay = Path("labels.yaml")
    overlay.write_text("data: {init_args: {label_file: few.csv}}\n", encoding="utf-8")
    data, configs = (Path("data.yaml"), [Path("short.yaml")]) if whole else (Path("device"), [overlay])
    named = "data.yaml" if whole else "labels.yaml"
    with pytest.raises(
        ConfigurationError, match=rf"label_file: '{named}' has few.csv, which other labels would replace"
    ):
        on_device(bundle, data=data, configs=configs)
    assert not Path("me").exists()


def test_the_time_limit_ends_after_an_epoch_and_the_same_command_goes_on(
    bundle: Path, here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = on_device(bundle, "whole")
    words = ["adapt", f"--bundle={bundle}", "--data=device", "--out=me", "--labels", "few.csv", "--config=short.yaml"]
    main([*words, "--time-limit=0s"])
    out = capsys.readouterr().out
    assert "epoch 1 of 3, " in out and "me/version_0: 1 of 3 epochs with 9 labels" in out
    assert "the time limit has ended the training; the same command goes on" in out
    assert len(Recogniser.load("me").predict(windows()[0]).name) == 6
    monkeypatch.setattr("cosmo_pl.extras.installed", lambda package: package != "onnx")  # an export takes seconds
    main([*words, "--time-limit=10m"])
    assert "epoch 3 of 3, " in (out := capsys.readouterr().out) and "me/version_1: 3 of 3 epochs" in out
    assert same_weights(whole, replace(whole, run="me/version_1"))
    main(words)
    assert "me/version_1: 3 of 3 epochs" in capsys.readouterr().out and not Path("me/version_2").exists()


class Kill(Callback):
    """Kills the process at the start of an epoch."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        if trainer.current_epoch == self.epoch:
            os.kill(os.getpid(), signal.SIGKILL)


def adapt_until_killed(bundle: Path, epoch: int) -> None:
    on_device(bundle, run=with_callback(Kill(epoch)))


@pytest.mark.parametrize("epoch", [0, 1])
def test_a_killed_adaptation_goes_on(bundle: Path, here: Path, epoch: int) -> None:
    whole = on_device(bundle, "whole")
    assert exit_code(adapt_until_killed, bundle, epoch) == -signal.SIGKILL
    assert same_weights(on_device(bundle), whole)


class DiskFull(Callback):
    """Fails at the start of an epoch."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        if trainer.current_epoch == self.epoch:
            raise OSError(28, "No space left on device")


@pytest.mark.parametrize("epoch", [0, 1])
def test_an_error_while_it_trains_costs_no_labels_and_adds_no_epochs(bundle: Path, here: Path, epoch: int) -> None:
    whole = on_device(bundle, "whole")
    with pytest.raises(Exception, match="No space left"):
        on_device(bundle, run=with_callback(DiskFull(epoch)))
    assert Path("me", LABELS).is_file() is (epoch > 0)  # a checkpoint was written
    report = on_device(bundle)
    assert same_weights(report, whole) and (report.epochs, report.planned, report.labels) == (3, 3, 9)


class Start(Callback):
    """Keeps the epoch and the weights that a training starts with."""

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        self.epoch = trainer.current_epoch
        self.weights = {name: value.clone() for name, value in pl_module.state_dict().items()}


@pytest.mark.parametrize("method", ["prototypes", "iterative"])
def test_labels_that_are_added_later_are_learned_from_where_it_stood(bundle: Path, here: Path, method: str) -> None:
    if method == "iterative":
        Path("short.yaml").write_text(
            "model:\n  class_path: cosmo_pl.modules.IterativeFusionModule\n"
            "  init_args: {iterative_epochs: 2, quality_lambda: 0, classifier_lr: 0.01}\n" + EPOCHS,
            encoding="utf-8",
        )
    Path("first.csv").write_text(HEADER + "s7_0,0,4,walk\ns7_1,0,4,sit\n", encoding="utf-8")
    first = on_device(bundle, labels="first.csv")
    arrays, _ = windows()
    if method == "prototypes":
        assert "jump" not in Recogniser.load("me").predict(arrays).name
    start = Start()
    second = on_device(bundle, labels="few.csv", run=with_callback(start))
    assert (first.labels, second.labels) == (6, 9) and (first.epochs, second.epochs, second.planned) == (3, 6, 6)
    before, after = checkpoint(first)["state_dict"], checkpoint(second)["state_dict"]
    kept = [name for name in before if name != "centre"]  # the mean of the samples that are still unlabelled
    assert start.epoch == 3 and all(torch.equal(start.weights[name], before[name]) for name in kept)
    assert any(not torch.equal(after[name], before[name]) for name in before)
    if method == "prototypes":
        assert Recogniser.load("me").predict(arrays).name[2] == "jump"
    rows = Path("me", LABELS).read_text(encoding="utf-8").splitlines()
    assert rows[1:] == ["s7_0,0.0,4.0,walk,0", "s7_1,0.0,4.0,sit,0", "s7_2,0.0,4.0,jump,1"]
    assert not Path(on_device(bundle, labels="few.csv").run).with_name("version_2").exists()  # nothing new


ITERATIVE = "model: {class_path: cosmo_pl.modules.IterativeFusionModule, init_args: {quality_lambda: 0}}\n" + EPOCHS


def test_another_second_stage_does_not_go_on_however_many_epochs_it_plans(bundle: Path, here: Path) -> None:
    on_device(bundle)
    Path("other.yaml").write_text(ITERATIVE.replace("3", "1"), encoding="utf-8")
    Path("more.csv").write_text(HEADER + "s7_3,0,4,walk\n", encoding="utf-8")
    before = Path("me", LABELS).read_bytes()
    for labels in ("more.csv", None):
        with pytest.raises(ConfigurationError, match="IterativeFusionModule"):
            on_device(bundle, labels=labels, configs=[Path("other.yaml")])
        assert Path("me", LABELS).read_bytes() == before and not Path("me/version_1").exists()


def test_a_finished_adaptation_is_not_reported_as_that_of_other_recordings(bundle: Path, here: Path) -> None:
    on_device(bundle)
    write_streams(Path("device"), subjects=(7, 8), per_activity=2)
    with pytest.raises(ConfigurationError, match="was trained on other recordings"):
        on_device(bundle, labels=None)


def test_fewer_epochs_than_the_first_time_are_trained_for_further_labels(bundle: Path, here: Path) -> None:
    on_device(bundle)
    Path("one.yaml").write_text(EPOCHS.replace("3", "1"), encoding="utf-8")
    Path("more.csv").write_text(HEADER + "s7_3,0,4,walk\n", encoding="utf-8")
    report = on_device(bundle, labels="more.csv", configs=[Path("one.yaml")])
    assert (report.epochs, report.planned, report.labels) == (4, 4, 12)


def test_labels_of_the_import_are_used(bundle: Path, here: Path) -> None:
    write_streams(Path("device"), subjects=(7,), unlabeled=1)
    assert on_device(bundle, labels=None).labels == 33


def test_activities_come_from_the_bundle_where_the_recordings_name_none(bundle: Path, here: Path) -> None:
    replace(read_store(Path("device")), activities=()).write()
    on_device(bundle)
    assert Recogniser.load("me").class_names == ACTIVITIES


def other_sensor(**changes: Any) -> None:
    store = read_store(Path("device"))
    replace(store, sensors={**store.sensors, "wrist": replace(store.sensors["wrist"], **changes)}).write()


def lacks_mat() -> None:
    store = read_store(Path("device"))
    recordings = [replace(each, segments={"wrist": each.segments["wrist"]}) for each in store.recordings]
    replace(store, sensors={"wrist": store.sensors["wrist"]}, recordings=tuple(recordings)).write()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda: other_sensor(units=("m/s2",) * 3), "trained on other sensors than .*'wrist': unit m/s2, not g"),
        (lambda: other_sensor(rate=40.0), "'wrist': rate 40 Hz, not 20 Hz|'wrist': rate 40"),
        (lambda: other_sensor(kind="gyroscope"), "'wrist': kind gyroscope, not accelerometer"),
        (lacks_mat, "'mat' is missing"),
    ],
)
def test_a_bundle_of_other_sensors_is_refused(
    bundle: Path, here: Path, change: Callable[[], None], message: str
) -> None:
    change()
    with pytest.raises(BundleError, match=message):
        on_device(bundle, run=never)
    assert not Path("me").exists()


def never(words: list[str], callbacks: Sequence[Callback]) -> None:
    raise AssertionError("it is refused before the training")


def test_what_cannot_be_adapted_is_refused(bundle: Path, here: Path) -> None:
    with pytest.raises(BundleError, match="does not exist"):
        on_device(Path("none"), run=never)
    with pytest.raises(ConfigurationError, match=r"data: 'few.csv' has no streams.json"):
        on_device(bundle, run=never, data=Path("few.csv"))
    with pytest.raises(ConfigurationError, match=r"trainer\.max_epochs: no config gives a number of epochs"):
        Path("short.yaml").write_text("trainer: {max_epochs: -1}", encoding="utf-8")
        on_device(bundle, run=never)
    assert not Path("me").exists()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("s7_3,0,4,fly", "row 5: unknown activity 'fly'"),
        ("s7_3,40,44,walk", "row 5: no sample of 's7_3' lies within 40 to 44 s"),
        ("s7_3,four,4,walk", "row 5: could not convert"),
    ],
)
def test_labels_that_cannot_be_used_leave_all_as_it_was(bundle: Path, here: Path, row: str, message: str) -> None:
    Path("bad.csv").write_text(FEW + row + "\n", encoding="utf-8")
    with pytest.raises(RecordingError, match=message):
        on_device(bundle, labels="bad.csv")
    assert not Path("me").exists()
    report = on_device(bundle)
    before = {path: path.read_bytes() for path in Path("me").rglob("*") if path.is_file()}
    with pytest.raises(CosmoError):
        on_device(bundle, labels="bad.csv")
    assert {path: path.read_bytes() for path in Path("me").rglob("*") if path.is_file()} == before
    assert on_device(bundle, labels=None).run == report.run


def test_a_refused_label_is_named_by_its_row_in_the_given_file(bundle: Path, here: Path) -> None:
    on_device(bundle)
    header, first = FEW.splitlines()[:2]
    name, start, end, _ = first.split(",")
    more = "\n".join([header, *FEW.splitlines()[1:], "s7_3,0,4,fly"])
    Path("more.csv").write_text(more + "\n", encoding="utf-8")  # its other rows are known
    with pytest.raises(RecordingError, match=r"^more\.csv: row 5: unknown activity 'fly'"):
        on_device(bundle, labels="more.csv")
    Path("other.csv").write_text(f"{header}\n{name},{start},{end},sit\n", encoding="utf-8")
    with pytest.raises(RecordingError, match=r"^other\.csv: row 2: 'sit' for .* by row 2 of me/labels\.csv"):
        on_device(bundle, labels="other.csv")
    both = f"{header}\n{name},{start},{end},fly\n"
    Path("new.csv").write_text(both, encoding="utf-8")
    with pytest.raises(RecordingError, match=r"^new\.csv: row 2: unknown"):
        on_device(bundle, labels="new.csv")


def test_recordings_without_labels_are_refused(bundle: Path, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["adapt", f"--bundle={bundle}", "--data=device", "--out=me"])
    assert "no recording of the training subjects is labelled" in capsys.readouterr().err
    assert not Path("me").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "bundle: is missing"),
        (["--bundle=b", "--data=d", "--out=o", "--time-limit=soon"], "time_limit: 'soon' is no duration"),
        (["--bundle=b", "--data=d", "--out=o", "--lables=x"], "--lables: there is no such option"),
        (["--bundle=b", "--data=d", "--out=o", "--config=cosmo:model/none"], "there is no such config"),
        (["--config=", "--bundle=b", "--data=d", "--out=o"], "config"),
    ],
)
def test_words_that_cannot_be_used(
    words: list[str], message: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["adapt", *words])
    assert message in capsys.readouterr().err


def test_an_adaptation_that_cannot_be_exported_is_complete(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    done = AdaptationReport("run", 1, 1, 2, 0.5, 0.5, 100.0, 1, False)
    monkeypatch.setattr("cosmo_pl.edge.adaptation.adapt", lambda *_: done)
    monkeypatch.setattr("cosmo_pl.extras.installed", lambda package: package != "onnx")
    main(["adapt", "--bundle", "bundle", "--data", "data", "--out", "out"])
    assert capsys.readouterr().out.splitlines()[-1].startswith("not exported: export: needs the package onnx")


@pytest.mark.slow
def test_the_page_as_a_reader_follows_it(bundle: Path, here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write_files("adapt", here)
    Path("runs/kitchen").mkdir(parents=True)
    Path("runs/kitchen/cosmo").symlink_to(bundle)
    store = read_store(Path("device"))
    names = ("monday_morning", "monday_noon", "monday_evening")
    renamed = [replace(each, name=name) for each, name in zip(store.recordings, names, strict=False)]
    replace(store, recordings=(*renamed, *store.recordings[3:])).write()
    Path("device").rename("mine")
    run_commands("adapt", here)
    out = capfd.readouterr().out
    assert "runs/mine/version_0: 10 of 10 epochs with 10 labels" in out
    assert "runs/mine/version_1: 20 of 20 epochs with 15 labels" in out
    assert "('walk', 'sit', 'jump')" in out


@pytest.mark.parametrize(
    "written", ["recording,start,end,activity\na,1,2,walk", "recording,start,end,activity,addition\na,1,2,walk,"]
)
def test_rows_that_a_person_adds_to_the_kept_labels_stay(written, tmp_path):
    (tmp_path / LABELS).write_text(written, encoding="utf-8")
    given = tmp_path / "more.csv"
    given.write_text("recording,start,end,activity\na,1,2,walk\nb,3,4.5,sit\n", encoding="utf-8")
    for _ in range(2):  # the second time nothing is new
        with accepted_labels(given, tmp_path, again=True):
            assert additions(tmp_path) == 1
    lines = (tmp_path / LABELS).read_text(encoding="utf-8").splitlines()
    assert lines == ["recording,start,end,activity,addition", "a,1.0,2.0,walk,0", "b,3.0,4.5,sit,1"]
