"""Which activities of which person a trained model takes for which others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from cosmo_pl.data import MultimodalDataModule
from cosmo_pl.modules import BaseModule, ClassifierModule
from cosmo_pl.modules.base import evaluated


def confusions(runs: Sequence[tuple[BaseModule, MultimodalDataModule]]) -> dict[str, Any]:
    """Counts the confusions of each test subject.

    Args:
        runs: One run of a classifier.

    Returns:
        ``counts``: subject to true activity to predicted activity to the number of test samples; ``total``: subject to
        the number of its test samples.
    """
    model, data = runs[0]
    assert isinstance(model, ClassifierModule)
    found: Counter[tuple[int, int, int]] = Counter()
    for batch, logits in evaluated(model, data.test_dataloader()):
        best = logits.argmax(dim=1).tolist()
        found.update(zip(batch["subject"].tolist(), batch["label"].tolist(), best, strict=True))
    counts: dict[str, dict[str, dict[str, int]]] = {}
    for (subject, label, predicted), count in sorted(found.items()):
        of_class = counts.setdefault(str(subject), {}).setdefault(data.class_names[label], {})
        of_class[data.class_names[predicted]] = count
    return {
        "counts": counts,
        "total": {
            subject: sum(sum(row.values()) for row in of_subject.values()) for subject, of_subject in counts.items()
        },
    }
