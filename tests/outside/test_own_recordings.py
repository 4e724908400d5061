"""Datasets that others write: what their `find_recordings` returns is checked, and its exceptions are one line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from cosmo_pl.data.reading_checks import checked_recordings
from cosmo_pl.data.recordings import Recording
from cosmo_pl.errors import ConfigurationError, RecordingError
from data.refusals import refusal

from .kitchen.data import KitchenDataModule

Change = Callable[[list[Recording]], Any]


class Own(KitchenDataModule):
    """The kitchen, with recordings that a test changes."""

    change: ClassVar[Change]

    def find_recordings(self, folder: Path) -> Any:
        return type(self).change(super().find_recordings(folder))


def own(by: Change) -> type[Own]:
    return type("Own", (Own,), {"change": staticmethod(by), "__module__": __name__})


def each(**changed: Callable[[Recording], Any]) -> Change:
    """All recordings with other fields."""
    return lambda found: [replace(one, **{name: by(one) for name, by in changed.items()}) for one in found]


def refuse(message: str) -> Change:
    def refused(found: list[Recording]) -> Any:
        raise KeyError(message)

    return refused


@pytest.mark.parametrize(
    ("by", "message"),
    [
        (refuse("no\nsubjects"), "fails with KeyError: 'no\\nsubjects' (test_own_recordings.py, line "),
        (lambda found: None, "fails with TypeError: 'NoneType' object is not iterable"),
        (lambda found: [], "finds no recordings in '"),
        (lambda found: [one.name for one in found], "returns a recording of the type str. "),
        (each(name=lambda one: Path(one.name)), "returns recording 's1_a1_t1' whose name is a "),
        (each(name=lambda one: one.name[:5]), "returns 8 recordings with the name 's1_a1'. "),
        (each(label=lambda one: one.label + 1), "with the label 3, and the labels of its 3 activities are 0 to 2. "),
        (each(label=lambda one: "stir"), "with the label 'stir', and "),
        (each(label=lambda one: float(one.label)), "with the label 0.0, and "),
        (each(files=lambda one: {"clip": "s1.npz"}), "returns recording 's1_a1_t1' with the file 's1.npz'. "),
    ],
)
def test_recordings_that_cannot_be_used_are_one_line(arguments: dict[str, Any], by: Change, message: str) -> None:
    data = own(by)(**arguments)
    refusal(ConfigurationError, data.prepare_data, "Own.find_recordings: ", message)
    refusal(ConfigurationError, lambda: checked_recordings(data), message)


def test_a_subject_is_a_number(arguments: dict[str, Any]) -> None:
    data = own(each(subject=lambda one: f"p{one.subject}"))(**arguments)
    refusal(RecordingError, data.prepare_data, "s1_a1_t1.npz", "subject p1 is no whole number")


def test_a_file_is_in_the_folder(arguments: dict[str, Any]) -> None:
    data = own(each(files=lambda one: {"clip": Path("/elsewhere/s1.npz")}))(**arguments)
    refusal(RecordingError, data.prepare_data, "s1.npz: the file is not in '", str(data.folder))


@pytest.mark.parametrize("by", [iter, tuple, each(label=lambda one: np.int32(one.label))])
def test_any_sequence_of_recordings_is_read(arguments: dict[str, Any], by: Change) -> None:
    data, shipped = own(by)(**arguments), KitchenDataModule(**arguments)
    for module in (data, shipped):
        module.prepare_data()
        module.setup()
    assert len(data.samples) == 96 and (data.samples.label == shipped.samples.label).all()


def test_a_defect_of_this_package_keeps_its_traceback(
    arguments: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = own(refuse("a"))
    monkeypatch.setattr(kind, "__module__", "cosmo_pl.data.own")
    with pytest.raises(KeyError, match="a"):
        kind(**arguments).prepare_data()
