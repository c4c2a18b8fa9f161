"""What the Conversions API checks: one bad event refuses the whole call (DOC Msrv, Mcrm).

Pure functions that end at the first fault; a refusal is a code and a subcode, never a value. They run for each event
of each call, so an event costs no object but those that it came with.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from orchestration.sandbox.personal_data import is_sha256

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
HASHED_KEYS = frozenset(  # DOC Mcip
    {"em", "ph", "fn", "ln", "ge", "db", "ct", "st", "zp", "country"}
)
LEAD_ID = re.compile(r"\d{15,17}")  # DOC Mcip
# DOC Mcip, since v13: these alone are too little to match on.
TOO_LITTLE = (
    frozenset({"ct", "country", "st", "zp", "ge", "client_user_agent"}),
    frozenset({"db", "client_user_agent"}),
    frozenset({"fn", "ge"}),
    frozenset({"ln", "ge"}),
)
# A single key outside of these is enough.
_WEAK_KEYS = frozenset[str]().union(*TOO_LITTLE)
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


def check_events(events: list[Any], now: datetime) -> Refusal | None:
    """Return the first thing that is wrong with a call's events."""
    if not events:
        return Refusal(100, 0, "data must hold at least one event")
    if len(events) > MAX_EVENTS:
        return Refusal(100, 0, f"at most {MAX_EVENTS} events in a call")
    oldest, latest = (now - MAX_AGE).timestamp(), int((now + CLOCK_SKEW).timestamp())
    for event in events:
        if refusal := _check_event(event, oldest, latest):
            return refusal
    return None


def _check_event(event: Any, oldest: float, latest: int) -> Refusal | None:
    if type(event) is not dict:
        return Refusal(100, 0, "an event must be an object")
    name, source = event.get("event_name"), event.get("action_source")
    if not isinstance(name, str) or not name:
        return Refusal(100, 0, "event_name is required")
    if not isinstance(source, str) or source not in ACTION_SOURCES:
        return Refusal(100, 0, "action_source is not a known one")
    if type(event.get("event_id", "")) is not str:
        return Refusal(100, 0, "event_id must be text")
    happened = event.get("event_time")
    if type(happened) is not int:
        return Refusal(100, 0, "event_time must be Unix seconds")
    if happened > latest:
        # Milliseconds read as seconds land here as well.
        return Refusal(100, 2804004, "event_time is in the future")
    if happened < oldest:
        return Refusal(100, 2804003, "event_time is too old")
    user_data = event.get("user_data")
    if type(user_data) is not dict:
        return Refusal(100, 0, "user_data is required")
    return (
        _check_user_data(user_data)
        or _check_source(source, event, user_data)
        or _check_custom_data(name, event.get("custom_data"), user_data)
    )


def _check_user_data(user_data: dict[str, Any]) -> Refusal | None:
    is_enough = False
    for key, value in user_data.items():
        if key in HASHED_KEYS:
            for item in value if type(value) is list else (value,):
                if not is_sha256(item):
                    return Refusal(100, 0, f"user_data.{key} must be SHA-256 in lower hex")
        if value and key not in _WEAK_KEYS:
            is_enough = True
    if not is_enough:
        given = frozenset(key for key, value in user_data.items() if value)
        if not given or any(given <= combination for combination in TOO_LITTLE):
            return Refusal(100, 0, "not enough user_data to match on")
    return None


def _check_source(
    source: object, event: dict[str, Any], user_data: dict[str, Any]
) -> Refusal | None:
    if source == "website":
        # DOC Msrv: both are required for website events.
        if not event.get("event_source_url") or not user_data.get("client_user_agent"):
            return Refusal(100, 0, "website needs event_source_url and client_user_agent")
    elif source == "business_messaging":
        return _check_messaging(event, user_data)
    return None


def _check_messaging(event: dict[str, Any], user_data: dict[str, Any]) -> Refusal | None:
    if event.get("messaging_channel") not in ("whatsapp", "messenger", "instagram"):
        return Refusal(100, 0, "messaging_channel is required")
    if event.get("event_name") not in MESSAGING_NAMES:
        return Refusal(100, 2804066, "event_name is not allowed for messaging")  # 3RD code
    if not user_data.get("whatsapp_business_account_id") and not user_data.get("page_id"):
        return Refusal(100, 2804116, "page_id or WhatsApp account is missing")  # 3RD code
    if event.get("messaging_channel") == "whatsapp" and not user_data.get("ctwa_clid"):
        return Refusal(100, 2804087, "ctwa_clid is invalid")  # 3RD code
    return None


def _check_custom_data(name: str, custom_data: Any, user_data: dict[str, Any]) -> Refusal | None:
    value = currency = None
    if type(custom_data) is dict:
        value, currency = custom_data.get("value"), custom_data.get("currency")
    if name == "Purchase" and value is None:
        return Refusal(100, 2804009, "Purchase needs a value")  # 3RD code
    if value is not None and (not currency or not isinstance(currency, str)):
        return Refusal(100, 2804023, "a value needs a currency")  # 3RD code
    if value is not None and type(value) not in (int, float):
        return Refusal(100, 0, "a value must be a number")  # LIB Lsv: float
    if (lead_id := user_data.get("lead_id")) is not None:
        # DOC Mcrm: a CRM stage names the lead, that it comes from a CRM, and from which.
        if not LEAD_ID.fullmatch(str(lead_id)):
            return Refusal(100, 0, "user_data.lead_id must have 15 to 17 digits")
        if not (
            type(custom_data) is dict
            and custom_data.get("event_source") == "crm"
            and custom_data.get("lead_event_source")
        ):
            return Refusal(100, 0, "a lead's stage needs event_source crm and lead_event_source")
    return None
