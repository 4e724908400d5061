"""The quality of a datamodule's modalities is measured once for the same samples."""

from __future__ import annotations

import pytest

from cosmo_pl.data import UTDDataModule
from cosmo_pl.fusion import ModalityQuality, modality_quality
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
    path.write_text(path.read_text(encoding="utf-8")[:40], encoding="utf-8")
    assert data_quality(data(utd_root, tmp_path)) == first
    assert len(calls) == 2


def test_another_cap_is_measured_anew_and_the_default_named_is_the_same(utd_root, tmp_path, calls):
    few = data_quality(data(utd_root, tmp_path), max_clusters=4)
    assert all(list(measured.silhouettes) == [2, 3, 4] for measured in few.values())
    assert data_quality(data(utd_root, tmp_path), max_clusters=4) == few
    assert len(calls) == 1
    usual = data_quality(data(utd_root, tmp_path))
    assert all(max(measured.silhouettes) > 4 for measured in usual.values())
    assert data_quality(data(utd_root, tmp_path), max_clusters=54) == usual
    assert len(calls) == 2


def test_another_number_of_classes_is_measured_anew(utd_root, tmp_path, calls, monkeypatch):
    """The same samples and the same numbers of clusters, and another distance of the best one."""
    usual = data_quality(data(utd_root, tmp_path), max_clusters=4)
    fewer = data(utd_root, tmp_path)
    monkeypatch.setattr(UTDDataModule, "num_classes", 4)
    other = data_quality(fewer, max_clusters=4)
    assert len(calls) == 2
    assert {name: each.silhouettes for name, each in other.items()} == {
        n: each.silhouettes for n, each in usual.items()
    }


def test_warns_of_a_modality_whose_best_number_is_the_largest_tried(utd_root, tmp_path, monkeypatch):
    def measured(best):
        return ModalityQuality(0.8, 0.01, best, dict.fromkeys(range(2, 7), 0.1), 0.5)

    monkeypatch.setattr(
        "cosmo_pl.modules.base.quality.modality_quality",
        lambda *_, **__: {"inertial": measured(6), "skeleton": measured(5)},
    )
    for _ in range(2):  # from the cache as well
        with pytest.warns(UserWarning) as caught:
            data_quality(data(utd_root, tmp_path), max_clusters=6)
        (told,) = (str(each.message) for each in caught if "max_clusters" in str(each.message))
        assert (
            "UTD-MHAD: the best number of clusters of 'inertial', 6, is at the limit of 6" in told and "\n" not in told
        )
