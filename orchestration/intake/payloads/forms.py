"""Web forms: ``POST /webhooks/forms/{key}``: the old site's, the new one's, or any other.

A browser will not repeat what we refuse, so whatever is readable as an object is taken, and the rest is set aside.
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from pydantic_core import PydanticCustomError

from orchestration.intake import strict_json
from orchestration.intake.limits import JsonLimits
from orchestration.intake.payloads.events import Event, Reading, SetAside, sha256_hex
from orchestration.intake.payloads.fields import ID_PATTERN, read_time, require_recent
from orchestration.intake.problems import OffSchema, Unreadable, Unsupported

SOURCE = "form"
HONEYPOT_FIELD = "_gotcha"
SAME_SUBMISSION_SECONDS = 600

JSON_TYPES = ("application/json", "text/plain", "")
FORM_TYPE = "application/x-www-form-urlencoded"

_LIMITS = JsonLimits()
_ID = re.compile(ID_PATTERN)
# They differ between two clicks on the same button.
_CHANGES_BY_ITSELF = frozenset(
    {
        "submitted_at",
        "g-recaptcha-response",
        "h-captcha-response",
        "cf-turnstile-response",
    }
)


def read(body: bytes, media_type: str, now: datetime) -> Reading:
    """Read one submission.

    Args:
        body: The exact bytes that came.
        media_type: In lower case, without parameters. ``text/plain`` is what ``navigator.sendBeacon`` says of JSON,
            and senders that name no type send JSON too.
        now: Aware; two equal submissions within ten minutes are one.

    Raises:
        Unsupported: Another media type.
        Unreadable: Neither strict JSON nor a form encoding.
        OffSchema: Not an object, or an empty one.
    """
    if media_type == FORM_TYPE:
        fields = _read_form_encoding(body)
        payload = json.dumps(fields, ensure_ascii=False)
    elif media_type in JSON_TYPES or media_type.endswith("+json"):
        fields = strict_json.parse(body)
        payload = body.decode()
    else:
        raise Unsupported("media_type", f"Send application/json or {FORM_TYPE}.")
    if not isinstance(fields, dict) or not fields:
        raise OffSchema("not_an_object", "A submission is an object with at least one field.")
    if fields.get(HONEYPOT_FIELD) not in (None, ""):
        return Reading(set_aside=(SetAside(SOURCE, "honeypot", body),))
    return Reading(events=(_event(fields, payload, body, now),))


def _event(fields: dict[str, Any], payload: str, body: bytes, now: datetime) -> Event:
    submission_id = fields.get("submission_id")
    has_id = type(submission_id) in (str, int) and str(submission_id).strip() != ""
    return Event(
        source=SOURCE,
        dedupe_key=_submission_key(str(submission_id)) if has_id else _content_key(fields, now),
        payload=payload,
        body_sha256=sha256_hex(body),
        occurred_at=_submitted_at(fields, now),
        is_content_key=not has_id,
    )


def _submission_key(submission_id: str) -> str:
    """The sender's id, or its hash where it has a form of its own."""
    return submission_id if _ID.fullmatch(submission_id) else sha256_hex(submission_id.encode())


def _content_key(fields: dict[str, Any], now: datetime) -> str:
    """Equal for two clicks on the same button: the fields, and the ten minutes in which they came."""
    kept = {key: value for key, value in fields.items() if key not in _CHANGES_BY_ITSELF}
    bucket = int(now.timestamp()) // SAME_SUBMISSION_SECONDS
    digest = hashlib.sha256(strict_json.dump(_normalize(kept), sort_keys=True).encode())
    digest.update(b"\x1f%d" % bucket)
    return digest.hexdigest()


def _normalize(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _normalize(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_normalize(item) for item in value]
    if isinstance(value, str):
        return " ".join(value.split()).casefold()
    return value.normalize() if isinstance(value, Decimal) else value


def _submitted_at(fields: dict[str, Any], now: datetime) -> datetime | None:
    """The submission's own time, if it is one; a form is not refused for its clock."""
    try:
        return require_recent(read_time(fields.get("submitted_at")), now)
    except PydanticCustomError:
        return None


def _read_form_encoding(body: bytes) -> dict[str, str | list[str]]:
    """``a=1&b=2&b=3`` → ``{"a": "1", "b": ["2", "3"]}``; only ``&`` separates."""
    text = strict_json.decode(body)
    try:
        pairs = parse_qsl(
            text,
            keep_blank_values=True,
            encoding="utf-8",
            errors="strict",
            max_num_fields=_LIMITS.keys_per_object,
        )
    except UnicodeDecodeError as error:
        raise Unreadable("not_utf8", "An escape is not UTF-8.") from error
    except ValueError as error:
        raise Unreadable("too_many_keys", "The form has too many fields.") from error
    fields: dict[str, str | list[str]] = {}
    for key, value in pairs:
        _check_field(key, value)
        before = fields.get(key)
        if before is None:
            fields[key] = value
        elif isinstance(before, list):
            before.append(value)
        else:
            fields[key] = [before, value]
    return fields


def _check_field(key: str, value: str) -> None:
    if len(key) > _LIMITS.key_characters:
        raise Unreadable("key_too_long", "A field's name is too long.")
    if len(value) > _LIMITS.string_characters:
        raise Unreadable("string_too_long", "A field is too long.")
    strict_json.require_storable(key)
    strict_json.require_storable(value)
