"""The time of a training on a device: progress with the time left, and a limit."""

from __future__ import annotations

import sys
import time

from pytorch_lightning import Callback, LightningModule, Trainer

SECONDS_BETWEEN_LINES = 1.0


class Budget(Callback):
    """Prints the progress of a training, and ends it after the last epoch that ends within a time limit.

    An epoch is expected to last as long as the longest so far. At least one epoch is trained. The time counts from when
    the budget is made, so that reading the recordings is part of it.

    Args:
        limit: Seconds; None for no limit.

    Attributes:
        time_is_up: Whether the limit has ended the training.
    """

    def __init__(self, limit: float | None = None) -> None:
        self.limit = limit
        self.time_is_up = False
        self._begin = self._epoch_began = time.perf_counter()
        self._cpu_begin = time.process_time()
        self._longest = 0.0
        self._line = -SECONDS_BETWEEN_LINES

    @property
    def seconds(self) -> float:
        """Seconds since it was made."""
        return time.perf_counter() - self._begin

    @property
    def cpu_seconds(self) -> float:
        """Seconds of computation of this process since it was made, of all threads."""
        return time.process_time() - self._cpu_begin

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Starts the clock of the epoch."""
        self._epoch_began = time.perf_counter()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Prints a line, and ends the training if the next epoch would end after the limit."""
        self._longest = max(self._longest, time.perf_counter() - self._epoch_began)
        done, planned = trainer.current_epoch + 1, trainer.max_epochs or 0
        left = (planned - done) * self._longest
        if self.limit is not None and done < planned and self.seconds + self._longest > self.limit:
            self.time_is_up = trainer.should_stop = True
        if self.time_is_up or done == planned or self.seconds >= self._line + SECONDS_BETWEEN_LINES:
            self._line = self.seconds
            print(f"epoch {done} of {planned}, {self.seconds:.1f} s, {left:.1f} s left", flush=True)


def peak_megabytes() -> float:
    """Largest memory of this process so far, in 10⁶ bytes (resident set); 0 where the system does not say it."""
    try:
        import resource
    except ImportError:  # Windows
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6
