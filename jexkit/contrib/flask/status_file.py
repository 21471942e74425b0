"""How the streams are, in a file beside the app: written by the process that holds them, read by every other."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from jexkit.contrib.states import Report, trouble_of, unheld
from jexkit.stream import Status

COMMAND = "flask"


def write_down(path: Path, statuses: Iterable[Status], holder: str) -> None:
    """Keep how the streams are now, in a file that is whole at any moment."""
    record = {
        "holder": holder,
        "reported": datetime.now(timezone.utc).isoformat(),
        "streams": {status.stream: status.to_dict() for status in statuses},
    }
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.write_text(json.dumps(record), "utf-8")
    draft.replace(path)


def reports(path: Path, names: Iterable[str]) -> list[Report]:
    """These streams, in their order, those that nobody holds too."""
    try:
        told = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        told = {"streams": {}}
    return [_report(name, told) for name in names]


def _report(name: str, told: Mapping[str, Any]) -> Report:
    row = told["streams"].get(name)
    if row is None:
        return unheld(name, COMMAND)
    reported = datetime.fromisoformat(told["reported"])
    return Report(
        name,
        row["state"],
        trouble_of(row["state"], row["last_error"], datetime.now(timezone.utc) - reported, COMMAND),
        last_proof=_time(row["last_proof"]),
        last_event=_time(row["last_event"]),
        reported=reported,
        holder=told["holder"],
    )


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
