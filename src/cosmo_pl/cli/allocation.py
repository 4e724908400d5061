"""Memory that the C library keeps from one training step for the next."""

from __future__ import annotations

import ctypes

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of mallopt(3)


def keep_freed_memory() -> None:
    """Lets glibc hold on to freed memory; does nothing where there is another C library.

    A training step frees tens of megabytes and asks for them again in the next. By default large blocks go back to the
    system each time, and the page faults of getting them anew take a fifth of a step of the paper's networks. The
    process then keeps the most that it has used until its end.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return
    mallopt(M_MMAP_MAX, 0)
    mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
