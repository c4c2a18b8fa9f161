"""What TikTok's Events API checks, per call and per event. Pure functions; a refusal is a code and words of ours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from orchestration.sandbox.personal_data import count_personal_data, is_sha256
from orchestration.sandbox.world import World

MAX_EVENTS = 1_000  # DOC Ttrack
MAX_OFFLINE_AGE = timedelta(days=28)  # 3RD: Amperity's documentation
CLOCK_SKEW = timedelta(minutes=1)
STANDARD_EVENTS = frozenset(
    {  # DOC Tstd
        "AddPaymentInfo",
        "AddToCart",
        "AddToWishlist",
        "ApplicationApproval",
        "CompleteRegistration",
        "Contact",
        "CustomizeProduct",
        "Download",
        "FindLocation",
        "InitiateCheckout",
        "Lead",
        "Purchase",
        "Schedule",
        "Search",
        "StartTrial",
        "SubmitApplication",
        "Subscribe",
        "ViewContent",
    }
)
HASHED_KEYS = (
    "email",
    "phone",
    "external_id",
    "first_name",  # 3RD
    "last_name",  # 3RD
    "zip_code",  # 3RD
)
MATCH_KEYS = ("email", "phone", "external_id", "ttclid", "ttp", "lead_id")


@dataclass(frozen=True)
class Refusal:
    """A return code (DOC Tcodes) and what is wrong in words of ours."""

    code: int
    words: str


def check_envelope(body: dict[str, Any], world: World) -> Refusal | None:
    """Judge what all events of a call share."""
    events = body.get("data")
    if not isinstance(events, list) or not events:
        return Refusal(40002, "data must hold events")
    if len(events) > MAX_EVENTS:
        return Refusal(40061, f"at most {MAX_EVENTS} events in a call")  # DOC: refused outright
    source, source_id = body.get("event_source"), body.get("event_source_id")
    match source:
        case "web":
            known = {account.pixel_code for account in world.accounts["tiktok"]}
        case "offline":
            known = {account.offline_event_set_id for account in world.accounts["tiktok"]}
        case "crm":
            # The sandbox has no CRM event set: a lead that was not born on TikTok must not go this way (DOC T2).
            known = set[str]()
        case _:
            return Refusal(40002, "event_source is not a known one")
    return None if source_id in known else Refusal(40007, "no such event source")


def check_event(event: Any, source: str, now: datetime) -> Iterator[Refusal]:
    """Yield everything that is wrong with one event of a ``web`` or ``offline`` call."""
    if not isinstance(event, dict):
        yield Refusal(40002, "an event must be an object")
        return
    name = event.get("event")
    if not isinstance(name, str) or not name:
        yield Refusal(40002, "event is required")
    elif source == "offline" and name not in STANDARD_EVENTS:
        yield Refusal(40002, "offline takes standard events only")  # DOC T2
    if source == "web" and not (event.get("page") or {}).get("url"):
        yield Refusal(40002, "web needs page.url")  # DOC Ttrack
    yield from _check_time(event.get("event_time"), source, now)
    yield from _check_user(event.get("user"))
    properties = event.get("properties") or {}
    if properties.get("value") is not None and not properties.get("currency"):
        yield Refusal(40002, "a value needs a currency")
    if count_personal_data(event):
        yield Refusal(40062, "raw personal data")


def _check_time(event_time: object, source: str, now: datetime) -> Iterator[Refusal]:
    if isinstance(event_time, bool) or not isinstance(event_time, int):
        yield Refusal(40002, "event_time must be Unix seconds")
        return
    if event_time > (now + CLOCK_SKEW).timestamp():
        yield Refusal(40002, "event_time is in the future")
    elif source == "offline" and datetime.fromtimestamp(event_time, UTC) < now - MAX_OFFLINE_AGE:
        yield Refusal(40002, "event_time is too old")


def _check_user(user: Any) -> Iterator[Refusal]:
    if not isinstance(user, dict) or not any(user.get(key) for key in MATCH_KEYS):
        yield Refusal(40002, "user holds nothing to match on")
        return
    for key in HASHED_KEYS:
        values = user.get(key, [])
        # 3RD Rseg: a string or a list of strings.
        if not all(is_sha256(v) for v in (values if isinstance(values, list) else [values])):
            yield Refusal(40062, f"user.{key} must be SHA-256 in lower hex")
