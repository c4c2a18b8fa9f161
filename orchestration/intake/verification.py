"""Verification: does this secret sign these bytes?

All functions work on raw bytes before anything is parsed, compare in constant time, and end every malformed header
in the same refusal. A header that comes twice is malformed: two readers could believe two different ones.

Belongs here: schemes. Lives elsewhere: whose secret it is (``keys``).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestration.intake.problems import NotProven

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

TOLERANCE_SECONDS = 300
STANDARD_SECRET_PREFIX = b"whsec_"
_MIN_SECRET_BYTES = 24
_MAX_SECRET_BYTES = 64
_MAX_SIGNATURES = 16
_WEBHOOK_ID = re.compile(rb"[\x21-\x7e]{1,256}")
_SECONDS = re.compile(rb"[0-9]{1,12}")
_HUB_SIGNATURE = re.compile(rb"sha256=([0-9a-fA-F]{64})")

Header = tuple[bytes, bytes]


class SecretMalformed(Exception):
    """A stored secret is not one that the scheme can use. Issue a new one."""


@dataclass(frozen=True)
class StandardProof:
    """The three headers of Standard Webhooks, well-formed and in time.

    Source: standardwebhooks/standard-webhooks, spec/standard-webhooks.md.
    """

    webhook_id: bytes
    timestamp: bytes
    signatures: Sequence[bytes]

    @classmethod
    def read(cls, headers: Iterable[Header], now: datetime) -> StandardProof:
        """Take the proof from a request.

        Args:
            headers: Names in lower case, as ASGI gives them.
            now: Aware; the signed time may be five minutes off, in either direction.

        Raises:
            NotProven: A header is missing, doubled or malformed, or the time is off.
        """
        found = list(headers)
        webhook_id = _single(found, b"webhook-id")
        timestamp = _single(found, b"webhook-timestamp")
        signatures = _read_signatures(_single(found, b"webhook-signature"))
        if not _WEBHOOK_ID.fullmatch(webhook_id) or not _SECONDS.fullmatch(timestamp):
            raise _not_proven()
        if abs(now.timestamp() - int(timestamp)) > TOLERANCE_SECONDS:
            raise NotProven("stale_time", "The signed time is more than five minutes off.")
        return cls(webhook_id, timestamp, signatures)

    def is_signed_by(self, secret: bytes, body: bytes) -> bool:
        """Whether one of the signatures is this secret's, over these bytes."""
        signed = b"%b.%b.%b" % (self.webhook_id, self.timestamp, body)
        expected = hmac.digest(secret, signed, hashlib.sha256)
        matches = False
        for signature in self.signatures:
            matches |= hmac.compare_digest(signature, expected)
        return matches


@dataclass(frozen=True)
class HubProof:
    """Meta's ``X-Hub-Signature-256``: hex HMAC-SHA256 of the raw body under the app secret."""

    signature: bytes

    @classmethod
    def read(cls, headers: Iterable[Header]) -> HubProof:
        """Take the proof from a request.

        Raises:
            NotProven: The header is missing, doubled or malformed.
        """
        match = _HUB_SIGNATURE.fullmatch(_single(list(headers), b"x-hub-signature-256"))
        if match is None:
            raise _not_proven()
        return cls(match[1].lower())

    def is_signed_by(self, secret: bytes, body: bytes) -> bool:
        """Whether the signature is this secret's, over these bytes."""
        expected = hmac.digest(secret, body, hashlib.sha256).hex().encode()
        return hmac.compare_digest(self.signature, expected)


def read_standard_secret(stored: bytes) -> bytes:
    """The key bytes of a ``whsec_<base64>`` secret.

    Raises:
        SecretMalformed: No prefix, not base64, or not 24 to 64 bytes long.
    """
    if not stored.startswith(STANDARD_SECRET_PREFIX):
        raise SecretMalformed("the secret does not begin with whsec_")
    try:
        secret = base64.b64decode(stored.removeprefix(STANDARD_SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError) as error:
        raise SecretMalformed("the secret is not base64") from error
    if not _MIN_SECRET_BYTES <= len(secret) <= _MAX_SECRET_BYTES:
        raise SecretMalformed("the secret is not 24 to 64 bytes long")
    return secret


def fingerprint(value: bytes) -> str:
    """How a form key or a verify token is looked up: lower-case hex SHA-256."""
    return hashlib.sha256(value).hexdigest()


def _read_signatures(header: bytes) -> list[bytes]:
    """The ``v1`` entries of the list; other versions are for other readers."""
    entries = header.split(b" ")
    if len(entries) > _MAX_SIGNATURES:
        raise _not_proven()
    signatures = [
        signature
        for version, _, encoded in (entry.partition(b",") for entry in entries)
        if version == b"v1" and (signature := _decode_signature(encoded)) is not None
    ]
    if not signatures:
        raise _not_proven()
    return signatures


def _decode_signature(encoded: bytes) -> bytes | None:
    try:
        signature = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None
    return signature if len(signature) == hashlib.sha256().digest_size else None


def _single(headers: Sequence[Header], name: bytes) -> bytes:
    values = [value for key, value in headers if key == name]
    if len(values) != 1:
        raise _not_proven()
    return values[0]


def _not_proven() -> NotProven:
    return NotProven("not_proven", "The signature is missing, malformed or wrong.")
