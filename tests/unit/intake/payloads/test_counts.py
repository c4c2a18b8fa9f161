"""What a sender says it sent on a day."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from orchestration.intake.payloads import counts
from orchestration.intake.problems import OffSchema

NOW = datetime(2026, 11, 11, 12, tzinfo=UTC)
SAMPLE = Path(__file__).parents[3] / "data" / "counts" / "count.json"


def _read(**changes: Any) -> Any:
    whole = json.loads(SAMPLE.read_text()) | changes
    kept = {name: value for name, value in whole.items() if value is not ...}
    (event,) = counts.read(json.dumps(kept).encode(), NOW).events
    return event


def test_the_key_is_source_day_and_time_of_counting() -> None:
    event = _read()

    assert event.source == "sender_counts"
    assert event.dedupe_key == "crm:2026-11-10:2026-11-10T21:05:00+00:00"
    assert event.occurred_at == datetime(2026, 11, 10, 21, 5, tzinfo=UTC)


def test_without_a_time_of_counting_the_content_is_the_key() -> None:
    first = _read(counted_at=...).dedupe_key

    assert first.startswith("crm:2026-11-10:")
    assert first == _read(counted_at=...).dedupe_key
    assert first != _read(counted_at=..., count=4).dedupe_key


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        pytest.param({"day": "2026-11-31"}, "/day", id="no such day"),
        pytest.param({"day": "10.11.2026"}, "/day", id="another writing"),
        pytest.param({"day": "20261110"}, "/day", id="without dashes"),
        pytest.param({"day": "2026-11-13"}, "/day", id="after tomorrow"),
        pytest.param({"day": "2020-01-01"}, "/day", id="long ago"),
        pytest.param({"day": ...}, "/day", id="no day"),
        pytest.param({"count": -1}, "/count", id="negative"),
        pytest.param({"count": 1.5}, "/count", id="fraction"),
        pytest.param({"count": "3"}, "/count", id="text"),
        pytest.param({"count": True}, "/count", id="boolean"),
        pytest.param({"source": "a b"}, "/source", id="source"),
        pytest.param({"counted_at": "now"}, "/counted_at", id="time"),
    ],
)
def test_what_is_no_count_is_refused(changes: dict[str, Any], pointer: str) -> None:
    with pytest.raises(OffSchema) as refusal:
        _read(**changes)

    assert [error["pointer"] for error in refusal.value.errors] == [pointer]
