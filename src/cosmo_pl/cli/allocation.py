"""Memory that the C library keeps between training steps."""

from __future__ import annotations

import ctypes

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of mallopt(3)


def keep_freed_memory() -> None:
    """Lets glibc keep freed memory. Does nothing with another C library.

    A training step frees tens of megabytes and allocates them again in the next step. By default glibc returns large
    blocks to the system each time. The page faults of the next allocation take a fifth of a step of the paper's
    networks. With this setting the process keeps its peak memory until its end.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return
    mallopt(M_MMAP_MAX, 0)
    mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
