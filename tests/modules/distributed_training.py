"""Trains a small module on some processes and stores each one's weights: ``distributed_training.py KIND N FOLDER``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch
from pytorch_lightning import Callback, Trainer
from torch import nn
from torch.utils.data import DataLoader

from cosmo_pl.encoders import Encoder, ProjectionHead
from cosmo_pl.modules import CMCModule, ContrastiveFusionModule, CPCModule, IterativeFusionModule, OptimizerSettings

SHAPES = {"acc": (6, 2), "baro": (5, 2)}
GLOBAL_BATCH = 4


class PlainEncoder(Encoder):
    """Without batch statistics, which would be those of a process's own share of the batch."""

    sample_axes = 2

    def __init__(self) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.layer = nn.Conv1d(2, 3, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x.mT).tanh()


def encoders() -> dict[str, Encoder]:
    return {name: PlainEncoder() for name in SHAPES}


KINDS = {
    "iterative": lambda: IterativeFusionModule(
        SHAPES, 3, encoders=encoders(), quality_lambda=0.0, iterative_epochs=1,
        encoder_lr=0.5, classifier_lr=0.5, head="linear", gradient_clip_val=0.1,
    ),
    "cosmo": lambda: ContrastiveFusionModule(SHAPES, 3, encoders(), 4, 5, lr=0.1),
    "cmc": lambda: CMCModule(SHAPES, 3, encoders(), 4, 5, lr=0.1),
    "cpc": lambda: CPCModule(
        {"acc": (6, 2)}, 3, horizon=2, channels=(3,), context_dim=4, dropout=0.0, lr=0.1,
        optimizer=OptimizerSettings("sgd", weight_decay=0.0),
    ),
}  # fmt: skip


class Heads(Callback):
    """Projection heads in eval mode: batch statistics would be those of a process's own share of the batch."""

    def on_train_epoch_start(self, trainer: Trainer, pl_module: nn.Module) -> None:
        for module in pl_module.modules():
            if isinstance(module, ProjectionHead):
                module.eval()


class Losses(Callback):
    """Keeps the loss of each epoch, as it is logged."""

    def __init__(self) -> None:
        self.kept: list[float] = []

    def on_train_epoch_end(self, trainer: Trainer, pl_module: nn.Module) -> None:
        self.kept.append(float(trainer.callback_metrics["train/loss"]))


def samples() -> list[dict[str, object]]:
    generator = torch.Generator().manual_seed(1)
    return [
        {
            "inputs": {name: torch.randn(*shape, generator=generator) for name, shape in SHAPES.items()},
            "label": torch.tensor(number % 3), "index": torch.tensor(number), "subject": torch.tensor(0),
        }
        for number in range(8)
    ]  # fmt: skip


def main(kind: str, processes: int, folder: Path) -> None:
    torch.manual_seed(0)
    module, losses = KINDS[kind](), Losses()
    if kind == "cpc":
        module.starts = 1  # the same step on any number of processes
    trainer = Trainer(
        accelerator="cpu", devices=processes, strategy="ddp" if processes > 1 else "auto", max_epochs=4, logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
        use_distributed_sampler=False, callbacks=[Heads(), losses],
    )  # fmt: skip
    # Each process takes every second sample: a step has the same samples on one process as on two.
    mine = samples()[int(os.environ.get("LOCAL_RANK", "0")) :: processes]
    if kind == "cpc":
        mine = [{**sample, "inputs": {"acc": sample["inputs"]["acc"]}} for sample in mine]
    trainer.fit(module, DataLoader(mine, batch_size=GLOBAL_BATCH // processes))
    kept = {**module.state_dict(), "loss": torch.tensor(losses.kept)}
    torch.save(kept, folder / f"{processes}-{trainer.global_rank}.pt")
    if processes > 1:
        torch.distributed.destroy_process_group()  # its threads may otherwise outlive the interpreter, which aborts


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
