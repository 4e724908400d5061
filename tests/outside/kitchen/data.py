"""Three activities in a kitchen, four people, four sensors."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from cosmo_pl.data import MultimodalDataModule
from cosmo_pl.data.recordings import Recording, clip_columns
from cosmo_pl.data.samples import Samples

SHAPES = {"wrist": (20, 3), "ankle": (20, 3), "audio": (16, 4), "pressure": (12, 2)}


def record(root: Path, subjects: Sequence[int] = (1, 2, 3, 4), trials: int = 8, seed: int = 0) -> Path:
    """Writes clips whose activity is the frequency of every channel."""
    folder = Path(root) / KitchenDataModule.dataset
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    activities = range(1, len(KitchenDataModule.class_names) + 1)
    for subject, activity, trial in product(subjects, activities, range(1, trials + 1)):
        clip = {}
        for name, (steps, channels) in SHAPES.items():
            turns = activity * np.linspace(0, 1, steps)[:, None] + np.arange(channels) / channels
            clip[name] = (np.sin(2 * np.pi * turns) + 0.3 * random.standard_normal((steps, channels))).astype("float32")
        np.savez(folder / f"s{subject}_a{activity}_t{trial}.npz", **clip)
    return folder


class KitchenDataModule(MultimodalDataModule):
    """Clips ``s{subject}_a{activity}_t{trial}.npz`` with an array (time, channels) of each sensor."""

    dataset = "Kitchen"
    key = "kitchen"
    title = "kitchen sensors"
    class_names = ("stir", "cut", "wash up")
    channel_groups = {name: (tuple(range(channels)),) for name, (_, channels) in SHAPES.items()}
    simulator = "kitchen.data.record"

    def __init__(
        self,
        modalities: Sequence[str] = tuple(SHAPES),
        test_subjects: Sequence[int] = (4,),
        label_rate: float = 0.1,
        **shared: Any,
    ) -> None:
        super().__init__(modalities=modalities, test_subjects=test_subjects, label_rate=label_rate, **shared)

    @property
    def modality_shapes(self) -> dict[str, tuple[int, ...]]:
        return {name: SHAPES[name] for name in self.modalities}

    def find_recordings(self, folder: Path) -> list[Recording]:
        found = [(path, re.fullmatch(r"s(\d+)_a(\d+)_t\d+", path.stem)) for path in sorted(folder.glob("*.npz"))]
        clips = [Recording(path.stem, int(m[2]) - 1, int(m[1]), {"clip": path}) for path, m in found if m]
        if not clips:
            raise self.not_found(folder, "s{subject}_a{activity}_t{trial}.npz")
        return clips

    def read(self, recordings: Sequence[Recording]) -> Samples:
        clips = [np.load(clip.files["clip"]) for clip in recordings]
        inputs = {name: np.stack([clip[name] for clip in clips]) for name in self.modalities}
        return Samples(inputs, **clip_columns(recordings))

    def reader_arguments(self) -> dict[str, object]:
        return {}
