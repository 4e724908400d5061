"""The decision that is stored with an exported model, applied live and to the same probabilities afterwards."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest

from cosmo_pl.edge.decision import Decision
from cosmo_pl.edge.live import LiveRecogniser
from cosmo_pl.edge.live.deciding import Raw, stored_decision
from cosmo_pl.edge.live.running import run
from cosmo_pl.edge.live.samples import Beginning, SensorSamples
from cosmo_pl.edge.transitions import lasting_transitions
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.exported import ExportedRecogniser
from edge.live_fakes import FakeRecogniser, Live, streams, without

CLASSES = ("sit", "walk", "run")
TRANSITIONS = tuple(map(tuple, lasting_transitions(3, 0.5, 4.0).tolist()))
DECISION = Decision(temperature=2.0, threshold=0.45, transitions=TRANSITIONS)


class FakeModel:
    """The graphs of an exported model: each window has the next of some probabilities."""

    def __init__(self, decision: Any, hop: float | None = 0.5, windows: int = 100) -> None:
        shapes, self.class_names = FakeRecogniser().modality_shapes, CLASSES
        self.attends_to: tuple[str, ...] = ()
        self.shapes = {name: tuple(shape) for name, shape in shapes.items()}
        sensors = {name: {"shape": list(shape)} for name, shape in shapes.items()}
        self.description = {"sensors": sensors, "window": 2.0, "hop": hop, "decision": decision, "attends_to": []}
        self.probability = np.random.default_rng(2).dirichlet(np.full(3, 0.8), windows).astype(np.float32)
        self.outputs, self.calls = {"probability": self.probability}, 0

    def __call__(self, arrays: Any) -> dict[str, Any]:
        self.calls += 1
        return {name: values[self.calls - 1 : self.calls] for name, values in self.outputs.items()}


def exported(decision: Any, **arguments: Any) -> ExportedRecogniser:
    return ExportedRecogniser(FakeModel(decision, **arguments))  # type: ignore[arg-type]


def offline(probability: np.ndarray) -> list[tuple[str | None, list[float]]]:
    """What `DECISION` makes of the windows (N, C) of one stretch without a gap."""
    calibrated, smoother = DECISION.apply(probability), DECISION.smoother()
    assert smoother is not None
    states = [smoother.update(window) for window in calibrated]
    rejected = DECISION.rejects(calibrated)
    return [
        (None if no else CLASSES[int(state.argmax())], state.tolist())
        for no, state in zip(rejected, states, strict=True)
    ]


def test_live_windows_are_decided_as_the_same_probabilities_afterwards():
    model = exported(DECISION.described())
    decision = stored_decision(model)
    assert decision == DECISION
    live = Live(model, hop=None, decision=decision)
    live.play({name: without(each, 12.0, 15.0) for name, each in streams(30.0).items()})
    first = sum(window.start < 12 for window in live.found)
    probability = model.model.probability[: len(live.found)]  # type: ignore[attr-defined]
    assert [window.start for window in live.found[:first]] == pytest.approx(np.arange(first) / 2)
    expected = [*offline(probability[:first]), *offline(probability[first:])]  # it begins anew after the gap
    assert [window.activity for window in live.found] == [activity for activity, _ in expected]
    assert {None, *CLASSES} == {window.activity for window in live.found}
    for window, (_, state), row in zip(live.found, expected, probability, strict=True):
        assert list(window.probability.values()) == pytest.approx(state)
        assert window.raw == Raw(CLASSES[row.argmax()], float(row.max()))


def test_the_distance_to_the_training_samples_decides_live_as_afterwards():
    model = exported({**DECISION.described(), "score_threshold": 0.3})
    fake, decision = model.model, stored_decision(model)
    distance = np.random.default_rng(4).uniform(0, 0.4, 100).astype(np.float32)
    fake.outputs["distance"] = distance
    live = Live(model, hop=None, decision=decision).play(streams(20.0))
    count = len(live.found)
    calibrated = decision.apply(fake.probability[:count])
    rejected = decision.rejects(calibrated, distance[:count])
    assert [window.activity is None for window in live.found] == rejected.tolist()
    assert rejected.tolist() != decision.rejects(calibrated).tolist() and 0 < rejected.sum() < count


def test_lines_have_what_the_model_alone_says_beside_the_decision():
    live = LiveRecogniser(model := exported(DECISION.described()), decision=DECISION)
    data = streams(8.0)
    source = [Beginning("r", 0.0, ()), *(SensorSamples(name, *each) for name, each in data.items())]
    out, err = io.StringIO(), io.StringIO()
    run(live, source, out, err)
    rows = [json.loads(line) for line in out.getvalue().splitlines()]
    probability = model.model.probability[: len(rows)]  # type: ignore[attr-defined]
    assert [row["activity"] for row in rows] == [activity for activity, _ in offline(probability)]
    assert [row["raw"]["activity"] for row in rows] == [CLASSES[each] for each in probability.argmax(axis=1)]
    assert [row["raw"]["probability"] for row in rows] == pytest.approx(probability.max(axis=1), abs=1e-4)
    rejected = sum(row["activity"] is None for row in rows)
    assert json.loads(err.getvalue())["summary"]["none_of_these"] == rejected > 0


def test_a_window_that_is_far_from_the_training_samples_is_none_of_these(monkeypatch):
    decision = Decision(score_threshold=0.05)
    model = exported(decision.described())
    known = type(model.model).__call__
    away = iter([0.0, 1.5] * 50)
    monkeypatch.setattr(
        FakeModel, "__call__", lambda self, arrays: {**known(self, arrays), "distance": np.array([next(away)])}
    )
    found = Live(model, hop=None, decision=stored_decision(model)).play(streams(8.0)).found
    assert [window.activity is None for window in found] == [False, True] * (len(found) // 2) + [False] * (
        len(found) % 2
    )
    assert len(found) > 3


def test_a_model_without_a_decision_is_shown_as_it_is():
    assert stored_decision(FakeRecogniser()) is None  # type: ignore[arg-type]
    model = exported(None)
    assert stored_decision(model) is None
    live = Live(model, hop=None).play(streams(6.0))
    assert {window.raw for window in live.found} == {None}


@pytest.mark.parametrize(
    ("decision", "message"),
    [
        ({"temperature": 2.0}, r"decision\.threshold"),
        ({**DECISION.described(), "temperature": 0}, "temperature: is 0"),
        ({**DECISION.described(), "transitions": [[0.5, 0.5], [0.5, 0.5]]}, "transitions of 2 activities, .* knows 3"),
        ({**DECISION.described(), "transitions": [[0.5]]}, "transitions"),
        ([1], "decision"),
    ],
)
def test_a_decision_that_cannot_be_used_is_refused(decision, message):
    with pytest.raises(ConfigurationError, match=message):
        stored_decision(exported(decision))


def test_smoothing_is_for_the_hop_of_the_training():
    with pytest.raises(ConfigurationError, match=r"hop: is 1 s, and the model smooths windows that start 0\.5 s apart"):
        LiveRecogniser(exported(None), hop=1.0, decision=DECISION)
    without_transitions = Decision(temperature=2.0)
    assert LiveRecogniser(exported(None), hop=1.0, decision=without_transitions).schedule.hop == 1.0
    assert LiveRecogniser(exported(None)).schedule.hop == 0.5
    assert LiveRecogniser(exported(None, hop=None)).schedule.hop == 1.0  # half a window
