"""The recordings of a run that is exported, in the sensors' units, where they are still there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pytorch_lightning.utilities import rank_zero_warn

from cosmo_pl.data import MultimodalDataModule
from cosmo_pl.data.identity import is_simulated
from cosmo_pl.data.selection import evenly_spaced
from cosmo_pl.edge.deciding import load_classifier
from cosmo_pl.edge.transitions import usual_hop_of
from cosmo_pl.errors import CosmoError
from cosmo_pl.exported import ExportedRecogniser
from cosmo_pl.modules import ClassifierModule

AT_ONCE = 256  # samples


@dataclass
class RunRecordings:
    """Recordings of a run.

    Args:
        run: Folder of the run, or a checkpoint of it, whose weights decide.
    """

    run: Path

    @cached_property
    def loaded(self) -> tuple[ClassifierModule, MultimodalDataModule]:
        """The classifier and its data, set up; they are loaded once.

        Raises:
            CosmoError: They cannot be used.
        """
        return load_classifier(self.run)

    @property
    def data(self) -> MultimodalDataModule:
        """The data of the run, see `loaded`."""
        return self.loaded[1]

    @cached_property
    def _known(self) -> MultimodalDataModule | None:
        try:
            return self.data
        except CosmoError as error:
            rank_zero_warn(f"accuracy and equality of the exported model are not measured: {error}")
            return None

    @property
    def hop(self) -> float | None:
        """Seconds between the starts of two windows; None without recordings, and where each is one sample."""
        found = None if self._known is None else usual_hop_of(self._known)
        return None if found is None else found[1]

    def accuracy(self, recogniser: ExportedRecogniser) -> dict[str, Any] | None:
        """Correctly recognised samples of the test subjects; None without recordings or labels of them."""
        correct = total = 0
        for rows, arrays in self.tested():
            correct += int((recogniser.predict(arrays).label == self.data.samples.label[rows]).sum())
            total += len(rows)
        if not total:
            return None
        simulated = is_simulated(self.data.folder)
        return {"correct": correct, "total": total, "accuracy": correct / total, "simulated": simulated}

    def tested(self) -> Iterator[tuple[NDArray[np.int64], dict[str, NDArray[np.float32]]]]:
        """All test samples, see `batches`; none without recordings."""
        data = self._known
        return iter(()) if data is None or not data.is_set_up else self.batches(data.split.test)

    def batches(self, rows: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], dict[str, NDArray[np.float32]]]]:
        """Samples of some indices with the same sensors, at most `AT_ONCE`: indices, and modality to values."""
        samples = self.data.samples
        has = np.stack([samples.has(name)[rows] for name in self.data.modalities], axis=1)
        for pattern in np.unique(has, axis=0):
            alike = rows[(has == pattern).all(axis=1)]
            names = [name for name, used in zip(self.data.modalities, pattern, strict=True) if used]
            for at in range(0, len(alike), AT_ONCE):
                some = alike[at : at + AT_ONCE]
                yield some, {name: np.asarray(samples.inputs[name][some], np.float32) for name in names}


def training_samples(data: MultimodalDataModule, count: int, complete: bool = False) -> dict[str, NDArray[np.float32]]:
    """Samples of training subjects, evenly spaced, in the sensors' units.

    Args:
        data: The data, set up.
        count: Largest number of samples.
        complete: Whether only samples with all modalities are used, the same for each.

    Returns:
        Modality to at most `count` samples (n, *shape) that have it.
    """
    found = {}
    for name in data.modalities:
        rows = data.samples.complete(data.split.train) if complete else data.split.train
        rows = rows[data.samples.has(name)[rows]]
        some = rows[evenly_spaced(len(rows), count)]
        found[name] = np.asarray(data.samples.inputs[name][some], np.float32)
    return found
