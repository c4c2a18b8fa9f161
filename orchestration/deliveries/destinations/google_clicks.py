"""Google, the classic way: click conversions uploaded to the Google Ads API, with answers by row.

For accounts whose configuration says ``api=click_upload``: Google takes no new users of it since 15 June 2026, and
whoever is refused is told to switch to the Data Manager API (``google.py``). Lanes are conversion actions, and beside
each of them the lane of changes to what was uploaded (``900000001/adjust``), which is a service of its own.

Source of facts: google-ads 34.0.0 (v26) and the API's guides on uploads and adjustments.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from orchestration.deliveries.canonical import canonical
from orchestration.deliveries.conversion import Account, Conversion, EventRefused, Request
from orchestration.deliveries.destinations import google_probe
from orchestration.deliveries.guard import Shape, refuse_unhashed
from orchestration.deliveries.ledger.outcomes import (
    BLOCKED_WAIT,
    THROTTLE_WAIT,
    TOO_EARLY_WAIT,
    Outcome,
    accepted,
    rejected,
)
from orchestration.deliveries.ledger.states import State
from orchestration.vendors.codes import ERRORS, Action
from orchestration.vendors.errors import RequestRefused, Unclear
from orchestration.vendors.google_click_codes import CLICK_UPLOAD
from orchestration.vendors.google_clicks import ClickUploads, Uploaded
from orchestration.vendors.google_codes import action_of

if TYPE_CHECKING:
    from orchestration.deliveries.accounts.findings import Finding
    from orchestration.deliveries.ledger.counts import Counted
    from orchestration.settings import Settings

_BATCH_LIMIT = 2_000
# An order id is unique for each action, for as long as Google has the conversion; a week is ours.
RESEND_WITHIN = timedelta(days=7)
ONCE_LANES: tuple[str, ...] = ()
ADJUSTS = frozenset({"adjust", "retract"})

_MAX_IDENTIFIERS = 5
# Best first. A gclid could go with a braid, but a braid is refused by actions that count one conversion per click.
_CLICK_IDS = ("gclid", "gbraid", "wbraid")
_CONSENT = {"granted": "GRANTED", "denied": "DENIED"}
_ADJUST = "/adjust"
_STOPS = frozenset({Action.STOP_DESTINATION, Action.STOP_CREDENTIAL})

FIELDS = {
    "gclid": Shape.CLICK,
    "gbraid": Shape.CLICK,
    "wbraid": Shape.CLICK,
    "conversionDateTime": Shape.OFFSET_TIME,
    "conversionValue": Shape.AMOUNT,
    "currencyCode": Shape.CURRENCY,
    "orderId": Shape.HASH,
    "userIdentifiers.hashedEmail": Shape.HASH,
    "userIdentifiers.hashedPhoneNumber": Shape.HASH,
    "consent.adUserData": Shape.NAME,
    "adjustmentType": Shape.NAME,
    "adjustmentDateTime": Shape.OFFSET_TIME,
    "restatementValue.adjustedValue": Shape.AMOUNT,
    "restatementValue.currencyCode": Shape.CURRENCY,
}


def connect(settings: Settings, credentials: Mapping[str, str], account: Account) -> ClickUploads:
    """Make the client.

    Raises:
        Unauthorized: The stored credentials are incomplete.
    """
    return ClickUploads(lambda: google_probe.open_ads(settings, credentials, account))


def batch_size(unresolved: int) -> int:
    """The platform's own limit: its answers are told apart by row."""
    return _BATCH_LIMIT


def lane(conversion: Conversion) -> str:
    """The conversion action's number; for a change the action's lane of changes.

    Raises:
        EventRefused: The route names no action.
    """
    if not conversion.action_id:
        raise EventRefused("no_action_id")
    return conversion.action_id if conversion.purpose == "send" else conversion.action_id + _ADJUST


def event(conversion: Conversion) -> dict[str, Any]:
    """Word one conversion, or one change of one, in the JSON form of the API's messages, without its action.

    Raises:
        EventRefused: Nothing identifies the click or the person, a change has no time or no money, or a value is not
            of its shape.
    """
    body = _click(conversion) if conversion.purpose == "send" else _adjustment(conversion)
    refuse_unhashed(body, FIELDS)
    return body


def request(events: Sequence[Mapping[str, Any]], account: Account, lane: str) -> Request:
    """Put events of one lane into one request."""
    return Request(lane, _body(events, account, lane), len(events))


def send(client: ClickUploads, request: Request) -> list[Outcome]:
    """Send a request.

    Raises:
        VendorError: It was refused as a whole, or its fate is unknown.
    """
    if not request.size:
        raise RequestRefused("no_rows")
    if request.target.endswith(_ADJUST):
        return classify(client.adjust(request.body), [False] * request.size)
    rows = json.loads(request.body)["conversions"]
    return classify(
        client.upload(request.body), [any(name in row for name in _CLICK_IDS) for row in rows]
    )


def classify(uploaded: Uploaded, with_click: Sequence[bool]) -> list[Outcome]:
    """Read the answer to a request, row by row.

    Args:
        uploaded: The answer.
        with_click: For each row whether it carried a click id.

    Raises:
        VendorError: Every row failed for something that is not of a row: the action, a permission, the credential.
    """
    codes = set(uploaded.failed.values())
    actions = {action_of(CLICK_UPLOAD, code) for code in codes}
    if len(uploaded.failed) == len(with_click) and len(codes) == 1 and actions <= _STOPS:
        raise ERRORS[actions.pop()](codes.pop(), request_id=uploaded.job_id)
    return [
        _of_code(code, uploaded.job_id, has_click=has_click)
        if (code := uploaded.failed.get(place))
        else accepted(uploaded.job_id)
        for place, has_click in enumerate(with_click)
    ]


def retrieve(client: ClickUploads, request_id: str, size: int) -> Counted | None:
    """The classic upload tells all it ever tells at once."""


def probe(
    client: ClickUploads,
    account: Account,
    actions: Sequence[str],
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> list[Finding]:
    """Find out whether the account takes uploads of clicks for these actions; nothing is recorded."""

    def try_upload(action: str) -> None:
        dummy = {
            "conversionDateTime": _offset_time(now() - timedelta(days=1)),
            "orderId": google_probe.NOBODY,
            "userIdentifiers": [{"hashedEmail": google_probe.NOBODY}],
            "consent": {"adUserData": "GRANTED"},
        }
        uploaded = client.upload(_body([dummy], account, action, validateOnly=True))
        for outcome in classify(uploaded, [False]):
            if outcome.state is State.REJECTED:
                raise RequestRefused(outcome.code or "")
            if outcome.state in {State.RETRY_WAIT, State.IN_DOUBT}:
                raise Unclear(outcome.code or "")

    return google_probe.probe(client.open_ads, account, actions, try_upload, CLICK_UPLOAD)


def _body(
    events: Sequence[Mapping[str, Any]], account: Account, lane: str, **more: object
) -> bytes:
    action = f"customers/{account.account_id}/conversionActions/{lane.removesuffix(_ADJUST)}"
    rows = [{**event, "conversionAction": action} for event in events]
    name = "conversionAdjustments" if lane.endswith(_ADJUST) else "conversions"
    digest = hashlib.sha256(canonical(rows)).digest()
    return canonical(
        {
            "customerId": account.account_id,
            name: rows,
            "partialFailure": True,
            # From 0 to 2³¹ - 1; made from the rows, so that the same request has the same.
            "jobId": int.from_bytes(digest[:4]) >> 1,
            **more,
        }
    )


def _click(conversion: Conversion) -> dict[str, Any]:
    body: dict[str, Any] = {
        "orderId": conversion.event_id,
        "conversionDateTime": _offset_time(conversion.converted_at),
    }
    clicks = conversion.click_ids
    if click := next((name for name in _CLICK_IDS if clicks.get(name)), None):
        body[click] = clicks[click]
    identifiers = [{"hashedEmail": value} for value in conversion.hashes.get("email", ())]
    identifiers += [{"hashedPhoneNumber": value} for value in conversion.hashes.get("phone", ())]
    if identifiers:
        body["userIdentifiers"] = identifiers[:_MAX_IDENTIFIERS]
    if not (click or identifiers):
        raise EventRefused("no_identifiers")
    if conversion.value is not None and conversion.currency:
        body["conversionValue"] = float(conversion.value)
        body["currencyCode"] = conversion.currency
    if status := _CONSENT.get(conversion.consent or ""):
        # Personalization is a matter of audiences; this service does not take it.
        body["consent"] = {"adUserData": status}
    return body


def _adjustment(conversion: Conversion) -> dict[str, Any]:
    if conversion.changed_at is None:
        raise EventRefused("no_change_time")
    body: dict[str, Any] = {
        "orderId": conversion.event_id,
        "adjustmentDateTime": _offset_time(conversion.changed_at),
        "adjustmentType": "RETRACTION",
    }
    if conversion.purpose == "adjust":
        if conversion.value is None or not conversion.currency:
            raise EventRefused("cannot_adjust")
        body["adjustmentType"] = "RESTATEMENT"
        body["restatementValue"] = {
            "adjustedValue": float(conversion.value),
            "currencyCode": conversion.currency,
        }
    return body


def _of_code(code: str, job_id: str, *, has_click: bool) -> Outcome:
    match action_of(CLICK_UPLOAD, code):
        case Action.DELIVERED:
            return Outcome(State.DUPLICATE, code, job_id)
        case Action.UNMATCHED if not has_click:
            # Expected of hashed identifiers: the platform took the row and knows nobody behind it.
            return Outcome(State.ACCEPTED, code, job_id, is_matched=False)
        case Action.NOT_YET:
            return Outcome(State.RETRY_WAIT, code, job_id, TOO_EARLY_WAIT)
        case Action.RETRY_AT:
            return Outcome(State.RETRY_WAIT, code, job_id, THROTTLE_WAIT)
        case Action.IN_DOUBT:
            return Outcome(State.IN_DOUBT, code, job_id, is_failure=True)
        case Action.STOP_DESTINATION | Action.STOP_CREDENTIAL:
            return Outcome(State.PENDING, code, job_id, BLOCKED_WAIT, is_sent=False)
        case _:
            return rejected(code, job_id)


def _offset_time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S+00:00")
