"""When the last checkpoint of a training is written."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from pytorch_lightning import Callback, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint

from cosmo_pl.callbacks import EpochSeed, LastCheckpoint, reproducibility

from .conftest import stage2

EPOCH, WRITING = 5.0, 1.0  # seconds of the clock below


class Clock(Callback):
    """A clock for which an epoch takes `EPOCH` seconds; stops the training after an epoch if it should."""

    def __init__(self, stop=None):
        self.now, self.stop = 100.0, stop

    def on_train_epoch_end(self, trainer, pl_module):
        self.now += EPOCH
        trainer.should_stop = trainer.current_epoch == self.stop


@pytest.fixture
def written(make_data, make_trainer, monkeypatch):
    """Trains, and returns the epochs after which a checkpoint was written, in `WRITING` seconds each."""

    def train(epochs, stop=None, **arguments):
        clock, saved = Clock(stop), []

        def save(trainer, path, weights_only=None):
            saved.append(trainer.current_epoch)
            clock.now += WRITING

        monkeypatch.setattr(Trainer, "save_checkpoint", save)
        monkeypatch.setattr(reproducibility, "time", SimpleNamespace(monotonic=lambda: clock.now))
        data = make_data()
        trainer = make_trainer(epochs, callbacks=[clock, LastCheckpoint()], enable_checkpointing=True,
                               limit_train_batches=1, limit_val_batches=0, **arguments)  # fmt: skip
        trainer.fit(stage2(data), datamodule=data)
        return saved

    return train


def test_checkpoints_take_a_twentieth_of_the_time(written):
    assert written(12) == [0, 4, 8, 11]  # a second of writing is followed by 19 of training


def test_the_last_epoch_is_written_whatever_ends_the_training(written):
    assert written(12, stop=6) == [0, 4, 6]
    assert written(-1, max_steps=4) == [0, 3]


def test_long_epochs_are_all_written(written, monkeypatch):
    monkeypatch.setattr(f"{__name__}.EPOCH", 19.0)
    assert written(5) == [0, 1, 2, 3, 4]


@pytest.fixture
def order(make_data, make_trainer, tmp_path, monkeypatch):
    """Trains without `seed_everything`, and returns the samples of the last epoch in their order."""
    monkeypatch.delenv("PL_GLOBAL_SEED", raising=False)

    class Seen(Callback):
        def on_train_epoch_start(self, trainer, pl_module):
            self.rows = []

        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
            self.rows += batch["index"].tolist()

    def train(seed, epochs, path=None):
        seen, data = Seen(), make_data()
        saver = ModelCheckpoint(str(tmp_path), filename="{epoch}", save_top_k=-1)
        trainer = make_trainer(
            epochs, callbacks=[EpochSeed(), seen, saver], enable_checkpointing=True, limit_val_batches=0
        )
        module = stage2(data)
        torch.manual_seed(seed)
        trainer.fit(module, datamodule=data, ckpt_path=path)
        return seen.rows

    return train


def test_epochs_have_the_seed_of_torch_and_a_resumed_run_that_of_its_checkpoint(order, tmp_path):
    first = order(1, 2)
    assert order(2, 2) != first == order(1, 2)
    assert order(3, 2, str(tmp_path / "epoch=0.ckpt")) == first


def test_each_process_has_random_numbers_of_its_own(monkeypatch):
    monkeypatch.setenv("PL_GLOBAL_SEED", "5")
    drawn = {}
    for rank in (0, 1, 2, 7):
        for epoch in (3, 4):
            EpochSeed().on_train_epoch_start(SimpleNamespace(global_rank=rank, current_epoch=epoch), None)
            drawn[rank, epoch] = torch.rand(3).tolist()
    assert len(set(map(tuple, drawn.values()))) == len(drawn)
    torch.manual_seed((5 << 20) + 3)
    assert drawn[0, 3] == torch.rand(3).tolist()  # the numbers of one process


def test_seed_everything_comes_first(order, monkeypatch):
    monkeypatch.setenv("PL_GLOBAL_SEED", "5")
    assert order(1, 1) == order(2, 1)
