"""Messages name the thing and the remedy, survive processes, and end the command line with status 2."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest

from cosmo_pl import cli
from cosmo_pl.cli import data as data_cli
from cosmo_pl.errors import (
    BundleError,
    ConfigurationError,
    CosmoError,
    DatasetNotFoundError,
    DownloadError,
    RecordingError,
    causes,
    mendable,
)
from cosmo_pl.storage import storage_error

ROOT = Path("some") / "folder"
ERRORS = [
    ConfigurationError("temperature", "is -1", "Use a positive value"),
    DatasetNotFoundError("USC-HAD", ROOT, "Subject*/a*.mat", ["b", "a"], ["cosmo-pl data download usc"]),
    RecordingError(ROOT / "a1.mat", "has no field 'd_iner'", "Fetch it again"),
    RecordingError(ROOT / "a1.mat", "is empty"),
    BundleError(ROOT, "has no bundle.json", "Run stage 1"),
    DownloadError("https://example.org/a.zip", "answered 404", "Try later"),
    DownloadError(ROOT / "a.zip", "is cut off", "Remove it"),
]
every_error = pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)


@every_error
def test_is_a_cosmo_error_of_one_line(error: CosmoError) -> None:
    assert isinstance(error, CosmoError)
    assert "\n" not in str(error) and str(error).endswith(".") and ".." not in str(error)


@pytest.mark.parametrize(
    ("error", "parts"),
    [
        (ERRORS[0], ["temperature", "is -1", "Use a positive value"]),
        (ERRORS[1], ["USC-HAD", str(ROOT), "Subject*/a*.mat", "root", "COSMO_PL_DATA", "cosmo-pl data download usc"]),
        (ERRORS[2], [str(ROOT / "a1.mat"), "d_iner", "Fetch it again"]),
        (ERRORS[3], [str(ROOT / "a1.mat"), "is empty", "Download"]),
        (ERRORS[4], [str(ROOT), "bundle.json", "Run stage 1"]),
        (ERRORS[5], ["https://example.org/a.zip", "answered 404", "Try later"]),
        (ERRORS[6], [str(ROOT / "a.zip"), "is cut off", "Remove it"]),
    ],
)
def test_message_names_thing_problem_and_remedy_in_this_order(error: CosmoError, parts: list[str]) -> None:
    places = [str(error).index(part) for part in parts]
    assert places[0] == min(places) and places[-1] == max(places)


def test_attributes_name_the_thing() -> None:
    assert ConfigurationError("data.root", "is missing", "Set it").argument == "data.root"
    assert RecordingError(ROOT, "is empty").path == ROOT
    assert BundleError(ROOT, "is empty", "Run stage 1").folder == ROOT


def test_are_what_python_calls_them() -> None:
    assert issubclass(ConfigurationError, ValueError)


def test_missing_dataset_tells_apart_no_folder_an_empty_one_and_another(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    messages = [
        str(DatasetNotFoundError("UTD-MHAD", nowhere, "Inertial/*.mat")),
        str(DatasetNotFoundError("UTD-MHAD", tmp_path, "Inertial/*.mat")),
        str(DatasetNotFoundError("UTD-MHAD", tmp_path, "Inertial/*.mat", ["Subject1"])),
    ]
    assert ["does not exist" in message for message in messages] == [True, False, False]
    assert ["Subject1" in message for message in messages] == [False, False, True]
    assert not any("or run" in message for message in messages)


def test_missing_dataset_names_the_commands_that_write_it() -> None:
    commands = ["cosmo-pl data download utd", "cosmo-pl data simulate utd"]
    told = str(DatasetNotFoundError("UTD-MHAD", ROOT, "Inertial/*.mat", commands=commands))
    assert told.endswith(f"or run `{commands[0]} --root DIR` or `{commands[1]} --root DIR`.")


def test_missing_dataset_lists_a_few_of_what_is_there_in_order(tmp_path: Path) -> None:
    found = (f"file{i:02d}" for i in reversed(range(40)))
    message = str(DatasetNotFoundError("UTD-MHAD", tmp_path, "Inertial/*.mat", found))
    assert "file00, file01" in message and "file39" not in message and len(message) < 600


@every_error
def test_survives_another_process(error: CosmoError) -> None:
    """Worker processes hand their errors over as pickles."""
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(again) is type(error) and str(again) == str(error)
        assert vars(again) == vars(error)


@every_error
def test_command_line_prints_one_line_and_exits_with_2(
    error: CosmoError, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: list[str]) -> None:
        raise error

    monkeypatch.setattr(data_cli, "main", fail)
    with pytest.raises(SystemExit) as caught:
        cli.main(["data", "describe", "usc"])
    printed = capsys.readouterr()
    assert caught.value.code == 2 and printed.out == ""
    assert printed.err == f"cosmo-pl: {error}\n"


def test_the_cause_is_found_and_an_exception_that_causes_itself_has_none() -> None:
    one, two = ValueError("one"), KeyError("two")
    one.__cause__, two.__cause__ = two, one
    assert list(causes(one)) == [one, two]
    assert mendable(one) is None and storage_error(one) is None
    two.__cause__ = mine = BundleError(ROOT, "is damaged", "Train again")
    assert mendable(one) is mine


def test_defects_of_the_package_are_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: list[str]) -> None:
        raise ValueError("a defect")

    monkeypatch.setattr(data_cli, "main", fail)
    with pytest.raises(ValueError, match="a defect"):
        cli.main(["data", "describe", "usc"])
