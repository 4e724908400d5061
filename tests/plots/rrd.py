"""What a file of the viewer holds, read by the viewer's own package."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

Rows = dict[str, list[tuple[float | None, Any]]]


def rows(path: Path) -> Rows:
    """Entity to its rows in the order of time: second, None for what does not change, and the first component."""
    from rerun.chunk import RrdReader

    reader = RrdReader(path)
    (recording,) = reader.recordings()
    found: Rows = defaultdict(list)
    for chunk in reader.stream(store=recording):
        batch = chunk.to_record_batch()
        names = [name for name in batch.schema.names if ":" in name]
        static = chunk.is_static or "time" not in batch.schema.names
        times = [None] * len(batch) if static else batch.column("time").cast("int64").to_pylist()
        values = batch.column(next((n for n in names if n.endswith((":scalars", ":state"))), names[0])).to_pylist()
        key = f"{chunk.entity_path} static" if static else chunk.entity_path
        found[key] += [(None if t is None else t / 1e9, v) for t, v in zip(times, values, strict=True)]
    return {name: sorted(each, key=lambda row: row[0] or 0.0) for name, each in found.items()}


def states(found: Rows, entity: str) -> list[tuple[float | None, str]]:
    """Second and activity of a band."""
    return [(second, state[0]) for second, state in found[entity]]
