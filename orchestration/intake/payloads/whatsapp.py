"""WhatsApp Cloud API: ``POST /webhooks/whatsapp``: an envelope of entries, changes, messages and statuses.

Each message and each status becomes an event of its own, with what the envelope said about it; what is neither is
set aside. Meta repeats an event in other company than before, so a repeat is judged by the message alone.

Source: Meta, WhatsApp Business Platform, Cloud API, "Webhooks" (components of the notification payload).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from orchestration.intake import strict_json
from orchestration.intake.limits import WHATSAPP_JSON
from orchestration.intake.payloads.events import Event, Reading, SetAside, sha256_hex
from orchestration.intake.problems import OffSchema

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE = "whatsapp"
STATUS_SOURCE = "whatsapp_status"
_OBJECT = "whatsapp_business_account"
_MAX_ID_CHARACTERS = 400
_SECONDS = re.compile(r"[0-9]{1,10}")


def read(body: bytes) -> Reading:
    """Split an envelope.

    Args:
        body: The exact bytes that came.

    Raises:
        Unreadable: Not strict JSON.
        OffSchema: Not an envelope of this API.
    """
    envelope = strict_json.parse(body, WHATSAPP_JSON)
    if not isinstance(envelope, dict) or envelope.get("object") != _OBJECT:
        raise OffSchema("not_whatsapp", "This is not a notification of the WhatsApp Cloud API.")
    parts = list(_parts_of_entries(envelope))
    return Reading(
        events=tuple(part for part in parts if isinstance(part, Event)),
        set_aside=tuple(part for part in parts if isinstance(part, SetAside)),
        is_list=True,
    )


def _parts_of_entries(envelope: dict[str, Any]) -> Iterator[Event | SetAside]:
    entries = envelope.get("entry")
    if not isinstance(entries, list) or not entries:
        raise OffSchema("no_entries", "The notification holds no entries.")
    for entry in entries:
        changes = entry.get("changes") if isinstance(entry, dict) else None
        if not isinstance(changes, list) or not changes:
            yield _set_aside("no_changes", entry)
            continue
        for change in changes:
            yield from _parts_of_change(change, entry)


def _parts_of_change(change: Any, entry: dict[str, Any]) -> Iterator[Event | SetAside]:
    value = change.get("value") if isinstance(change, dict) else None
    if not isinstance(value, dict):
        yield _set_aside("no_value", change)
        return
    if change.get("field") != "messages":
        yield _set_aside("other_field", change)
        return
    shared = {
        "object": _OBJECT,
        "entry_id": entry.get("id"),
        "metadata": value.get("metadata"),
    }
    found = False
    for message in _items(value, "messages"):
        found = True
        yield _message(message, shared, value)
    for status in _items(value, "statuses"):
        found = True
        yield _status(status, shared)
    for error in _items(value, "errors"):
        found = True
        yield _set_aside("provider_error", error)
    if not found:
        yield _set_aside("nothing_in_change", change)


def _message(message: Any, shared: dict[str, Any], value: dict[str, Any]) -> Event | SetAside:
    message_id = _id_of(message)
    if message_id is None:
        return _set_aside("message_without_id", message)
    payload = {**shared, "contacts": _contacts_of(message, value), "message": message}
    return Event(
        source=SOURCE,
        dedupe_key=message_id,
        payload=strict_json.dump(payload),
        body_sha256=_content_sha256(message),
        occurred_at=_sent_at(message),
    )


def _status(status: Any, shared: dict[str, Any]) -> Event | SetAside:
    message_id = _id_of(status)
    name = status.get("status") if isinstance(status, dict) else None
    if message_id is None or not isinstance(name, str) or len(name) > _MAX_ID_CHARACTERS:
        return _set_aside("status_without_id", status)
    return Event(
        source=STATUS_SOURCE,
        dedupe_key=f"{message_id}:{name}",
        payload=strict_json.dump({**shared, "status": status}),
        body_sha256=_content_sha256(status),
        occurred_at=_sent_at(status),
    )


def _contacts_of(message: dict[str, Any], value: dict[str, Any]) -> list[Any]:
    """The contacts that wrote this message: a batch names those of other messages too."""
    contacts = _items(value, "contacts")
    if len(contacts) <= 1:
        return contacts
    senders = [message[name] for name in ("from", "from_user_id") if message.get(name)]
    return [
        contact
        for contact in contacts
        if isinstance(contact, dict)
        and (contact.get("wa_id") in senders or contact.get("user_id") in senders)
    ]


def _items(value: dict[str, Any], name: str) -> list[Any]:
    items = value.get(name)
    return items if isinstance(items, list) else []


def _id_of(item: Any) -> str | None:
    found = item.get("id") if isinstance(item, dict) else None
    if not isinstance(found, str) or not 1 <= len(found) <= _MAX_ID_CHARACTERS:
        return None
    return found


def _sent_at(item: dict[str, Any]) -> datetime | None:
    text = item.get("timestamp")
    if not isinstance(text, str) or not _SECONDS.fullmatch(text):
        return None
    return datetime.fromtimestamp(int(text), UTC)


def _content_sha256(item: Any) -> str:
    return sha256_hex(strict_json.dump(item, sort_keys=True).encode())


def _set_aside(reason: str, part: Any) -> SetAside:
    return SetAside(SOURCE, reason, strict_json.dump(part).encode())
