"""What is on disk: the rows of the paper's Table 1, and counts by activity and subject."""

from __future__ import annotations

import numpy as np

from cosmo_pl.data.base import MultimodalDataModule


def describe(data: MultimodalDataModule) -> str:
    """Describes a dataset.

    Args:
        data: Its datamodule; `setup` is called here.

    Returns:
        Markdown: Table 1 for the recordings on disk under the datamodule's arguments, the parts of the split, and the
        number of samples of each activity and subject.
    """
    data.setup()
    samples = data.samples
    assert samples is not None
    subjects = np.unique(samples.subject)
    shapes = ", ".join(f"{name} {'×'.join(map(str, shape))}" for name, shape in data.modality_shapes.items())
    parts = {"train": data.split.train, "validation": data.split.val, "test": data.split.test}
    people = {name: sorted({int(s) for s in samples.subject[rows]}) for name, rows in parts.items() if len(rows)}
    lines = [
        f"# {data.dataset} in {data.folder}",
        "",
        "| modalities (shape of a sample) | activities | subjects | recordings | samples |",
        "|---|---|---|---|---|",
        f"| {shapes} | {data.num_classes} | {len(subjects)} | {len(np.unique(samples.recording))} | {len(samples)} |",
        "",
        *(f"- {name} subjects: {', '.join(map(str, ids))}" for name, ids in people.items()),
        f"- labelled {len(data.split.labeled)}, unlabelled {len(data.split.unlabeled)}, "
        f"validation {len(data.split.val)}, test {len(data.split.test)} samples",
        f"- fingerprint of the recordings: {data.data_fingerprint}",
        "",
        "| activity | " + " | ".join(f"s{s}" for s in subjects) + " | all |",
        "|---" * (len(subjects) + 2) + "|",
    ]
    for label, name in enumerate(data.class_names):
        counts = [int(((samples.label == label) & (samples.subject == s)).sum()) for s in subjects]
        lines.append(f"| {name} | " + " | ".join(map(str, counts)) + f" | {sum(counts)} |")
    return "\n".join(lines)
