"""Events: what a body holds once it is read, and what in it could not be."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID


@dataclass(frozen=True, slots=True)
class Event:
    """One row of ``raw.events`` to be.

    Attributes:
        source: ``crm``, ``consent``, ``sender_counts``, ``form``, ``whatsapp`` or ``whatsapp_status``.
        dedupe_key: Unique for the tenant and source; at most 512 characters.
        payload: JSON text, as received where the sender sends one event at a time.
        body_sha256: Lower-case hex, of what a repeat must equal.
        occurred_at: When it happened, where the sender says so in a form that can be trusted; aware, UTC.
        is_content_key: The key was made from the content, so an equal key is a repeat whatever the bytes are.
    """

    source: str
    dedupe_key: str
    payload: str
    body_sha256: str
    occurred_at: datetime | None = None
    is_content_key: bool = False


@dataclass(frozen=True, slots=True)
class SetAside:
    """One row of ``raw.quarantine`` to be: what a person must look at, whole.

    Attributes:
        source: As in ``Event``.
        reason: A code.
        body: The bytes as received, or the part of them that is meant.
    """

    source: str
    reason: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Reading:
    """What one body held.

    Attributes:
        events: In the order of the body.
        set_aside: Parts of the body that are no events.
        tenants: The tenants that the body names, for senders that name one.
        is_list: The body was an array: the answer lists what became of each event.
    """

    events: Sequence[Event] = ()
    set_aside: Sequence[SetAside] = ()
    tenants: frozenset[UUID] = frozenset()
    is_list: bool = False


def sha256_hex(data: bytes) -> str:
    """Lower-case hex SHA-256."""
    return hashlib.sha256(data).hexdigest()


def hash_parts(*parts: str) -> str:
    """A key from separated parts: ``("ab", "c")`` and ``("a", "bc")`` differ."""
    return sha256_hex("\x1f".join(parts).encode())
