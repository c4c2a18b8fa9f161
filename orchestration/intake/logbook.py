"""Logbook: one JSON line per event, from an allow-list of fields.

A line holds ids, codes and counts. What is not on the list does not get in, whatever is handed over; an exception
is its type and its place, because its text may quote what was sent.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from pathlib import Path

FIELDS = (
    "port",
    "request_id",
    "method",
    "route",
    "status",
    "code",
    "tenant_id",
    "key_id",
    "account",
    "events",
    "milliseconds",
    "kind",
    "sqlstate",
    "table",
    "constraint",
)


class JsonLines(logging.Formatter):
    """Formats a record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Time, level, logger, event, the allowed fields, and where an exception was raised."""
        line: dict[str, str | float] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            # The template, never what was put into it.
            "event": str(record.msg),
        }
        for name in FIELDS:
            value = getattr(record, name, None)
            if value is not None:
                line[name] = value if isinstance(value, int | float) else str(value)
        if record.exc_info and record.exc_info[1] is not None:
            line |= describe(record.exc_info[1])
        return json.dumps(line)


def describe(error: BaseException) -> dict[str, str]:
    """An exception without its text: type, and file and line of the innermost frame."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    place = "unknown"
    if traceback is not None:
        place = f"{Path(traceback.tb_frame.f_code.co_filename).name}:{traceback.tb_lineno}"
    return {"exception": type(error).__name__, "place": place}


def open_logbook(level: int = logging.INFO) -> None:
    """Send this process's log lines to standard error as JSON: the intake's from ``level``, others' warnings."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("leadloop.intake").setLevel(level)
