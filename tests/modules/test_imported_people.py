"""A bundle of imported recordings on other imports: people are known by their recordings, not by their numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from cosmo_pl.bundle import Bundle
from cosmo_pl.data import JointDataModule, StreamsDataModule
from cosmo_pl.encoders import TemporalEncoder
from cosmo_pl.errors import BundleError
from cosmo_pl.modules import ContrastiveFusionModule
from data.streams.written import write_streams

CHANNELS = {"wrist": 3, "mat": 8}


def made(folder, **arguments):
    return StreamsDataModule(root=str(folder), **{"labels_per_class": 2, "pretrain_batch_size": 8, **arguments})


class Attached:
    """As much of a trainer as `write_bundle` needs."""

    def __init__(self, data):
        self.datamodule = data


def write(data, folder):
    """A bundle of data, without a training."""
    torch.manual_seed(0)
    encoders = {name: TemporalEncoder(size, channels=(4, 4, 4, 4)) for name, size in CHANNELS.items()}
    module = ContrastiveFusionModule(data.modality_shapes, data.num_classes, encoders, projection_hidden=8)
    data.given_phase = "pretrain"
    data.setup()
    module._trainer = Attached(data)
    module.write_bundle(folder)
    return Bundle.load(folder)


@pytest.fixture
def imports(tmp_path):
    """Three imports: of five people; of the same under other numbers; of other people with the numbers of the first."""
    write_streams(tmp_path / "first", unlabeled=1)
    again = write_streams(tmp_path / "again", unlabeled=1)
    replace(again, recordings=tuple(replace(each, subject=6 - each.subject) for each in again.recordings)).write()
    others = write_streams(tmp_path / "others", unlabeled=1)
    for name in CHANNELS:
        np.save(others.path(name), np.load(others.path(name))[::-1].copy())
    replace(others, sha256=dict.fromkeys(CHANNELS, "cd" * 32)).write()
    return {name: tmp_path / name for name in ("first", "again", "others")}


def check(bundle, data):
    data.setup()
    bundle.restrict(data.modality_shapes).check_data(data)


def test_a_person_is_refused_under_another_number(imports, tmp_path):
    bundle = write(made(imports["first"], test_subjects=[5]), tmp_path / "bundle")
    assert bundle.data.recordings
    with pytest.raises(BundleError, match=r"trained on the subjects \[5\], which are test subjects now"):
        check(bundle, made(imports["again"], test_subjects=[5]))
    with pytest.warns(UserWarning, match="another recordings"):
        check(bundle, made(imports["again"], test_subjects=[1]))
    with pytest.raises(BundleError, match=r"trained on the subjects \[4\]"):
        check(bundle, made(imports["first"], test_subjects=[4]))


def test_other_people_with_the_same_numbers_are_tested(imports, tmp_path):
    bundle = write(made(imports["first"], test_subjects=[5]), tmp_path / "bundle")
    with pytest.warns(UserWarning, match="another recordings"):
        check(bundle, made(imports["others"], test_subjects=[4]))


def test_two_imports_together_do_not_mix_their_numbers(imports, tmp_path):
    parts = [made(imports["first"], test_subjects=[5]), made(imports["others"], test_subjects=[1])]
    bundle = write(JointDataModule(parts), tmp_path / "bundle")
    for name, own, taken in (("first", 5, 1), ("others", 1, 5)):
        with pytest.warns(UserWarning, match="another"):
            check(bundle, made(imports[name], test_subjects=[own]))
        with pytest.raises(BundleError, match=rf"trained on the subjects \[{taken}\]"):
            check(bundle, made(imports[name], test_subjects=[taken]))


def test_a_bundle_of_an_older_version_is_checked_by_numbers(imports, tmp_path):
    bundle = write(made(imports["first"], test_subjects=[5]), tmp_path / "bundle")
    bundle.data = replace(bundle.data, recordings=())
    with pytest.raises(BundleError, match=r"trained on the subjects \[4\]"):
        check(bundle, made(imports["others"], test_subjects=[4]))


def test_clients_keep_the_hashes_of_their_recordings(imports):
    from cosmo_pl.federated.description import ClientDescription

    data = made(imports["first"], test_subjects=[5], phase="pretrain")
    data.setup()
    assert data.training_contents
    assert not any(each in ClientDescription.of("home", data).text() for each in data.training_contents)
