"""What a trained model loses where sensors are missing."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import torch

from cosmo_pl.data import MultimodalDataModule
from cosmo_pl.modules import BaseModule, ClassifierModule


def missing_sensors(runs: Sequence[tuple[BaseModule, MultimodalDataModule]]) -> dict[str, Any]:
    """Tests a model on the test samples with every set of sensors, the others being absent.

    Args:
        runs: One run of a classifier.

    Returns:
        ``correct``: sensors joined by "+" to correct predictions, all sensors first; ``total``: test samples.
    """
    model, data = runs[0]
    assert isinstance(model, ClassifierModule)
    names = data.modalities
    sets = [chosen for size in range(len(names), 0, -1) for chosen in combinations(names, size)]
    correct = dict.fromkeys(("+".join(chosen) for chosen in sets), 0)
    model.eval()
    with torch.inference_mode():
        for batch in data.test_dataloader():
            for chosen in sets:
                inputs = {name: batch["inputs"][name].to(model.device) for name in chosen}
                predicted = model(inputs).argmax(dim=1).cpu()
                correct["+".join(chosen)] += int((predicted == batch["label"].cpu()).sum())
    return {"correct": correct, "total": len(data.split.test)}
