"""Which part an epoch of alternating training trains (Ouyang et al., MobiCom 2022, Sec. 5.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

Part = Literal["encoders", "classifier"]
PARTS: tuple[Part, Part] = ("encoders", "classifier")


def active_parts(hparams: Mapping[str, Any], epoch: int) -> tuple[Part, ...]:
    """Parts trained in an epoch.

    Args:
        hparams: ``iterative_epochs``, ``first_part``, ``phase_offset`` and ``frozen_encoders``, see
            `IterativeFusionModule`.
        epoch: Number of the epoch, from 0.
    """
    length = hparams["iterative_epochs"]
    if hparams["frozen_encoders"]:
        return ("classifier",)
    if length == 0:
        return PARTS
    parts = PARTS if hparams["first_part"] == "encoders" else PARTS[::-1]
    return (parts[(epoch + hparams["phase_offset"]) // length % 2],)
