"""Mutual neighbours against a naive double loop, and positives in a training."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from pytorch_lightning import LightningModule
from pytorch_lightning.callbacks import ModelCheckpoint

from cosmo_pl.callbacks import NearestNeighborPositives, nearest_neighbors
from cosmo_pl.callbacks.nearest_neighbors import mutual_neighbors
from cosmo_pl.data.augmentations import Jitter
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.modules import CPCModule
from cosmo_pl.modules.base import unit_features

from .conftest import stage1, stage2

VIEWS = {"num_augmentations": 2, "augmentations": {"inertial": [Jitter(0.05)]}}


def naive(features, groups):
    names = sorted(set(groups))
    found = [[-1] * len(names) for _ in groups]

    def nearest(i, group):
        return max(
            (j for j, other in enumerate(groups) if other == group), key=lambda j: float(features[i] @ features[j])
        )

    for i, own in enumerate(groups):
        for column, other in enumerate(names):
            if other != own and nearest(nearest(i, other), own) == i:
                found[i][column] = nearest(i, other)
    return torch.tensor(found)


@pytest.mark.parametrize("chunk", [5, 2048])
def test_mutual_neighbours_are_those_of_the_naive_loop(chunk, monkeypatch):
    monkeypatch.setattr("cosmo_pl.callbacks.nearest_neighbors.CHUNK", chunk)
    torch.manual_seed(0)
    features = F.normalize(torch.randn(23, 4), dim=1)
    groups = torch.tensor([3, 7, 9, 11])[torch.randint(4, (23,))]
    found = mutual_neighbors(features, groups)
    assert torch.equal(found, naive(features, groups.tolist()))
    assert (found >= 0).any() and (found < 0).any()


def test_a_single_group_has_no_positives():
    assert (mutual_neighbors(F.normalize(torch.randn(5, 3), dim=1), torch.ones(5)) == -1).all()


class Watch(NearestNeighborPositives):
    """Notes the epochs of its searches."""

    def __init__(self, **arguments):
        super().__init__(**arguments)
        self.searched = []

    def on_train_epoch_start(self, trainer, pl_module):
        before = self.positives
        super().on_train_epoch_start(trainer, pl_module)
        if self.positives is not before:
            self.searched.append(trainer.current_epoch)

    def on_train_end(self, trainer, pl_module):
        views = trainer.datamodule.views
        self.shown = (views._positives, views._fraction)


def test_positives_are_of_other_subjects_and_of_the_training(make_data, make_trainer):
    data = make_data(phase="pretrain", **VIEWS)
    module, watch = stage1(data), Watch(start_epoch=1, every=2, fraction=1.0)
    trainer = make_trainer(4, callbacks=[watch])
    trainer.fit(module, datamodule=data)
    assert watch.searched == [1, 3]
    rows = torch.from_numpy(data.training_rows)
    subject = torch.from_numpy(data.samples.subject)[rows]
    assert watch.positives.shape == (len(rows), len(subject.unique()))
    sample, column = torch.nonzero(watch.positives >= 0, as_tuple=True)
    assert len(sample) > 0
    assert (subject[sample] != subject[watch.positives[sample, column]]).all()
    assert set(subject.tolist()) <= {1, 2, 3, 4, 5, 6}
    share = (watch.positives >= 0).any(dim=1).float().mean()
    assert trainer.callback_metrics["positives/found"] == pytest.approx(share.item())
    assert 0 <= trainer.callback_metrics["positives/agreement"] <= 1
    batch = data.train_dataloader().dataset.batch([0, 1, 2])
    assert batch["index"].view(3, 2)[:, 0].tolist() == rows[:3].tolist()
    assert module.training


def test_neighbours_are_searched_among_centred_features(make_data, make_trainer, monkeypatch):
    class Search(NearestNeighborPositives):
        def on_train_epoch_start(self, trainer, pl_module):
            super().on_train_epoch_start(trainer, pl_module)
            rows = trainer.datamodule.training_rows
            inputs = {name: values[rows] for name, values in trainer.datamodule.inputs.items()}
            with torch.no_grad():
                self.features = unit_features(pl_module.eval()(inputs))
            pl_module.train()

    def noted(features, subject):
        searched.append(features)
        return mutual_neighbors(features, subject)

    searched, search, data = [], Search(start_epoch=0), make_data(phase="pretrain", **VIEWS)
    monkeypatch.setattr("cosmo_pl.callbacks.nearest_neighbors.mutual_neighbors", noted)
    make_trainer(1, callbacks=[search]).fit(stage1(data), datamodule=data)
    centred = search.features - search.features.mean(dim=0)
    torch.testing.assert_close(searched[0], F.normalize(centred, dim=1), rtol=0, atol=1e-5)


def test_features_may_be_smaller_than_the_feature_maps(make_data, make_trainer, monkeypatch):
    """CPC's are the last of many contexts."""
    sizes = []
    monkeypatch.setattr(
        "cosmo_pl.callbacks.nearest_neighbors.mutual_neighbors",
        lambda features, subject: sizes.append(tuple(features.shape)) or mutual_neighbors(features, subject),
    )
    data = make_data(phase="pretrain", modalities=["inertial"], **VIEWS)
    module = CPCModule(data.modality_shapes, data.num_classes, horizon=3, channels=(4,), context_dim=8, pooling=4)
    make_trainer(1, callbacks=[NearestNeighborPositives(start_epoch=0)]).fit(module, datamodule=data)
    assert sizes == [(len(data.training_rows), 8)]


def test_missing_sensors_do_not_make_neighbours():
    """Of a stream that a sample lacks nothing is left, neither in the mean nor in the sample."""
    features = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0], [0.0, 0.0]])
    found = nearest_neighbors._centred(features)
    assert found.tolist() == [[0.5, -0.5], [-0.5, 0.5], [0.0, 0.0], [0.0, 0.0]]


def test_labels_choose_no_positive(make_data, make_trainer):
    def positives(shift):
        data = make_data(phase="pretrain", **VIEWS)
        data.setup()
        data.samples.label[:] = (data.samples.label + shift) % data.num_classes
        torch.manual_seed(1)
        callback = NearestNeighborPositives(start_epoch=0, every=1)
        make_trainer(2, callbacks=[callback]).fit(stage1(data), datamodule=data)
        return callback.positives

    assert torch.equal(positives(0), positives(5))


def test_a_resumed_training_has_its_positives_again(make_data, make_trainer, tmp_path):
    def run(epochs, path=None):
        data, callback = make_data(phase="pretrain", **VIEWS), Watch(start_epoch=1, every=5)
        torch.manual_seed(0)
        saver = ModelCheckpoint(
            str(tmp_path), filename="last", enable_version_counter=False, save_on_train_epoch_end=True
        )
        trainer = make_trainer(epochs, callbacks=[callback, saver], enable_checkpointing=True)
        trainer.fit(stage1(data), datamodule=data, ckpt_path=path)
        return callback, data

    first, _ = run(2)
    second, data = run(3, str(tmp_path / "last.ckpt"))
    assert first.searched == [1] and second.searched == []
    assert torch.equal(second.positives, first.positives)
    assert torch.equal(second.shown[0], first.positives) and second.shown[1] == 0.5
    assert data.views._positives is None, "another training on this data starts without them"


def test_positives_of_other_samples_are_refused(make_data, make_trainer, tmp_path):
    def run(epochs, path=None, **arguments):
        data = make_data(phase="pretrain", **VIEWS, **arguments)
        saver = ModelCheckpoint(str(tmp_path), filename="last", save_on_train_epoch_end=True)
        callbacks = [NearestNeighborPositives(start_epoch=0, every=5), saver]
        trainer = make_trainer(epochs, callbacks=callbacks, enable_checkpointing=True)
        trainer.fit(stage1(data), datamodule=data, ckpt_path=path)

    run(1)
    with pytest.raises(ConfigurationError, match="ckpt_path: was trained on other data: labelled"):
        run(2, str(tmp_path / "last.ckpt"), label_seed=3)


def test_a_training_that_fails_leaves_no_positives(make_data, make_trainer):
    class Failing(NearestNeighborPositives):
        def on_train_epoch_end(self, trainer, pl_module):
            assert trainer.datamodule.views._positives is not None
            raise RuntimeError("full")

    data = make_data(phase="pretrain", **VIEWS)
    with pytest.raises(RuntimeError, match="full"):
        make_trainer(1, callbacks=[Failing(start_epoch=0)]).fit(stage1(data), datamodule=data)
    assert data.views._positives is None


@pytest.mark.parametrize("arguments", [{"start_epoch": -1}, {"every": 0}, {"fraction": 0.0}, {"fraction": 1.5}])
def test_refuses_arguments_out_of_range(arguments):
    with pytest.raises(ConfigurationError, match="NearestNeighborPositives"):
        NearestNeighborPositives(**arguments)


def test_refuses_a_training_without_use_for_positives(make_data, make_trainer):
    with pytest.raises(ConfigurationError, match="num_augmentations"):
        data = make_data(phase="pretrain")
        make_trainer(1, callbacks=[NearestNeighborPositives()]).fit(stage1(data), datamodule=data)
    with pytest.raises(ConfigurationError, match="train_subjects: is one subject"):
        data = make_data(phase="pretrain", **VIEWS)
        data.setup()
        data.samples.subject[data.training_rows] = 1
        make_trainer(1, callbacks=[NearestNeighborPositives()]).fit(stage1(data), datamodule=data)
    with pytest.raises(ConfigurationError, match="is for pretraining"):
        data = make_data(**VIEWS)
        module: LightningModule = stage2(data)
        make_trainer(1, callbacks=[NearestNeighborPositives()]).fit(module, datamodule=data)


def test_a_second_training_begins_without_the_positives_of_the_first(make_data, make_trainer):
    callback, data = Watch(start_epoch=0, every=5), make_data(phase="pretrain", **VIEWS)
    make_trainer(1, callbacks=[callback]).fit(stage1(data), datamodule=data)
    callback.start_epoch = 10
    few = make_data(phase="pretrain", train_subjects=[1, 2], label_rate=0.5, **VIEWS)
    make_trainer(1, callbacks=[callback]).fit(stage1(few), datamodule=few)
    assert callback.positives is None and callback.shown[0] is None


def test_positives_of_other_rows_are_dropped_when_a_training_goes_on(make_data, make_trainer):
    """Labels that were added since take rows from the pretraining."""
    data = make_data(phase="pretrain", **VIEWS)

    class Resumed(Watch):
        def on_fit_start(self, trainer, pl_module):  # a checkpoint is loaded before it
            super().on_fit_start(trainer, pl_module)
            self.positives = torch.zeros(len(data.training_rows) + 1, 2, dtype=torch.long)

    watch = Resumed(start_epoch=5)
    make_trainer(1, callbacks=[watch]).fit(stage1(data), datamodule=data)
    assert watch.positives is None and watch.shown[0] is None


def test_unknown_activities_are_no_agreement(make_data, make_trainer):
    data = make_data(phase="pretrain", **VIEWS)
    data.setup()
    data.samples.label[data.split.unlabeled] = -1
    trainer = make_trainer(1, callbacks=[NearestNeighborPositives(start_epoch=0)])
    trainer.fit(stage1(data), datamodule=data)
    assert float(trainer.callback_metrics["positives/found"]) > 0
    assert float(trainer.callback_metrics["positives/agreement"]) == 0
