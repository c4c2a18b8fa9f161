"""TikTok: conversions by the Events API, through one of three event sources.

``crm``: TikTok itself gave the lead an id (a form or the leads center of its own) and the account has a CRM event
set; names are free there. ``web``: we know the click, or the account prefers this door; needs the address of a page,
the site that the account's ``site_url`` names. ``offline``: hashed identifiers alone, standard names only.

TikTok recognises a repeat by name, id and source. So a conversion keeps the door of its first attempt (the ledger
freezes the lane), and ids need not differ between sources.

Source of facts: the Events API's guide (report events, deduplication), and connectors where it is silent.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from orchestration.deliveries.canonical import canonical
from orchestration.deliveries.conversion import Account, Conversion, EventRefused, Request
from orchestration.deliveries.destinations.tiktok_probe import probe as probe
from orchestration.deliveries.destinations.tiktok_sources import SOURCE_FIELDS, STANDARD_NAMES
from orchestration.deliveries.guard import Shape, refuse_unhashed
from orchestration.deliveries.ledger.outcomes import Outcome, accepted, of_error
from orchestration.deliveries.ledger.states import State
from orchestration.vendors import tiktok_codes, tiktok_events
from orchestration.vendors.answers import open_http
from orchestration.vendors.errors import RequestRefused, RouteBlocked

if TYPE_CHECKING:
    from orchestration.settings import Settings
    from orchestration.vendors.answers import Answer

_BATCH_LIMIT = 1_000
# Repeats are recognised for 48 hours; six of them are kept as a margin.
RESEND_WITHIN = timedelta(hours=42)
ONCE_LANES: tuple[str, ...] = ()
# No retraction and no restatement is documented.
ADJUSTS: frozenset[str] = frozenset()

# Names of CRM events are the advertiser's own; an account may choose others (``stage_<outcome>``).
STAGES = {
    "qualified_lead": "qualified_lead",
    "appointment": "appointment",
    "enrollment": "enrolled",
    "purchase": "order",
}
CRM_NAME = "Leadloop"
_LEAD_ID = re.compile(r"[0-9]{1,32}")
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
    "lead.lead_id": Shape.NUMBER_ID,
    "lead.lead_event_source": Shape.NAME,
    "limited_data_use": Shape.FLAG,
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
    """The event source: the best door that is open for this conversion.

    Only ``web`` can be told that the use of data is limited, so a limited conversion goes there where it can.
    """
    config = conversion.account.config
    has_web = bool(config.get("site_url"))
    if conversion.limited_data_use:
        return "web" if has_web else "offline"
    if config.get("crm_event_set_id") and _lead_id(conversion):
        return "crm"
    is_web = has_web and (
        "ttclid" in conversion.click_ids
        or config.get("event_source") == "web"
        or not config.get("offline_event_set_id")
    )
    return "web" if is_web else "offline"


def event(conversion: Conversion) -> dict[str, Any]:
    """Word one conversion.

    Raises:
        EventRefused: Nothing that may go this way identifies the person, the name is not standard, the limit on
            the use of data cannot be told, TikTok knows no such change, or a value is not of its shape.
    """
    if conversion.purpose != "send":
        raise EventRefused("cannot_adjust")
    source = lane(conversion)
    body: dict[str, Any] = {
        "event": conversion.action,
        "event_id": conversion.event_id,
        "event_time": int(conversion.converted_at.timestamp()),
    }
    if conversion.value is not None and conversion.currency:
        body["properties"] = {"currency": conversion.currency, "value": float(conversion.value)}
    user = {
        key: _one_or_many(conversion.hashes[key])
        for key in ("email", "phone")
        if conversion.hashes.get(key)
    }
    match source:
        case "crm":
            _word_crm(conversion, body)
        case "web":
            _word_web(conversion, body, user)
        case _:
            _refuse_offline(conversion, user)
    if conversion.person_key and source != "offline":
        user["external_id"] = hashlib.sha256(conversion.person_key.lower().encode()).hexdigest()
    body["user"] = user
    refuse_unhashed(body, FIELDS)
    return body


def request(events: Sequence[Mapping[str, Any]], account: Account, lane: str) -> Request:
    """Put events of one source into one request.

    Raises:
        RouteBlocked: The account does not name the source.
    """
    source = account.config.get(SOURCE_FIELDS[lane])
    if not source:
        raise RouteBlocked(f"{SOURCE_FIELDS[lane]}_missing")
    envelope: dict[str, Any] = {
        "event_source": lane,
        "event_source_id": source,
        "data": list(events),
    }
    if code := account.config.get("test_event_code"):
        envelope["test_event_code"] = code
    return Request(target=f"{lane}:{source}", body=canonical(envelope), size=len(events))


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
    code = tiktok_events.read_code(answer) or ""
    found = answer.body.get("request_id")
    request_id = found if isinstance(found, str) else None
    if code == tiktok_codes.OK:
        return [accepted(request_id)] * size
    failed = _failed_places(answer, size) if code == tiktok_codes.PARTIAL else None
    if failed is not None:
        return [
            _of_row(failed[place], request_id) if place in failed else accepted(request_id)
            for place in range(size)
        ]
    if size > 1:
        raise RequestRefused(code, request_id=request_id, may_be_applied=True)
    return [_of_row(code, request_id)]


def retrieve(client: tiktok_events.TikTokEvents, request_id: str, size: int) -> None:
    """TikTok tells all it ever tells at once."""


def _lead_id(conversion: Conversion) -> str | None:
    found = conversion.click_ids.get("tiktok_lead_id", "")
    return found if _LEAD_ID.fullmatch(found) else None


def _word_crm(conversion: Conversion, body: dict[str, Any]) -> None:
    config = conversion.account.config
    kind = conversion.kind
    body["event"] = config.get(f"stage_{kind}") or STAGES.get(kind) or conversion.action
    body["lead"] = {
        "lead_event_source": config.get("crm_name") or CRM_NAME,
        "lead_id": _lead_id(conversion),
    }


def _word_web(conversion: Conversion, body: dict[str, Any], user: dict[str, Any]) -> None:
    if ttclid := conversion.click_ids.get("ttclid"):
        user["ttclid"] = ttclid
    if not user:
        raise EventRefused("no_identifiers")
    body["page"] = {"url": conversion.account.config["site_url"]}
    if conversion.limited_data_use:
        body["limited_data_use"] = True


def _refuse_offline(conversion: Conversion, user: Mapping[str, Any]) -> None:
    if conversion.limited_data_use:
        raise EventRefused("limit_cannot_be_told")
    if conversion.action not in STANDARD_NAMES:
        raise EventRefused("action_not_standard")
    if not user:
        raise EventRefused("no_page" if conversion.click_ids.get("ttclid") else "no_identifiers")


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
        failed[place] = str(code) if isinstance(code, int) else tiktok_codes.PARTIAL
    return failed


def _of_row(code: str, request_id: str | None) -> Outcome:
    """What became of one row by its own code."""
    match code:
        case tiktok_codes.OK:
            return accepted(request_id)
        case tiktok_codes.DUPLICATE:
            return Outcome(State.DUPLICATE, code, request_id)
        case tiktok_codes.PARTIAL:
            # It failed and nothing says why: it goes again under the same id.
            return Outcome(State.IN_DOUBT, code, request_id, is_failure=True, is_denied=True)
        case _:
            return of_error(tiktok_events.error_of_code(code, request_id=request_id))


def _one_or_many(hashes: tuple[str, ...]) -> str | list[str]:
    return hashes[0] if len(hashes) == 1 else list(hashes)
