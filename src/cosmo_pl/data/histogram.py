"""A histogram of positive values of any size, in fixed memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


class LogHistogram:
    """Counts of positive values in bins of 0.1 %, for quantiles in fixed memory.

    Args:
        low: Smaller values count as this one.
        high: Larger values count as this one.
    """

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high
        self.counts = np.zeros(int(np.ceil(np.log(high / low) * 1000)) + 1, dtype=np.int64)

    def add(self, values: NDArray[Any]) -> None:
        """Counts values."""
        bins = np.rint(np.log(np.clip(values, self.low, self.high) / self.low) * 1000).astype(np.int64)
        self.counts += np.bincount(bins, minlength=len(self.counts))

    def quantile(self, share: float) -> float:
        """Value below which a share of the values is; 0 without values."""
        total = int(self.counts.sum())
        if not total:
            return 0.0
        at = int(np.searchsorted(np.cumsum(self.counts), share * total))
        return float(self.low * np.exp(at / 1000))
