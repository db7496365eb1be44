"""Reads an offline run of wandb: a log in LevelDB's format whose records are protocol buffers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BLOCK = 32 * 1024
FILE_HEADER, RECORD_HEADER = 7, 7
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4


def _records(data: bytes) -> Iterator[bytes]:
    at, parts = FILE_HEADER, b""
    while at + RECORD_HEADER <= len(data):
        left = BLOCK - at % BLOCK
        if left < RECORD_HEADER:
            at += left
            continue
        size, kind = int.from_bytes(data[at + 4 : at + 6], "little"), data[at + 6]
        if kind not in (FULL, FIRST, MIDDLE, LAST):
            return
        parts += data[at + RECORD_HEADER : at + RECORD_HEADER + size]
        at += RECORD_HEADER + size
        if kind in (FULL, LAST):
            yield parts
            parts = b""


class WandbRun:
    """What a run logged.

    Attributes:
        rows: One per log, by name.
        axes: Name or pattern of a metric → what it is drawn against.
    """

    def __init__(self, folder: Path) -> None:
        from wandb.proto.wandb_internal_pb2 import Record

        (path,) = folder.rglob("*.wandb")
        self.rows: list[dict[str, Any]] = []
        self.axes: dict[str, str] = {}
        for data in _records(path.read_bytes()):
            record = Record()
            record.ParseFromString(data)
            kind = record.WhichOneof("record_type")
            if kind == "history":
                items = record.history.item
                self.rows.append({item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items})
            elif kind == "metric":
                self.axes[record.metric.name or record.metric.glob_name] = record.metric.step_metric
