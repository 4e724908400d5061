"""Errors a user can mend: one line, which names the thing and the remedy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cosmo_pl.data import MultimodalDataModule, USCDataModule, UTDDataModule
from cosmo_pl.errors import CosmoError

Module = type[MultimodalDataModule]
BOTH = pytest.mark.parametrize("module", [USCDataModule, UTDDataModule], ids=["usc", "utd"])


def make(module: Module, root: Path, /, **arguments: object) -> MultimodalDataModule:
    small = {"window_size": 20, "stride": 5} if module is USCDataModule else {}
    labels = {} if {"label_rate", "label_split"} & set(arguments) else {"labels_per_class": 1}
    return module(**{"root": str(root / module.key), "test_subjects": [4], **labels, **small, **arguments})


def prepare(module: Module, root: Path, /, **arguments: object) -> None:
    make(module, root, **arguments).prepare_data()


def run(module: Module, root: Path, /, **arguments: object) -> None:
    data = make(module, root, **arguments)
    data.prepare_data()
    data.setup()


def refusal(kind: type[CosmoError], action: Callable[[], object], *told: str) -> None:
    """The action fails with this error, in one line that tells all of that."""
    with pytest.raises(kind) as caught:
        action()
    message = str(caught.value)
    assert "\n" not in message and message.endswith(".")
    for text in told:
        assert text in message
