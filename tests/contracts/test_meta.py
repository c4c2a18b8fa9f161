"""Meta at the wire: every profile is taken, no address holds a secret, HTML is no success, what a probe finds."""

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
from orchestration.deliveries.destinations import meta
from orchestration.deliveries.ledger.outcomes import of_error
from orchestration.deliveries.ledger.states import State
from orchestration.sandbox.server import Sandbox, running_sandbox
from orchestration.settings import Settings
from orchestration.vendors.errors import Throttled, Unclear, VendorError
from orchestration.vendors.meta_conversions import MetaConversions

TENANT = UUID("0198c0de-0000-7000-8000-000000000001")
DATASET = "880000000000001"
TOKEN = "EAAB-very-secret"
LEAD = {"meta_lead_id": "525645896321548"}
THREAD = {"ctwa_clid": "ARAkLkA8rmlFeiCktEJQ"}


@pytest.fixture(scope="module")
def _sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@pytest.fixture
def sandbox(_sandbox: Sandbox) -> Iterator[Sandbox]:
    """The stand-ins, with nothing received and nothing armed, and the world as it was afterwards."""
    httpx.post(f"{_sandbox.control_url}/_sandbox/reset").raise_for_status()
    world = _sandbox.around.world
    yield _sandbox
    _sandbox.around.world = world


@pytest.fixture
def whatsapp(sandbox: Sandbox) -> str:
    """The sandbox's WhatsApp account that reports to our dataset."""
    return next(
        a.whatsapp_id for a in sandbox.around.world.accounts["meta"] if a.dataset_id == DATASET
    )


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[MetaConversions]:
    settings = Settings(master_key=SecretStr("x"), **sandbox.settings_overrides())  # pyright: ignore[reportArgumentType]
    credentials = {"access_token": TOKEN, "app_secret": "app-secret"}
    with closing(meta.connect(settings, credentials, account_of())) as made:
        yield made


@pytest.fixture
def addresses(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The address of every request that leaves."""
    seen: list[str] = []
    original = httpx.HTTPTransport.handle_request

    def listen(self: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url))
        return original(self, request)

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", listen)
    return seen


def account_of(**config: str) -> Account:
    return Account(TENANT, "meta", DATASET, {"dataset_id": DATASET, **config})


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


def send(client: MetaConversions, made: Conversion) -> State:
    request = meta.request([meta.event(made)], made.account, meta.lane(made))
    return meta.send(client, request)[0].state


@pytest.mark.parametrize(
    ("changes", "config"),
    [
        ({"click_ids": LEAD}, {}),
        ({"click_ids": LEAD, "hashes": {}, "person_key": None, "kind": "appointment"}, {}),
        ({"click_ids": THREAD}, {}),
        ({"click_ids": THREAD, "purpose": "retract"}, {}),
        ({}, {}),
        ({}, {"action_source": "physical_store"}),
        ({}, {"action_source": "phone_call", "test_event_code": "TEST123"}),
        ({"limited_data_use": True}, {}),
    ],
    ids=["crm", "crm alone", "messaging", "returned", "other", "store", "call, tested", "limited"],
)
def test_every_profile_is_taken(
    sandbox: Sandbox,
    client: MetaConversions,
    whatsapp: str,
    changes: dict[str, Any],
    config: dict[str, str],
) -> None:
    account = account_of(whatsapp_business_account_id=whatsapp, **config)
    assert send(client, conversion(account, **changes)) is State.ACCEPTED
    assert sandbox.counts()["meta"]["raw_personal_data"] == 0


def test_test_event_counts_like_any_other(sandbox: Sandbox, client: MetaConversions) -> None:
    send(client, conversion(account_of(test_event_code="TEST123")))
    assert sandbox.counts()["meta"]["events_accepted"] == 1


def test_no_address_holds_the_token(
    client: MetaConversions, addresses: list[str], whatsapp: str
) -> None:
    account = account_of(whatsapp_business_account_id=whatsapp)
    send(client, conversion(account))
    meta.probe(client, account, ["Purchase"])
    assert len(addresses) == 4
    for address in addresses:
        assert TOKEN not in address
        assert "access_token" not in address
        assert "app-secret" not in address


@pytest.mark.parametrize("fault", ["502_html", "200_html", "truncated"])
def test_answer_that_is_no_json_is_no_success(
    sandbox: Sandbox, client: MetaConversions, fault: str
) -> None:
    sandbox.arm("meta", fault)
    with pytest.raises(Unclear) as failure:
        send(client, conversion(account_of()))
    assert of_error(failure.value).state is State.IN_DOUBT


def test_answer_for_fewer_events_than_were_sent_is_no_success(
    sandbox: Sandbox, client: MetaConversions
) -> None:
    sandbox.arm("meta", "fewer_received")
    with pytest.raises(Unclear, match="count_differs"):
        send(client, conversion(account_of()))


def test_wait_is_read_from_the_usage_header_alone(
    sandbox: Sandbox, client: MetaConversions
) -> None:
    sandbox.arm("meta", "usage", retry_after=600)
    with pytest.raises(Throttled) as failure:
        send(client, conversion(account_of()))
    assert failure.value.retry_after == timedelta(minutes=10)


@pytest.mark.parametrize(
    "header",
    ["", "no json", "[]", '{"1": [{}]}', '{"1": [{"estimated_time_to_regain_access": "x"}]}'],
)
def test_usage_header_that_cannot_be_read_names_no_wait(header: str) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        headers = {"X-Business-Use-Case-Usage": header}
        return httpx.Response(400, json={"error": {"code": 80004}}, headers=headers)

    http = httpx.Client(transport=httpx.MockTransport(answer))
    client = MetaConversions(http, "http://meta.test", "v26.0", TOKEN)
    with closing(client), pytest.raises(Throttled) as failure:
        send(client, conversion(account_of()))
    assert failure.value.retry_after is None


def test_what_meta_writes_about_an_error_is_not_repeated() -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        error = {"code": "jane.doe@example.com", "message": "jane.doe@example.com is invalid"}
        return httpx.Response(400, json={"error": error})

    http = httpx.Client(transport=httpx.MockTransport(answer))
    client = MetaConversions(http, "http://meta.test", "v26.0", TOKEN)
    with closing(client), pytest.raises(VendorError) as failure:
        send(client, conversion(account_of()))
    assert str(failure.value) == "0"


# --- Probes --------------------------------------------------------------------------------------------------------


def results(findings: list[Finding]) -> dict[str, tuple[str, str | None]]:
    assert all(finding.sentence.endswith(".") for finding in findings)
    return {finding.capability: (finding.result, finding.code) for finding in findings}


def test_probe_of_an_account_that_is_right(client: MetaConversions, whatsapp: str) -> None:
    account = account_of(whatsapp_business_account_id=whatsapp)
    assert results(meta.probe(client, account, ["Purchase"])) == {
        "token": ("ok", None),
        "dataset": ("ok", None),
        "match_quality": ("ok", None),
        "messaging": ("ok", None),
        "events": ("unknown", "known_with_first_event"),
    }


def test_probe_sends_nothing_that_counts(sandbox: Sandbox, client: MetaConversions) -> None:
    meta.probe(client, account_of(), ["Purchase"])
    assert sandbox.counts()["meta"]["events_received"] == 0


def test_probe_finds_a_token_that_is_refused(sandbox: Sandbox, client: MetaConversions) -> None:
    sandbox.arm("meta", "code_190_463")
    assert results(meta.probe(client, account_of(), [])) == {"token": ("failed", "190_463")}


def test_probe_finds_a_dataset_that_is_not_there(client: MetaConversions) -> None:
    elsewhere = Account(TENANT, "meta", "1", {"dataset_id": "1"})
    assert results(meta.probe(client, elsewhere, [])) == {
        "token": ("ok", None),
        "dataset": ("failed", "100_33"),
    }


def test_probe_finds_a_whatsapp_account_that_reports_elsewhere(
    sandbox: Sandbox, client: MetaConversions, whatsapp: str
) -> None:
    other = next(
        a.dataset_id for a in sandbox.around.world.accounts["meta"] if a.dataset_id != DATASET
    )
    account = Account(
        TENANT, "meta", other, {"dataset_id": other, "whatsapp_business_account_id": whatsapp}
    )
    [messaging] = [f for f in meta.probe(client, account, []) if f.capability == "messaging"]
    assert (messaging.result, messaging.code) == ("failed", "dataset_differs")
    assert DATASET in messaging.sentence


@pytest.mark.parametrize(
    ("missing", "capability"),
    [("ads_read", "match_quality"), ("whatsapp_business_management", "messaging")],
)
def test_probe_that_may_not_read_does_not_say_that_sending_fails(
    sandbox: Sandbox, client: MetaConversions, whatsapp: str, missing: str, capability: str
) -> None:
    facts = {"missing_permissions": frozenset({missing})}
    sandbox.around.world = sandbox.around.world.changed("meta", facts)
    account = account_of(whatsapp_business_account_id=whatsapp)
    assert results(meta.probe(client, account, []))[capability] == ("unknown", "200")


@pytest.mark.parametrize("fault", ["429", "503", "reset"])
def test_probe_that_gets_no_answer_knows_nothing(
    sandbox: Sandbox, client: MetaConversions, fault: str
) -> None:
    sandbox.arm("meta", fault, times=3)
    found = results(meta.probe(client, account_of(), []))
    assert {result for result, _ in found.values()} == {"unknown"}


def test_probe_warns_of_a_test_code(client: MetaConversions) -> None:
    findings = meta.probe(client, account_of(test_event_code="TEST123"), [])
    [events] = [f for f in findings if f.capability == "events"]
    assert "counts all the same" in events.sentence
