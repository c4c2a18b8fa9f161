"""Google: offline conversions by the Data Manager API.

A request is taken whole or refused whole, with the bad rows named. What becomes of a taken one is told later, in
counts per reason and never per row: what follows from them for single rows is concluded (``counts.py``). So a request
holds one conversion action, and the batches of an account shrink after an answer that could not be told apart.

Source of facts: google-ads-datamanager 0.9.4 and the API's guides on errors, limits and adjustments. Accounts that
still may upload the classic way are served by ``google_clicks.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from orchestration.deliveries.canonical import canonical
from orchestration.deliveries.conversion import Account, Conversion, EventRefused, Request
from orchestration.deliveries.destinations import google_probe
from orchestration.deliveries.guard import Shape, refuse_unhashed
from orchestration.deliveries.ledger.counts import SUCCESS, Counted
from orchestration.deliveries.ledger.outcomes import TOO_EARLY_WAIT, Outcome, accepted, rejected
from orchestration.deliveries.ledger.states import State
from orchestration.vendors import datamanager, google_oauth
from orchestration.vendors.codes import Action
from orchestration.vendors.errors import Unclear
from orchestration.vendors.google_codes import PROCESSING, REQUEST, action_of

if TYPE_CHECKING:
    from orchestration.deliveries.accounts.findings import Finding
    from orchestration.settings import Settings
    from orchestration.vendors.answers import Answer
    from orchestration.vendors.google_ads import GoogleAds

_BATCH_LIMIT = 2_000
# A repeated transaction id is a duplicate or a restatement of the same value; no window is stated, so a week is ours.
RESEND_WITHIN = timedelta(days=7)
ONCE_LANES: tuple[str, ...] = ()
# A repeat of the transaction id restates the value (guide on conversion adjustments; unsure for every action's
# settings). Nothing takes a conversion away: a retraction restates it as worth nothing, and can be restated again.
ADJUSTS = frozenset({"adjust", "retract", "restore"})

_MAX_IDENTIFIERS = 10
_CLICK_IDS = ("gclid", "gbraid", "wbraid")  # best first; the two braids never go together
_CONSENT = {"granted": "CONSENT_GRANTED", "denied": "CONSENT_DENIED"}

FIELDS = {
    "transactionId": Shape.HASH,
    "eventTimestamp": Shape.TIME,
    "lastUpdatedTimestamp": Shape.TIME,
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

# What a row must carry for a later reason to be its reason; a reason that is not named here fits every row.
_CARRIES: dict[str, tuple[str, ...]] = {
    "INVALID_GCLID": ("gclid",),
    "DUPLICATE_GCLID": ("gclid",),
    "USER_ID_NOT_FOUND_FOR_GCLID": ("gclid",),
    "INVALID_GBRAID": ("gbraid",),
    "INVALID_WBRAID": ("wbraid",),
    "ONE_PER_CLICK_CONVERSION_ACTION_NOT_PERMITTED_WITH_BRAID": ("gbraid", "wbraid"),
    "INVALID_AD_IDENTIFIERS": _CLICK_IDS,
    "OPERATING_ACCOUNT_MISMATCH_FOR_AD_IDENTIFIER": _CLICK_IDS,
}
# A row that says itself that consent is granted is not refused for these.
_OF_CONSENT = frozenset({"DENIED_CONSENT", "NO_CONSENT", "UNKNOWN_CONSENT"})
_WITHOUT_REASON = "FAILED_WITHOUT_REASON"
_GOING_ON = frozenset({"", "PROCESSING", "REQUEST_STATUS_UNKNOWN"})


@dataclass(frozen=True, slots=True)
class Client:
    """The way to the Data Manager API, and for what only the Google Ads API knows the way there."""

    manager: datamanager.DataManager
    open_ads: Callable[[], GoogleAds]

    def close(self) -> None:
        """Let go of the connections."""
        self.manager.close()


def connect(settings: Settings, credentials: Mapping[str, str], account: Account) -> Client:
    """Make the client.

    Raises:
        Unauthorized: The stored credentials are incomplete.
    """
    opened = google_oauth.read_credentials(
        credentials, settings.google_oauth_token_url, datamanager.SCOPE
    )
    return Client(
        datamanager.DataManager(settings.google_datamanager_url, opened),
        lambda: google_probe.open_ads(settings, credentials, account),
    )


def batch_size(unresolved: int) -> int:
    """A tenth of the limit for each answer of the last day that could not be told apart.

    Small batches cost requests, of which 300 a minute are allowed, and buy a reason per row.
    """
    return max(1, _BATCH_LIMIT // 10**unresolved)


def lane(conversion: Conversion) -> str:
    """The conversion action's number: a request carries one action, so that its counts speak of one.

    A change goes to the action that was told.

    Raises:
        EventRefused: The route names no action.
    """
    told = conversion.parent_lane
    # The classic interface, by which it may have been told, knows other doors beside the actions.
    if told and told.isdigit():
        return told
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
    clicks = conversion.click_ids
    click = next((name for name in _CLICK_IDS if clicks.get(name)), None)
    # Google refuses an event without a source; of one without a click we do not know it.
    body["eventSource"] = "WEB" if click else "OTHER"
    if click:
        body["adIdentifiers"] = {click: clicks[click]}
    hashes = conversion.hashes
    identifiers = [{"emailAddress": value} for value in hashes.get("email", ())]
    identifiers += [{"phoneNumber": value} for value in hashes.get("phone", ())]
    if identifiers:
        body["userData"] = {"userIdentifiers": identifiers[:_MAX_IDENTIFIERS]}
    if not (click or identifiers):
        raise EventRefused("no_identifiers")
    _add_value(body, conversion)
    _add_consent(body, conversion)
    refuse_unhashed(body, FIELDS)
    return body


def request(events: Sequence[Mapping[str, Any]], account: Account, lane: str) -> Request:
    """Put events of one conversion action into one request."""
    return Request(lane, _body(events, account, lane), len(events))


def _body(
    events: Sequence[Mapping[str, Any]], account: Account, lane: str, **more: object
) -> bytes:
    destination: dict[str, Any] = {
        "operatingAccount": {"accountType": "GOOGLE_ADS", "accountId": account.account_id},
        "productDestinationId": lane,
    }
    if login := account.config.get("login_account"):
        destination["loginAccount"] = {"accountType": "GOOGLE_ADS", "accountId": login}
    return canonical(
        {"destinations": [destination], "events": list(events), "encoding": "HEX", **more}
    )


def send(client: Client, request: Request) -> list[Outcome]:
    """Send a request.

    Raises:
        VendorError: It was refused as a whole, or its fate is unknown.
    """
    return classify(client.manager.ingest(request.body), request.size)


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


def retrieve(client: Client, request_id: str, size: int) -> Counted | None:
    """Ask what became of a request.

    Returns:
        The counts, which tell each row's outcome as far as it follows from them; None while Google is not done.

    Raises:
        VendorError: Google could not be asked, or does not know the request any more.
    """
    answer = client.manager.retrieve(request_id)
    if error := datamanager.read_error(answer):
        raise error
    return read_counts(answer.body["destinations"], size)


def read_counts(destinations: Sequence[Mapping[str, Any]], size: int) -> Counted | None:
    """What a status says, or None while any part of the request is being processed."""
    if not destinations or any(d["status"] in _GOING_ON for d in destinations):
        return None
    counts: dict[str, int] = {}
    for destination in destinations:
        for reason, count in destination["errors"].items():
            counts[reason] = counts.get(reason, 0) + count
    is_failed = all(d["status"] == "FAILED" for d in destinations)
    if is_failed and not counts:
        counts = {_WITHOUT_REASON: size}
    return Counted(counts, size, is_failed, fits, judge)


def fits(reason: str, event: Mapping[str, Any]) -> bool:
    """Whether a later reason can be that of the row with this body."""
    if reason in _OF_CONSENT:
        return event.get("consent", {}).get("adUserData") != "CONSENT_GRANTED"
    if carried := _CARRIES.get(reason):
        return any(name in event.get("adIdentifiers", {}) for name in carried)
    return True


def judge(possible: frozenset[str]) -> Outcome:
    """What becomes of a row for which these reasons are possible.

    A single reason is the row's own. Among several the row stays accepted, under the code ``PARTIAL_SUCCESS``, if it
    may have succeeded and no reason would go better another time; otherwise it is sent again under its id, in smaller
    company; and where all reasons refuse it for good it is refused.
    """
    if len(possible) == 1:
        return _of_reason(next(iter(possible)))
    actions = {action_of(PROCESSING, reason) for reason in possible - {SUCCESS}}
    may_be_well = SUCCESS in possible
    if actions & {Action.IN_DOUBT, Action.NOT_YET} or (
        not may_be_well and actions & {Action.DELIVERED, Action.UNMATCHED}
    ):
        wait = TOO_EARLY_WAIT if Action.NOT_YET in actions else None
        return Outcome(
            State.IN_DOUBT, "MIXED_REASONS", wait=wait, is_failure=True, is_denied=not may_be_well
        )
    return accepted(code="PARTIAL_SUCCESS") if may_be_well else rejected("MIXED_REASONS")


def _of_reason(reason: str) -> Outcome:
    if reason == SUCCESS:
        return accepted()
    match action_of(PROCESSING, reason):
        case Action.DELIVERED:
            return Outcome(State.DUPLICATE, reason)
        case Action.UNMATCHED:
            # Expected of hashed identifiers: the platform took the row and knows nobody behind it.
            return Outcome(State.ACCEPTED, reason, is_matched=False)
        case Action.NOT_YET:
            return Outcome(State.IN_DOUBT, reason, wait=TOO_EARLY_WAIT, is_denied=True)
        case Action.IN_DOUBT:
            return Outcome(State.IN_DOUBT, reason, is_failure=True, is_denied=True)
        case _:
            return rejected(reason)


def probe(
    client: Client,
    account: Account,
    actions: Sequence[str],
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> list[Finding]:
    """Find out whether the account takes events for these actions; nothing is recorded."""

    def try_upload(action: str) -> None:
        dummy = {
            "transactionId": google_probe.NOBODY,
            "eventTimestamp": _instant(now() - timedelta(days=1)),
            "eventSource": "OTHER",
            "userData": {"userIdentifiers": [{"emailAddress": google_probe.NOBODY}]},
            "consent": {"adUserData": "CONSENT_GRANTED"},
        }
        answer = client.manager.ingest(_body([dummy], account, action, validateOnly=True))
        if error := datamanager.read_error(answer):
            raise error

    return google_probe.probe(client.open_ads, account, actions, try_upload, REQUEST)


def _add_value(body: dict[str, Any], conversion: Conversion) -> None:
    value = conversion.value
    match conversion.purpose:
        case "send":
            pass
        case "retract":
            value = 0
        case _ if value is None:
            raise EventRefused("cannot_adjust")
        case _:
            pass
    if conversion.changed_at is not None:
        body["lastUpdatedTimestamp"] = _instant(conversion.changed_at)
    if value is not None and conversion.currency:
        body["conversionValue"] = float(value)
        body["currency"] = conversion.currency
    elif conversion.purpose != "send":
        raise EventRefused("cannot_adjust")


def _add_consent(body: dict[str, Any], conversion: Conversion) -> None:
    consent: dict[str, str] = {}
    if status := _CONSENT.get(conversion.consent or ""):
        consent = {"adUserData": status, "adPersonalization": status}
    if conversion.limited_data_use:
        # Measured, and not used for personalized ads.
        consent["adPersonalization"] = "CONSENT_DENIED"
    if consent:
        body["consent"] = consent


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
