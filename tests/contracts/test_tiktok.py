"""TikTok at the wire: every event source is taken, the body's code is the status, and what a probe finds."""

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

from orchestration.deliveries.accounts.findings import Finding
from orchestration.deliveries.conversion import Account, Conversion
from orchestration.deliveries.destinations import tiktok
from orchestration.deliveries.ledger.outcomes import Outcome, of_error
from orchestration.deliveries.ledger.states import State
from orchestration.sandbox.server import Sandbox, running_sandbox
from orchestration.settings import Settings
from orchestration.vendors.errors import RequestRefused, Unclear
from orchestration.vendors.tiktok_events import TikTokEvents

TENANT = UUID("0198c0de-0000-7000-8000-000000000001")
LEAD = {"tiktok_lead_id": "7391234567890123456"}
SITE = {"site_url": "https://akademi.example/"}
TOKEN = "very-secret"


@pytest.fixture(scope="module")
def _sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@pytest.fixture
def sandbox(_sandbox: Sandbox) -> Sandbox:
    """The stand-ins, with nothing received and nothing armed."""
    httpx.post(f"{_sandbox.control_url}/_sandbox/reset").raise_for_status()
    return _sandbox


@pytest.fixture
def account(sandbox: Sandbox) -> Account:
    """The sandbox's first account, with every source that it has."""
    facts = sandbox.around.world.accounts["tiktok"][0]
    config = {
        "pixel_code": facts.pixel_code,
        "offline_event_set_id": facts.offline_event_set_id,
        "crm_event_set_id": facts.crm_event_set_id,
        "advertiser_id": facts.account_id,
        "site_url": SITE["site_url"],
    }
    return Account(TENANT, "tiktok", facts.pixel_code, config)


@pytest.fixture
def client(sandbox: Sandbox, account: Account) -> Iterator[TikTokEvents]:
    settings = Settings(master_key=SecretStr("x"), **sandbox.settings_overrides())  # pyright: ignore[reportArgumentType]
    with closing(tiktok.connect(settings, {"access_token": TOKEN}, account)) as made:
        yield made


def conversion(account: Account, number: int = 1, **changes: Any) -> Conversion:
    fields: dict[str, Any] = {
        "event_id": hashlib.sha256(f"{number}".encode()).hexdigest(),
        "kind": "purchase",
        "action": "Purchase",
        "action_id": None,
        "converted_at": datetime.now(UTC) - timedelta(days=1),
        "value": Decimal("1499.90"),
        "currency": "TRY",
        "consent": "granted",
        "click_ids": {},
        "click_at": None,
        "person_key": "CRM-1",
        "hashes": {"email": (hashlib.sha256(b"a@example.com").hexdigest(),)},
        "account": account,
    }
    return Conversion(**fields | changes)


def send(client: TikTokEvents, *made: Conversion) -> list[Outcome]:
    lane = tiktok.lane(made[0])
    request = tiktok.request([tiktok.event(c) for c in made], made[0].account, lane)
    return tiktok.send(client, request)


@pytest.mark.parametrize(
    ("changes", "source"),
    [
        ({"click_ids": LEAD}, "crm"),
        ({"click_ids": {"ttclid": "E.C.P.CsEB"}}, "web"),
        ({}, "offline"),
        ({"limited_data_use": True}, "web"),
        ({"converted_at": datetime.now(UTC) - timedelta(days=27)}, "offline"),
    ],
    ids=["crm", "web", "offline", "limited", "four weeks old"],
)
def test_every_source_is_taken(
    sandbox: Sandbox,
    account: Account,
    client: TikTokEvents,
    changes: dict[str, Any],
    source: str,
) -> None:
    made = conversion(account, **changes)
    [outcome] = send(client, made)
    assert outcome.state is State.ACCEPTED
    [seen] = [e for e in sandbox.around.tally.events() if e["platform"] == "tiktok"]
    assert seen["destination"] == f"{source}:{account.config[tiktok.SOURCE_FIELDS[source]]}"
    assert sandbox.counts()["tiktok"]["raw_personal_data"] == 0


def test_token_goes_into_the_header_alone(
    account: Account, client: TikTokEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[httpx.Request] = []
    original = httpx.HTTPTransport.handle_request

    def listen(self: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return original(self, request)

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", listen)
    send(client, conversion(account))
    tiktok.probe(client, account, [])
    assert [request.headers["access-token"] for request in seen] == [TOKEN, TOKEN]
    assert not [request for request in seen if TOKEN in str(request.url)]


@pytest.mark.parametrize("fault", ["502_html", "200_html", "truncated"])
def test_answer_that_is_no_json_is_no_success(
    sandbox: Sandbox, account: Account, client: TikTokEvents, fault: str
) -> None:
    sandbox.arm("tiktok", fault)
    with pytest.raises(Unclear) as failure:
        send(client, conversion(account))
    assert of_error(failure.value).state is State.IN_DOUBT


def answering(body: dict[str, Any], account: Account, count: int) -> list[Outcome]:
    """What rows come to when TikTok answers this."""
    http = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, json=body)))
    with closing(TikTokEvents(http, "http://tiktok.test", TOKEN)) as client:
        return send(client, *(conversion(account, n) for n in range(count)))


@pytest.mark.parametrize(
    ("code", "state"),
    [
        (40002, State.REJECTED),
        (40050, State.DUPLICATE),
        (40100, State.RETRY_WAIT),
        (50000, State.IN_DOUBT),
        (40007, State.PENDING),
        (49999, State.REJECTED),
        (None, State.IN_DOUBT),
    ],
)
def test_failed_row_of_a_partial_success_goes_by_its_own_code(
    account: Account, code: int | None, state: State
) -> None:
    failed = {"order_in_batch": 1, "code": code}
    body = {"code": 20001, "data": {"failed_events": [failed]}}
    outcomes = answering(body, account, 3)
    assert [o.state for o in outcomes] == [State.ACCEPTED, state, State.ACCEPTED]


@pytest.mark.parametrize(
    "data",
    [
        None,
        {},
        {"failed_events": []},
        {"failed_events": [{"order_in_batch": 9}]},
        {"failed_events": [{}]},
    ],
    ids=["none", "empty", "no rows", "no such row", "no place"],
)
def test_partial_success_that_names_no_row_is_halved(account: Account, data: Any) -> None:
    with pytest.raises(RequestRefused, match="20001") as refusal:
        answering({"code": 20001, "data": data}, account, 2)
    assert refusal.value.may_be_applied


def test_row_that_alone_is_but_partly_taken_goes_again(account: Account) -> None:
    [outcome] = answering({"code": 20001, "data": {}}, account, 1)
    assert (outcome.state, outcome.is_failure, outcome.is_doubtful) == (
        State.IN_DOUBT,
        True,
        False,
    )


def test_repeat_of_many_rows_is_halved_until_each_stands_alone(account: Account) -> None:
    with pytest.raises(RequestRefused, match="40050"):
        answering({"code": 40050}, account, 2)
    assert answering({"code": 40050}, account, 1)[0].state is State.DUPLICATE


def test_too_large_a_batch_is_refused_as_a_whole_and_blames_no_row(
    sandbox: Sandbox, account: Account, client: TikTokEvents
) -> None:
    with pytest.raises(RequestRefused, match="40061") as refusal:
        send(client, *(conversion(account, n) for n in range(1_001)))
    assert not refusal.value.rows
    assert sandbox.counts()["tiktok"]["events_accepted"] == 0


# --- Probes --------------------------------------------------------------------------------------------------------


def results(findings: list[Finding]) -> dict[str, tuple[str, str | None]]:
    assert all(finding.sentence.endswith(".") for finding in findings)
    return {finding.capability: (finding.result, finding.code) for finding in findings}


LATER = ("unknown", "known_with_first_event")
SOURCES = {"pixel_code": LATER, "offline_event_set_id": LATER, "crm_event_set_id": LATER}


def test_probe_of_an_account_that_is_right(account: Account, client: TikTokEvents) -> None:
    found = results(tiktok.probe(client, account, ["Purchase"]))
    assert found == {"token": ("ok", None), **SOURCES}


def test_probe_sends_nothing_that_counts(
    sandbox: Sandbox, account: Account, client: TikTokEvents
) -> None:
    tiktok.probe(client, account, [])
    assert sandbox.counts()["tiktok"]["events_received"] == 0


@pytest.mark.parametrize("code", ["40102", "40105"])
def test_probe_finds_a_token_that_is_refused(
    sandbox: Sandbox, account: Account, client: TikTokEvents, code: str
) -> None:
    sandbox.arm("tiktok", f"code_{code}")
    assert results(tiktok.probe(client, account, [])) == {"token": ("failed", code)}


@pytest.mark.parametrize("code", ["40001", "40300", "40100", "50000"])
def test_probe_that_may_not_read_does_not_say_that_sending_fails(
    sandbox: Sandbox, account: Account, client: TikTokEvents, code: str
) -> None:
    sandbox.arm("tiktok", f"code_{code}")
    assert results(tiktok.probe(client, account, [])) == {"token": ("unknown", code), **SOURCES}


def test_probe_without_an_advertiser_asks_nothing(
    sandbox: Sandbox, account: Account, client: TikTokEvents
) -> None:
    config = {name: value for name, value in account.config.items() if name != "advertiser_id"}
    nameless = Account(TENANT, "tiktok", account.account_id, config)
    assert results(tiktok.probe(client, nameless, []))["token"] == ("unknown", "no_advertiser_id")
    assert sandbox.counts()["tiktok"]["requests"] == 0


def test_probe_names_actions_that_offline_events_do_not_have(
    account: Account, client: TikTokEvents
) -> None:
    found = results(tiktok.probe(client, account, ["Purchase", "nitelikli"]))
    assert found["action:nitelikli"] == ("unknown", "action_not_standard")
    assert "action:Purchase" not in found


def test_probe_warns_of_a_test_code(account: Account, client: TikTokEvents) -> None:
    tested = Account(
        TENANT, "tiktok", account.account_id, {**account.config, "test_event_code": "TEST1"}
    )
    findings = tiktok.probe(client, tested, [])
    assert "is not sure" in next(f for f in findings if f.capability == "pixel_code").sentence
