"""The default precision of a training: bfloat16 on machines that compute faster with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from pytorch_lightning import Trainer

Precision = (
    Literal[64, 32, 16]
    | Literal[
        "auto",
        "transformer-engine",
        "transformer-engine-float16",
        "16-true",
        "16-mixed",
        "bf16-true",
        "bf16-mixed",
        "32-true",
        "64-true",
    ]
    | Literal["64", "32", "16", "bf16"]
)


class PreciseTrainer(Trainer):
    """Lightning's Trainer with the further precision "auto", which the command line resolves."""

    def __init__(self, *args: Any, precision: Precision | None = "auto", **kwargs: Any) -> None:
        super().__init__(*args, precision=precision, **kwargs)  # type: ignore[arg-type]


def resolved_precision(given: Any, accelerator: str, mixed: bool) -> Any:
    """The precision that a Trainer is built with.

    Args:
        given: The Trainer's argument, or "auto".
        accelerator: The Trainer's argument.
        mixed: Whether bfloat16 may be chosen, see `BaseModule.mixed_precision`.

    Returns:
        `given`. For "auto": "bf16-mixed" on a CPU with matrix units for bfloat16, else "32-true". On a GPU these
        small networks are limited by kernel launches, and casts add more (H100, stage 1: 0.8 to 1.0 times as fast).
    """
    if given != "auto":
        return given
    return "bf16-mixed" if mixed and runs_on_bfloat16_units(accelerator) else "32-true"


def runs_on_bfloat16_units(accelerator: str) -> bool:
    """Whether a Trainer with this accelerator uses a CPU with matrix units for bfloat16."""
    if (accelerator == "auto" and torch.cuda.is_available()) or accelerator not in ("auto", "cpu"):
        return False
    known: Mapping[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(known.get("amx_bf16", False))
