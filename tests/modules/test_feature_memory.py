"""Feature maps are computed once while the encoders are frozen, and nothing changes by it."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from pytorch_lightning import Callback, seed_everything

from cosmo_pl.callbacks import ModalityDropout
from cosmo_pl.data import UTDDataModule
from cosmo_pl.encoders import InertialEncoder, SkeletonEncoder
from cosmo_pl.modules import IterativeFusionModule
from cosmo_pl.modules.base import FeatureMemory, encoding


class Seen(Callback):
    """Counts how often the encoders see each sample, by epoch."""

    def __init__(self):
        self.rows = Counter()

    def on_fit_start(self, trainer, pl_module):
        def count(module, given, result):
            self.rows[trainer.current_epoch] += len(result)

        pl_module.encoders["inertial"].register_forward_hook(count)


@pytest.fixture
def trained(utd_root, make_trainer, tmp_path):
    def train(*callbacks, epochs=6):
        seed_everything(0)
        data = UTDDataModule(root=str(utd_root), label_rate=0.3, cache_dir=str(tmp_path), batch_size=10)
        encoders = {"inertial": InertialEncoder((4, 4), (2, 1)), "skeleton": SkeletonEncoder((4,), ((5, 5, 2),))}
        module = IterativeFusionModule(
            {"inertial": (120, 6), "skeleton": (40, 20, 3)}, 27, encoders=encoders, quality_lambda=0.0,
            iterative_epochs=2, steps=4, encoder_lr=0.1, classifier_lr=0.1,
        )  # fmt: skip
        seen = Seen()
        trainer = make_trainer(epochs, callbacks=[seen, *callbacks])
        trainer.fit(module, datamodule=data)
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        return module, seen.rows, metrics, data

    return train


def test_results_are_the_same_and_samples_are_encoded_once_a_phase(trained, monkeypatch):
    with_memory, rows, metrics, data = trained()
    monkeypatch.setattr(FeatureMemory, "serves", staticmethod(lambda batch: False))
    without, all_rows, plain, _ = trained()
    everything = len(data.split.labeled) + len(data.split.test)
    assert [rows[epoch] for epoch in range(6)] == [everything, everything, everything, 0, everything, everything]
    assert [all_rows[epoch] for epoch in range(6)] == [everything] * 6
    assert metrics == pytest.approx(plain, abs=1e-4)
    state = without.state_dict()
    for name, value in with_memory.state_dict().items():
        torch.testing.assert_close(value, state[name], rtol=1e-3, atol=1e-4)


def test_nothing_is_kept_after_the_training(trained):
    assert trained(epochs=3)[0]._memory is None


def test_what_varies_is_computed_each_time(trained):
    _, rows, _, data = trained(ModalityDropout(0.3), epochs=4)
    assert 0 < rows[3] <= len(data.split.labeled)  # those that still have the sensor


def test_what_does_not_fit_is_computed_each_time(trained, monkeypatch):
    monkeypatch.setattr(encoding, "MAX_BYTES", 0)
    _, rows, _, data = trained(epochs=4)
    assert rows[3] == len(data.split.labeled) + len(data.split.test)


def test_what_an_interrupted_training_left_is_not_used_in_a_test(trained, make_trainer):
    class Interrupted(Callback):
        def on_train_epoch_end(self, trainer, pl_module):
            if trainer.current_epoch == 3:
                self.module, self.data = pl_module, trainer.datamodule
                raise RuntimeError("interrupted")

    callback = Interrupted()
    with pytest.raises(RuntimeError, match="interrupted"):
        trained(callback)
    make_trainer(1).test(callback.module, datamodule=callback.data, verbose=False)
    assert callback.module._memory is None
