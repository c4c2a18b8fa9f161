"""What TikTok's Events API checks, per call and per event. Pure functions; a refusal is a code and words of ours."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from orchestration.sandbox.personal_data import is_sha256
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
HASHED_KEYS = frozenset(
    {
        "email",
        "phone",
        "external_id",
        "first_name",  # 3RD
        "last_name",  # 3RD
        "zip_code",  # 3RD
    }
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
            known = {account.crm_event_set_id for account in world.accounts["tiktok"]}
        case _:
            return Refusal(40002, "event_source is not a known one")
    if not isinstance(source_id, str) or source_id not in known:
        return Refusal(40007, "no such event source")
    return None


def judge_account(source: str, source_id: str, world: World) -> Refusal | None:
    """Judge what the account behind a known event source may do."""
    account = next(
        account
        for account in world.accounts["tiktok"]
        if source_id in (account.pixel_code, account.offline_event_set_id, account.crm_event_set_id)
    )
    if not account.is_allowlisted:
        return Refusal(40118, "the app is not allowlisted")
    if "events" in account.missing_permissions:
        return Refusal(40001, "no permission")
    if source == "crm" and "crm_events" in account.missing_permissions:
        return Refusal(40001, "no permission")
    return None


def check_events(events: list[Any], source: str, now: datetime) -> dict[int, Refusal]:
    """Return the first thing that is wrong with each event that has something wrong, by place."""
    oldest = (now - MAX_OFFLINE_AGE).timestamp() if source == "offline" else 0.0
    latest = (now + CLOCK_SKEW).timestamp()
    return {
        place: refusal
        for place, event in enumerate(events)
        if (refusal := _check_event(event, source, oldest, latest))
    }


def _check_event(event: Any, source: str, oldest: float, latest: float) -> Refusal | None:
    if type(event) is not dict:
        return Refusal(40002, "an event must be an object")
    if refusal := _check_name(event.get("event"), source):
        return refusal
    if type(event.get("event_id", "")) is not str:
        return Refusal(40002, "event_id must be text")
    if source == "web" and not _of(event, "page").get("url"):
        return Refusal(40002, "web needs page.url")  # DOC Ttrack
    happened = event.get("event_time")
    if type(happened) is not int:
        return Refusal(40002, "event_time must be Unix seconds")
    if happened > latest:
        return Refusal(40002, "event_time is in the future")
    if happened < oldest:
        return Refusal(40002, "event_time is too old")
    return _check_user(event, source) or _check_value(_of(event, "properties"))


def _check_name(name: Any, source: str) -> Refusal | None:
    if type(name) is not str or not name:
        return Refusal(40002, "event is required")
    if source == "offline" and name not in STANDARD_EVENTS:
        return Refusal(40002, "offline takes standard events only")  # DOC T2
    # DOC T2, in its text; one sample uses a standard name (UNSURE).
    if source == "crm" and name in STANDARD_EVENTS:
        return Refusal(40002, "crm takes custom events only")
    return None


def _check_user(event: dict[str, Any], source: str) -> Refusal | None:
    user = event.get("user")
    if source == "crm":
        # DOC T2: TikTok's own lead is what a CRM event is about.
        if not _of(event, "lead").get("lead_id"):
            return Refusal(40002, "crm needs lead.lead_id")
        user = user or {}
    elif type(user) is not dict or not any(user.get(key) for key in MATCH_KEYS):
        return Refusal(40002, "user holds nothing to match on")
    if type(user) is not dict:
        return Refusal(40002, "user must be an object")
    for key, value in user.items():
        if key in HASHED_KEYS:
            # 3RD Rseg: a string or a list of strings.
            for item in value if type(value) is list else (value,):
                if not is_sha256(item):
                    return Refusal(40062, f"user.{key} must be SHA-256 in lower hex")
    return None


def _check_value(properties: dict[str, Any]) -> Refusal | None:
    value, currency = properties.get("value"), properties.get("currency")
    if value is None:
        return None
    if not currency or type(currency) is not str:
        return Refusal(40002, "a value needs a currency")
    if type(value) not in (int, float):
        return Refusal(40002, "a value must be a number")
    return None


def _of(event: dict[str, Any], key: str) -> dict[str, Any]:
    inner = event.get(key)
    return inner if type(inner) is dict else {}
