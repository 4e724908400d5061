"""One training step, before or now, for `bench.py`: a process that measures what it reads on its standard input.

A process each, as the memory that one keeps from step to step (`keep_freed_memory`) is kept for all that it does.
Samples are random, in the shapes of UTD-MHAD; everything is in one thread.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
import yaml
from bench_before import as_before, check_equal, unfused
from torch import Tensor

from cosmo_pl.cli.allocation import keep_freed_memory
from cosmo_pl.data.augmentations import Augmentation
from cosmo_pl.data.loading import Batch, SampleBatches
from cosmo_pl.data.normalization import Normalization
from cosmo_pl.data.views import Views
from cosmo_pl.encoders import InertialEncoder, SkeletonEncoder
from cosmo_pl.modules import ContrastiveFusionModule, IterativeFusionModule
from cosmo_pl.modules.base import PARTS, FeatureMemory, Part, toggle

CONFIGS = Path(__file__).parents[1] / "configs"
SHAPES: dict[str, tuple[int, ...]] = {"inertial": (120, 6), "skeleton": (40, 20, 3)}
CLASSES, PHASE, WARM = 27, 5, 2  # of UTD-MHAD; epochs of a phase of stage 2, and steps that are not counted
STAGE1_CLIPS, STAGE1_BATCH = 512, 32
Spent = dict[str, float]
Epoch = Callable[[], Spent]


def steps(batches: Iterable[Batch], loss: Callable[[Batch], Tensor], optimizer: Any, half: bool) -> Spent:
    """Seconds that steps on batches spend on each of their parts."""
    spent = dict.fromkeys(("data", "forward", "backward", "optimizer"), 0.0)
    last = time.perf_counter()

    def lap(part: str) -> None:
        nonlocal last
        now = time.perf_counter()
        spent[part] += now - last
        last = now

    for batch in batches:
        lap("data")
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            value = loss(batch)
        lap("forward")
        optimizer.zero_grad()
        value.backward()
        lap("backward")
        optimizer.step()
        lap("optimizer")
    return spent


def built(description: Any) -> Any:
    """An object of its class path and arguments in a config."""
    module, name = description["class_path"].rsplit(".", 1)
    return getattr(importlib.import_module(module), name)(**description.get("init_args", {}))


def samples(count: int, views: Views | None = None) -> SampleBatches:
    """Random samples of UTD-MHAD's shapes."""
    inputs = {name: torch.randn(count, *shape) for name, shape in SHAPES.items()}
    index = torch.arange(count)
    return SampleBatches(inputs, index % CLASSES, index, index, views)


def views_of(data: dict[str, Any]) -> Views | None:
    """Augmented views as a datamodule's arguments have them; None for none."""
    if "augmentations" not in data:
        return None
    augmentations: dict[str, list[Augmentation]] = {
        name: [built(each) for each in every] for name, every in data["augmentations"].items()
    }
    units = {name: Normalization((0.0,) * shape[-1], (1.0,) * shape[-1]) for name, shape in SHAPES.items()}
    return Views(augmentations, units, data["num_augmentations"])


class Training:
    """Trainings as they are now, or as they were.

    Args:
        before: Whether as they were.
        half: Whether in bfloat16 where autocast has it so.
    """

    def __init__(self, before: bool, half: bool) -> None:
        self.before, self.half = before, half
        self._epochs: dict[str, Epoch] = {}

    def measure(self, what: str) -> Spent:
        """Seconds of an epoch, by the parts of its steps; the first time the epoch is prepared, which does not count.

        Args:
            what: "stage1 CONFIG", see `stage1`, or "stage2 PART", see `stage2`.
        """
        if what not in self._epochs:
            stage, which = what.split()
            torch.manual_seed(0)
            self._epochs[what] = getattr(self, stage)(which)
        return self._epochs[what]()

    def stage1(self, config: str) -> Epoch:
        """Prepares a whole epoch of the stage 1 of a config, without neighbours as further positives."""
        model = yaml.safe_load((CONFIGS / f"{config}_stage1.yaml").read_text(encoding="utf-8"))["model"]["init_args"]
        data = yaml.safe_load((CONFIGS / "data" / f"{config}.yaml").read_text(encoding="utf-8"))["init_args"]
        encoders = {name: built(each) for name, each in model.pop("encoders").items()}
        model["optimizer"].pop("schedule", None)  # it takes no time, but needs a trainer's number of epochs
        module = ContrastiveFusionModule(SHAPES, CLASSES, encoders, **model)
        self._as_asked(module.encoders)
        optimizer = self._optimizer(module.configure_optimizers()["optimizer"])
        module.train()

        def loss(batch: Batch) -> Tensor:
            fused = module.views(module.project(module(batch["inputs"])))
            value: Tensor = module.loss(
                fused.reshape(len(fused) // batch.get("num_augmentations", 1), -1, fused.shape[2])
            )
            return value

        def epoch(clips: int = STAGE1_CLIPS) -> Spent:
            torch.manual_seed(0)
            batches = samples(clips, views_of(data)).loader(size, shuffle=True, drop_last=True)
            return steps(batches, loss, optimizer, self.half)

        size = data.get("pretrain_batch_size", STAGE1_BATCH)
        epoch(WARM * size)
        return epoch

    def stage2(self, part: Part) -> Epoch:
        """Prepares an epoch of a phase of stage 2 on one label a class, the mean over the phase."""
        weights = {"inertial": 0.5, "skeleton": 0.5}
        encoders = {"inertial": InertialEncoder(), "skeleton": SkeletonEncoder()}
        module = IterativeFusionModule(SHAPES, CLASSES, encoders=encoders, quality_weights=weights)
        self._as_asked(module.encoders)
        optimizer = self._optimizer(module.configure_optimizers()[0][PARTS.index(part)])
        loader = samples(CLASSES).loader(16, shuffle=True)
        for each in PARTS:
            toggle(getattr(module, each), each == part)

        def epoch() -> Spent:
            memory = None if self.before or part == "encoders" else FeatureMemory(module.encoders)

            def loss(batch: Batch) -> Tensor:
                if memory is None:
                    logits = module(batch["inputs"])
                else:
                    logits = module.classifier(memory.maps(batch, None), None)[0]
                return F.cross_entropy(logits.float(), batch["label"])

            epochs = [steps(loader, loss, optimizer, self.half) for _ in range(PHASE)]
            return {name: sum(each[name] for each in epochs) / PHASE for name in epochs[0]}

        epoch()
        return epoch

    def _as_asked(self, encoders: Any) -> None:
        """Puts encoders as they were in the place of today's, if those are asked for."""
        for name, encoder in list(encoders.items()) if self.before else []:
            encoders[name] = as_before(encoder)
            check_equal(encoder, encoders[name], torch.randn(4, *SHAPES[name]))

    def _optimizer(self, optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
        return unfused(optimizer) if self.before else optimizer


def main() -> None:
    """Measures what each line of the standard input names, and prints the parts' seconds in one line."""
    variant = sys.argv[1]
    torch.set_num_threads(1)
    if variant != "before":
        keep_freed_memory()
    training = Training(variant == "before", variant == "bfloat16")
    for line in sys.stdin:
        print(json.dumps(training.measure(line.strip())), flush=True)


if __name__ == "__main__":
    main()
