"""`cosmo-pl view`: which recordings a target stands for, and what of them is in the file."""

from __future__ import annotations

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from cosmo_pl import MExDataModule, Recogniser
from cosmo_pl.cli import main
from cosmo_pl.data.recorded import Recorded, Signal
from cosmo_pl.data.samples import Samples
from cosmo_pl.edge.finding import UnknownRecordingError, find_recordings
from cosmo_pl.edge.live.showing import live_viewer
from cosmo_pl.edge.viewing import Showing, showing, windows_of
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.plots.viewer import PAUSE
from data.streams.written import write_streams
from edge.live_fakes import JoinedRecogniser
from plots.rrd import rows, states

QUIET = ["--trainer.enable_progress_bar=false", "--trainer.enable_model_summary=false", "--trainer.accelerator=cpu"]
NARROW = [f"--model.init_args.encoders.{name}.init_args.channels=[4,4,4,4]" for name in ("inertial", "skeleton")]
SHORT = ["--trainer.max_epochs=1", "--model.init_args.bundle=null", "--model.init_args.quality_lambda=0"]


@pytest.fixture(scope="module")
def run(tmp_path_factory, utd_root, no_picture):
    """A stage 2 with attention, hardly trained."""
    folder = tmp_path_factory.mktemp("view")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("COSMO_PL_DATA", raising=False)
        data = [f"--data.init_args.root={utd_root}", "--data.init_args.label_rate=0.3"]
        main(["fit", "--config=cosmo:utd_stage2", *data, *NARROW, *SHORT, *QUIET])
    return folder / "runs/utd/scratch-iterative/version_0"


@pytest.fixture(scope="module")
def all_roots(tmp_path_factory, usc_root, utd_root, mex_root):
    """Two datasets and a link to a third in one folder."""
    folder = tmp_path_factory.mktemp("roots")
    for root, name in ((usc_root, "USC-HAD"), (utd_root, "UTD-MHAD"), (mex_root, "MEx")):
        (folder / name).symlink_to(root / name)
    return folder


def data_of(kind, root):
    data = kind(root=str(root))
    return data.find_recordings(data.folder)


@pytest.mark.parametrize(
    ("name", "title", "activity"),
    [
        ("a3_s7_t1", "UTD-MHAD", "wave"),
        ("Subject3/a2t1", "USC-HAD", "walking left"),
        ("USC-HAD/Subject3/a2t1.mat", "USC-HAD", "walking left"),
        ("UTD-MHAD/Skeleton/a3_s7_t1_skeleton.mat", "UTD-MHAD", "wave"),
        ("02_01_1", "MEx", "knee rolling"),
        ("UTD-MHAD/a3_s7_t1", "UTD-MHAD", "wave"),
        ("USC-HAD/Subject3/a2t1", "USC-HAD", "walking left"),
        ("MEx/02_01_1", "MEx", "knee rolling"),
        ("USC-HAD/Subject3", "USC-HAD", "walking forward"),
    ],
)
def test_a_recording_is_found_by_its_name_or_a_path(name, title, activity, all_roots):
    """The names are those of `cosmo-pl stream` too, which finds recordings by the same function."""
    target = str(all_roots / name) if "-" in name or name.startswith("MEx") else name
    found = showing(target, root=str(all_roots))
    assert found.title == f"{title} (simulated)"
    assert [span.activity for recorded, _ in found.parts for span in recorded.truth] == [activity]


@pytest.mark.parametrize(
    ("target", "dataset", "message"),
    [
        ("a3_s7_t9", None, "there is no recording, file or folder 'a3_s7_t9'. The nearest: a3_s7_t"),
        ("Subject3/a2t1", "utd", "there is no recording, file or folder 'Subject3/a2t1'"),
        ("a3_s7_t1", "utdd", "there is no 'utdd'. Choose from utd"),
    ],
)
def test_unknown_names_list_those_that_are_near(target, dataset, message, all_roots):
    with pytest.raises(ConfigurationError, match=message):
        find_recordings(target, dataset, str(all_roots))


def test_an_empty_folder_and_a_file_of_no_dataset(tmp_path):
    with pytest.raises(UnknownRecordingError, match="Give --root"):
        find_recordings("a3_s7_t1", None, str(tmp_path))
    (tmp_path / "x.mat").touch()
    with pytest.raises(ConfigurationError, match=r"is in no folder of a dataset \(UTD-MHAD, USC-HAD"):
        find_recordings(str(tmp_path / "x.mat"), None, None)


def test_a_folder_of_a_dataset_stands_for_all_recordings_in_it(all_roots, monkeypatch):
    monkeypatch.chdir(all_roots.parent)
    for target, dataset in (
        (str(all_roots / "USC-HAD/Subject3"), None),
        ("USC-HAD/Subject3", "usc"),
        ("Subject3", "usc"),
        ("USC-HAD/Subject3", None),
    ):
        found = find_recordings(target, dataset, str(all_roots))[1]
        assert {each.subject for each in found} == {3} and len(found) == 12
    assert len(find_recordings("MEx", None, str(all_roots))[1]) == len(data_of(MExDataModule, all_roots))
    with pytest.raises(
        ConfigurationError, match=r"recording: there is no recording 'USC-HAD/Subject3/a9t9'\. The nearest: Subject3"
    ):
        find_recordings("USC-HAD/Subject3/a9t9", None, str(all_roots), "recording")


def test_a_name_is_found_from_within_the_folder_of_another_dataset(all_roots, monkeypatch):
    monkeypatch.chdir(all_roots / "USC-HAD")
    assert find_recordings("a3_s7_t1", None, str(all_roots))[0].title == "UTD-MHAD"
    assert find_recordings("Subject3/a2t1.mat", None, None)[1][0].name == "Subject3/a2t1"


def test_a_folder_of_imports_and_a_subject(tmp_path):
    write_streams(tmp_path, subjects=[1, 2])
    assert [recorded.name for recorded, _ in showing(str(tmp_path)).parts] == ["s1_0"]
    assert [recorded.name for recorded, _ in showing(str(tmp_path / "s2_1")).parts] == ["s2_1"]
    found = showing(str(tmp_path), subject=2)
    assert [recorded.name for recorded, _ in found.parts] == ["s2_0", "s2_1", "s2_2"]
    assert found.duration == pytest.approx(3 * 11.95 + 2 * PAUSE, abs=0.1)
    for given, message in (
        ({"recording": "s1_9"}, "recording: there is no recording 's1_9'. Choose from s1_0"),
        ({"subject": 3}, "there is no subject 3. Choose from 1, 2"),
        ({"subject": 1, "recording": "s1_0"}, "both given"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            showing(str(tmp_path), **given)


def test_a_run_shows_tested_recordings_with_its_predictions(run, tmp_path, capsys):
    path = tmp_path / "subject8.rrd"
    main(["view", str(run), "--subject=8", f"--save={path}"])
    assert "subject8.rrd" in capsys.readouterr().out
    found, shown = rows(path), showing(str(run), subject=8)
    windows = [window for _, own in shown.parts for window in own]
    assert len(shown.parts) == len(windows) == 27
    assert [state for _, state in states(found, "/activity/prediction")][::2] == [each.activity for each in windows]
    truth = [state for _, state in states(found, "/activity/truth")][::2]
    assert truth == [recorded.truth[0].activity for recorded, _ in shown.parts]
    right = sum(name == each.activity for name, each in zip(truth, windows, strict=True))
    assert f"{right} of 27 windows recognised" in shown.notes
    frames = sum(len(recorded.signals["skeleton"].values) for recorded, _ in shown.parts)
    assert len(found["/sensors/skeleton/body/joints"]) == frames
    assert {name for name in found if name.startswith("/weight") and "static" not in name} == {
        "/weight/inertial", "/weight/skeleton",
    }  # fmt: skip
    last = found["/weight/inertial"][-2]
    assert last[1][0] == pytest.approx(windows[-1].weights["inertial"]) and last[0] == pytest.approx(shown.duration)


def test_predictions_are_those_of_the_recogniser(run, utd_root):
    from cosmo_pl import UTDDataModule

    data = UTDDataModule(root=str(utd_root), label_rate=0.3)
    samples = data.load()
    row = int(np.flatnonzero(samples.recording == "a5_s7_t1")[0])
    expected = Recogniser.load(run).predict({name: samples.inputs[name][row] for name in data.modalities})
    ((_, (window,)),) = showing(str(run), recording="a5_s7_t1").parts
    assert window.activity == expected.name[0]
    assert list(window.probability.values()) == pytest.approx(expected.probability[0].tolist(), abs=1e-6)


def test_only_tested_recordings_are_predicted(run, tmp_path):
    with pytest.raises(ConfigurationError, match=r"there is no recording 'a1_s1_t1'\. The nearest: a1_s"):
        showing(str(run), recording="a1_s1_t1")
    shutil.copy(run / "checkpoints/last.ckpt", tmp_path / "mine.ckpt")
    with pytest.raises(ConfigurationError, match=r"has no config\.yaml"):
        showing(str(tmp_path / "mine.ckpt"))


def test_an_exported_model_with_a_recording(run, utd_root, tmp_path, monkeypatch):
    (tmp_path / "model.json").write_text("{}", encoding="utf-8")
    recogniser = Recogniser.load(run)
    monkeypatch.setattr("cosmo_pl.edge.viewing.Recogniser.load", lambda _: recogniser)
    with pytest.raises(ConfigurationError, match=r"has no recordings\. Give --dataset or --recording"):
        showing(str(tmp_path))
    here = showing(str(tmp_path), recording="a5_s7_t1", root=str(utd_root))
    assert here.parts[0][1] == showing(str(run), recording="a5_s7_t1").parts[0][1]
    file = utd_root / "UTD-MHAD/Inertial/a5_s7_t1_inertial.mat"
    assert showing(str(tmp_path), recording=str(file)).parts[0][1] == here.parts[0][1]
    with pytest.raises(ConfigurationError, match=r"dataset: a run knows the dataset of its recordings"):
        showing(str(run), recording="a5_s7_t1", dataset="utd")
    short = {"class_path": "UTDDataModule", "init_args": {"root": str(utd_root), "inertial_steps": 60}}
    (tmp_path / "short.yaml").write_text(json.dumps(short), encoding="utf-8")
    for dataset, message in (
        ("usc", r"USC-HAD has no sensor \['inertial', 'skeleton'\], which the model takes"),
        (str(tmp_path / "short.yaml"), r"has samples of .*\(60, 6\).* Give a YAML file with the data of its training"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            showing(str(tmp_path), "a5_s7_t1", dataset=dataset, root=str(utd_root))


def test_bad_input_ends_with_one_line_before_anything_is_read(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("cosmo_pl.edge.viewing.showing", None)
    (tmp_path / "old.rrd").touch()
    for save, message in ((tmp_path / "old.rrd", "exists"), (tmp_path / "new.gif", "does not end in .rrd")):
        with pytest.raises(SystemExit) as stopped:
            main(["view", "a3_s7_t1", f"--save={save}"])
        assert stopped.value.code == 2 and message in capsys.readouterr().err


def test_where_live_windows_are_shown(run, tmp_path):
    recogniser = Recogniser.load(run)
    with pytest.raises(ConfigurationError, match=r"'tv' is unknown\. Use window, browser or FILE"):
        live_viewer(recogniser, "tv")
    with live_viewer(recogniser, str(tmp_path / "live.rrd")) as viewer:
        viewer.samples("inertial", np.arange(2.0), np.ones((2, 6)))
    assert len(rows(tmp_path / "live.rrd")["/sensors/inertial/rotation"]) == 2


def test_stream_refuses_an_unknown_view(run, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["stream", f"--model={run}", "--view=tv", "--window=2"])
    assert stopped.value.code == 2 and "view: 'tv' is unknown" in capsys.readouterr().err


def test_activities_are_compared_by_name_and_unknown_ones_not_at_all():
    """The lists of the model and of the recording differ."""
    model = JoinedRecogniser()  # says "up" where values are above 0, else "down"
    inputs = {name: np.ones((1, *shape), dtype=np.float32) for name, shape in model.modality_shapes.items()}
    recorded = Recorded("monday", 5, {"mat": [Signal(np.arange(100) / 50, np.zeros((100, 2, 2), np.float32))]}, ())
    data = SimpleNamespace(window_seconds=2.0, step_seconds=0.02, class_names=("up", "jump", "down"))
    parts = []
    for label, right in ((0, True), (1, None), (2, False), (-1, None)):
        samples = Samples(inputs, np.array([label]), np.array([5]), np.array(["monday"]), np.array([0]), {})
        (window,) = windows_of(model, data, samples, recorded)
        assert window.right is right
        parts.append((recorded, [window]))
    assert "1 of 2 windows recognised" in Showing("x", model.class_names, {}, parts).notes


def test_only_sensors_that_a_recording_has_are_weighted(tmp_path):
    model, times = JoinedRecogniser(), np.arange(200) / 100
    inputs = {name: np.zeros((1, *shape), dtype=np.float32) for name, shape in model.modality_shapes.items()}
    lacks = {"band": np.array([False])}
    samples = Samples(inputs, np.array([1]), np.array([5]), np.array(["monday"]), np.array([0]), lacks)
    recorded = Recorded("monday", 5, {"mat": [Signal(times, np.zeros((200, 2, 2), dtype=np.float32))]}, ())
    data = SimpleNamespace(window_seconds=2.0, step_seconds=0.02, class_names=model.class_names)
    windows = windows_of(model, data, samples, recorded)
    assert [window.weights for window in windows] == [{"mat": 1.0}]
    Showing("x", model.class_names, {}, [(recorded, windows)]).show(tmp_path / "x.rrd")
    assert rows(tmp_path / "x.rrd")["/weight/mat"][0] == (0.0, [1.0])
