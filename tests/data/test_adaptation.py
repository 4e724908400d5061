"""Whose statistics standardise the samples: the training subjects', a bundle's, or each subject's own."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cosmo_pl.data import USCDataModule
from cosmo_pl.data.normalization import Normalization
from cosmo_pl.data.trained import TrainedOn
from cosmo_pl.errors import ConfigurationError

GIVEN = {"acc": Normalization((1.0,) * 3, (2.0,) * 3), "gyro": Normalization((0.0,) * 3, (50.0,) * 3)}


@pytest.fixture
def make(usc_root):
    return lambda **arguments: USCDataModule(root=str(usc_root), labels_per_class=2, **arguments)


def test_every_subject_has_its_own_statistics(make):
    data = make(normalization="adapt")
    data.setup()
    raw = data.samples.inputs["acc"]
    for subject in np.unique(data.samples.subject):  # 11 to 14 are tested
        rows = np.flatnonzero(data.samples.subject == subject)
        mine = raw[rows].astype(np.float64)
        expected = (mine - mine.mean()) / mine.std()  # the axes of a sensor share them
        assert np.allclose(data.inputs["acc"][torch.from_numpy(rows)], expected, atol=1e-4)
    plain = make()
    plain.setup()
    assert data.normalization == plain.normalization, "the augmentations see the units of the training subjects"
    assert data.trained_on.adapted and not plain.trained_on.adapted
    assert TrainedOn.read(data.trained_on.described()) == data.trained_on


def test_other_persons_do_not_change_what_a_person_is_standardised_by(make):
    data, alone = make(normalization="adapt"), make(normalization="adapt", test_subjects=[11])
    for each in (data, alone):
        each.setup()
    rows = torch.from_numpy(np.flatnonzero(data.samples.subject == 11))
    assert torch.equal(data.inputs["gyro"][rows], alone.inputs["gyro"][rows])


def test_statistics_of_a_bundle(make):
    data = make(normalization="bundle")
    data.bundle_statistics = GIVEN
    data.setup()
    assert data.normalization == GIVEN
    assert np.allclose(data.inputs["acc"], (data.samples.inputs["acc"] - 1) / 2, atol=1e-6)


@pytest.mark.parametrize("given", [None, {"acc": GIVEN["acc"]}, {**GIVEN, "gyro": Normalization((0.0,), (1.0,))}])
def test_a_bundle_without_these_statistics_is_refused(make, given):
    data = make(normalization="bundle")
    data.bundle_statistics = given
    with pytest.raises(ConfigurationError, match=r"normalization.*no bundle has statistics of 3 channels"):
        data.setup()


@pytest.mark.parametrize(("then", "now"), [("adapt", None), ("data", "adapt")])
def test_an_evaluation_is_standardised_as_the_training(make, then, now):
    first, again = make(normalization=then), make(normalization=now)
    first.setup()
    with pytest.raises(ConfigurationError, match=r"normalization: is (not )?adapt, and in the training it was"):
        again.adopt(first.trained_on)


def test_an_evaluation_uses_the_statistics_of_the_training(make):
    first = make(normalization="bundle")
    first.bundle_statistics = GIVEN
    first.setup()
    again = make(normalization="bundle")  # without the bundle
    again.adopt(first.trained_on)
    again.setup()
    assert again.normalization == GIVEN
