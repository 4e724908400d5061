"""`cosmo-pl runs`, on folders as `cosmo-pl fit` and `test` leave them."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from pathlib import Path

import pytest
import yaml

from cosmo_pl.cli import main
from cosmo_pl.run_folder import find_runs, is_run, logged_curves, newest_test, versions

LOG = "epoch,step,train/loss,val/acc\n0,1,2.5,\n0,1,,0.25\n1,3,1.5,\n1,3,,0.5\n"


def make_run(folder, method="IterativeFusionModule", bundle=None, epochs=2, accuracy=None, writes_bundle=False, **more):
    """A run without weights."""
    folder.mkdir(parents=True)
    arguments = {"bundle": bundle, **more}
    config = {
        "model": {"class_path": f"cosmo_pl.modules.{method}", "init_args": arguments},
        "data": {"class_path": "cosmo_pl.data.UTDDataModule", "init_args": {"label_rate": 0.05}},
        "trainer": {"max_epochs": epochs},
        "run": {"folder": folder.parents[1].as_posix(), "name": folder.parent.name},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    (folder / "metrics.csv").write_text(LOG, encoding="utf-8")
    (folder / "checkpoints").mkdir()
    with zipfile.ZipFile(folder / "checkpoints/last.ckpt", "w") as file:
        file.writestr("data", "x" * 1000)
    if writes_bundle:
        (folder / "bundle").mkdir()
        (folder / "bundle/bundle.json").write_text("{}", encoding="utf-8")
    if accuracy is not None:
        (folder / "test_0").mkdir()
        result = {"dataset": "UTD-MHAD", "accuracy": accuracy, "labels": 27, "bootstrap_95": [accuracy - 0.1, 1.0]}
        (folder / "test_0/metrics.json").write_text(json.dumps(result), encoding="utf-8")
    return folder


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """A stage 1, a tested stage 2 on its bundle, one that was interrupted; the first is the oldest."""
    monkeypatch.chdir(tmp_path)
    folder = Path("runs/utd")
    make_run(folder / "cosmo/version_0", "ContrastiveFusionModule", writes_bundle=True)
    make_run(folder / "cosmo-iterative/version_0", bundle="runs/utd/cosmo", accuracy=0.75, encoder_lr=0.1)
    make_run(folder / "cosmo-iterative/version_1", bundle="runs/utd/cosmo", epochs=9, encoder_lr=0.2)
    (folder / "notes").mkdir()
    for age, name in enumerate(["cosmo-iterative/version_1", "cosmo-iterative/version_0", "cosmo/version_0"]):
        for path in (folder / name).rglob("*"):
            os.utime(path, (1e9 - 86400 * age,) * 2)
    return folder


def refused(capsys, *words):
    with pytest.raises(SystemExit) as stopped:
        main(["runs", *words])
    assert stopped.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]


def listed(capsys, *words):
    main(["runs", *words])
    return capsys.readouterr().out.splitlines()


def test_the_layout_is_known(runs):
    assert is_run(runs / "cosmo/version_0") and not is_run(runs / "cosmo") and not is_run(runs / "notes")
    shutil.copytree(runs / "cosmo/version_0", runs / "cosmo/version_²")
    assert not is_run(runs / "cosmo/version_²") and runs / "cosmo/version_0" in versions(runs / "cosmo")
    assert [path.as_posix() for path in find_runs(Path("runs"))] == [
        "runs/utd/cosmo/version_0",
        "runs/utd/cosmo-iterative/version_0",
        "runs/utd/cosmo-iterative/version_1",
    ]
    assert newest_test(runs / "cosmo/version_0") is None
    run = runs / "cosmo-iterative/version_0"
    for number in (9, 10):
        (run / f"test_{number}").mkdir()
        (run / f"test_{number}/metrics.json").touch()
    assert newest_test(run) == run / "test_10/metrics.json"
    assert logged_curves(run) == {"train/loss": {0: 2.5, 1: 1.5}, "val/acc": {0: 0.25, 1: 0.5}}


def test_other_checkouts_are_not_searched(runs):
    make_run(Path("runs/evidence/x/version_0"))
    Path("runs/evidence/.git").touch()
    assert len(find_runs(Path("runs"))) == 3


def test_the_list_is_newest_first_and_names_what_is_unfinished(runs, capsys):
    head, *rows = listed(capsys)
    assert head.split() == ["run", "method", "dataset", "labels", "epochs", "accuracy", "date", "size", "state"]
    assert [row.split()[0] for row in rows] == [
        "utd/cosmo-iterative/version_1",
        "utd/cosmo-iterative/version_0",
        "utd/cosmo/version_0",
    ]
    assert rows[0].endswith("unfinished: 2 of 9 epochs")
    assert "IterativeFusion UTD-MHAD 27 2 0.750 [0.650, 1.000]" in " ".join(rows[1].split())
    assert rows[1].endswith("finished") and " ContrastiveFusion " in rows[2]
    assert [row.split()[0] for row in listed(capsys, "list", "runs/utd/cosmo")[1:]] == ["version_0"]


def test_a_test_does_not_finish_a_training(runs, capsys):
    run = runs / "cosmo-iterative"
    shutil.copytree(run / "version_0/test_0", run / "version_1/test_0")
    assert next(row for row in listed(capsys) if "version_1" in row).endswith("tested: 2 of 9 epochs")


def test_damaged_runs_are_listed_and_named(runs, capsys):
    run = runs / "cosmo-iterative/version_0"
    (run / "config.yaml").write_text("a: [", encoding="utf-8")
    (run / "checkpoints/last.ckpt").write_bytes(b"half")
    (run / "test_0/metrics.json").write_text("{", encoding="utf-8")
    (run / "metrics.csv").write_text("epoch,step,train/loss\n0,0,x\n", encoding="utf-8")
    (runs / "cosmo/version_0/bundle/bundle.json").unlink()
    lines = "\n".join(listed(capsys))
    for damage in (
        "config.yaml cannot be read",
        "metrics.json cannot be read",
        "checkpoints/last.ckpt is no checkpoint",
        "the log cannot be read",
        "bundle has no bundle.json",
    ):
        assert damage in lines


@pytest.mark.parametrize("part", ["model", "data", "trainer", "run"])
def test_a_run_of_odd_files_does_not_hide_the_others(runs, capsys, part):
    odd = runs / "cosmo-iterative/version_0"
    (odd / "config.yaml").write_text(f"{part}: x\n", encoding="utf-8")
    (odd / "test_0/metrics.json").write_text('{"accuracy": null}', encoding="utf-8")
    lines = listed(capsys)
    assert sum("version_" in line for line in lines) == 3
    assert "config.yaml cannot be read; metrics.json cannot be read" in "\n".join(lines)
    main(["runs", "delete", str(odd), "--yes"])
    assert not odd.exists()


def test_curves_of_a_damaged_log_are_left_out(runs, capsys):
    one, other = (runs / f"cosmo-iterative/version_{number}" for number in (0, 1))
    (one / "metrics.csv").write_text("epoch,step,train/loss\n,2,\n", encoding="utf-8")
    lines = listed(capsys, "compare", str(one), str(other), "--out", "curves")
    assert lines[-1] == "curves.png" and Path("curves.png").is_file()
    (other / "metrics.csv").write_text("epoch,step,val/f1\n0,1,0.5\n", encoding="utf-8")
    assert "no run has logged a loss" in refused(capsys, "compare", str(one), str(other), "--out", "c.png")
    shutil.copy(runs / "cosmo/version_0/metrics.csv", other / "metrics.csv")
    assert "out: '.' is a folder" in refused(capsys, "compare", str(one), str(other), "--out", ".")


def test_compare_shows_what_differs(runs, capsys):
    names = [str(runs / f"cosmo-iterative/version_{number}") for number in (0, 1)]
    lines = listed(capsys, "compare", *names, "--out", "pictures/curves.png")
    rows = {line.split("  ")[0]: line.split()[1:] for line in lines[1:-1]}
    assert lines[0].split() == names
    assert rows["model.init_args.encoder_lr"] == ["0.1", "0.2"] and rows["trainer.max_epochs"] == ["2", "9"]
    assert not any(name in rows for name in ("run.name", "model.class_path", "model.init_args.bundle"))
    assert "0.750 [0.650, 1.000]" in lines[1]
    assert lines[-1] == "pictures/curves.png" and Path(lines[-1]).read_bytes().startswith(b"\x89PNG")
    assert "Name at least two" in refused(capsys, "compare", names[0])
    assert "is no run" in refused(capsys, "compare", names[0], "runs/utd/notes")


def test_delete_asks_first(runs, capsys, monkeypatch):
    run = runs / "cosmo-iterative/version_1"
    assert "Use --yes" in refused(capsys, "delete", str(run))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    for answer, left in (("n", True), ("", True), ("y", False)):
        monkeypatch.setattr("builtins.input", lambda _, answer=answer: answer)
        main(["runs", "delete", str(run)])
        assert run.exists() == left


def test_delete_takes_runs_alone(runs, capsys):
    for name in ("runs/utd/notes", "runs/utd", "nowhere"):
        refused(capsys, "delete", "--yes", str(runs / "cosmo-iterative/version_0"), name)
    assert "Name one of its runs, as runs/utd/cosmo/version_0" in refused(capsys, "delete", "--yes", "runs/utd/cosmo")
    assert len(find_runs(Path("runs"))) == 3, "all or none"


def test_a_bundle_in_use_is_kept(runs, capsys):
    stage1 = str(runs / "cosmo/version_0")
    line = refused(capsys, "delete", "--yes", stage1)
    assert "is used by runs/utd/cosmo-iterative/version_0" in line and "--force" in line
    make_run(runs / "cosmo/version_1", "ContrastiveFusionModule", writes_bundle=True)
    main(["runs", "delete", "--yes", stage1])  # the name of the runs stands for the newest of them
    newest = [str(runs / f"cosmo-iterative/version_{number}") for number in (0, 1)] + [str(runs / "cosmo/version_1")]
    assert "is used by" in refused(capsys, "delete", newest[2], "--yes")
    main(["runs", "delete", *newest, "--yes"])
    assert find_runs(Path("runs")) == []
    assert "there are no runs in 'runs'" in refused(capsys, "list")


def test_a_bundle_in_use_is_kept_wherever_the_user_and_its_command_are(runs, monkeypatch, capsys):
    """A second stage on another dataset is in another folder; its configuration names the bundle from its own start."""
    shutil.rmtree(runs / "cosmo-iterative")
    make_run(Path("runs/usc/transfer/version_0"), bundle="runs/utd/cosmo")
    for place, stage1 in ((".", "runs/utd/cosmo/version_0"), ("runs/utd", "cosmo/version_0")):
        with monkeypatch.context() as patch:
            patch.chdir(place)
            assert "is used by" in refused(capsys, "delete", "--yes", stage1)


def test_force_deletes_a_bundle_in_use(runs):
    main(["runs", "delete", str(runs / "cosmo/version_0"), "--force", "--yes"])
    assert not (runs / "cosmo/version_0").exists()


def test_an_adaptation_has_the_epochs_and_labels_of_its_report(runs, capsys):
    folder = make_run(Path("runs/mine/version_0"), "PrototypeModule", epochs=10)
    (folder / "metrics.csv").unlink()
    report = {"epochs": 10, "planned": 20, "labels": 16}
    (folder / "adaptation.json").write_text(json.dumps(report), encoding="utf-8")
    (row,) = [line.split() for line in listed(capsys, "list", "runs/mine") if "version_0" in line]
    assert row[3:5] == ["16", "10"] and " ".join(row).endswith("unfinished: 10 of 20 epochs")
    (folder / "adaptation.json").write_text(json.dumps({**report, "epochs": 20}), encoding="utf-8")
    (row,) = [line for line in listed(capsys, "list", "runs/mine") if "version_0" in line]
    assert row.endswith("finished") and not row.endswith("unfinished")
    (folder / "adaptation.json").write_text(json.dumps({**report, "epochs": "20"}), encoding="utf-8")
    (row,) = [line for line in listed(capsys, "list", "runs/mine") if "version_0" in line]
    assert row.endswith("damaged: adaptation.json cannot be read")
