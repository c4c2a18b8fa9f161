"""Google: offline conversions by the Data Manager API.

A request is taken whole or refused whole, with the bad rows named. What becomes of a taken one is told later, in
counts per reason and never per row, so a request holds one conversion action, and the batches of an account shrink
after an answer that could not be told apart (``batch_size``).

Source of facts: google-ads-datamanager 0.9.4 and the API's guides on errors, limits and adjustments.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from orchestration.deliveries.conversion import Account, Conversion, EventRefused, Request
from orchestration.deliveries.findings import Finding
from orchestration.deliveries.guard import Shape, refuse_unhashed
from orchestration.deliveries.outcomes import TOO_EARLY_WAIT, Outcome, accepted, rejected
from orchestration.deliveries.states import State
from orchestration.vendors import datamanager, google_oauth
from orchestration.vendors.errors import Unclear

if TYPE_CHECKING:
    from orchestration.settings import Settings
    from orchestration.vendors.answers import Answer

_BATCH_LIMIT = 2_000
# A repeated transaction id is a duplicate or a restatement of the same value; no window is stated, so a week is ours.
RESEND_WITHIN = timedelta(days=7)
ONCE_LANES: tuple[str, ...] = ()
ADJUSTS: frozenset[str] = frozenset()

_MAX_IDENTIFIERS = 10
_CLICK_IDS = ("gclid", "gbraid", "wbraid")  # best first; the two braids never go together
_CONSENT = {"granted": "CONSENT_GRANTED", "denied": "CONSENT_DENIED"}

FIELDS = {
    "transactionId": Shape.HASH,
    "eventTimestamp": Shape.TIME,
    "eventSource": Shape.NAME,
    "adIdentifiers.gclid": Shape.CLICK,
    "adIdentifiers.gbraid": Shape.CLICK,
    "adIdentifiers.wbraid": Shape.CLICK,
    "userData.userIdentifiers.emailAddress": Shape.HASH,
    "userData.userIdentifiers.phoneNumber": Shape.HASH,
    "conversionValue": Shape.AMOUNT,
    "currency": Shape.CURRENCY,
    "consent.adUserData": Shape.NAME,
    "consent.adPersonalization": Shape.NAME,
}

# ProcessingErrorReason, without its prefix. Not named here: refused for good.
_DUPLICATES = frozenset({"DUPLICATE_TRANSACTION_ID", "DUPLICATE_GCLID"})
_UNMATCHED = frozenset({"CLICK_NOT_FOUND", "USER_ID_NOT_FOUND", "USER_ID_NOT_FOUND_FOR_GCLID"})
_AGAIN = frozenset({"INTERNAL_ERROR", "TOO_RECENT_CLICK"})


def connect(
    settings: Settings, credentials: Mapping[str, str], account: Account
) -> datamanager.DataManager:
    """Make the client.

    Raises:
        Unauthorized: The stored credentials are incomplete.
    """
    return datamanager.DataManager(
        settings.google_datamanager_url,
        google_oauth.read_credentials(
            credentials, settings.google_oauth_token_url, datamanager.SCOPE
        ),
    )


def batch_size(unresolved: int) -> int:
    """A tenth of the limit for each answer of the last day that could not be told apart.

    Small batches cost requests, of which 300 a minute are allowed, and buy a reason per row.
    """
    return max(1, _BATCH_LIMIT // 10**unresolved)


def lane(conversion: Conversion) -> str:
    """The conversion action's number: a request carries one action, so that its counts speak of one.

    Raises:
        EventRefused: The route names no action.
    """
    if not conversion.action_id:
        raise EventRefused("no_action_id")
    return conversion.action_id


def event(conversion: Conversion) -> dict[str, Any]:
    """Word one conversion in the API's JSON form.

    The postal address is left out: Google wants postal code and region in the clear, and hashes are all that leaves.

    Raises:
        EventRefused: Nothing identifies the click or the person, or a value is not of its shape.
    """
    body: dict[str, Any] = {
        "transactionId": conversion.event_id,
        "eventTimestamp": _instant(conversion.converted_at),
    }
    click = next((name for name in _CLICK_IDS if conversion.click_ids.get(name)), None)
    # Google refuses an event without a source; of one without a click we do not know it.
    body["eventSource"] = "WEB" if click else "OTHER"
    if click:
        body["adIdentifiers"] = {click: conversion.click_ids[click]}
    identifiers = [
        *({"emailAddress": value} for value in conversion.hashes.get("email", ())),
        *({"phoneNumber": value} for value in conversion.hashes.get("phone", ())),
    ][:_MAX_IDENTIFIERS]
    if identifiers:
        body["userData"] = {"userIdentifiers": identifiers}
    if not (click or identifiers):
        raise EventRefused("no_identifiers")
    if conversion.value is not None and conversion.currency:
        body["conversionValue"] = float(conversion.value)
        body["currency"] = conversion.currency
    if conversion.consent in _CONSENT:
        status = _CONSENT[conversion.consent]
        body["consent"] = {"adUserData": status, "adPersonalization": status}
    refuse_unhashed(body, FIELDS)
    return body


def request(events: Sequence[Mapping[str, Any]], account: Account, lane: str) -> Request:
    """Put events of one conversion action into one request."""
    destination: dict[str, Any] = {
        "operatingAccount": {"accountType": "GOOGLE_ADS", "accountId": account.account_id},
        "productDestinationId": lane,
    }
    if login := account.config.get("login_account"):
        destination["loginAccount"] = {"accountType": "GOOGLE_ADS", "accountId": login}
    body = datamanager.encode(
        {"destinations": [destination], "events": list(events), "encoding": "HEX"}
    )
    return Request(target=lane, body=body, size=len(events))


def send(client: datamanager.DataManager, request: Request) -> list[Outcome]:
    """Send a request.

    Raises:
        VendorError: It was refused as a whole, or its fate is unknown.
    """
    return classify(client.ingest(request.body), request.size)


def classify(answer: Answer, size: int) -> list[Outcome]:
    """Read the answer to a request: taken now, judged later.

    Raises:
        VendorError: The answer holds an error.
    """
    if error := datamanager.read_error(answer):
        raise error
    request_id = answer.body.get("request_id")
    if not request_id:
        raise Unclear("no_request_id")
    return [Outcome(State.SUBMITTED, request_id=request_id, wait=timedelta(0))] * size


def retrieve(client: datamanager.DataManager, request_id: str, size: int) -> Outcome | None:
    """Ask what became of a request.

    Returns:
        One outcome for each of its rows alike, as Google names no row; None while it is being processed.

    Raises:
        VendorError: Google could not be asked, or does not know the request any more.
    """
    answer = client.retrieve(request_id)
    if error := datamanager.read_error(answer):
        raise error
    return judge(answer.body["destinations"], size)


def probe(
    client: datamanager.DataManager, account: Account, actions: Sequence[str]
) -> list[Finding]:
    """Nothing is asked yet."""
    return [Finding("account", "unknown", "not_asked", "Nothing was asked of the account.")]


def judge(destinations: Sequence[Mapping[str, Any]], size: int) -> Outcome | None:
    """What a request's counts say about each of its rows.

    One reason for all rows is each row's reason. Several reasons, or a reason for some of them, cannot be told
    apart: where none of them would go better another time the rows stay accepted, under the code ``PARTIAL_SUCCESS``;
    otherwise all are sent again under their ids, in smaller requests.
    """
    if not destinations or any(
        d["status"] in {"PROCESSING", "REQUEST_STATUS_UNKNOWN"} for d in destinations
    ):
        return None
    errors: dict[str, int] = {}
    for destination in destinations:
        for reason, count in destination["errors"].items():
            errors[reason] = errors.get(reason, 0) + count
    is_failed = all(d["status"] == "FAILED" for d in destinations)
    if not errors:
        return rejected("FAILED_WITHOUT_REASON") if is_failed else accepted()
    if len(errors) == 1 and (is_failed or sum(errors.values()) >= size):
        return _of_reason(next(iter(errors)))
    is_worth_another_try = errors.keys() & _AGAIN or (
        is_failed and errors.keys() & (_DUPLICATES | _UNMATCHED)
    )
    if is_worth_another_try:
        wait = TOO_EARLY_WAIT if "TOO_RECENT_CLICK" in errors else None
        return Outcome(
            State.IN_DOUBT, "MIXED_REASONS", wait=wait, is_failure=True, is_denied=is_failed
        )
    return rejected("MIXED_REASONS") if is_failed else accepted(code="PARTIAL_SUCCESS")


def _of_reason(reason: str) -> Outcome:
    if reason in _DUPLICATES:
        return Outcome(State.DUPLICATE, reason)
    if reason in _UNMATCHED:
        # Expected of hashed identifiers: the platform took the row and knows nobody behind it.
        return Outcome(State.ACCEPTED, reason, is_matched=False)
    if reason in _AGAIN:
        wait = TOO_EARLY_WAIT if reason == "TOO_RECENT_CLICK" else None
        return Outcome(State.IN_DOUBT, reason, wait=wait, is_failure=wait is None, is_denied=True)
    return rejected(reason)


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
