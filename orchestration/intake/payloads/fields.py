"""Fields: the kinds of value in the schemas of our own, checked with pydantic.

Error texts are fixed sentences: pydantic's own may quote the input.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from pydantic import BeforeValidator, PlainValidator, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

OLDEST = timedelta(days=400)
NEWEST = timedelta(hours=24)
ID_PATTERN = r"^[A-Za-z0-9._:-]{1,128}$"
CLICK_ID_PATTERN = r"^[!-~]{0,512}$"
LEAD_ID_PATTERN = r"^[0-9]{0,20}$"
SHA256_PATTERN = r"^([0-9A-Fa-f]{64})?$"
# Milliseconds of any time since 2001 have 13 digits, seconds of any time until 2286 have 10.
_MILLISECOND_DIGITS = 13

_ID = re.compile(ID_PATTERN.removesuffix("$") + r"\Z")
_CLICK_ID = re.compile(CLICK_ID_PATTERN.removesuffix("$") + r"\Z")
_LEAD_ID = re.compile(LEAD_ID_PATTERN.removesuffix("$") + r"\Z")
_SHA256 = re.compile(SHA256_PATTERN.removesuffix("$") + r"\Z")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_SECONDS = re.compile(r"[0-9]{1,12}")
_RFC_3339 = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]{1,9})?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_MICROSECOND_DIGITS = 6


SENTENCES = {
    "uuid": "is not a UUID",
    "id": "is not an id: 1 to 128 of letters, digits, . _ : -",
    "click_id": "is not a click id: at most 512 printable ASCII characters",
    "lead_id": "is not a platform's id of a lead: at most 20 digits",
    "sha256": "is not 64 hexadecimal digits",
    "status": "is neither granted nor denied",
    "nobody": "names nobody: give crm_record_id, lead_id, email_sha256 or phone_sha256",
    "text": "is not a string",
    "time": "is neither RFC 3339 with a zone nor UTC seconds",
    "time_in_milliseconds": "has 13 digits, which are milliseconds: send seconds",
    "time_too_old": "is more than 400 days ago",
    "time_in_future": "is more than 24 hours ahead",
    "day": "is not a day as YYYY-MM-DD, from 400 days ago to tomorrow",
    "count": "is not a whole number from 0 to a million million",
    "amount": "is not an amount: digits, with a decimal point, from 0 to below a million million",
    "currency": "is not a currency of ISO 4217",
    "too_many_decimals": "has more decimals than the currency",
}


def refuse(code: str) -> PydanticCustomError:
    """An error whose text is one of ours."""
    # The template is a constant; pydantic only wants to see it typed as a literal.
    return PydanticCustomError(code, SENTENCES[code])  # pyright: ignore[reportArgumentType]


def read_time(value: object) -> datetime:
    """RFC 3339 with a zone, or UTC seconds.

    Args:
        value: A string, or an integer number of seconds.

    Returns:
        Aware, in UTC.

    Raises:
        PydanticCustomError: No such time, no zone, or milliseconds.
    """
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str):
        raise refuse("time")
    if len(text) == _MILLISECOND_DIGITS and text.isascii() and text.isdigit():
        raise refuse("time_in_milliseconds")
    try:
        if _SECONDS.fullmatch(text):
            return datetime.fromtimestamp(int(text), UTC)
        match = _RFC_3339.fullmatch(text)
        if match is None:
            raise refuse("time")
        day, clock, fraction, zone = match.groups(default="")
        microseconds = fraction[: 1 + _MICROSECOND_DIGITS]
        return datetime.fromisoformat(f"{day}T{clock}{microseconds}{zone.upper()}").astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise refuse("time") from error


def require_recent(moment: datetime, now: datetime) -> datetime:
    """Refuse what is older than any attribution window, or has not happened yet.

    Raises:
        PydanticCustomError: Outside −400 days … +24 hours.
    """
    if moment < now - OLDEST:
        raise refuse("time_too_old")
    if moment > now + NEWEST:
        raise refuse("time_in_future")
    return moment


def _event_time(value: object, info: ValidationInfo) -> datetime:
    return require_recent(read_time(value), info.context["now"])  # type: ignore[index]


def _uuid(value: object) -> UUID:
    if not isinstance(value, str) or not _UUID.fullmatch(value):
        raise refuse("uuid")
    return UUID(value)


def _id(value: object) -> str:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not _ID.match(text):
        raise refuse("id")
    return text


def _click_id(value: object) -> object:
    if value is not None and (not isinstance(value, str) or not _CLICK_ID.match(value)):
        raise refuse("click_id")
    return value


def _lead_id(value: object) -> object:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if text is not None and (not isinstance(text, str) or not _LEAD_ID.match(text)):
        raise refuse("lead_id")
    return text


def _sha256(value: object) -> object:
    if value is not None and (not isinstance(value, str) or not _SHA256.match(value)):
        raise refuse("sha256")
    return value


def _text(value: object) -> object:
    if value is not None and not isinstance(value, str):
        raise refuse("text")
    return value


TenantId = Annotated[
    UUID, PlainValidator(_uuid), WithJsonSchema({"type": "string", "format": "uuid"})
]
Id = Annotated[
    str,
    PlainValidator(_id),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": ID_PATTERN},
                {"type": "integer", "minimum": 0, "maximum": 10**18 - 1},
            ]
        }
    ),
]
Time = Annotated[
    datetime,
    PlainValidator(_event_time),
    WithJsonSchema(
        {
            "anyOf": [{"type": "string", "format": "date-time"}, {"type": "integer"}],
            "description": "RFC 3339 with a zone, or UTC seconds; from 400 days ago to 24 hours ahead.",
        }
    ),
]
ClickId = Annotated[
    str | None,
    BeforeValidator(_click_id),
    WithJsonSchema({"type": ["string", "null"], "pattern": CLICK_ID_PATTERN}),
]
LeadId = Annotated[
    str | None,
    BeforeValidator(_lead_id),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": LEAD_ID_PATTERN},
                {"type": "integer", "minimum": 0, "maximum": 10**18 - 1},
                {"type": "null"},
            ]
        }
    ),
]
Sha256 = Annotated[
    str | None,
    BeforeValidator(_sha256),
    WithJsonSchema({"type": ["string", "null"], "pattern": SHA256_PATTERN}),
]
Text = Annotated[
    str | None,
    BeforeValidator(_text),
    WithJsonSchema({"type": ["string", "null"], "maxLength": 8192}),
]
Json = Annotated[Any, WithJsonSchema({})]
