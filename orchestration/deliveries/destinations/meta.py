"""Meta: conversions by the Conversions API, in two profiles.

``messaging``: the person came by a click-to-WhatsApp ad whose ``ctwa_clid`` we hold; Meta knows a fixed list of
names there and recognises no repeats, so what may have arrived is never sent again. ``crm``: everything else, as
``system_generated`` with hashed identifiers and the click.

A request is all or nothing: one bad event refuses it whole and unnamed.

Source of facts: the Conversions API's guides (parameters, business messaging, deduplication).
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
from orchestration.deliveries.outcomes import Outcome, accepted
from orchestration.vendors import meta_conversions
from orchestration.vendors.answers import open_http
from orchestration.vendors.errors import Unclear

if TYPE_CHECKING:
    from orchestration.settings import Settings
    from orchestration.vendors.answers import Answer

_BATCH_LIMIT = 1_000
# Repeats are recognised for 48 hours; six of them are kept as a margin.
RESEND_WITHIN = timedelta(hours=42)
ONCE_LANES: tuple[str, ...] = ("messaging",)
ADJUSTS: frozenset[str] = frozenset()

_MESSAGING_NAMES = frozenset(
    {
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
_HASH_KEYS = {
    "email": "em",
    "phone": "ph",
    "first_name": "fn",
    "last_name": "ln",
    "city": "ct",
    "zip": "zp",
    "country": "country",
}

FIELDS = {
    "event_name": Shape.NAME,
    "event_time": Shape.SECONDS,
    "event_id": Shape.HASH,
    "action_source": Shape.NAME,
    "messaging_channel": Shape.NAME,
    **{f"user_data.{key}": Shape.HASH for key in (*_HASH_KEYS.values(), "external_id")},
    "user_data.fbc": Shape.CLICK,
    "user_data.ctwa_clid": Shape.CLICK,
    "user_data.whatsapp_business_account_id": Shape.NUMBER_ID,
    "custom_data.value": Shape.AMOUNT,
    "custom_data.currency": Shape.CURRENCY,
}


def connect(
    settings: Settings, credentials: Mapping[str, str], account: Account
) -> meta_conversions.MetaConversions:
    """Make the client."""
    return meta_conversions.MetaConversions(
        open_http(),
        settings.meta_graph_url,
        settings.meta_graph_version,
        credentials.get("access_token", ""),
        credentials.get("app_secret"),
    )


def batch_size(unresolved: int) -> int:
    """The platform's own limit: its answers are told apart by row."""
    return _BATCH_LIMIT


def lane(conversion: Conversion) -> str:
    """``messaging`` where Meta has that name for a WhatsApp thread and we know the click, else ``crm``."""
    is_messaging = (
        conversion.click_ids.get("ctwa_clid")
        and conversion.account.config.get("whatsapp_business_account_id")
        and conversion.action in _MESSAGING_NAMES
    )
    return "messaging" if is_messaging else "crm"


def event(conversion: Conversion) -> dict[str, Any]:
    """Word one conversion.

    Raises:
        EventRefused: Nothing identifies the person, a purchase has no value, or a value is not of its shape.
    """
    body: dict[str, Any] = {
        "event_name": conversion.action,
        "event_time": int(conversion.converted_at.timestamp()),
        "event_id": conversion.event_id,
    }
    if lane(conversion) == "messaging":
        body |= {
            "action_source": "business_messaging",
            "messaging_channel": "whatsapp",
            "user_data": _messaging_user(conversion),
        }
    else:
        body |= {"action_source": "system_generated", "user_data": _crm_user(conversion)}
    if conversion.value is not None and conversion.currency:
        body["custom_data"] = {
            "value": float(conversion.value),
            "currency": conversion.currency,
        }
    elif conversion.action == "Purchase":
        raise EventRefused("purchase_without_value")
    refuse_unhashed(body, FIELDS)
    return body


def request(events: Sequence[Mapping[str, Any]], account: Account, lane: str) -> Request:
    """Put events into one JSON body, as connectors in wide use send it (Meta's own client sends a form)."""
    body = json.dumps(
        {"data": list(events)}, ensure_ascii=False, separators=(",", ":"), sort_keys=True
    )
    dataset = account.config.get("dataset_id") or account.account_id
    return Request(target=dataset, body=body.encode(), size=len(events))


def send(client: meta_conversions.MetaConversions, request: Request) -> list[Outcome]:
    """Send a request.

    Raises:
        VendorError: It was refused as a whole, or its fate is unknown.
    """
    return classify(client.send_events(request.target, request.body), request.size)


def classify(answer: Answer, size: int) -> list[Outcome]:
    """Read the answer to a request: all of it was received, or none.

    Raises:
        VendorError: The answer holds an error.
        Unclear: It speaks of another number of events than we sent.
    """
    if error := meta_conversions.read_error(answer):
        raise error
    trace = answer.body.get("fbtrace_id")
    request_id = trace if isinstance(trace, str) else None
    if answer.body.get("events_received") != size:
        raise Unclear("count_differs", request_id=request_id)
    return [accepted(request_id)] * size


def retrieve(client: meta_conversions.MetaConversions, request_id: str, size: int) -> None:
    """Meta tells all it ever tells at once."""


def probe(
    client: meta_conversions.MetaConversions, account: Account, actions: Sequence[str]
) -> list[Finding]:
    """Nothing is asked yet."""
    return [Finding("account", "unknown", "not_asked", "Nothing was asked of the account.")]


def _messaging_user(conversion: Conversion) -> dict[str, Any]:
    return {
        "ctwa_clid": conversion.click_ids["ctwa_clid"],
        "whatsapp_business_account_id": conversion.account.config["whatsapp_business_account_id"],
    }


def _crm_user(conversion: Conversion) -> dict[str, Any]:
    user: dict[str, Any] = {
        key: list(conversion.hashes[kind])
        for kind, key in _HASH_KEYS.items()
        if conversion.hashes.get(kind)
    }
    fbclid = conversion.click_ids.get("fbclid")
    if fbclid and conversion.click_at:
        # The version, the place of the domain as for one built on a server, the click's milliseconds, the click.
        user["fbc"] = f"fb.1.{int(conversion.click_at.timestamp() * 1000)}.{fbclid}"
    if not user.keys() & {"em", "ph", "fbc"}:
        # Meta refuses a person made of place and name alone.
        raise EventRefused("no_click_time" if fbclid else "no_identifiers")
    if conversion.person_key:
        user["external_id"] = [hashlib.sha256(conversion.person_key.lower().encode()).hexdigest()]
    return user
