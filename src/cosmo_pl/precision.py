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
        `asked`; for "auto" "bf16-mixed" where a GPU or the CPU has matrix units for bfloat16, else "32-true".
    """
    if asked != "auto":
        return asked
    return "bf16-mixed" if mixed and has_bfloat16_units(accelerator) else "32-true"


def has_bfloat16_units(accelerator: str) -> bool:
    """Whether what a Trainer would choose for an accelerator multiplies matrices in bfloat16."""
    if accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if accelerator not in ("auto", "cpu"):
        return False
    known: Mapping[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(known.get("amx_bf16", False))
