"""Accuracy of a trained model with missing sensors."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import torch

from cosmo_pl.data import MultimodalDataModule
from cosmo_pl.data.loading import with_modalities
from cosmo_pl.modules import BaseModule, ClassifierModule
from cosmo_pl.stream_names import name_of


def missing_sensors(runs: Sequence[tuple[BaseModule, MultimodalDataModule]]) -> dict[str, Any]:
    """Tests a model on the test samples with each set of sensors, while the other sensors are missing.

    A sample without any sensor of a set cannot be recognised with it, and counts as not correct.

    Args:
        runs: One run of a classifier.

    Returns:
        ``correct``: sensors joined by "+" to correct predictions, all sensors first; ``total``: test samples, the same
        for each set; ``without_any``: sets of which some samples have no sensor, to the number of these samples.
    """
    model, data = runs[0]
    assert isinstance(model, ClassifierModule)
    names = data.modalities
    sets = {name_of(some): some for size in range(len(names), 0, -1) for some in combinations(names, size)}
    correct, seen = dict.fromkeys(sets, 0), dict.fromkeys(sets, 0)
    model.eval()
    with torch.inference_mode():
        for batch in data.test_dataloader():
            for key, chosen in sets.items():
                some = with_modalities(batch, chosen)
                if len(some["label"]):
                    predicted = model.logits(some).argmax(dim=1)
                    correct[key] += int((predicted == some["label"].to(predicted.device)).sum())
                    seen[key] += len(predicted)
    total = len(data.split.test)
    return {
        "correct": correct,
        "total": total,
        "without_any": {key: total - count for key, count in seen.items() if count < total},
    }
