"""Hashes of contents."""

from __future__ import annotations

import hashlib
import tracemalloc
from pathlib import Path

import numpy as np

from cosmo_pl.data.streams.contents import content_hashes

from .written import write_streams


def test_the_hash_is_that_of_the_bytes_and_copies_none_of_them(tmp_path: Path) -> None:
    store = write_streams(tmp_path, subjects=(1,), labels=(), unlabeled=1, seconds=20_000.0)
    content_hashes(store, ["wrist"])  # imports are no part of the memory
    tracemalloc.start()
    try:
        found = content_hashes(store, ["wrist"])
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    content = np.load(store.path("wrist")).tobytes()
    assert most < len(content) / 4
    assert found == {"s1_0": {hashlib.blake2b(content, digest_size=8).hexdigest()}}
