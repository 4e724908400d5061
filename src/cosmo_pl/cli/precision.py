"""The precision of a training where none is given: bfloat16 where the machine computes in it faster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from pytorch_lightning import Trainer

Precision = (
    Literal[64, 32, 16]
    | Literal[
        "auto", "transformer-engine", "transformer-engine-float16", "16-true", "16-mixed", "bf16-true", "bf16-mixed",
        "32-true", "64-true",
    ]
    | Literal["64", "32", "16", "bf16"]
)  # fmt: skip


class PreciseTrainer(Trainer):
    """Lightning's Trainer with "auto" among its precisions, which the command line replaces before it builds one."""

    def __init__(self, *args: Any, precision: Precision | None = "auto", **kwargs: Any) -> None:
        super().__init__(*args, precision=precision, **kwargs)  # type: ignore[arg-type]


def resolved_precision(asked: Any, accelerator: str, mixed: bool) -> Any:
    """What a Trainer is built with.

    Args:
        asked: The Trainer's argument, or "auto".
        accelerator: The Trainer's argument.
        mixed: Whether half precision may be chosen: in trainings of most methods, see `BaseModule.mixed_precision`.

    Returns:
        `asked`; for "auto" "bf16-mixed" on a CPU that has matrix units for bfloat16, else "32-true": on a GPU these
        networks wait for kernels to be launched, and casts are more of them (H100, stage 1: 0.8 to 1.0 times as fast).
    """
    if asked != "auto":
        return asked
    return "bf16-mixed" if mixed and runs_on_bfloat16_units(accelerator) else "32-true"


def runs_on_bfloat16_units(accelerator: str) -> bool:
    """Whether a Trainer would choose the CPU for an accelerator, and that multiplies matrices in bfloat16."""
    if (accelerator == "auto" and torch.cuda.is_available()) or accelerator not in ("auto", "cpu"):
        return False
    known: Mapping[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(known.get("amx_bf16", False))
