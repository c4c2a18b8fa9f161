"""Notifications of WhatsApp: split into messages and statuses."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.intake.payloads import whatsapp
from orchestration.intake.problems import BadBody, OffSchema

SAMPLES = Path(__file__).parents[3] / "data" / "whatsapp"
EMPTY = ("other_field",)


def _sample(name: str) -> dict[str, Any]:
    return json.loads((SAMPLES / f"{name}.json").read_text())


def _read(envelope: object) -> Any:
    return whatsapp.read(json.dumps(envelope).encode())


@pytest.mark.parametrize(
    "path",
    [path for path in sorted(SAMPLES.iterdir()) if path.stem not in EMPTY],
    ids=lambda path: path.stem,
)
def test_every_sample_is_taken(path: Path) -> None:
    reading = whatsapp.read(path.read_bytes())

    assert reading.events
    assert not reading.set_aside
    for event in reading.events:
        payload = json.loads(event.payload)
        assert payload["entry_id"].startswith("10229012934039")
        assert payload["metadata"]["phone_number_id"] == "106540352242922"
        assert event.occurred_at is not None


def test_a_message_keeps_its_referral_and_its_contact() -> None:
    envelope = _sample("text_with_referral")

    (event,) = _read(envelope).events

    value = envelope["entry"][0]["changes"][0]["value"]
    assert json.loads(event.payload) == {
        "object": "whatsapp_business_account",
        "entry_id": "102290129340398",
        "metadata": value["metadata"],
        "contacts": value["contacts"],
        "message": value["messages"][0],
    }
    assert event.source == "whatsapp"
    assert event.dedupe_key == value["messages"][0]["id"]
    assert event.occurred_at == datetime.fromtimestamp(1793606060, UTC)


def test_a_batch_becomes_one_event_per_message_and_status() -> None:
    reading = _read(_sample("batch"))

    assert [event.source for event in reading.events] == [
        "whatsapp",
        "whatsapp",
        "whatsapp_status",
        "whatsapp_status",
        "whatsapp",
    ]
    assert [event.dedupe_key.rpartition(":")[2] for event in reading.events[2:4]] == [
        "sent",
        "read",
    ]
    assert len({event.dedupe_key for event in reading.events}) == 5


def test_a_message_of_a_batch_names_its_own_sender_only() -> None:
    first, second, *_ = _read(_sample("batch")).events

    assert [c["wa_id"] for c in json.loads(first.payload)["contacts"]] == ["905321112233"]
    assert [c["wa_id"] for c in json.loads(second.payload)["contacts"]] == ["905332223344"]


def test_a_repeat_in_other_company_is_the_same_event() -> None:
    batch = _sample("batch")
    alone = _sample("batch")
    del alone["entry"][1]
    value = alone["entry"][0]["changes"][0]["value"]
    del value["messages"][1], value["contacts"][1]

    first, repeat = _read(batch).events[0], _read(alone).events[0]

    assert first.dedupe_key == repeat.dedupe_key
    assert first.body_sha256 == repeat.body_sha256


def test_escaped_and_plain_letters_are_the_same_message() -> None:
    envelope = _sample("text")
    plain = json.dumps(envelope, ensure_ascii=False).encode()
    escaped = json.dumps(envelope, ensure_ascii=True).encode()

    assert (
        whatsapp.read(plain).events[0].body_sha256 == whatsapp.read(escaped).events[0].body_sha256
    )


def test_numbers_keep_their_digits() -> None:
    (event,) = whatsapp.read((SAMPLES / "location.json").read_bytes()).events

    assert "40.990270000001" in event.payload


def test_another_notification_is_set_aside() -> None:
    reading = _read(_sample("other_field"))

    assert [item.reason for item in reading.set_aside] == ["other_field"]
    assert b"hos_geldiniz" in reading.set_aside[0].body


def test_what_is_no_message_does_not_hold_up_the_others() -> None:
    envelope = _sample("batch")
    value = envelope["entry"][0]["changes"][0]["value"]
    value["messages"][0].pop("id")
    value["messages"].append("nonsense")
    value["errors"] = [{"code": 130429, "title": "Rate limit hit"}]
    envelope["entry"].append({"id": "1"})
    envelope["entry"][1]["changes"].append({"field": "messages", "value": {}})

    reading = _read(envelope)

    assert len(reading.events) == 4
    assert sorted(item.reason for item in reading.set_aside) == [
        "message_without_id",
        "message_without_id",
        "no_changes",
        "nothing_in_change",
        "provider_error",
    ]


@pytest.mark.parametrize(
    "envelope",
    [{}, [], 1, {"object": "page", "entry": [{}]}, {"object": "whatsapp_business_account"}],
)
def test_what_is_no_envelope_is_refused_whole(envelope: object) -> None:
    with pytest.raises(OffSchema):
        _read(envelope)


_KEYS = [
    "id",
    "from",
    "changes",
    "field",
    "value",
    "messages",
    "statuses",
    "status",
    "contacts",
    "wa_id",
    "errors",
]
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text("aş1", max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(_KEYS),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@given(st.lists(_JSON, max_size=3), st.lists(_JSON, max_size=2), st.lists(_JSON, max_size=2))
def test_any_envelope_is_split_or_set_aside(
    entries: list[Any], messages: list[Any], contacts: list[Any]
) -> None:
    value = {"messages": messages, "statuses": messages, "contacts": contacts}
    whole = [*entries, {"id": "1", "changes": [{"field": "messages", "value": value}]}]

    reading = _read({"object": "whatsapp_business_account", "entry": whole})

    assert all(json.loads(event.payload) for event in reading.events)
    assert all(item.reason for item in reading.set_aside)


@given(st.binary(max_size=200))
def test_any_bytes_are_taken_or_set_aside(body: bytes) -> None:
    with suppress(BadBody):
        assert whatsapp.read(body).is_list
