"""An ``IngestEventsRequest`` as a plain dictionary: camelCase names, enums as numbers or names.

The usual request is read as it stands, for building message objects costs ten times as much as everything else that
the sandbox does with an event. Whatever is unusual about one (another spelling, a rare field, a value of another type)
goes through Google's own message type, which knows every form that the API takes and refuses the rest.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

_REQUEST = frozenset({"destinations", "events", "encoding", "consent", "validateOnly"})
_EVENT = frozenset(
    {
        "transactionId",
        "eventTimestamp",
        "eventSource",
        "adIdentifiers",
        "userData",
        "consent",
        "conversionValue",
        "currency",
    }
)
_CLICKS = frozenset({"gclid", "gbraid", "wbraid"})
_CONSENT = frozenset({"adUserData", "adPersonalization"})
_CONSENTS = frozenset({1, 2, "CONSENT_GRANTED", "CONSENT_DENIED"})
_SOURCES = frozenset(
    {1, 2, 3, 4, 5, 6, "WEB", "APP", "IN_STORE", "PHONE", "OTHER", "MESSAGE"}  # LIB Ldm
)
_ENCODINGS = frozenset({1, 2, "HEX", "BASE64"})


class Unreadable(Exception):
    """The body is no ``IngestEventsRequest``."""


def read_request(text: str) -> dict[str, Any]:
    """Read a body.

    Raises:
        Unreadable: It is not one; the cause may quote the input, so nothing of it is kept.
    """
    try:
        request = json.loads(text)
    except ValueError:
        raise Unreadable from None
    if _is_plain(request):
        return request
    return _through_message(text)


def _through_message(text: str) -> dict[str, Any]:
    from google.ads.datamanager_v1 import IngestEventsRequest
    from google.protobuf import json_format

    try:
        message = json_format.Parse(text, IngestEventsRequest.pb(IngestEventsRequest()))
    except json_format.ParseError:
        raise Unreadable from None
    return json_format.MessageToDict(message, use_integers_for_enums=True)


def _is_plain(request: Any) -> bool:
    return (
        type(request) is dict
        and request.keys() <= _REQUEST
        and type(request.get("events")) is list
        and type(request.get("validateOnly", False)) is bool
        and ("encoding" not in request or _is_one_of(request["encoding"], _ENCODINGS))
        and "consent" not in request
        and _are_plain_destinations(request.get("destinations"))
        and all(map(_is_plain_event, request["events"]))
    )


def _are_plain_destinations(destinations: Any) -> bool:
    return type(destinations) is list and all(
        type(destination) is dict
        and destination.keys() <= {"operatingAccount", "loginAccount", "productDestinationId"}
        and type(destination.get("productDestinationId", "")) is str
        and all(
            type(destination.get(key, {})) is dict
            and destination.get(key, {}).keys() <= {"accountType", "accountId"}
            and type(destination.get(key, {}).get("accountId", "")) is str
            and destination.get(key, {}).get("accountType", 1) in (1, "GOOGLE_ADS")
            for key in ("operatingAccount", "loginAccount")
        )
        for destination in destinations
    )


def _is_plain_event(event: Any) -> bool:
    if type(event) is not dict or not event.keys() <= _EVENT:
        return False
    return (
        type(event.get("transactionId", "")) is str
        and type(event.get("currency", "")) is str
        and type(event.get("conversionValue", 0)) in (int, float)
        and ("eventSource" not in event or _is_one_of(event["eventSource"], _SOURCES))
        and ("eventTimestamp" not in event or _is_instant(event["eventTimestamp"]))
        and ("adIdentifiers" not in event or _has_texts(event["adIdentifiers"], _CLICKS))
        and ("userData" not in event or _is_plain_user(event["userData"]))
        and ("consent" not in event or _is_plain_consent(event["consent"]))
    )


def _is_plain_user(user_data: Any) -> bool:
    if type(user_data) is not dict or user_data.keys() != {"userIdentifiers"}:
        return False
    identifiers = user_data["userIdentifiers"]
    if type(identifiers) is not list:
        return False
    for identifier in identifiers:
        # One of e-mail, telephone or address; the last is rare enough for the message type.
        if type(identifier) is not dict or len(identifier) != 1:
            return False
        key, value = next(iter(identifier.items()))
        if key not in ("emailAddress", "phoneNumber") or type(value) is not str:
            return False
    return True


def _is_plain_consent(consent: Any) -> bool:
    return (
        type(consent) is dict
        and consent.keys() <= _CONSENT
        and all(_is_one_of(status, _CONSENTS) for status in consent.values())
    )


def _has_texts(value: Any, keys: frozenset[str]) -> bool:
    return (
        type(value) is dict and value.keys() <= keys and all(type(v) is str for v in value.values())
    )


def _is_one_of(value: Any, known: frozenset[int | str]) -> bool:
    return type(value) in (int, str) and value in known


def _is_instant(value: Any) -> bool:
    if type(value) is not str or not value.endswith("Z"):
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True
