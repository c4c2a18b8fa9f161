"""One suite for every destination: the same verbs, against the sandbox, through the real clients.

What a batch does, what a repeat does, what each failure becomes. The ledger's part is tested with the sender
(``tests/integration/deliveries``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
import pytest
from pydantic import SecretStr

from orchestration.deliveries.conversion import Account, Conversion, Request
from orchestration.deliveries.destinations import destination_of
from orchestration.deliveries.ledger.outcomes import of_error
from orchestration.deliveries.ledger.states import State
from orchestration.deliveries.sending.splitting import Splitter
from orchestration.sandbox.server import Sandbox, running_sandbox
from orchestration.sandbox.tally import Place
from orchestration.settings import Settings
from orchestration.vendors import google_oauth
from orchestration.vendors.errors import (
    RequestRefused,
    RouteBlocked,
    Throttled,
    Unauthorized,
    Unclear,
    Unreachable,
    VendorError,
)

TENANT = UUID("0198c0de-0000-7000-8000-000000000001")
ACCOUNTS = {
    "google": Account(TENANT, "google", "1234567890"),
    "google_clicks": Account(TENANT, "google", "1234567890", {"api": "click_upload"}),
    "meta": Account(TENANT, "meta", "880000000000001", {"dataset_id": "880000000000001"}),
    "tiktok": Account(
        TENANT, "tiktok", "CPIXEL0001", {"offline_event_set_id": "7100000000000000001"}
    ),
}
# What a platform says to a whole request that it took.
TAKEN = {name: State.SUBMITTED if name == "google" else State.ACCEPTED for name in ACCOUNTS}
LANES = {"google": "900000002", "google_clicks": "900000002", "meta": "crm", "tiktok": "offline"}
# What the classic upload cannot meet, for it speaks gRPC and answers row by row.
NOT_OVER_GRPC = frozenset({"reset_after", "whole_request_refusal"})


@pytest.fixture(scope="module")
def _sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with (
        running_sandbox(tmp_path_factory.mktemp("sandbox")) as running,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", str(running.grpc_roots_path))
        yield running


@pytest.fixture
def sandbox(_sandbox: Sandbox) -> Sandbox:
    """The stand-ins, with nothing received and nothing armed."""
    httpx.post(f"{_sandbox.control_url}/_sandbox/reset").raise_for_status()
    return _sandbox


class Desk:
    """One destination with a client on the sandbox."""

    def __init__(self, name: str, sandbox: Sandbox) -> None:
        self.name = name
        self.account = ACCOUNTS[name]
        self.platform = self.account.platform
        self.destination = destination_of(self.account)
        self.sandbox = sandbox
        settings = Settings(master_key=SecretStr("x"), **sandbox.settings_overrides())  # pyright: ignore[reportArgumentType]
        self.client = self.destination.connect(settings, {"access_token": "good"}, self.account)

    def event(self, number: int, **changes: Any) -> dict[str, Any]:
        fields: dict[str, Any] = {
            "event_id": hashlib.sha256(f"{number}".encode()).hexdigest(),
            "kind": "purchase",
            "action": "Purchase",
            "action_id": "900000002",
            "converted_at": datetime.now(UTC) - timedelta(days=1),
            "value": Decimal("1499.90"),
            "currency": "TRY",
            "consent": "granted",
            "click_ids": {},
            "click_at": None,
            "person_key": None,
            "hashes": {"email": (hashlib.sha256(b"a@example.com").hexdigest(),)},
            "account": self.account,
        }
        return self.destination.event(Conversion(**fields | changes))

    def request(self, events: list[dict[str, Any]]) -> Request:
        lane = {"google": "900000002", "meta": "system_generated", "tiktok": "offline"}[
            self.platform
        ]
        return self.destination.request(events, self.account, lane)

    def send(self, events: list[dict[str, Any]]) -> list[State]:
        return [o.state for o in self.destination.send(self.client, self.request(events))]

    @property
    def counts(self) -> dict[str, Any]:
        return self.sandbox.around.tally.counts()[self.platform]


@pytest.fixture(params=ACCOUNTS)
def desk(request: pytest.FixtureRequest, sandbox: Sandbox) -> Iterator[Desk]:
    made = Desk(request.param, sandbox)
    with closing(made.client):
        yield made


def bad_event(desk: Desk, number: int) -> dict[str, Any]:
    """An event that the platform refuses whole requests for: it happened too long ago."""
    return desk.event(number, converted_at=datetime.now(UTC) - timedelta(days=100))


def test_batch_is_taken_and_every_row_hears_so(desk: Desk) -> None:
    assert desk.send([desk.event(n) for n in range(5)]) == [TAKEN[desk.name]] * 5
    assert desk.counts["distinct_ids"] == 5
    assert desk.counts["raw_personal_data"] == 0


def test_empty_batch_takes_nothing_and_is_no_success(desk: Desk) -> None:
    with pytest.raises(VendorError):
        desk.send([])
    assert desk.counts["events_accepted"] == 0


def test_repeat_of_an_accepted_row_counts_once(desk: Desk) -> None:
    events = [desk.event(1), desk.event(2)]
    desk.send(events)
    desk.send(events)
    assert (desk.counts["distinct_ids"], desk.counts["seen_twice"]) == (2, 2)


def test_bad_row_in_a_batch_is_found_and_the_others_are_taken(desk: Desk) -> None:
    events = [desk.event(n) for n in range(8)]
    events[5] = bad_event(desk, 5)
    splitter = Splitter(events, 8)
    refused: list[dict[str, Any]] = []
    while batch := splitter.take():
        try:
            outcomes = desk.destination.send(desk.client, desk.request(batch))
            refused += [
                event
                for event, outcome in zip(batch, outcomes, strict=True)
                if outcome.state is State.REJECTED
            ]
        except RequestRefused as refusal:
            refused += [event for event, _ in splitter.split(batch, refusal)]
    assert refused == [events[5]]
    assert desk.counts["distinct_ids"] == 7
    assert desk.counts["seen_twice"] == 0


FAILURES: list[tuple[str, type[VendorError], State, bool]] = [
    ("429", Throttled, State.RETRY_WAIT, False),
    ("500", Unclear, State.IN_DOUBT, False),
    ("503", Unclear, State.IN_DOUBT, False),
    ("502_html", Unclear, State.IN_DOUBT, False),
    ("reset", Unclear, State.IN_DOUBT, False),
    ("reset_after", Unclear, State.IN_DOUBT, True),
    ("expired_token", Unauthorized, State.PENDING, False),
    ("whole_request_refusal", RequestRefused, State.REJECTED, False),
]


@pytest.mark.parametrize(
    ("desk", "fault", "family", "state", "is_applied"),
    [
        (name, *failure)
        for name in ACCOUNTS
        for failure in FAILURES
        if name != "google_clicks" or failure[0] not in NOT_OVER_GRPC
    ],
    indirect=["desk"],
)
def test_failure_says_what_to_do(
    desk: Desk, fault: str, family: type[VendorError], state: State, is_applied: bool
) -> None:
    desk.sandbox.arm(desk.platform, fault)
    with pytest.raises(family) as failure:
        desk.send([desk.event(1)])
    assert of_error(failure.value).state is state
    assert desk.counts["distinct_ids"] == int(is_applied)
    # Codes only: nothing of what was sent, nothing of what the vendor wrote.
    assert len(str(failure.value)) <= 60
    assert " " not in str(failure.value)


def test_failures_are_not_repeated_behind_our_back(desk: Desk) -> None:
    desk.sandbox.arm(desk.platform, "503")
    with pytest.raises(Unclear):
        desk.send([desk.event(1)])
    assert desk.counts["requests"] == 1


def test_server_that_is_not_there_took_nothing(desk: Desk, sandbox: Sandbox) -> None:
    nowhere = Settings(
        master_key=SecretStr("x"),
        google_datamanager_url="http://127.0.0.1:9",
        google_ads_endpoint="localhost:9",
        meta_graph_url="http://127.0.0.1:9",
        tiktok_api_url="http://127.0.0.1:9",
    )
    client = desk.destination.connect(nowhere, {"access_token": "good"}, desk.account)
    with closing(client), pytest.raises(Unreachable):
        desk.destination.send(client, desk.request([desk.event(1)]))


def test_a_wait_that_the_platform_names_is_kept(sandbox: Sandbox) -> None:
    # Meta's usage header counts in minutes.
    for platform, seconds in (("google", 42), ("google_clicks", 42), ("meta", 60)):
        desk = Desk(platform, sandbox)
        sandbox.arm(desk.platform, "429", retry_after=42)
        with closing(desk.client), pytest.raises(Throttled) as failure:
            desk.send([desk.event(1)])
        assert failure.value.retry_after == timedelta(seconds=seconds)


# --- What only one platform does -----------------------------------------------------------------------------------


def test_google_names_the_bad_rows(sandbox: Sandbox) -> None:
    desk = Desk("google", sandbox)
    events = [desk.event(0), bad_event(desk, 1), desk.event(2), bad_event(desk, 3)]
    with closing(desk.client), pytest.raises(RequestRefused) as refusal:
        desk.send(events)
    assert refusal.value.rows == {1: "EVENT_TIME_INVALID", 3: "EVENT_TIME_INVALID"}


def test_google_client_sends_the_very_bytes_that_were_kept(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk("google", sandbox)
    request = desk.request([desk.event(1), desk.event(2)])
    sent: list[bytes] = []
    original = httpx.HTTPTransport.handle_request

    def listen(self: httpx.HTTPTransport, left: httpx.Request) -> httpx.Response:
        sent.append(left.read())
        return original(self, left)

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", listen)
    with closing(desk.client):
        desk.destination.send(desk.client, request)
    assert sent == [request.body]


def retrieve(desk: Desk, events: list[dict[str, Any]]) -> list[tuple[State, str | None]]:
    """Send events to Google, and what it says of them when it is done."""
    taken = desk.destination.send(desk.client, desk.request(events))
    request_id = taken[0].request_id or ""
    assert desk.destination.retrieve(desk.client, request_id, len(events)) is None
    counted = desk.destination.retrieve(desk.client, request_id, len(events))
    assert counted is not None
    return [(o.state, o.code) for o in counted.outcomes(events)]


def test_google_tells_later_what_became_of_a_request(sandbox: Sandbox) -> None:
    desk = Desk("google", sandbox)
    with closing(desk.client):
        told = retrieve(desk, [desk.event(1), desk.event(2)])
    assert told == [(State.ACCEPTED, None)] * 2


def test_google_row_that_fails_later_is_told_apart_when_it_is_alone(
    sandbox: Sandbox,
) -> None:
    desk = Desk("google", sandbox)
    sandbox.arm("google", "later_INVALID_GCLID")
    with closing(desk.client):
        assert retrieve(desk, [desk.event(1)]) == [(State.REJECTED, "INVALID_GCLID")]


def test_google_row_that_fails_later_is_told_apart_where_only_it_can_be_meant(
    sandbox: Sandbox,
) -> None:
    desk = Desk("google", sandbox)
    events = [desk.event(1), desk.event(2, click_ids={"gclid": "g~cut"}), desk.event(3)]
    with closing(desk.client):
        told = retrieve(desk, events)
    assert told == [
        (State.ACCEPTED, None),
        (State.REJECTED, "INVALID_GCLID"),
        (State.ACCEPTED, None),
    ]


def test_google_does_not_know_a_request_it_never_took(sandbox: Sandbox) -> None:
    desk = Desk("google", sandbox)
    with closing(desk.client), pytest.raises(RequestRefused, match="INVALID_REQUEST_ID"):
        desk.destination.retrieve(desk.client, "nobody", 1)


@pytest.mark.parametrize("reason", ["INVALID_CONVERSION_ACTION_ID", "PERMISSION_DENIED"])
def test_google_refusing_the_action_blames_no_row(sandbox: Sandbox, reason: str) -> None:
    desk = Desk("google", sandbox)
    sandbox.arm("google", f"reason_{reason}")
    with closing(desk.client), pytest.raises(RouteBlocked, match=reason):
        desk.send([desk.event(1)])


def test_google_refreshes_an_access_token_by_itself(sandbox: Sandbox) -> None:
    settings = Settings(master_key=SecretStr("x"), **sandbox.settings_overrides())  # pyright: ignore[reportArgumentType]
    desk = Desk("google", sandbox)
    refreshing = {"client_id": "c", "client_secret": "s", "refresh_token": "r"}
    client = desk.destination.connect(settings, refreshing, desk.account)
    with closing(desk.client), closing(client):
        desk.destination.send(client, desk.request([desk.event(1)]))
    assert desk.counts["distinct_ids"] == 1
    assert sandbox.around.tally.counts()["google_oauth"]["requests"] == 1


def test_google_without_a_complete_credential_is_refused_at_once() -> None:
    with pytest.raises(Unauthorized, match="credential_missing"):
        google_oauth.read_credentials({"client_id": "c"}, "http://127.0.0.1:9/token", "s")


@pytest.fixture
def clicks(sandbox: Sandbox) -> Iterator[Desk]:
    made = Desk("google_clicks", sandbox)
    with closing(made.client):
        yield made


@pytest.mark.parametrize(
    ("code", "state"),
    [
        ("TOO_RECENT_EVENT", State.RETRY_WAIT),
        ("ORDER_ID_ALREADY_IN_USE", State.DUPLICATE),
        ("CLICK_NOT_FOUND", State.ACCEPTED),
        ("UNPARSEABLE_GCLID", State.REJECTED),
    ],
)
def test_click_upload_answers_by_row(clicks: Desk, code: str, state: State) -> None:
    events = [clicks.event(1), clicks.event(2), clicks.event(3)]
    clicks.sandbox.arm("google", f"row_{code}", event_id=events[1]["orderId"])
    outcomes = clicks.destination.send(clicks.client, clicks.request(events))
    assert [o.state for o in outcomes] == [State.ACCEPTED, state, State.ACCEPTED]
    assert [o.code for o in outcomes] == [None, f"ConversionUploadError.{code}", None]
    assert outcomes[1].is_matched is (False if code == "CLICK_NOT_FOUND" else None)


def test_click_upload_refuses_a_row_whose_own_click_is_not_found(clicks: Desk) -> None:
    event = clicks.event(1, click_ids={"gclid": "Cj0K"})
    clicks.sandbox.arm("google", "row_CLICK_NOT_FOUND")
    assert clicks.send([event]) == [State.REJECTED]


def test_click_upload_counts_a_row_sent_again_once(clicks: Desk) -> None:
    event = clicks.event(1)
    assert clicks.send([event]) == [State.ACCEPTED]
    assert clicks.send([event]) == [State.DUPLICATE]


def test_click_upload_of_an_action_that_is_not_there_blames_no_row(clicks: Desk) -> None:
    request = clicks.destination.request([clicks.event(1), clicks.event(2)], clicks.account, "1")
    with pytest.raises(RouteBlocked, match="NO_CONVERSION_ACTION_FOUND"):
        clicks.destination.send(clicks.client, request)


@pytest.mark.parametrize(
    ("reason", "family", "code"),
    [
        (
            "NOT_ALLOWLISTED",
            RouteBlocked,
            "NotAllowlistedError.CUSTOMER_NOT_ALLOWLISTED_FOR_THIS_FEATURE",
        ),
        ("PERMISSION_DENIED", RouteBlocked, "AuthorizationError.USER_PERMISSION_DENIED"),
        ("OAUTH_TOKEN_REVOKED", Unauthorized, "AuthenticationError.OAUTH_TOKEN_REVOKED"),
        ("RESOURCE_EXHAUSTED", Throttled, "QuotaError.RESOURCE_EXHAUSTED"),
    ],
)
def test_click_upload_refusal_of_everything_keeps_its_code(
    clicks: Desk, reason: str, family: type[VendorError], code: str
) -> None:
    clicks.sandbox.arm("google", f"reason_{reason}")
    with pytest.raises(VendorError) as failure:
        clicks.send([clicks.event(1)])
    assert (type(failure.value), failure.value.code) == (family, code)


def test_click_upload_restates_and_retracts_what_was_uploaded(clicks: Desk) -> None:
    def change(number: int, **changes: Any) -> dict[str, Any]:
        return clicks.event(number, changed_at=datetime.now(UTC), **changes)

    clicks.send([clicks.event(1), clicks.event(2)])
    events = [
        change(1, purpose="adjust", value=Decimal("900.00")),
        change(2, purpose="retract"),
        change(3, purpose="retract"),
    ]
    request = clicks.destination.request(events, clicks.account, "900000002/adjust")
    outcomes = clicks.destination.send(clicks.client, request)
    assert [o.state for o in outcomes] == [State.ACCEPTED, State.ACCEPTED, State.REJECTED]
    assert outcomes[2].code == "ConversionAdjustmentUploadError.CONVERSION_NOT_FOUND"
    again = clicks.destination.send(clicks.client, request)
    assert [o.state for o in again][:2] == [State.DUPLICATE, State.DUPLICATE]
    held = clicks.sandbox.around.tally.held("google", Place("1234567890", "900000002"))
    assert [(h.value, h.is_retracted) for h in held.values()] == [(900.0, False), (0, True)]


@pytest.mark.parametrize("code", [40001, 40007, 40105])
def test_tiktok_refusal_in_a_200_is_no_success(sandbox: Sandbox, code: int) -> None:
    desk = Desk("tiktok", sandbox)
    sandbox.arm("tiktok", f"code_{code}")
    with closing(desk.client), pytest.raises(RouteBlocked, match=str(code)):
        desk.send([desk.event(1)])


def test_tiktok_partial_success_names_its_rows(sandbox: Sandbox) -> None:
    desk = Desk("tiktok", sandbox)
    sandbox.arm("tiktok", "partial")
    with closing(desk.client):
        states = desk.send([desk.event(1), desk.event(2), desk.event(3)])
    assert states == [State.ACCEPTED, State.ACCEPTED, State.REJECTED]


def test_tiktok_repeat_of_one_row_is_there_already(sandbox: Sandbox) -> None:
    desk = Desk("tiktok", sandbox)
    sandbox.arm("tiktok", "code_40050")
    with closing(desk.client):
        assert desk.send([desk.event(1)]) == [State.DUPLICATE]


@pytest.mark.parametrize("fault", ["code_1", "code_2"])
def test_meta_fault_of_its_own_leaves_the_row_in_doubt(sandbox: Sandbox, fault: str) -> None:
    desk = Desk("meta", sandbox)
    sandbox.arm("meta", fault)
    with closing(desk.client), pytest.raises(Unclear):
        desk.send([desk.event(1)])


def test_meta_unknown_dataset_blames_no_row(sandbox: Sandbox) -> None:
    desk = Desk("meta", sandbox)
    elsewhere = Account(TENANT, "meta", "1", {"dataset_id": "1"})
    request = desk.destination.request([desk.event(1)], elsewhere, "system_generated")
    with closing(desk.client), pytest.raises(RouteBlocked, match="100_33"):
        desk.destination.send(desk.client, request)


def test_limits_are_the_platforms_own() -> None:
    sizes = {name: destination_of(account).batch_size(0) for name, account in ACCOUNTS.items()}
    assert sizes == {
        "google": 2_000,
        "google_clicks": 2_000,
        "meta": 1_000,
        "tiktok": 1_000,
    }
