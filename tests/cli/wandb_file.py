"""What an offline run of W&B has written: its file is a log of protocol buffers in blocks, as LevelDB's."""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BLOCK, HEADER = 32768, struct.Struct("<IHB")  # checksum, length and kind of a part
FULL, LAST = 1, 4


def records(path: Path) -> Iterator[Any]:
    """Every whole record of a ``.wandb`` file."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, at, parts = path.read_bytes(), 7, b""
    assert data.startswith(b":W&B")
    while at + HEADER.size <= len(data):
        left = BLOCK - at % BLOCK
        if left < HEADER.size:
            at += left
            continue
        _, size, kind = HEADER.unpack_from(data, at)
        at += HEADER.size + size
        if at > len(data):
            return
        parts += data[at - size : at]
        if kind in (FULL, LAST):
            record = Record()
            record.ParseFromString(parts)
            parts = b""
            yield record


def ended(folder: Path) -> list[Any]:
    """Records of a run up to its end; W&B's own process may still be writing them."""
    deadline = time.monotonic() + 60
    while True:
        found = [record for path in folder.glob("*.wandb") for record in records(path)]
        if found and found[-1].WhichOneof("record_type") == "exit":
            return found
        assert time.monotonic() < deadline, f"{folder} has no end"
        time.sleep(0.1)


class OfflineRun:
    """An offline run, read back.

    Args:
        folder: ``offline-run-*``.

    Attributes:
        name: Its name.
        config: Its config; keys may have dots.
        history: Name of a metric to all that was logged of it.
        artifacts: Type of an artifact to its record.
        exit_code: How it ended.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.name = folder, ""
        self.config: dict[str, Any] = {}
        self.history: dict[str, list[Any]] = {}
        self.artifacts: dict[str, Any] = {}
        self.exit_code: int | None = None
        for record in ended(folder):
            kind = record.WhichOneof("record_type")
            if kind == "run":
                self.name = record.run.display_name or self.name
            if kind in ("run", "config"):
                for update in (record.run.config if kind == "run" else record.config).update:
                    if update.key:
                        self.config[update.key] = json.loads(update.value_json)
            elif kind == "history":
                for item in record.history.item:
                    key = item.key or "/".join(item.nested_key)
                    self.history.setdefault(key, []).append(json.loads(item.value_json))
            elif kind == "artifact":
                self.artifacts[record.artifact.type] = record.artifact
            elif kind == "exit":
                self.exit_code = record.exit.exit_code

    def confusion(self, part: str) -> dict[tuple[str, str], int]:
        """Counts by true and predicted class, of the table behind the chart."""
        (path,) = self.folder.glob(f"files/media/table/{part}/confusion_matrix_table_*.table.json")
        table = json.loads(path.read_text(encoding="utf-8"))
        assert table["columns"] == ["Actual", "Predicted", "nPredictions"]
        return {(actual, predicted): count for actual, predicted, count in table["data"]}
