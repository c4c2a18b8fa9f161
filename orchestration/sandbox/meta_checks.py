"""What the Conversions API checks: one bad event refuses the whole call (DOC Msrv, Mcrm).

Pure functions; a refusal is a code and a subcode, never a value.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from orchestration.sandbox.personal_data import count_personal_data, is_sha256

MAX_EVENTS = 1_000  # DOC Msrv, Mcrm
# DOC Moff lets physical_store be 62 days old, other pages repeat 7 (UNSURE): the stricter reading is taken for all.
MAX_AGE = timedelta(days=7)
CLOCK_SKEW = timedelta(minutes=1)
ACTION_SOURCES = frozenset(
    {  # LIB Lsv, DOC Msrv
        "email",
        "website",
        "app",
        "phone_call",
        "chat",
        "physical_store",
        "system_generated",
        "business_messaging",
        "other",
    }
)
HASHED_KEYS = ("em", "ph", "fn", "ln", "ge", "db", "ct", "st", "zp", "country")  # DOC Mcip
# DOC Mcip, since v13: these alone are too little to match on.
TOO_LITTLE = (
    frozenset({"ct", "country", "st", "zp", "ge", "client_user_agent"}),
    frozenset({"db", "client_user_agent"}),
    frozenset({"fn", "ge"}),
    frozenset({"ln", "ge"}),
)
MESSAGING_NAMES = frozenset(
    {  # DOC Mbiz
        "Purchase",
        "LeadSubmitted",
        "QualifiedLead",
        "InitiateCheckout",
        "AddToCart",
        "ViewContent",
        "OrderCreated",
        "OrderShipped",
        "OrderDelivered",
        "OrderCanceled",
        "OrderReturned",
        "CartAbandoned",
        "RatingProvided",
        "ReviewProvided",
    }
)


@dataclass(frozen=True)
class Refusal:
    """A Graph error: code, subcode (0 for none) and what is wrong in words of ours."""

    code: int
    subcode: int
    words: str


def check_events(events: list[Any], now: datetime) -> Iterator[Refusal]:
    """Yield everything that is wrong; the first is what the caller is told."""
    if not events:
        yield Refusal(100, 0, "data must hold at least one event")
    if len(events) > MAX_EVENTS:
        yield Refusal(100, 0, f"at most {MAX_EVENTS} events in a call")
    for event in events:
        if isinstance(event, dict):
            yield from check_event(event, now)
        else:
            yield Refusal(100, 0, "an event must be an object")


def check_event(event: dict[str, Any], now: datetime) -> Iterator[Refusal]:
    """Yield everything that is wrong with one event."""
    for name in ("event_name", "action_source"):
        if not isinstance(event.get(name), str) or not event[name]:
            yield Refusal(100, 0, f"{name} is required")
    if event.get("action_source") not in ACTION_SOURCES:
        yield Refusal(100, 0, "action_source is not a known one")
    yield from _check_time(event.get("event_time"), now)
    user_data = event.get("user_data")
    if not isinstance(user_data, dict):
        yield Refusal(100, 0, "user_data is required")
    else:
        yield from _check_user_data(user_data)
        yield from _check_source(event, user_data)
    yield from _check_value(event)
    if count_personal_data(event):
        yield Refusal(100, 0, "raw personal data")


def _check_time(event_time: object, now: datetime) -> Iterator[Refusal]:
    if isinstance(event_time, bool) or not isinstance(event_time, int):
        yield Refusal(100, 0, "event_time must be Unix seconds")
        return
    latest = int((now + CLOCK_SKEW).timestamp())
    if event_time > latest:
        # Milliseconds read as seconds land here as well.
        yield Refusal(100, 2804004, "event_time is in the future")
    elif datetime.fromtimestamp(event_time, UTC) < now - MAX_AGE:
        yield Refusal(100, 2804003, "event_time is too old")


def _check_user_data(user_data: dict[str, Any]) -> Iterator[Refusal]:
    for key in HASHED_KEYS:
        values = user_data.get(key, [])
        if not all(is_sha256(v) for v in (values if isinstance(values, list) else [values])):
            yield Refusal(100, 0, f"user_data.{key} must be SHA-256 in lower hex")
    given = frozenset(key for key, value in user_data.items() if value)
    if not given or any(given <= combination for combination in TOO_LITTLE):
        yield Refusal(100, 0, "not enough user_data to match on")


def _check_source(event: dict[str, Any], user_data: dict[str, Any]) -> Iterator[Refusal]:
    match event.get("action_source"):
        case "website":
            # DOC Msrv: both are required for website events.
            if not event.get("event_source_url") or not user_data.get("client_user_agent"):
                yield Refusal(100, 0, "website needs event_source_url and client_user_agent")
        case "business_messaging":
            yield from _check_messaging(event, user_data)
        case _:
            yield from ()


def _check_messaging(event: dict[str, Any], user_data: dict[str, Any]) -> Iterator[Refusal]:
    if event.get("messaging_channel") not in {"whatsapp", "messenger", "instagram"}:
        yield Refusal(100, 0, "messaging_channel is required")
    if event.get("event_name") not in MESSAGING_NAMES:
        yield Refusal(100, 2804066, "event_name is not allowed for messaging")  # 3RD code
    if not user_data.get("whatsapp_business_account_id") and not user_data.get("page_id"):
        yield Refusal(100, 2804116, "page_id or WhatsApp account is missing")  # 3RD code
    if event.get("messaging_channel") == "whatsapp" and not user_data.get("ctwa_clid"):
        yield Refusal(100, 2804087, "ctwa_clid is invalid")  # 3RD code


def _check_value(event: dict[str, Any]) -> Iterator[Refusal]:
    custom_data = event.get("custom_data") or {}
    value, currency = custom_data.get("value"), custom_data.get("currency")
    if event.get("event_name") == "Purchase" and value is None:
        yield Refusal(100, 2804009, "Purchase needs a value")  # 3RD code
    if value is not None and not currency:
        yield Refusal(100, 2804023, "a value needs a currency")  # 3RD code
