"""Datasets that others write: what their methods return is checked, and exceptions of these are one line."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from cosmo_pl.data.describe import describe
from cosmo_pl.data.recordings import Recording
from cosmo_pl.data.samples import Samples
from cosmo_pl.errors import ConfigurationError, CosmoError, RecordingError
from cosmo_pl.testing import check_dataset
from data.refusals import refusal

from .kitchen.data import KitchenDataModule, record

Change = Callable[[Samples], Samples]
BAD = "s4_a2_t3"


class Own(KitchenDataModule):
    """The kitchen, with samples that a test changes."""

    change: ClassVar[Change] = staticmethod(lambda samples: samples)
    calls: ClassVar[list[int]] = []

    def read(self, recordings: Sequence[Recording]) -> Samples:
        self.calls.append(len(recordings))
        return type(self).change(super().read(recordings))


def own(by: Change) -> type[Own]:
    return type("Own", (Own,), {"change": staticmethod(by), "calls": [], "__module__": __name__})


def put(value: float, name: str = "wrist", clip: str = BAD) -> Change:
    def changed(samples: Samples) -> Samples:
        samples.inputs[name][samples.recording == clip, 3, 1] = value
        return samples

    return changed


def with_values(values: Callable[[np.ndarray], Any], name: str = "wrist") -> Change:
    return lambda samples: replace(samples, inputs={**samples.inputs, name: values(samples.inputs[name])})


@pytest.mark.parametrize("units", [{}, {"wrist": ("g",)}, {"wrist": ("smell",)}])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
@pytest.mark.parametrize("clip", [BAD, "s1_a2_t3"])
def test_values_that_are_not_finite_are_left_out_and_named(
    arguments: dict[str, Any], value: float, units: Any, clip: str
) -> None:
    kind = own(put(value, clip=clip))
    kind.units = units
    data = kind(**arguments)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        data.prepare_data()
        data.setup("fit")
    lines = [str(each.message) for each in caught]
    assert len(lines) == 1 and f"({clip}.npz). " in lines[0] and "'wrist'" in lines[0]
    assert lines[0].startswith("Kitchen: 1 recordings with ") and "left out" in lines[0]
    assert clip not in data.samples.recording and len(data.samples) == 95
    assert all(np.isfinite(each.mean).all() for each in data.normalization.values())
    with pytest.warns(UserWarning, match="left out"):
        assert clip in describe(kind(**arguments))
    refusal(RecordingError, kind(**arguments, strict=True).prepare_data, clip, "refused under strict")


def test_a_reader_that_is_corrected_is_read_again(arguments: dict[str, Any]) -> None:
    """The cache is known by the files, which are the same."""
    with pytest.warns(UserWarning, match="not finite"):
        own(put(np.nan))(**arguments).prepare_data()
    kind = own(lambda samples: samples)
    data = kind(**arguments)
    data.prepare_data()
    data.setup()
    assert len(data.samples) == 96 and kind.calls == [96]


def test_no_finite_sample_is_refused(arguments: dict[str, Any]) -> None:
    data = own(with_values(lambda values: values * np.nan))(**arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        refusal(ConfigurationError, data.prepare_data, "'wrist'", "not finite")


@pytest.mark.parametrize("kind", [np.float16, np.float64, np.int16, np.uint16, np.bool_])
def test_other_types_of_numbers_are_read(arguments: dict[str, Any], kind: Any) -> None:
    values = with_values(lambda values: np.round(20 * values).astype(kind))
    data = own(values)(**arguments)
    data.prepare_data()
    data.setup()
    assert len(data.samples) == 96


@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize(
    ("by", "message"),
    [
        (with_values(lambda x: x[:, :10]), "'wrist': has samples of the shape (10, 3), and"),
        (with_values(lambda x: x[..., :2]), "'wrist': has samples of the shape (20, 2), and"),
        (with_values(lambda x: x.astype(str)), "'wrist': has values of the type <U"),
        (with_values(lambda x: x.astype(object)), "'wrist': has values of the type object"),
        (with_values(lambda x: x.astype(complex)), "'wrist': has values of the type complex128"),
        (with_values(list), "'wrist': is a list"),
        (with_values(lambda x: x[1:]), "95 of 'wrist'"),
        (lambda samples: replace(samples, inputs={}), "returns no wrist, ankle"),
        (lambda samples: samples.inputs, "returns dict, no Samples"),
    ],
)  # fmt: skip
def test_what_read_returns_is_compared_with_modality_shapes(
    arguments: dict[str, Any], by: Any, message: str, cached: bool
) -> None:
    if cached:
        own(lambda samples: samples)(**arguments).prepare_data()
        kind = own(by)
        kind.reader_arguments = lambda self: {"version": 2}  # type: ignore[method-assign]
        refusal(ConfigurationError, kind(**arguments).prepare_data, "Own.read", message)
        refusal(ConfigurationError, kind(**arguments).prepare_data, "Own.read", message)  # it is not cached
    else:
        refusal(ConfigurationError, own(by)(**arguments).prepare_data, "Own.read", message)


@pytest.mark.parametrize(
    ("column", "by", "message"),
    [
        ("label", np.ndarray.tolist, "label: is a list. Return an array (N,) of np.int64."),
        ("label", lambda x: x[:, None], "label: has the type int64 and the shape (96, 1). "),
        ("label", lambda x: x.astype(float), "label: has the type float64 and the shape (96,). "),
        ("label", lambda x: x.astype(np.uint8), "label: has the type uint8 and the shape (96,). "),
        ("label", lambda x: x + 1, "returns the label 3, and the labels of its 3 activities are 0 to 2. Number"),
        ("subject", lambda x: x.astype(str), "subject: has the type <U21 and the shape (96,). "),
        ("recording", lambda x: x.astype(object), "recording: has the type object and the shape (96,). "),
        ("recording", lambda x: np.arange(len(x)), "Return an array (N,) of texts."),
        ("start", lambda x: x + 0.5, "start: has the type float64"),
        ("start", lambda x: None, "start: is a NoneType. "),
    ],
)
def test_the_columns_of_samples_are_checked(arguments: dict[str, Any], column: str, by: Any, message: str) -> None:
    kind = own(lambda samples: replace(samples, **{column: by(getattr(samples, column))}))
    refusal(ConfigurationError, kind(**arguments).prepare_data, "Own.read", message)


def test_samples_of_the_cache_are_compared_as_well(arguments: dict[str, Any]) -> None:
    own(lambda samples: samples)(**arguments).prepare_data()
    kind = own(lambda samples: samples)
    kind.modality_shapes = property(  # type: ignore[method-assign, assignment]
        lambda self: {**KitchenDataModule.modality_shapes.fget(self), "wrist": (10, 3)}  # type: ignore[attr-defined]
    )
    refusal(ConfigurationError, kind(**arguments).prepare_data, "(20, 3)", "(10, 3)")


def test_a_failing_read_is_one_line_that_names_the_recording(arguments: dict[str, Any], tmp_path: Path) -> None:
    folder = record(tmp_path)
    (folder / f"{BAD}.npz").write_bytes(b"PK\x03\x04 no archive")
    data = KitchenDataModule(**{**arguments, "root": str(tmp_path)})
    refusal(ConfigurationError, data.prepare_data, "KitchenDataModule.read", BAD, "BadZipFile", "data.py, line ")
    with pytest.raises(ConfigurationError) as caught:
        data.prepare_data()
    assert type(caught.value.__cause__).__name__ == "BadZipFile"


def test_a_read_that_fails_on_all_together_names_none(arguments: dict[str, Any]) -> None:
    def fail(samples: Samples) -> Samples:
        if len(samples) > 1:
            raise KeyError("x\ny")
        return samples

    refusal(ConfigurationError, own(fail)(**arguments).prepare_data, "Own.read: fails with KeyError: 'x\\ny'")


def test_errors_with_a_remedy_stay_as_they_are(arguments: dict[str, Any]) -> None:
    def full(samples: Samples) -> Samples:
        raise OSError(28, "No space left on device")

    def cosmo(samples: Samples) -> Samples:
        raise CosmoError("own words")

    with pytest.raises(OSError, match="No space"):
        own(full)(**arguments).prepare_data()
    with pytest.raises(CosmoError, match=r"^own words$"):
        own(cosmo)(**arguments).prepare_data()


def test_the_conformance_checks_say_in_a_sentence_what_is_wrong(arguments: dict[str, Any]) -> None:
    kind = own(put(np.nan))

    def make(**others: Any) -> Own:
        return kind(**{**arguments, "label_rate": 0.1, "labels_per_class": None, **others})

    with pytest.raises(AssertionError, match=r"not finite.*s4_a2_t3"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_dataset(make)
