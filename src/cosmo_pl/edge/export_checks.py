"""Whether exported graphs compute what the run does."""

from __future__ import annotations

from typing import Any

import numpy as np

from cosmo_pl.edge.export_recordings import RunRecordings
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.exported import ExportedRecogniser, Prediction
from cosmo_pl.recogniser import Recogniser

EXAMPLES = 5
TOLERANCE = 1e-4  # of probabilities and weights
OF_TREES = 0.02  # a tree whose threshold is next to a value votes for 0.005 of a forest of 200


def check_equal(recogniser: Recogniser, exported: ExportedRecogniser) -> None:
    """Checks that the graphs compute what the classifier does, on random samples around the mean of each sensor.

    Each head is compared, that for all streams and those for fewer.

    Raises:
        ConfigurationError: They do not.
    """
    random = np.random.default_rng(0)
    arrays = {}
    for name, shape in recogniser.modality_shapes.items():
        statistics = recogniser.trained.normalization[name]
        around = random.normal(np.mean(statistics.mean), np.mean(statistics.std), (EXAMPLES, *shape))
        arrays[name] = around.astype(np.float32)
    tolerance = OF_TREES if recogniser.module.tree_heads() else TOLERANCE
    streams = exported.model.streams
    for names in ([*streams], *(key.split(",") for key in exported.model.partial)):
        some = {modality: arrays[modality] for name in names for modality in streams[name]}
        difference = _difference(recogniser.predict(some), exported.predict(some))
        if not difference <= tolerance:
            given = f"from {', '.join(names)} the graphs of {type(recogniser.module).__name__}"
            problem = f"{given} give probabilities or weights that differ by {difference:.2g}"
            raise ConfigurationError("run", problem, "Report it, or use another method")


def equality(recogniser: Recogniser, exported: ExportedRecogniser, recordings: RunRecordings) -> dict[str, Any] | None:
    """Compares the predictions of all test samples.

    Args:
        recogniser: The run.
        exported: Its graphs.
        recordings: The recordings of the run.

    Returns:
        How many predictions of the ``total`` are the ``same``, and the ``largest_difference`` of a probability or a
        weight; None without recordings.
    """
    same, total, largest = 0, 0, 0.0
    for _, arrays in recordings.tested():
        mine, other = recogniser.predict(arrays), exported.predict(arrays)
        same += int((mine.label == other.label).sum())
        total += len(mine.label)
        largest = max(largest, _difference(mine, other))
    return {"same": same, "total": total, "largest_difference": float(f"{largest:.2g}")} if total else None


def _difference(mine: Prediction, other: Prediction) -> float:
    pairs = [(mine.probability, other.probability), *((mine.weights[n], other.weights[n]) for n in mine.weights)]
    return max(float(np.abs(one - two).max()) for one, two in pairs)
