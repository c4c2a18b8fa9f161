"""TikTok: conversions by the Events API, as ``web`` or as ``offline`` events.

``web`` carries the click and needs the address of a page: the site that the account's ``site_url`` names.
``offline`` carries hashed identifiers alone and knows standard names only. ``crm`` is not for us: it wants the id of
a lead that was born on TikTok.

Source of facts: the Events API's guide (report events, deduplication), and connectors where it is silent.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from orchestration.deliveries.conversion import Account, Conversion, EventRefused, Request
from orchestration.deliveries.findings import Finding
from orchestration.deliveries.guard import Shape, refuse_unhashed
from orchestration.deliveries.outcomes import Outcome, accepted, rejected
from orchestration.deliveries.states import State
from orchestration.vendors import tiktok_events
from orchestration.vendors.answers import open_http
from orchestration.vendors.errors import RequestRefused, RouteBlocked

if TYPE_CHECKING:
    from orchestration.settings import Settings
    from orchestration.vendors.answers import Answer

_BATCH_LIMIT = 1_000
# Repeats are recognised for 48 hours; six of them are kept as a margin.
RESEND_WITHIN = timedelta(hours=42)
ONCE_LANES: tuple[str, ...] = ()
ADJUSTS: frozenset[str] = frozenset()

STANDARD_NAMES = frozenset(
    {
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
_SOURCE_FIELDS = {"web": "pixel_code", "offline": "offline_event_set_id"}

FIELDS = {
    "event": Shape.NAME,
    "event_time": Shape.SECONDS,
    "event_id": Shape.HASH,
    "user.email": Shape.HASH,
    "user.phone": Shape.HASH,
    "user.external_id": Shape.HASH,
    "user.ttclid": Shape.CLICK,
    "properties.value": Shape.AMOUNT,
    "properties.currency": Shape.CURRENCY,
    "page.url": Shape.PAGE,
}


def connect(
    settings: Settings, credentials: Mapping[str, str], account: Account
) -> tiktok_events.TikTokEvents:
    """Make the client."""
    return tiktok_events.TikTokEvents(
        open_http(), settings.tiktok_api_url, credentials.get("access_token", "")
    )


def batch_size(unresolved: int) -> int:
    """The platform's own limit: its answers are told apart by row."""
    return _BATCH_LIMIT


def lane(conversion: Conversion) -> str:
    """``web`` where we know the click and the site it led to, else ``offline``."""
    is_web = conversion.click_ids.get("ttclid") and conversion.account.config.get("site_url")
    return "web" if is_web else "offline"


def event(conversion: Conversion) -> dict[str, Any]:
    """Word one conversion.

    Raises:
        EventRefused: Nothing that may go this way identifies the person, the name is not standard, or a value is
            not of its shape.
    """
    body: dict[str, Any] = {
        "event": conversion.action,
        "event_time": int(conversion.converted_at.timestamp()),
        "event_id": conversion.event_id,
    }
    user = {
        key: _one_or_many(conversion.hashes[key])
        for key in ("email", "phone")
        if conversion.hashes.get(key)
    }
    if lane(conversion) == "web":
        user["ttclid"] = conversion.click_ids["ttclid"]
        if conversion.person_key:
            user["external_id"] = hashlib.sha256(conversion.person_key.lower().encode()).hexdigest()
        body["page"] = {"url": conversion.account.config["site_url"]}
    elif conversion.action not in STANDARD_NAMES:
        raise EventRefused("action_not_standard")
    elif not user:
        raise EventRefused("no_page" if conversion.click_ids.get("ttclid") else "no_identifiers")
    body["user"] = user
    if conversion.value is not None and conversion.currency:
        body["properties"] = {
            "value": float(conversion.value),
            "currency": conversion.currency,
        }
    refuse_unhashed(body, FIELDS)
    return body


def request(events: Sequence[Mapping[str, Any]], account: Account, lane: str) -> Request:
    """Put events of one source into one request.

    Raises:
        RouteBlocked: The account does not name the source.
    """
    source = account.config.get(_SOURCE_FIELDS[lane])
    if not source:
        raise RouteBlocked(f"{_SOURCE_FIELDS[lane]}_missing")
    envelope = {"event_source": lane, "event_source_id": source, "data": list(events)}
    body = json.dumps(envelope, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return Request(target=f"{lane}:{source}", body=body.encode(), size=len(events))


def send(client: tiktok_events.TikTokEvents, request: Request) -> list[Outcome]:
    """Send a request.

    Raises:
        VendorError: It was refused as a whole, or its fate is unknown.
    """
    return classify(client.send_events(request.body), request.size)


def classify(answer: Answer, size: int) -> list[Outcome]:
    """Read the answer to a request: the code in the body is the status.

    Raises:
        VendorError: The answer holds an error.
        RequestRefused: A repeat, or a partial success, of many rows, and the answer does not say of which.
    """
    if error := tiktok_events.read_error(answer):
        raise error
    code = tiktok_events.read_code(answer)
    found = answer.body.get("request_id")
    request_id = found if isinstance(found, str) else None
    if code == tiktok_events.OK:
        return [accepted(request_id)] * size
    failed = _failed_places(answer, size) if code == tiktok_events.PARTIAL else None
    if failed is not None:
        return [
            rejected(failed[place], request_id) if place in failed else accepted(request_id)
            for place in range(size)
        ]
    if size > 1:
        raise RequestRefused(str(code), request_id=request_id, may_be_applied=True)
    if code == tiktok_events.DUPLICATE:
        return [Outcome(State.DUPLICATE, str(code), request_id)]
    return [rejected(str(code), request_id)]


def retrieve(client: tiktok_events.TikTokEvents, request_id: str, size: int) -> None:
    """TikTok tells all it ever tells at once."""


def probe(
    client: tiktok_events.TikTokEvents, account: Account, actions: Sequence[str]
) -> list[Finding]:
    """Nothing is asked yet."""
    return [Finding("account", "unknown", "not_asked", "Nothing was asked of the account.")]


def _failed_places(answer: Answer, size: int) -> dict[int, str] | None:
    """The failed rows of a partial success, if the answer names them; the shape is not documented for this call."""
    data: Any = answer.body.get("data")
    items: Any = data.get("failed_events") if isinstance(data, dict) else None
    if not isinstance(items, list) or not items:
        return None
    failed: dict[int, str] = {}
    for item in items:
        place: Any = item.get("order_in_batch") if isinstance(item, dict) else None
        if not isinstance(place, int) or not 0 <= place < size:
            return None
        code: Any = item.get("code")
        failed[place] = str(code) if isinstance(code, int) else str(tiktok_events.PARTIAL)
    return failed


def _one_or_many(hashes: tuple[str, ...]) -> str | list[str]:
    return hashes[0] if len(hashes) == 1 else list(hashes)
