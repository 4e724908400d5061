"""The state of a server after a round, from which a server that was killed goes on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from cosmo_pl.data.normalization import Normalization
from cosmo_pl.errors import CosmoError
from cosmo_pl.federated.description import read_statistics
from cosmo_pl.io import whole_file
from cosmo_pl.run_folder import CHECKPOINTS

NAME = f"{CHECKPOINTS}/rounds.safetensors"


@dataclass
class ServerState:
    """What a server knows after a round.

    Args:
        weights: Weights of all modalities.
        statistics: Modality to the statistics that standardise all clients' samples.
        history: One mapping of figures per completed round.
        seconds: Seconds spent in all rounds.
        about: What the bundle says of the clients' data.
    """

    weights: dict[str, Tensor]
    statistics: Mapping[str, Normalization]
    history: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def rounds(self) -> int:
        """Completed rounds."""
        return len(self.history)

    def save(self, run: Path) -> None:
        """Writes it into the folder of a run, as a whole."""
        known = {
            "statistics": {name: asdict(each) for name, each in self.statistics.items()},
            "history": self.history,
            "seconds": self.seconds,
            "about": self.about,
        }
        with whole_file(run / NAME) as part:
            weights = {name: value.contiguous() for name, value in self.weights.items()}
            save_file(weights, part, metadata={"state": json.dumps(known)})

    @classmethod
    def load(cls, run: Path) -> ServerState | None:
        """The state in the folder of a run; None if there is none.

        Raises:
            CosmoError: It is damaged.
        """
        path = run / NAME
        if not path.is_file():
            return None
        try:
            with safe_open(path, "pt") as file:
                known = json.loads(file.metadata()["state"])
                weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  no mapping
            return cls(
                weights, read_statistics(known["statistics"]), known["history"], known["seconds"], known["about"]
            )
        except Exception as error:  # safetensors raises its own types
            raise CosmoError(f"{path}: is damaged ({error}). Remove its folder, and start again.") from error
