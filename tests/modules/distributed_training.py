"""Trains a small stage 2 on some processes and stores each one's weights: `python distributed_training.py N FOLDER`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch
from pytorch_lightning import Trainer
from torch import nn
from torch.utils.data import DataLoader

from cosmo_pl.encoders import Encoder
from cosmo_pl.modules import IterativeFusionModule

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


def samples() -> list[dict[str, object]]:
    generator = torch.Generator().manual_seed(1)
    return [
        {
            "inputs": {name: torch.randn(*shape, generator=generator) for name, shape in SHAPES.items()},
            "label": torch.tensor(number % 3), "index": torch.tensor(number), "subject": torch.tensor(0),
        }
        for number in range(8)
    ]  # fmt: skip


def main(processes: int, folder: Path) -> None:
    torch.manual_seed(0)
    module = IterativeFusionModule(
        SHAPES, 3, encoders={name: PlainEncoder() for name in SHAPES}, quality_lambda=0.0, iterative_epochs=1,
        encoder_lr=0.5, classifier_lr=0.5, head="linear", gradient_clip_val=0.1,
    )  # fmt: skip
    trainer = Trainer(
        accelerator="cpu", devices=processes, strategy="ddp" if processes > 1 else "auto", max_epochs=4, logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
        use_distributed_sampler=False,
    )  # fmt: skip
    # Each process takes every second sample: a step has the same samples on one process as on two.
    mine = samples()[int(os.environ.get("LOCAL_RANK", "0")) :: processes]
    trainer.fit(module, DataLoader(mine, batch_size=GLOBAL_BATCH // processes))
    torch.save(module.state_dict(), folder / f"{processes}-{trainer.global_rank}.pt")


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
