"""Conversions of the CRM: taken whole, or refused with a pointer."""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.intake.payloads import crm
from orchestration.intake.payloads.events import sha256_hex
from orchestration.intake.problems import OffSchema, Refusal, TooMany

NOW = datetime(2026, 11, 11, 12, tzinfo=UTC)
SAMPLES = Path(__file__).parents[3] / "data" / "crm"
TENANT = "00000000-0000-4000-8000-000000000000"


def _conversion(**changes: Any) -> dict[str, Any]:
    whole = json.loads((SAMPLES / "purchase.json").read_text()) | changes
    return {name: value for name, value in whole.items() if value is not ...}


def _read(*conversions: dict[str, Any]) -> Any:
    body = conversions[0] if len(conversions) == 1 else list(conversions)
    return crm.read(json.dumps(body).encode(), NOW)


def _errors(**changes: Any) -> dict[str, str]:
    with pytest.raises(OffSchema) as refusal:
        _read(_conversion(**changes))
    return {error["pointer"]: error["code"] for error in refusal.value.errors}


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_every_sample_is_taken(path: Path) -> None:
    reading = crm.read(path.read_bytes(), NOW)

    assert reading.events
    assert {str(tenant) for tenant in reading.tenants} == {TENANT}


def test_the_event_keeps_the_body_as_received() -> None:
    body = (SAMPLES / "enrollment.json").read_bytes()

    (event,) = crm.read(body, NOW).events

    assert event.payload == body.decode()
    assert event.body_sha256 == sha256_hex(body)
    assert event.dedupe_key == "evt-2026-11-08-000003"
    assert event.occurred_at == datetime(2026, 11, 8, 16, 30, tzinfo=UTC)


def test_each_event_of_an_array_keeps_its_own_text() -> None:
    texts = ['{"b": 1.50}', '{"b":1.5 }']
    whole = [json.dumps(_conversion(event_id=f"e{index}")) for index in range(2)]
    texts = [
        text[:-1] + ', "extra": ' + extra + "}" for text, extra in zip(whole, texts, strict=True)
    ]

    reading = crm.read(f"[ {texts[0]} ,\n{texts[1]}]".encode(), NOW)

    assert [event.payload for event in reading.events] == texts
    assert [event.body_sha256 for event in reading.events] == [
        sha256_hex(text.encode()) for text in texts
    ]


def test_without_an_event_id_record_type_and_time_are_the_key() -> None:
    def key(**changes: Any) -> str:
        return _read(_conversion(event_id=..., **changes)).events[0].dedupe_key

    same_moment = key(event_time="2026-11-09T08:00:00Z")
    assert same_moment == key(event_time="2026-11-09T11:00:00+03:00", value=7)
    assert same_moment != key(event_time="2026-11-09T08:00:01Z")
    assert same_moment != key(event_time="2026-11-09T08:00:00Z", crm_record_id="other")
    assert same_moment != key(event_time="2026-11-09T08:00:00Z", event_type="refund")


@pytest.mark.parametrize(
    ("event_time", "code"),
    [
        pytest.param(..., "missing", id="missing"),
        pytest.param(None, "time", id="null"),
        pytest.param("", "time", id="empty"),
        pytest.param("2026-11-09", "time", id="day only"),
        pytest.param("2026-11-09T08:00:00", "time", id="no zone"),
        pytest.param("2026-11-09T08:00Z", "time", id="no seconds"),
        pytest.param("2026-02-30T08:00:00Z", "time", id="no such day"),
        pytest.param("2026-11-09T08:00:60Z", "time", id="leap second"),
        pytest.param("2026-11-09T08:00:00+25:00", "time", id="no such zone"),
        pytest.param("0001-01-01T00:00:00+14:00", "time", id="before year one"),
        pytest.param("yesterday", "time", id="words"),
        pytest.param(True, "time", id="boolean"),
        pytest.param(1762676400.5, "time", id="fraction of a second"),
        pytest.param(-5, "time", id="negative"),
        pytest.param(9_999_999_999, "time_in_future", id="far future"),
        pytest.param(1794212400000, "time_in_milliseconds", id="milliseconds"),
        pytest.param("1794212400000", "time_in_milliseconds", id="milliseconds as text"),
        pytest.param(
            (NOW + timedelta(hours=24, seconds=1)).isoformat(), "time_in_future", id="soon"
        ),
        pytest.param((NOW - timedelta(days=400, seconds=1)).isoformat(), "time_too_old", id="old"),
    ],
)
def test_a_time_that_cannot_be_trusted_is_refused(event_time: Any, code: str) -> None:
    assert _errors(event_time=event_time) == {"/event_time": code}


@pytest.mark.parametrize(
    "event_time",
    [
        "2026-11-09T08:00:00Z",
        "2026-11-09t11:00:00+03:00",
        "2026-11-09 08:00:00.000000001Z",
        1794211200,
        "1794211200",
    ],
)
def test_rfc_3339_and_utc_seconds_are_the_same_moment(event_time: Any) -> None:
    (event,) = _read(_conversion(event_time=event_time)).events

    assert event.occurred_at == datetime(2026, 11, 9, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "currency", "error"),
    [
        pytest.param(-1, "TRY", {"/value": "amount"}, id="negative"),
        pytest.param("-1", "TRY", {"/value": "amount"}, id="negative text"),
        pytest.param(10**12, "TRY", {"/value": "amount"}, id="too much"),
        pytest.param("12,50", "TRY", {"/value": "amount"}, id="decimal comma"),
        pytest.param("1.250,50", "TRY", {"/value": "amount"}, id="Turkish writing"),
        pytest.param(True, "TRY", {"/value": "amount"}, id="boolean"),
        pytest.param([], "TRY", {"/value": "amount"}, id="array"),
        pytest.param(1.0005, None, {"/value": "too_many_decimals"}, id="no currency has so many"),
        pytest.param(1, "TL", {"/currency": "currency"}, id="not ISO 4217"),
        pytest.param(1, "try", {"/currency": "currency"}, id="lower case"),
        pytest.param(1, 949, {"/currency": "currency"}, id="number"),
        pytest.param(1.005, "TRY", {"/value": "too_many_decimals"}, id="third decimal"),
        pytest.param(1.5, "JPY", {"/value": "too_many_decimals"}, id="yen have none"),
    ],
)
def test_an_amount_that_is_no_money_is_refused(
    value: Any, currency: Any, error: dict[str, str]
) -> None:
    assert _errors(value=value, currency=currency) == error


@pytest.mark.parametrize(
    ("value", "currency"),
    [
        (0, "TRY"),
        (1.5, "TRY"),
        ("1.50", "TRY"),
        ("1.500", "TRY"),
        (1.125, "KWD"),
        (1.5, None),
        (None, None),
    ],
)
def test_money_is_taken(value: Any, currency: Any) -> None:
    assert _read(_conversion(value=value, currency=currency)).events


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        pytest.param({"tenant_id": ...}, {"/tenant_id": "missing"}, id="no tenant"),
        pytest.param({"tenant_id": "akademi"}, {"/tenant_id": "uuid"}, id="tenant by name"),
        pytest.param({"crm_record_id": ""}, {"/crm_record_id": "id"}, id="empty record"),
        pytest.param({"crm_record_id": "a b"}, {"/crm_record_id": "id"}, id="record with a space"),
        pytest.param(
            {"crm_record_id": "a\n"}, {"/crm_record_id": "id"}, id="record with a line end"
        ),
        pytest.param({"event_id": "a" * 129}, {"/event_id": "id"}, id="long event id"),
        pytest.param({"event_type": None}, {"/event_type": "id"}, id="null type"),
        pytest.param({"identifiers": []}, {"/identifiers": "model_type"}, id="list of identifiers"),
        pytest.param(
            {"identifiers": {"gclid": "ğ"}}, {"/identifiers/gclid": "click_id"}, id="click id"
        ),
        pytest.param(
            {"identifiers": {"gclid": "a" * 513}}, {"/identifiers/gclid": "click_id"}, id="long one"
        ),
        pytest.param(
            {"identifiers": {"email_sha256": "abc"}},
            {"/identifiers/email_sha256": "sha256"},
            id="short hash",
        ),
        pytest.param(
            {"identifiers": {"meta_lead_id": "l:123"}},
            {"/identifiers/meta_lead_id": "lead_id"},
            id="lead id",
        ),
        pytest.param(
            {"identifiers": {"phone": 5321112233}}, {"/identifiers/phone": "text"}, id="number"
        ),
    ],
)
def test_what_is_off_the_schema_is_pointed_at(
    changes: dict[str, Any], error: dict[str, str]
) -> None:
    assert _errors(**changes) == error


def test_a_refusal_never_quotes_what_was_sent() -> None:
    secret = "ayse-gizli@example"
    changes = {name: secret + " ğ" for name in _conversion()}
    changes["identifiers"] = {"gclid": secret + " ğ", "email": [secret], "phone_sha256": secret}

    with pytest.raises(OffSchema) as refusal:
        _read(changes)

    assert len(refusal.value.errors) > 5
    assert "gizli" not in json.dumps([refusal.value.errors, refusal.value.sentence])


def test_a_platforms_lead_id_is_a_number_or_its_digits() -> None:
    identifiers = {"meta_lead_id": 512345678901234, "tiktok_lead_id": "7012345678901234567"}

    assert _read(_conversion(identifiers=identifiers)).events


def test_malformed_addresses_and_numbers_are_for_later_stages() -> None:
    identifiers = {"email": "not an address", "phone": "yok", "unknown": {"deep": [1]}}

    assert _read(_conversion(identifiers=identifiers)).events


def test_one_bad_event_refuses_its_whole_array() -> None:
    with pytest.raises(OffSchema) as refusal:
        _read(_conversion(), _conversion(event_time=...), _conversion())

    assert [error["pointer"] for error in refusal.value.errors] == ["/1/event_time"]


def test_an_array_holds_at_most_a_hundred_events() -> None:
    assert len(_read(*[_conversion(event_id=f"e{i}") for i in range(100)]).events) == 100
    with pytest.raises(TooMany):
        _read(*[_conversion()] * 101)


@pytest.mark.parametrize("body", [b"[]", b"null", b"1", b'"text"', b"[1]"])
def test_what_is_no_event_is_off_the_schema(body: bytes) -> None:
    with pytest.raises(OffSchema):
        crm.read(body, NOW)


_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(sorted(_conversion())), _ANYTHING))
def test_anything_in_any_field_is_taken_or_refused(changes: dict[str, Any]) -> None:
    with suppress(Refusal):
        (event,) = _read(_conversion(**changes)).events
        assert 1 <= len(event.dedupe_key) <= 128
