"""Submissions of web forms: whatever is readable is taken."""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.intake.payloads import forms
from orchestration.intake.payloads.events import Event
from orchestration.intake.problems import BadBody, OffSchema, Unreadable, Unsupported

NOW = datetime(2026, 11, 4, 12, tzinfo=UTC)
SAMPLES = Path(__file__).parents[3] / "data" / "forms"
JSON = "application/json"


def _event(fields: dict[str, Any], now: datetime = NOW) -> Event:
    (event,) = forms.read(json.dumps(fields).encode(), JSON, now).events
    return event


@pytest.mark.parametrize("path", sorted(SAMPLES.iterdir()), ids=lambda path: path.stem)
def test_every_sample_is_taken(path: Path) -> None:
    media_type = JSON if path.suffix == ".json" else forms.FORM_TYPE

    reading = forms.read(path.read_bytes(), media_type, NOW)

    assert len(reading.events) == 1
    assert not reading.set_aside


def test_json_is_kept_as_received() -> None:
    body = (SAMPLES / "old_site_google.json").read_bytes()

    (event,) = forms.read(body, JSON, NOW).events

    assert event.payload == body.decode()
    assert event.dedupe_key == "4f1c2f0e-6d0e-4a57-9a51-7f9f7f0f2b11"
    assert event.occurred_at == datetime(2026, 11, 2, 6, 14, 27, tzinfo=UTC)
    assert not event.is_content_key


def test_a_form_encoding_becomes_an_object_of_strings() -> None:
    body = (SAMPLES / "old_site_encoded.txt").read_bytes()

    (event,) = forms.read(body, forms.FORM_TYPE, NOW).events

    payload = json.loads(event.payload)
    assert payload["name"] == "Gökçe Aydın"
    assert payload["days"] == ["Pazartesi", "Çarşamba"]
    assert payload["_gotcha"] == ""
    assert "gad_campaignid=21834567890" in payload["dataW.url"]


def test_only_ampersands_separate() -> None:
    (event,) = forms.read(b"a=1;b=2&c=x%3By", forms.FORM_TYPE, NOW).events

    assert json.loads(event.payload) == {"a": "1;b=2", "c": "x;y"}


def test_two_clicks_on_a_button_are_one_submission() -> None:
    once = {"name": "Ayşe", "email": "A@example.com", "submitted_at": "2026-11-04T12:00:01Z"}
    again = {"email": " a@EXAMPLE.com ", "name": "ayşe", "submitted_at": "2026-11-04T12:00:03Z"}

    first, second = _event(once), _event(again, NOW + timedelta(minutes=9))

    assert first.dedupe_key == second.dedupe_key
    assert first.is_content_key


def test_the_same_person_later_is_another_submission() -> None:
    fields = {"name": "Ayşe", "phone": "0532 111 22 33"}

    assert _event(fields).dedupe_key != _event(fields, NOW + timedelta(minutes=10)).dedupe_key


def test_another_field_is_another_submission() -> None:
    assert _event({"a": "x", "b": ""}).dedupe_key != _event({"a": "", "b": "x"}).dedupe_key


@pytest.mark.parametrize(
    "submission_id",
    ["has spaces", "ş" * 10, "x" * 4000, "<script>"],
    ids=["spaces", "ş", "long", "<"],
)
def test_a_submission_id_of_any_shape_becomes_a_key_that_fits(submission_id: str) -> None:
    event = _event({"submission_id": submission_id})

    assert len(event.dedupe_key) == 64
    assert not event.is_content_key
    assert event.dedupe_key == _event({"submission_id": submission_id, "x": 1}).dedupe_key


@pytest.mark.parametrize(
    "submitted_at", [None, "", "dün", "2026-11-04T12:00:00", "1999-01-01T00:00:00Z", []]
)
def test_a_form_is_not_refused_for_its_clock(submitted_at: Any) -> None:
    assert _event({"name": "x", "submitted_at": submitted_at}).occurred_at is None


@pytest.mark.parametrize(
    ("body", "media_type", "error"),
    [
        pytest.param(b"{}", JSON, OffSchema, id="empty object"),
        pytest.param(b"[1]", JSON, OffSchema, id="array"),
        pytest.param(b"", forms.FORM_TYPE, OffSchema, id="empty form"),
        pytest.param(b"{", JSON, Unreadable, id="broken JSON"),
        pytest.param(b'{"a": "\\u0000"}', JSON, Unreadable, id="NUL"),
        pytest.param(b"a=%00", forms.FORM_TYPE, Unreadable, id="NUL in a form"),
        pytest.param(b"a=%ff", forms.FORM_TYPE, Unreadable, id="escape that is not UTF-8"),
        pytest.param(b"a=\xff", forms.FORM_TYPE, Unreadable, id="byte that is not UTF-8"),
        pytest.param(urlencode([("a", 1)] * 201).encode(), forms.FORM_TYPE, Unreadable, id="many"),
        pytest.param(b"a=" + b"x" * 9000, forms.FORM_TYPE, Unreadable, id="long value"),
        pytest.param(b"x" * 200 + b"=", forms.FORM_TYPE, Unreadable, id="long name"),
        pytest.param(b"--x", "multipart/form-data", Unsupported, id="files"),
        pytest.param(b"<a/>", "text/xml", Unsupported, id="XML"),
    ],
)
def test_what_is_no_submission_is_set_aside(
    body: bytes, media_type: str, error: type[BadBody]
) -> None:
    with pytest.raises(error):
        forms.read(body, media_type, NOW)


def test_a_robot_that_fills_the_hidden_field_is_set_aside() -> None:
    reading = forms.read(b'{"name": "x", "_gotcha": "http://spam"}', JSON, NOW)

    assert not reading.events
    assert [item.reason for item in reading.set_aside] == ["honeypot"]


@given(st.binary(max_size=200), st.sampled_from([JSON, forms.FORM_TYPE, "text/plain", "", "x"]))
def test_any_bytes_are_taken_or_set_aside(body: bytes, media_type: str) -> None:
    with suppress(BadBody):
        reading = forms.read(body, media_type, NOW)
        for event in reading.events:
            assert json.loads(event.payload)
            assert 1 <= len(event.dedupe_key) <= 128
