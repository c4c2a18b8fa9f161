"""Limits: how much a request may be, how long it may take, and how often it may come.

Belongs here: numbers that a test or an operator's proxy may want to see in one place.
Lives elsewhere: where each is enforced (``server`` for heads, ``receiving`` for bodies, ``strict_json`` for shapes).
"""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1024

HEAD_BYTES = 16 * KIB
HEADER_LINES = 64

# Meta gathers up to a thousand notifications in one request of up to 3 MB.
WHATSAPP_BODY_BYTES = 3 * KIB * KIB
SIGNED_BODY_BYTES = 256 * KIB
FORM_BODY_BYTES = 256 * KIB
EVENTS_PER_BODY = 100


@dataclass(frozen=True)
class JsonLimits:
    """How large a JSON text may be once it is parsed."""

    depth: int = 32
    nodes: int = 10_000
    keys_per_object: int = 200
    string_characters: int = 8 * KIB
    key_characters: int = 128
    integer_digits: int = 18


# A thousand notifications of some forty nodes each must fit.
WHATSAPP_JSON = JsonLimits(nodes=100_000)


@dataclass(frozen=True)
class Limits:
    """What one intake process allows.

    Attributes:
        head_seconds: From the first byte of a request (or the connection) to the end of its head.
        body_seconds: From the end of the head to the end of the body; total, not idle.
        ack_seconds: How long a verified request waits for its commit before it is sent away.
        keep_alive_seconds: How long an idle connection stays open between requests.
        drain_seconds: How long SIGTERM waits for requests under way.
        connections: Open connections per process.
        queued_rows: Rows waiting for a commit.
        rows_per_commit: Rows that one transaction gathers; a larger single request still commits as one.
        quota_per_second: Requests per tenant, kind of key and second, for the senders that may be told to wait.
        quota_burst: Requests per tenant and kind of key that may come at once.
        key_seconds: Age at which the keys are read again.
        reload_seconds: Distance between two readings of the keys for requests that match none of them.
        stale_key_seconds: Age up to which they are used while reading them again fails.
    """

    head_seconds: float = 10.0
    body_seconds: float = 10.0
    ack_seconds: float = 4.0
    keep_alive_seconds: int = 15
    drain_seconds: int = 15
    connections: int = 200
    queued_rows: int = 4096
    rows_per_commit: int = 256
    quota_per_second: float = 50.0
    quota_burst: int = 200
    key_seconds: float = 5.0
    stale_key_seconds: float = 60.0
    reload_seconds: float = 0.25
