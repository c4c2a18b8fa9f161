"""A yes or a no that a person gave elsewhere."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from orchestration.intake.payloads import consent
from orchestration.intake.problems import OffSchema

NOW = datetime(2026, 11, 11, 12, tzinfo=UTC)
SAMPLE = Path(__file__).parents[3] / "data" / "consent" / "withdrawal_by_record.json"


def _read(**changes: Any) -> Any:
    whole = json.loads(SAMPLE.read_text()) | changes
    kept = {name: value for name, value in whole.items() if value is not ...}
    (event,) = consent.read(json.dumps(kept).encode(), NOW).events
    return event


def test_the_moment_it_was_said_is_the_events_own_time() -> None:
    event = _read()

    assert event.source == "consent"
    assert event.dedupe_key == "consent-2026-000817"
    assert event.occurred_at == datetime(2026, 11, 10, 15, 20, tzinfo=UTC)


def test_without_an_id_who_what_and_when_are_the_key() -> None:
    key = _read(event_id=...).dedupe_key

    assert key == _read(event_id=..., changed_at="2026-11-10T15:20:00Z").dedupe_key
    others = [
        {"status": "granted"},
        {"crm_record_id": "CRM-2"},
        {"lead_id": "L-1"},
        {"changed_at": "2026-11-10T15:20:01Z"},
    ]
    assert key not in {_read(event_id=..., **other).dedupe_key for other in others}


@pytest.mark.parametrize(
    "subject",
    [
        {"crm_record_id": "CRM-1"},
        {"lead_id": "lead-1"},
        {"email_sha256": "a" * 64},
        {"phone_sha256": "B" * 64},
    ],
    ids=lambda subject: next(iter(subject)),
)
def test_each_way_of_naming_somebody_is_enough(subject: dict[str, str]) -> None:
    assert _read(**{"crm_record_id": ..., **subject})


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        pytest.param({"crm_record_id": ...}, ("", "nobody"), id="nobody"),
        pytest.param(
            {"crm_record_id": ..., "email_sha256": ""}, ("", "nobody"), id="nobody but blanks"
        ),
        pytest.param({"status": "maybe"}, ("/status", "status"), id="neither yes nor no"),
        pytest.param({"status": True}, ("/status", "status"), id="a boolean"),
        pytest.param({"status": ...}, ("/status", "missing"), id="no status"),
        pytest.param({"changed_at": ...}, ("/changed_at", "missing"), id="no time"),
        pytest.param(
            {"changed_at": "2026-11-13T00:00:00Z"}, ("/changed_at", "time_in_future"), id="ahead"
        ),
        pytest.param({"phone_sha256": "0532"}, ("/phone_sha256", "sha256"), id="a bare number"),
        pytest.param({"email_sha256": "isil@example.com"}, ("/email_sha256", "sha256"), id="plain"),
    ],
)
def test_what_is_no_change_is_pointed_at(changes: dict[str, Any], error: tuple[str, str]) -> None:
    with pytest.raises(OffSchema) as refusal:
        _read(**changes)

    assert [(e["pointer"], e["code"]) for e in refusal.value.errors] == [error]
