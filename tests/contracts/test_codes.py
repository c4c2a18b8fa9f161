"""Every code of Meta's and TikTok's, over the wire: which of a row's ways each one is.

The lists are written out here as the platforms' pages have them, so a code that leaves a table is missed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
import pytest
from pydantic import SecretStr

from orchestration.deliveries.conversion import Account, Conversion
from orchestration.deliveries.destinations import DESTINATIONS
from orchestration.deliveries.ledger.outcomes import Outcome, of_error
from orchestration.deliveries.ledger.states import State
from orchestration.sandbox.server import Sandbox, running_sandbox
from orchestration.settings import Settings
from orchestration.vendors import meta_codes, tiktok_codes
from orchestration.vendors.codes import Code
from orchestration.vendors.errors import Unauthorized, VendorError

META = {
    State.IN_DOUBT: "1 2 5000 http_5xx",
    State.RETRY_WAIT: "4 4_1504022 4_1504039 17 17_2446079 613 613_1487742 613_5044001"
    " 80000 80003 80004 80014",
    State.PENDING: "10 200 294 100_33 102 190 104 368 2500 2635 2044055 100_2044055",
    State.REJECTED: "100 100_1487534 100_2804003 100_2804004 100_2804009 100_2804023 100_2804066"
    " 100_2804069 100_2804116 100_2804087",
}
TIKTOK = {
    State.ACCEPTED: "0",
    State.DUPLICATE: "40050",
    State.IN_DOUBT: "20001 40202 50000 50002 51010 51012 51054 http_5xx",
    State.RETRY_WAIT: "40016 40100 40132 40133 60001 61000",
    State.PENDING: "40001 40006 40007 40051 40063 40101 40102 40104 40105 40113 40118 40300"
    " 41000 41001",
    State.REJECTED: "40000 40002 40061 40062 40700",
}
# Those that mean the credential, and with it every lane of every account that uses it.
CREDENTIALS = {"102", "190", "104", "40101", "40102", "40104", "40105"}

TABLES: Mapping[str, tuple[Mapping[str, Code], Mapping[State, str]]] = {
    "meta": (meta_codes.CODES, META),
    "tiktok": (tiktok_codes.CODES, TIKTOK),
}
TENANT = UUID("0198c0de-0000-7000-8000-000000000001")
ACCOUNTS = {
    "meta": Account(TENANT, "meta", "880000000000001", {"dataset_id": "880000000000001"}),
    "tiktok": Account(
        TENANT, "tiktok", "CPIXEL0001", {"offline_event_set_id": "7100000000000000001"}
    ),
}
WAYS = [
    pytest.param(platform, code, state, id=f"{platform}-{code}")
    for platform, (_, ways) in TABLES.items()
    for state, codes in ways.items()
    for code in codes.split()
]
Send = Callable[[str], Outcome | VendorError]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@pytest.fixture
def send(sandbox: Sandbox) -> Send:
    """Send one event; the row's outcome, or the error that the request met."""

    def act(platform: str) -> Outcome | VendorError:
        destination, account = DESTINATIONS[platform], ACCOUNTS[platform]
        made = conversion(account)
        request = destination.request([destination.event(made)], account, destination.lane(made))
        settings = Settings(master_key=SecretStr("x"), **sandbox.settings_overrides())  # pyright: ignore[reportArgumentType]
        with closing(destination.connect(settings, {"access_token": "good"}, account)) as client:
            try:
                return destination.send(client, request)[0]
            except VendorError as error:
                return error

    httpx.post(f"{sandbox.control_url}/_sandbox/reset").raise_for_status()
    return act


def conversion(account: Account) -> Conversion:
    fields: dict[str, Any] = {
        "event_id": hashlib.sha256(b"1").hexdigest(),
        "kind": "purchase",
        "action": "Purchase",
        "action_id": None,
        "converted_at": datetime.now(UTC) - timedelta(days=1),
        "value": Decimal("1499.90"),
        "currency": "TRY",
        "consent": "granted",
        "click_ids": {},
        "click_at": None,
        "person_key": None,
        "hashes": {"email": (hashlib.sha256(b"a@example.com").hexdigest(),)},
        "account": account,
    }
    return Conversion(**fields)


@pytest.mark.parametrize("platform", TABLES)
def test_table_holds_every_code_and_no_other(platform: str) -> None:
    table, ways = TABLES[platform]
    assert sorted(table) == sorted(code for codes in ways.values() for code in codes.split())


@pytest.mark.parametrize("platform", TABLES)
def test_every_code_says_what_it_means_and_where_that_was_read(platform: str) -> None:
    for row in TABLES[platform][0].values():
        assert row.meaning.endswith(".")
        assert row.source


@pytest.mark.parametrize(("platform", "code", "state"), WAYS)
def test_code_takes_its_row_this_way(
    sandbox: Sandbox, send: Send, platform: str, code: str, state: State
) -> None:
    if code == "http_5xx":
        sandbox.arm(platform, "502_html")
    elif code != "0":
        sandbox.arm(platform, f"code_{code}")
    met = send(platform)
    outcome = of_error(met) if isinstance(met, VendorError) else met
    assert outcome.state is state
    wanted = {"http_5xx": "http_502", "0": None}.get(code, code)
    assert outcome.code == wanted
    assert isinstance(met, Unauthorized) is (code in CREDENTIALS)


def test_meta_code_with_a_subcode_that_no_page_names_is_read_by_the_code_alone(
    sandbox: Sandbox, send: Send
) -> None:
    sandbox.arm("meta", "code_190_463")
    met = send("meta")
    assert isinstance(met, Unauthorized)
    assert met.code == "190_463"


def test_meta_waits_as_long_as_the_usage_header_says(sandbox: Sandbox, send: Send) -> None:
    sandbox.arm("meta", "429", retry_after=1_500)
    met = send("meta")
    assert isinstance(met, VendorError)
    assert met.retry_after == timedelta(minutes=25)


@pytest.mark.parametrize("fault", ["502_html", "503"])
def test_tiktok_is_left_alone_for_five_minutes_after_a_failure_of_its_own(
    sandbox: Sandbox, send: Send, fault: str
) -> None:
    sandbox.arm("tiktok", fault)
    met = send("tiktok")
    assert isinstance(met, VendorError)
    assert of_error(met).state is State.IN_DOUBT
    assert met.retry_after == timedelta(minutes=5)
