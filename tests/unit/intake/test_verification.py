"""Signatures hold or do not; nothing malformed ends in anything else."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from orchestration.intake.problems import NotProven
from orchestration.intake.verification import (
    HubProof,
    SecretMalformed,
    StandardProof,
    read_standard_secret,
)

NOW = datetime(2026, 11, 11, 12, tzinfo=UTC)
SECRET = b"s" * 32
OTHER_SECRET = b"t" * 32
BODY = '{"name": "Ayşe"}'.encode()


def _whsec(secret: bytes) -> str:
    return "whsec_" + base64.b64encode(secret).decode()


def _headers(
    *, signature: bytes | None = None, at: datetime = NOW, body: bytes = BODY
) -> list[tuple[bytes, bytes]]:
    signed = signature or Webhook(_whsec(SECRET)).sign("msg_1", at, body.decode()).encode()
    return [
        (b"webhook-id", b"msg_1"),
        (b"webhook-timestamp", str(int(at.timestamp())).encode()),
        (b"webhook-signature", signed),
    ]


def _replaced(name: bytes, *values: bytes) -> list[tuple[bytes, bytes]]:
    return [header for header in _headers() if header[0] != name] + [(name, v) for v in values]


def test_what_the_reference_library_signs_is_proven() -> None:
    proof = StandardProof.read(_headers(), NOW)

    assert proof.is_signed_by(SECRET, BODY)
    assert not proof.is_signed_by(OTHER_SECRET, BODY)
    assert not proof.is_signed_by(SECRET, BODY + b" ")


@given(st.binary(min_size=24, max_size=64), st.text(max_size=50))
def test_the_reference_library_agrees_on_any_secret_and_body(secret: bytes, text: str) -> None:
    body = text.encode("utf-8", "replace")
    signature = Webhook(_whsec(secret)).sign("msg_1", NOW, body.decode()).encode()

    proof = StandardProof.read(_headers(signature=signature), NOW)

    assert proof.is_signed_by(read_standard_secret(_whsec(secret).encode()), body)


def test_one_right_signature_among_others_is_enough() -> None:
    right = dict(_headers())[b"webhook-signature"]
    wrong = b"v1," + base64.b64encode(b"x" * 32)
    listed = b" ".join([b"v1a,abc", wrong, right])

    assert StandardProof.read(_headers(signature=listed), NOW).is_signed_by(SECRET, BODY)


@pytest.mark.parametrize("off", [timedelta(seconds=-299), timedelta(seconds=299)])
def test_a_clock_five_minutes_off_is_still_in_time(off: timedelta) -> None:
    assert StandardProof.read(_headers(at=NOW + off), NOW).is_signed_by(SECRET, BODY)


@pytest.mark.parametrize("off", [timedelta(seconds=-301), timedelta(seconds=301)])
def test_a_clock_further_off_is_stale(off: timedelta) -> None:
    with pytest.raises(NotProven) as refusal:
        StandardProof.read(_headers(at=NOW + off), NOW)

    assert refusal.value.code == "stale_time"


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param([], id="none"),
        pytest.param(_replaced(b"webhook-id"), id="no id"),
        pytest.param(_replaced(b"webhook-id", b""), id="empty id"),
        pytest.param(_replaced(b"webhook-id", b"a", b"a"), id="id twice"),
        pytest.param(_replaced(b"webhook-id", b"a b"), id="id with a space"),
        pytest.param(_replaced(b"webhook-id", b"a" * 257), id="long id"),
        pytest.param(_replaced(b"webhook-timestamp"), id="no time"),
        pytest.param(_replaced(b"webhook-timestamp", b"1e9"), id="time as a float"),
        pytest.param(_replaced(b"webhook-timestamp", b"-1"), id="negative time"),
        pytest.param(_replaced(b"webhook-timestamp", b"+1794398400"), id="signed time"),
        pytest.param(_replaced(b"webhook-timestamp", b" 1794398400"), id="padded time"),
        pytest.param(_replaced(b"webhook-timestamp", "١٧".encode()), id="digits of another script"),
        pytest.param(_replaced(b"webhook-timestamp", b"9" * 400), id="endless time"),
        pytest.param(_replaced(b"webhook-signature"), id="no signature"),
        pytest.param(_replaced(b"webhook-signature", b""), id="empty signature"),
        pytest.param(_replaced(b"webhook-signature", b"v1,"), id="nothing after the version"),
        pytest.param(_replaced(b"webhook-signature", b"v1,%%%"), id="not base64"),
        pytest.param(_replaced(b"webhook-signature", b"v1,YWJj"), id="too short"),
        pytest.param(_replaced(b"webhook-signature", b"v1,\xff\xfe"), id="not ASCII"),
        pytest.param(_replaced(b"webhook-signature", b"v2," + b"A" * 44), id="other version only"),
        pytest.param(_replaced(b"webhook-signature", b"v1,a " * 20), id="too many"),
    ],
)
def test_a_malformed_header_is_no_proof(headers: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(NotProven):
        StandardProof.read(headers, NOW)


@given(st.binary(max_size=60), st.binary(max_size=20), st.binary(max_size=120))
def test_any_headers_prove_nothing_and_raise_nothing_else(
    webhook_id: bytes, timestamp: bytes, signature: bytes
) -> None:
    headers = [
        (b"webhook-id", webhook_id),
        (b"webhook-timestamp", timestamp),
        (b"webhook-signature", signature),
    ]
    try:
        proof = StandardProof.read(headers, NOW)
    except NotProven:
        return
    assert not proof.is_signed_by(SECRET, BODY)


@pytest.mark.parametrize("upper", [False, True])
def test_the_app_secret_proves_a_notification_in_either_case(upper: bool) -> None:
    digest = hmac.new(b"app", BODY, hashlib.sha256).hexdigest()
    header = b"sha256=" + (digest.upper() if upper else digest).encode()

    proof = HubProof.read([(b"x-hub-signature-256", header)])

    assert proof.is_signed_by(b"app", BODY)
    assert not proof.is_signed_by(b"other", BODY)


@given(st.binary(max_size=80))
def test_any_hub_header_proves_nothing_and_raises_nothing_else(value: bytes) -> None:
    for header in (value, b"sha256=" + value):
        try:
            proof = HubProof.read([(b"x-hub-signature-256", header)])
        except NotProven:
            continue
        assert not proof.is_signed_by(b"app", BODY)


def test_a_doubled_hub_header_is_no_proof() -> None:
    header = (b"x-hub-signature-256", b"sha256=" + b"0" * 64)

    with pytest.raises(NotProven):
        HubProof.read([header, header])


@pytest.mark.parametrize(
    "stored",
    [
        pytest.param(base64.b64encode(SECRET), id="no prefix"),
        pytest.param(b"whsec_", id="empty"),
        pytest.param(b"whsec_%%%", id="not base64"),
        pytest.param(_whsec(b"s" * 23).encode(), id="too short"),
        pytest.param(_whsec(b"s" * 65).encode(), id="too long"),
    ],
)
def test_a_weak_or_malformed_secret_is_not_used(stored: bytes) -> None:
    with pytest.raises(SecretMalformed):
        read_standard_secret(stored)
