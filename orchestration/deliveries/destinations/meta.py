"""Meta: conversions by the Conversions API, in profiles; the lane says which.

``crm``: Meta itself gave the lead an id (an instant form), so the event tells the stage that the lead came to.
``messaging``: the person came by a click-to-WhatsApp ad whose ``ctwa_clid`` we hold; Meta knows a fixed list of names
there and recognises no repeats, so what may have arrived is never sent again. Everything else goes by hashed
identifiers and the click, under the ``action_source`` that the account names, ``system_generated`` by default.

A request is all or nothing: one bad event refuses it whole and unnamed.

Source of facts: the Conversions API's guides (parameters, CRM integration, business messaging, deduplication).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from orchestration.deliveries.canonical import canonical
from orchestration.deliveries.conversion import Account, Conversion, EventRefused, Request
from orchestration.deliveries.destinations.meta_probe import probe as probe
from orchestration.deliveries.guard import Shape, refuse_unhashed
from orchestration.deliveries.ledger.outcomes import Outcome, accepted
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
# Only a WhatsApp thread has a word for it, and only for a purchase.
ADJUSTS: frozenset[str] = frozenset({"retract"})
_RETURNED = "OrderReturned"

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
# Names of stages are the advertiser's own; an account may choose others (``stage_<outcome>``).
STAGES = {
    "qualified_lead": "Marketing Qualified Lead",
    "appointment": "Appointment",
    "enrollment": "Enrolled",
    "purchase": "Customer",
}
CRM_NAME = "Leadloop"
_LEAD_ID = re.compile(r"[0-9]{15,17}")
DEFAULT_ACTION_SOURCE = "system_generated"
# ``website`` needs the person's browser in the clear, ``app`` a device; ``business_messaging`` is the click's own.
ACTION_SOURCES = frozenset(
    {"system_generated", "physical_store", "phone_call", "chat", "email", "other"}
)
_HASH_KEYS = (
    ("city", "ct"),
    ("country", "country"),
    ("email", "em"),
    ("first_name", "fn"),
    ("last_name", "ln"),
    ("phone", "ph"),
    ("zip", "zp"),
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

FIELDS = {
    "event_name": Shape.NAME,
    "event_time": Shape.SECONDS,
    "event_id": Shape.HASH,
    "action_source": Shape.NAME,
    "messaging_channel": Shape.NAME,
    "data_processing_options": Shape.NAME,
    "data_processing_options_country": Shape.WHOLE,
    "data_processing_options_state": Shape.WHOLE,
    **{f"user_data.{key}": Shape.HASH for _, key in _HASH_KEYS},
    "user_data.external_id": Shape.HASH,
    "user_data.fbc": Shape.CLICK,
    "user_data.lead_id": Shape.WHOLE,
    "user_data.ctwa_clid": Shape.CLICK,
    "user_data.whatsapp_business_account_id": Shape.NUMBER_ID,
    "custom_data.value": Shape.AMOUNT,
    "custom_data.currency": Shape.CURRENCY,
    "custom_data.event_source": Shape.NAME,
    "custom_data.lead_event_source": Shape.NAME,
    "custom_data.order_id": Shape.HASH,
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
    """The profile: ``crm``, ``messaging``, or the ``action_source`` of everything else.

    A name that WhatsApp threads do not know falls to the next profile, as does a sale in a store of a person without
    e-mail address and phone number, which is all that Meta matches such a sale by. A change goes where its event went.
    """
    if conversion.parent_lane:
        return conversion.parent_lane
    clicks, config = conversion.click_ids, conversion.account.config
    if "meta_lead_id" in clicks and _LEAD_ID.fullmatch(clicks["meta_lead_id"]):
        return "crm"
    if (
        "ctwa_clid" in clicks
        and conversion.action in _MESSAGING_NAMES
        and config.get("whatsapp_business_account_id")
    ):
        return "messaging"
    source = config.get(f"action_source_{conversion.kind}") or config.get("action_source")
    hashes = conversion.hashes
    if source == "physical_store" and not (hashes.get("email") or hashes.get("phone")):
        return DEFAULT_ACTION_SOURCE
    return source or DEFAULT_ACTION_SOURCE


def event(conversion: Conversion) -> dict[str, Any]:
    """Word one conversion.

    Raises:
        EventRefused: Nothing identifies the person, a purchase has no value, Meta has no word for such a change, or a
            value is not of its shape.
    """
    profile = lane(conversion)
    action = conversion.action
    custom: dict[str, Any] = {}
    if conversion.value is not None and conversion.currency:
        custom = {"currency": conversion.currency, "value": float(conversion.value)}
    if conversion.purpose != "send":
        action = _word_of_change(conversion, profile)
    body: dict[str, Any] = {
        "action_source": profile,
        "event_id": conversion.event_id,
        "event_name": action,
        "event_time": int(conversion.converted_at.timestamp()),
    }
    config = conversion.account.config
    match profile:
        case "messaging":
            body["action_source"] = "business_messaging"
            body["messaging_channel"] = "whatsapp"
            if conversion.action == "Purchase":
                # Meta knows no repeats there; the order is what a purchase and its return have in common.
                custom["order_id"] = conversion.event_id
            body["user_data"] = _thread(conversion)
        case "crm":
            kind = conversion.kind
            body["action_source"] = DEFAULT_ACTION_SOURCE
            body["event_name"] = action = config.get(f"stage_{kind}") or STAGES.get(kind) or action
            custom["event_source"] = "crm"
            custom["lead_event_source"] = config.get("crm_name") or CRM_NAME
            body["user_data"] = _user(conversion, lead_id=int(conversion.click_ids["meta_lead_id"]))
        case "physical_store":
            # Sales in a store are told apart by the order.
            custom["order_id"] = conversion.event_id
            body["user_data"] = _user(conversion)
        case _:
            body["user_data"] = _user(conversion)
    if action == "Purchase" and "value" not in custom:
        raise EventRefused("purchase_without_value")
    if custom:
        body["custom_data"] = custom
    if conversion.limited_data_use:
        body |= _limit(config)
    refuse_unhashed(body, FIELDS)
    return body


def request(events: Sequence[Mapping[str, Any]], account: Account, lane: str) -> Request:
    """Put events into one JSON body, as connectors in wide use send it (Meta's own client sends a form)."""
    config = account.config
    envelope: dict[str, Any] = {"data": list(events)}
    if code := config.get("test_event_code"):
        envelope["test_event_code"] = code
    dataset = config.get("dataset_id") or account.account_id
    return Request(target=dataset, body=canonical(envelope), size=len(events))


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


def _word_of_change(conversion: Conversion, profile: str) -> str:
    is_returned = conversion.purpose == "retract" and conversion.action == "Purchase"
    if profile == "messaging" and is_returned:
        return _RETURNED
    raise EventRefused("cannot_adjust")


def _limit(config: Mapping[str, str]) -> dict[str, Any]:
    """Limited data use; 0 and 0 let Meta find out where the person is."""
    return {
        "data_processing_options": ["LDU"],
        "data_processing_options_country": int(config.get("data_processing_country", "0")),
        "data_processing_options_state": int(config.get("data_processing_state", "0")),
    }


def _thread(conversion: Conversion) -> dict[str, Any]:
    click = conversion.click_ids.get("ctwa_clid")
    business = conversion.account.config.get("whatsapp_business_account_id")
    if not (click and business):
        # Of a change, whose door was chosen when both were known.
        raise EventRefused("no_identifiers")
    return {"ctwa_clid": click, "whatsapp_business_account_id": business}


def _user(conversion: Conversion, lead_id: int | None = None) -> dict[str, Any]:
    hashes = conversion.hashes
    user: dict[str, Any] = {key: list(hashes[kind]) for kind, key in _HASH_KEYS if hashes.get(kind)}
    fbclid = conversion.click_ids.get("fbclid")
    if fbclid and conversion.click_at:
        # The version, the place of the domain as for one built on a server, the click's milliseconds, the click.
        user["fbc"] = f"fb.1.{(conversion.click_at - _EPOCH) // _MILLISECOND}.{fbclid}"
    if lead_id is not None:
        user["lead_id"] = lead_id
    elif not ("em" in user or "ph" in user or "fbc" in user):
        # Meta refuses a person made of place and name alone.
        raise EventRefused("no_click_time" if fbclid else "no_identifiers")
    if conversion.person_key:
        user["external_id"] = [sha256(conversion.person_key.lower().encode()).hexdigest()]
    return user
