"""The quality of a datamodule's modalities is measured once for the same samples."""

from __future__ import annotations

import pytest

from cosmo_pl.data import UTDDataModule
from cosmo_pl.fusion import modality_quality
from cosmo_pl.modules.base.quality import data_quality


def of_few(features, *args, **kwargs):
    few = {name: values[:30] for name, values in features.items()}
    return modality_quality(few, *args, num_seeds=1, **kwargs)


@pytest.fixture
def calls(monkeypatch):
    made = []

    def counted(*args, **kwargs):
        made.append(args)
        return of_few(*args, **kwargs)

    monkeypatch.setattr("cosmo_pl.modules.base.quality.modality_quality", counted)
    return made


def data(root, cache, seed=0):
    module = UTDDataModule(root=str(root), label_rate=0.3, label_seed=seed, cache_dir=str(cache))
    module.setup()
    return module


def test_same_samples_are_measured_once_and_others_anew(utd_root, tmp_path, calls):
    first = data_quality(data(utd_root, tmp_path))
    again = data_quality(data(utd_root, tmp_path))
    assert len(calls) == 1
    assert again == first
    inputs = {name: values.numpy() for name, values in data(utd_root, tmp_path).quality_inputs().items()}
    assert first == of_few(inputs, 27)
    data_quality(data(utd_root, tmp_path, seed=1))
    assert len(calls) == 2


def test_a_damaged_cache_is_measured_anew(utd_root, tmp_path, calls):
    first = data_quality(data(utd_root, tmp_path))
    (path,) = tmp_path.glob("quality-*.json")
    path.write_text(path.read_text()[:40])
    assert data_quality(data(utd_root, tmp_path)) == first
    assert len(calls) == 2
