"""Packed samples are those of the recordings, and nothing else is taken for them."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from cosmo_pl.cli import main
from cosmo_pl.data import JointDataModule, SelfCollectedDataModule, USCDataModule, UTDDataModule
from cosmo_pl.errors import ConfigurationError, RecordingError

from .raw import write_self_collected


def read(root, **arguments):
    return USCDataModule(root=str(root), stride=200, **arguments)


@pytest.fixture(scope="module")
def packed(usc_root, tmp_path_factory):
    root = tmp_path_factory.mktemp("packed")
    return root, read(usc_root).pack(root)


def test_they_are_the_samples_of_the_recordings(usc_root, packed):
    root, path = packed
    assert path.is_relative_to(root)
    recorded, found = read(usc_root), read(root)
    expected, samples = recorded.load(), found.load()
    for name, values in expected.inputs.items():
        assert np.array_equal(samples.inputs[name], values)
        assert samples.inputs[name].dtype == values.dtype
    for name in ("label", "subject", "recording", "start"):
        assert np.array_equal(getattr(samples, name), getattr(expected, name))
    assert found.data_fingerprint == recorded.data_fingerprint


def test_folds_are_made_of_the_subjects_in_the_file(usc_root, packed):
    folds = {"test_subjects": None, "folds": 2, "fold": 1}
    recorded, found = read(usc_root, **folds), read(packed[0], **folds)
    recorded.load(), found.load()
    assert found.subjects.test == recorded.subjects.test != ()


def test_simulated_recordings_stay_simulated(usc_root, packed):
    assert (packed[1].parent / "simulation.json").is_file() is (usc_root / "USC-HAD/simulation.json").is_file() is True


@pytest.mark.parametrize("other", [{"modalities": ["acc"]}, {"window_size": 100}])
def test_samples_cut_otherwise_are_refused_by_name(other, packed):
    with pytest.raises(RecordingError, match=r"nothing was packed with .*Pack it with these"):
        read(packed[0], **other).load()


def test_a_damaged_file_is_refused(packed, tmp_path):
    shutil.copytree(packed[0], tmp_path, dirs_exist_ok=True)
    path = tmp_path / packed[1].relative_to(packed[0])
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(RecordingError, match=r"cannot be read .*Pack the dataset again"):
        read(tmp_path).load()


def test_nothing_is_overwritten_and_no_recordings_are_hidden(usc_root, packed):
    with pytest.raises(ConfigurationError, match=r"^out: .* exists already"):
        read(usc_root).pack(packed[0])
    with pytest.raises(ConfigurationError, match=r"^out: .* would lie beside .*, and hide it"):
        read(usc_root).pack(usc_root)


def test_the_command_says_what_it_wrote(usc_root, tmp_path, capsys):
    recipe = tmp_path / "data.yaml"
    content = f"class_path: cosmo_pl.data.USCDataModule\ninit_args: {{root: {usc_root}, stride: 200}}\n"
    recipe.write_text(content, encoding="utf-8")
    main(["data", "pack", str(recipe), "--out", str(tmp_path / "out"), "--modalities=[gyro]"])
    path = capsys.readouterr().out.splitlines()[-1].partition(" (")[0]
    with np.load(path) as stored:
        assert list(stored["modalities"]) == ["gyro"]


def test_ranges_are_also_those_of_packed_samples(usc_root, packed):
    narrow = {"plausible": {"g": [-1.5, 1.5]}}
    expected, found = read(usc_root, **narrow).load(), read(packed[0], **narrow).load()
    assert 0 < len(expected) < len(read(packed[0]).load())
    assert expected.recording.tolist() == found.recording.tolist() and np.array_equal(expected.start, found.start)


def test_samples_packed_in_given_ranges_are_refused_with_others(usc_root, tmp_path):
    """What they left out is not in the file."""
    narrow = {"plausible": {"g": [-1.5, 1.5]}}
    read(usc_root, **narrow).pack(tmp_path)
    expected = read(usc_root, **narrow).load()
    assert read(tmp_path, **narrow).load().recording.tolist() == expected.recording.tolist()
    for other in ({}, {"plausible": {"g": [-2.0, 2.0]}}):
        with pytest.raises(RecordingError, match=r"was packed with `plausible` .*-1\.5, 1\.5.* Give these ranges"):
            read(tmp_path, **other).load()


def test_what_would_not_be_read_is_not_packed(usc_root, utd_root, tmp_path):
    write_self_collected(tmp_path / "own")
    own = SelfCollectedDataModule(root=str(tmp_path / "own"), modalities=["imu"], test_subjects=[4])
    joint = JointDataModule([read(usc_root), UTDDataModule(root=str(utd_root))])
    for data in (own, joint):
        with pytest.raises(
            ConfigurationError, match=rf"^pack: {data.title} has no packed form. Copy the folder of its recordings"
        ):
            data.pack(tmp_path / "packed")
    assert not (tmp_path / "packed").exists()
