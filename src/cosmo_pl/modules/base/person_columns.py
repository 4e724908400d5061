"""Columns of samples, standardised by those of the same person."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn

from cosmo_pl.errors import ConfigurationError

OwnColumns = Literal["add", "only"]
SMALLEST = 1e-3  # share of a column's deviation over all people that a person's own is at least


class PersonColumns(nn.Module):
    """Standardises columns by mean and deviation over the known samples of a person, whose labels are not used.

    How a sensor is worn and how vigorously somebody moves can shift and stretch columns for all activities of a person
    alike. The activities of the known samples should be those that are recognised later.

    Args:
        mode: "add" keeps the columns as they are as well; "only" does not.
    """

    subject: Tensor
    tested: Tensor
    mean: Tensor
    deviation: Tensor
    examples: Tensor

    def __init__(self, mode: OwnColumns) -> None:
        super().__init__()
        self.mode = mode
        for name in ("subject", "tested", "examples"):
            self.register_buffer(name, torch.zeros(0, dtype=torch.long))
        for name in ("mean", "deviation"):
            self.register_buffer(name, torch.zeros(0, 0, dtype=torch.double))
        self.register_load_state_dict_pre_hook(_make_room)  # type: ignore[no-untyped-call]

    def learn(self, columns: Tensor, subject: Tensor) -> None:
        """Measures the statistics of each person.

        Args:
            columns: Columns of all known samples (N, F).
            subject: Their persons (N,).
        """
        columns, subject = columns.double(), subject.to(columns.device)
        self.subject = torch.unique(subject)
        own = [columns[subject == each] for each in self.subject]
        self.mean = torch.stack([each.mean(dim=0) for each in own])
        least = SMALLEST * columns.std(dim=0, correction=0)
        deviation = torch.stack([each.std(dim=0, correction=0) for each in own]).maximum(least)
        self.deviation = torch.where(deviation > 0, deviation, 1)

    def forward(self, columns: Tensor, subject: Tensor | None = None) -> Tensor:
        """Columns (N, F) or, with those as they are, (N, 2F).

        Args:
            columns: Columns as they are (N, F).
            subject: Persons (N,); None for the one test subject.

        Raises:
            ConfigurationError: A person has no known samples; or it is None, and there are several test subjects.
        """
        return self.standardised(columns, *self.statistics(subject))

    def standardised(self, columns: Tensor, mean: Tensor, deviation: Tensor) -> Tensor:
        """`forward` of columns (N, F) with the result of `statistics`."""
        own = (columns - mean) / deviation
        return torch.cat([columns, own], dim=1) if self.mode == "add" else own

    def statistics(self, subject: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Mean and deviation (N, F) of persons (N,), or (1, F) of the one test subject; see `forward`."""
        subject = self._only_tested() if subject is None else subject.to(self.subject.device)
        self.check(subject)
        at = torch.searchsorted(self.subject, subject)
        return self.mean[at], self.deviation[at]

    def _only_tested(self) -> Tensor:
        if len(self.tested) != 1:
            problem = f"the columns are those of each person, and it is unknown which of {self.tested.tolist()} this is"
            raise ConfigurationError("own_columns", problem, "Train for one person, the only one of test_subjects")
        return self.tested

    def check(self, subject: Tensor) -> None:
        """Checks that all persons (N,) have known samples.

        Raises:
            ConfigurationError: One has none.
        """
        unknown = sorted(set(subject.tolist()) - set(self.subject.tolist()))
        if unknown:
            problem = f"needs unlabelled samples of each person, and there are none of {unknown}"
            remedy = (
                "Set data.init_args.person_unlabeled to add, leave validation subjects out, or use own_columns: null"
            )
            raise ConfigurationError("own_columns", problem, remedy)


def _make_room(module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    """Resizes the buffers for the statistics that are about to be loaded."""
    for name, buffer in module.named_buffers():
        setattr(module, name, torch.empty_like(state[prefix + name], device=buffer.device))
