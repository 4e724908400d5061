"""A GPU beside the CPU: whether both compute the same loss, and how fast each trains stage 1. `gpu.sh` runs it.

The loss and its gradients are those of the first training samples at the start, in eval mode, so that neither has
anything random in it, and in float32 without TF32.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass, field
from typing import Any

import torch
from pytorch_lightning import Callback, Trainer

from cosmo_pl.cli import main as cosmo_pl

CONFIGS = ("utd_stage1", "usc_stage1", "utd_plus_stage1")
EPOCHS, BATCHES = 3, 40
TOLERANCE = 1e-3  # of gradients, whose sums are taken in another order
SAMPLES = 32


@dataclass
class Measured:
    """What a training has shown.

    Args:
        gradients: Loss and gradients at the start, one after the other.
        speeds: Clips a second of each epoch.
    """

    gradients: torch.Tensor = field(default_factory=lambda: torch.zeros(0))
    speeds: list[float] = field(default_factory=list)


MEASURED = Measured()


class Watch(Callback):
    """Fills `MEASURED` during a training."""

    started = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:
        """Computes the gradients of one batch, and puts everything back."""
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        inputs = data.plain_batch(data.training_rows[:SAMPLES])["inputs"]
        pl_module.eval()
        torch.manual_seed(0)
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            loss = pl_module.pretraining_loss({name: x.to(pl_module.device) for name, x in inputs.items()})
            loss.backward()
        found = [loss.detach().reshape(1), *(p.grad.flatten() for p in pl_module.parameters() if p.grad is not None)]
        MEASURED.gradients = torch.cat(found).double().cpu()
        pl_module.zero_grad()
        pl_module.train()

    def on_train_epoch_start(self, trainer: Trainer, pl_module: Any) -> None:
        """Starts the clock."""
        _finish()
        self.started = time.perf_counter()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Any) -> None:
        """Stops it."""
        _finish()
        seconds = time.perf_counter() - self.started
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        MEASURED.speeds.append(trainer.num_training_batches * data.pretrain_batch_size / seconds)


def _finish() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def train(config: str, accelerator: str, precision: str) -> Measured:
    """Trains a few epochs of a config, in a folder that is removed again."""
    global MEASURED
    MEASURED = Measured()
    sys.modules.setdefault("gpu", sys.modules[__name__])  # as the command line names it
    with tempfile.TemporaryDirectory() as folder:
        arguments = {
            "run.folder": folder,
            "model.init_args.max_clusters": 2,  # what the quality of modalities takes is not measured here
            "trainer.callbacks+": "gpu.Watch",
            "trainer.max_epochs": EPOCHS,
            "trainer.limit_train_batches": BATCHES,
            "trainer.limit_val_batches": 0,
            "trainer.accelerator": accelerator,
            "trainer.precision": precision,
            "trainer.enable_progress_bar": "false",
            "trainer.enable_model_summary": "false",
        }
        given = [f"--{name}={value}" for name, value in arguments.items()]
        cosmo_pl(["fit", f"--config=configs/{config}.yaml", "--allow-code=gpu", *given])
    return MEASURED


def main() -> None:
    """Prints a Markdown table; status 1 where GPU and CPU disagree."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accelerator", default="gpu", help="what is compared with the CPU")
    accelerator = parser.parse_args().accelerator
    device = torch.cuda.get_device_name(0) if accelerator == "gpu" else accelerator
    print(f"{device} beside the CPU with {torch.get_num_threads()} threads, torch {torch.__version__}, clips/s\n")
    print(
        "| stage 1 | gradients differ by | CPU, float32 | device, float32 | device, bfloat16 |\n|---|---|---|---|---|"
    )
    worst = 0.0
    for config in CONFIGS:
        cpu = train(config, "cpu", "32-true")
        full, half = (train(config, accelerator, precision) for precision in ("32-true", "bf16-mixed"))
        difference = float((full.gradients - cpu.gradients).norm() / cpu.gradients.norm())
        worst = max(worst, difference)
        speeds = [f"{max(each.speeds):.0f}" for each in (cpu, full, half)]
        print(f"| {config} | {difference:.1e} | {' | '.join(speeds)} |", flush=True)
    if not worst < TOLERANCE:
        sys.exit(f"loss and gradients differ by {worst:.1e}, more than {TOLERANCE:.0e}")


if __name__ == "__main__":
    main()
