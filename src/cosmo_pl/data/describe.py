"""Description of the recordings on disk: Table 1 of the paper, and counts by activity and subject."""

from __future__ import annotations

import numpy as np

from cosmo_pl.data.base import MultimodalDataModule
from cosmo_pl.data.dead_sensors import sensor_faults
from cosmo_pl.data.samples import Samples
from cosmo_pl.errors import ConfigurationError


def describe(data: MultimodalDataModule) -> str:
    """Describes a dataset.

    Args:
        data: Its datamodule.

    Returns:
        Markdown: Table 1 for the recordings on disk, the subjects of each part under the datamodule's arguments, one
        line per fault that was found, and the number of samples per activity and subject.

    Raises:
        CosmoError: The recordings cannot be used.
    """
    samples = data.load()
    dead, doubtful = sensor_faults(samples, np.arange(len(samples)), data)
    subjects = np.unique(samples.subject)
    shapes = ", ".join(f"{name} {'×'.join(map(str, shape))}" for name, shape in data.modality_shapes.items())
    lines = [
        f"# {data.title} in {data.folder}",
        "",
        "| modalities (shape of a sample) | activities | subjects | recordings | samples |",
        "|---|---|---|---|---|",
        f"| {shapes} | {data.num_classes} | {len(subjects)} | {len(np.unique(samples.recording))} | {len(samples)} |",
        "",
        *_parts(data, samples),
        f"- fingerprint of the recordings: {data.data_fingerprint}",
        *(f"- {fault}" for fault in [*data.faults.lines, *dead, *doubtful]),
        "",
        "| activity | " + " | ".join(f"s{s}" for s in subjects) + " | all |",
        "|---" * (len(subjects) + 2) + "|",
    ]
    rows = [*enumerate(data.class_names), *([(-1, "(unlabelled)")] if (samples.label < 0).any() else [])]
    for label, name in rows:
        counts = [int(((samples.label == label) & (samples.subject == s)).sum()) for s in subjects]
        lines.append(f"| {name} | " + " | ".join(map(str, counts)) + f" | {sum(counts)} |")
    return "\n".join(lines)


def _parts(data: MultimodalDataModule, samples: Samples) -> list[str]:
    """One line per part, or one line with the reason why these subjects cannot be split."""
    try:
        lists = data.subjects.resolve(np.unique(samples.subject), data.dataset)
    except ConfigurationError as error:
        return [f"- not split: {error}"]
    return [
        f"- {name} subjects {', '.join(map(str, ids))}: {int(np.isin(samples.subject, ids).sum())} samples"
        for name, ids in zip(("train", "validation", "test"), lists, strict=True)
        if len(ids)
    ]
