"""The viewer: what it writes into a file, and what it refuses."""

from __future__ import annotations

import importlib.util
import math
import socket
from pathlib import Path

import numpy as np
import pytest

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.plots.colours import ACTIVITIES, SENSORS, class_colour
from cosmo_pl.plots.time_line import colours
from cosmo_pl.plots.viewer import PAUSE, Viewer
from cosmo_pl.plots.viewer.destination import check_destination, connected
from cosmo_pl.plots.viewer.drawing import rgba, time_axis
from cosmo_pl.plots.viewer.images import NO_READING, Images, Radar, colour_table
from cosmo_pl.plots.viewer.series import Series
from cosmo_pl.plots.viewer.skeleton import Skeleton
from cosmo_pl.plots.viewer.viewer import drawing_of
from cosmo_pl.sensors import SensorDescription
from cosmo_pl.skeleton import PARENT_INDEX
from cosmo_pl.storage import StorageError
from plots.rrd import rows, states

NAMES = ("walk", "sit", "wave")
INERTIAL = SensorDescription("inertial", tuple("xyzxyz"), ("g",) * 3 + ("deg/s",) * 3, 50.0)
SENSORS_OF = {
    "inertial": INERTIAL,
    "skeleton": SensorDescription("skeleton", tuple("xyz"), ("m",) * 3, 30.0),
    "depth": SensorDescription("depth", ("c0",), ("mm",), 10.0),
    "radar": SensorDescription("radar", ("c0", "c1"), ("intensity", "m/s"), 10.0),
}
SHAPES = {"inertial": (6,), "skeleton": (20, 3), "depth": (4, 6), "radar": (2, 3, 4, 5)}


def only(name: str) -> tuple[dict[str, SensorDescription], dict[str, tuple[int, ...]]]:
    return {name: SENSORS_OF[name]}, {name: SHAPES[name]}


def certain(name: str, share: float = 0.9) -> dict[str, float]:
    return {each: share if each == name else (1 - share) / (len(NAMES) - 1) for each in NAMES}


def test_every_sensor_is_in_the_file_as_it_was_given(tmp_path: Path) -> None:
    random, path = np.random.default_rng(0), tmp_path / "all.rrd"
    time = {name: np.arange(5) / 10 for name in SHAPES}
    values = {name: random.random((5, *shape)) for name, shape in SHAPES.items()}
    with Viewer(SENSORS_OF, SHAPES, NAMES, "**notes**", path, duration=0.5) as viewer:
        for name in SHAPES:
            viewer.samples(name, time[name], values[name])
        viewer.truth(0.0, 0.5, "sit")
    found = rows(path)
    assert found["/about static"] == [(None, ["text/markdown"])]
    for entity, columns in {"acceleration": slice(0, 3), "rotation": slice(3, 6)}.items():
        seconds, lines = zip(*found[f"/sensors/inertial/{entity}"], strict=True)
        assert seconds == pytest.approx(time["inertial"])
        assert np.array(lines) == pytest.approx(values["inertial"][:, columns])
    for entity in ("skeleton/body/joints", "skeleton/body/bones", "depth", "radar/intensity", "radar/velocity"):
        assert [second for second, _ in found[f"/sensors/{entity}"]] == pytest.approx(np.arange(5) / 10)
    assert states(found, "/activity/truth") == [(0.0, "sit"), (0.5, "")]
    assert "/activity/prediction" not in found


def test_a_window_lasts_until_the_next_begins_and_a_gap_is_left_open(tmp_path: Path) -> None:
    path = tmp_path / "windows.rrd"
    with Viewer(*only("inertial"), NAMES, save=path, duration=9.0) as viewer:
        for start, name in ((0.0, "walk"), (1.0, "walk"), (2.0, "sit"), (6.0, None)):
            viewer.window(start, start + 2.0, name, certain(name or "sit"), {"inertial": 0.25 * start})
    found = rows(path)
    expected = [(0.0, "walk"), (1.0, "walk"), (2.0, "sit"), (4.0, ""), (6.0, "none of these"), (8.0, "")]
    assert states(found, "/activity/prediction") == expected
    drawn = [(second, value[0]) for second, value in found["/weight/inertial"]]
    assert [second for second, _ in drawn] == pytest.approx([0, 1, 2, 4, 4, 6, 8, 8], abs=1e-5)
    assert [value for _, value in drawn if not math.isnan(value)] == [0, 0.25, 0.5, 0.5, 1.5, 1.5]
    assert sorted(name for name in found if name.startswith("/probability") and "static" not in name) == [
        "/probability/sit",
        "/probability/walk",
    ], "waving was never probable"
    assert found["/probability/sit"][0][0] == 2.0


def test_no_legend_hides_the_end_of_a_recording(tmp_path: Path) -> None:
    def legends(duration: float | None) -> list[bool]:
        with Viewer(*only("inertial"), NAMES, save=tmp_path / f"{duration}.rrd", duration=duration) as viewer:
            viewer.window(0.0, 2.0, "walk", certain("walk"), {"inertial": 1.0})
            charts = viewer._layout().root_container.contents[-1].contents
        found = [chart.properties["PlotLegend"] for chart in charts if "PlotLegend" in chart.properties]
        return [each.visible is None or each.visible.as_arrow_array().to_pylist() == [True] for each in found]

    (shown,) = time_axis(10.0).view_range.as_arrow_array().to_pylist()
    assert (shown["start"], shown["end"]) == (0, pytest.approx(10.7e9)), "of a narrow chart the names x, y, z take 7 %"
    assert legends(2.0) == [True, True, False, True], "probabilities have wide names, and the colours of the bands"
    assert legends(None) == [True, True, True, True], "live, the newest samples are in the middle"


def test_the_weight_of_sensors_with_one_encoder_has_the_colour_of_the_first(tmp_path: Path) -> None:
    path, both = tmp_path / "joined.rrd", ("depth", "inertial")
    with Viewer({n: SENSORS_OF[n] for n in both}, {n: SHAPES[n] for n in both}, NAMES, save=path) as viewer:
        viewer.window(0.0, 2.0, "walk", certain("walk"), {"inertial+depth": 1.0})
    found = {name.replace("\\", ""): each for name, each in rows(path).items()}
    assert found["/weight/inertial+depth"][0] == (0.0, [1.0])
    assert found["/weight/inertial+depth static"] == [(None, rgba([SENSORS[1]]).tolist())]


def test_a_sensor_that_nothing_describes_is_not_drawn_and_its_windows_are(tmp_path: Path) -> None:
    path = tmp_path / "unknown.rrd"
    with Viewer({}, {"inertial": (6,)}, NAMES, save=path) as viewer:
        viewer.samples("inertial", np.arange(5.0), np.ones((5, 6)))
        viewer.window(2.0, 4.0, "walk", certain("walk"), {"inertial": 1.0})
    found = rows(path)
    assert states(found, "/activity/prediction") == [(2.0, "walk"), (4.0, "")]
    assert found["/weight/inertial"][0] == (2.0, [1.0])
    assert not [name for name in found if name.startswith("/sensors")]


def test_live_samples_begin_at_zero_and_another_recording_follows(tmp_path: Path) -> None:
    path, day = tmp_path / "live.rrd", 1.7e9
    with Viewer(*only("inertial"), NAMES, save=path) as viewer:
        viewer.samples("inertial", day + np.arange(3.0), np.ones((3, 6)))
        viewer.window(day, day + 2.0, "walk", certain("walk"), {}, truth="sit")
        viewer.begin()
        viewer.samples("inertial", np.arange(2.0), np.ones((2, 6)))
        viewer.window(0.0, 1.0, "sit", certain("sit"), {}, truth="sit")
    found = rows(path)
    seconds, lines = zip(*found["/sensors/inertial/acceleration"], strict=True)
    assert seconds == pytest.approx([0, 1, 2, 2 + PAUSE / 2, 2 + PAUSE, 3 + PAUSE])
    assert [bool(np.isnan(each).all()) for each in lines] == [False, False, False, True, False, False]
    assert states(found, "/activity/prediction") == [(0, "walk"), (2, ""), (2 + PAUSE, "sit"), (3 + PAUSE, "")]
    assert states(found, "/activity/truth") == [(0, "sit"), (2, ""), (2 + PAUSE, "sit"), (3 + PAUSE, "")]


def test_a_sensor_is_drawn_by_its_kind() -> None:
    kinds = {name: type(drawing_of(name, sensor, SHAPES[name])) for name, sensor in SENSORS_OF.items()}
    assert kinds == {"inertial": Series, "skeleton": Skeleton, "depth": Images, "radar": Radar}
    mat = SensorDescription("pressure", ("pressure",), ("au",), 5.0)
    assert isinstance(drawing_of("mat", mat, (8, 4)), Images)
    flat = SensorDescription("series", tuple(f"c{n}" for n in range(6)), ("",) * 6, 5.0)
    assert isinstance(drawing_of("other", flat, (6,)), Series)


def test_no_reading_of_depth_has_a_colour_of_its_own() -> None:
    drawing, colours = Images("depth", "depth"), colour_table("viridis_r")
    drawing.low, drawing.high = 1000.0, 3000.0
    drawn = drawing._coloured(np.array([[0, 1000], [3000, 9000]]), colours)
    assert np.array_equal(drawn[0, 0], NO_READING)
    assert np.array_equal(drawn[0, 1], colours[0]) and np.array_equal(drawn[1, 1], colours[-1])
    assert np.array_equal(Images("mat", "pressure")._coloured(np.full((1, 1), np.nan), colours)[0, 0], NO_READING)


def test_a_missing_skeleton_is_skipped_and_bones_join_neighbours(tmp_path: Path) -> None:
    path, joints = tmp_path / "bones.rrd", np.random.default_rng(0).random((3, 20, 3)).astype(np.float32)
    joints[1] = np.nan
    with Viewer(*only("skeleton"), NAMES, save=path, duration=1.0) as viewer:
        viewer.samples("skeleton", np.arange(3) / 30, joints)
    assert len(rows(path)["/sensors/skeleton/body/joints"]) == 2 and len(PARENT_INDEX) == 19


def test_colours_of_activities_are_the_same_everywhere_and_differ() -> None:
    many = [class_colour(number) for number in range(30)]
    assert len({*many, *SENSORS}) == 30 + len(SENSORS) and many[:8] == list(ACTIVITIES)
    assert list(colours(NAMES).values()) == many[:3]
    assert all(len(each) == 7 and each.startswith("#") for each in many)


def test_a_failure_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(KeyError), Viewer(*only("inertial"), NAMES, save=tmp_path / "x.rrd") as viewer:
        viewer.samples("inertial", np.zeros(1), np.zeros((1, 6)))
        viewer.window(0.0, 2.0, "walk", certain("walk"), {"no sensor": 1.0})
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_written_or_shown_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "old.rrd").touch()
    for save, serve, message in (
        (tmp_path / "old.rrd", False, "exists. Delete it, or name another file"),
        (tmp_path / "x.mp4", False, r"does not end in \.rrd. Name it x\.rrd"),
        (tmp_path / "x.rrd", True, "serve are both given"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            check_destination(save, serve)
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    with pytest.raises(ConfigurationError, match=r"needs a display for its window\. Use --serve"):
        check_destination(None, False)


def test_a_port_in_use_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setattr("cosmo_pl.plots.viewer.destination.PAGE_PORT", port)
        with pytest.raises(ConfigurationError, match=f"port {port} of this machine is in use"):
            check_destination(None, True)


def test_the_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr("cosmo_pl.extras.find_spec", lambda name: None if name == "rerun" else find(name))
    with pytest.raises(ConfigurationError, match=r"pip install 'cosmo_pl\[viewer\]'"):
        check_destination(tmp_path / "x.rrd", False)


@pytest.mark.parametrize("message", ["Failed to encode: No space left on device", "File-writer thread shut down"])
def test_a_full_disk_is_named_and_leaves_no_half_file(message: str, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"x\.rrd.*no space left"), connected(tmp_path / "x.rrd", False):
        raise RuntimeError(message)
    with pytest.raises(RuntimeError, match="another"), connected(tmp_path / "x.rrd", False):
        raise RuntimeError("another")
    assert not list(tmp_path.iterdir())
