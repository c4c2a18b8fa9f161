"""What accounts can do: asked at the sandbox, kept, told in a sentence, and heeded before the first send."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from orchestration.cli import app
from orchestration.deliveries.accounts import accounts, capabilities
from orchestration.deliveries.accounts.findings import Finding
from orchestration.deliveries.conversion import Account
from orchestration.deliveries.sending import stops
from orchestration.deliveries.sending.sender import Tools
from orchestration.sandbox.server import Sandbox
from tests.integration.deliveries.conftest import ACCOUNT_IDS, ACTION_IDS, Desk

PURCHASE = ACTION_IDS["purchase"]


@pytest.fixture(autouse=True)
def _trusted_roots(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", str(sandbox.grpc_roots_path))


@pytest.fixture
def world(sandbox: Sandbox) -> Iterator[Callable[..., None]]:
    """Let something be wrong with Google's accounts for one test."""
    before = sandbox.around.world

    def change(**facts: Any) -> None:
        sandbox.around.world = before.changed("google", facts)

    yield change
    sandbox.around.world = before


def account_of(desk: Desk, platform: str = "google") -> Account:
    listed = accounts.list_accounts(desk.warehouse, desk.tenant_id)
    return next(account for account in listed if account.platform == platform)


def found(desk: Desk, platform: str = "google") -> dict[str, Finding]:
    account = account_of(desk, platform)
    findings = capabilities.probe_account(desk.warehouse, account, Tools())
    return {f.capability: f for f in findings}


def failures(findings: dict[str, Finding]) -> dict[str, str | None]:
    return {name: f.code for name, f in findings.items() if f.result == "failed"}


WAYS = pytest.mark.parametrize("config", [{}, {"api": "click_upload"}], ids=["manager", "clicks"])


def installed(make_desk: Callable[..., Desk], config: dict[str, str]) -> Desk:
    desk = make_desk()
    desk.install("google", **config)
    return desk


@WAYS
def test_account_that_is_well_is_found_well_and_nothing_is_recorded(
    make_desk: Callable[..., Desk], config: dict[str, str]
) -> None:
    desk = installed(make_desk, config)
    findings = found(desk)
    assert {f.result for f in findings.values()} == {"ok"}
    assert findings.keys() == {
        "credential",
        "conversion_customer",
        "data_terms",
        "auto_tagging",
        *(f"action:{action}" for action in ACTION_IDS.values()),
        *(f"upload:{action}" for action in ACTION_IDS.values()),
    }
    assert desk.received("google")["events_accepted"] == 0
    assert desk.received("google")["raw_personal_data"] == 0


@WAYS
@pytest.mark.parametrize(
    ("facts", "failed", "words"),
    [
        (
            {"conversion_customer": "5550001111"},
            {"conversion_customer": "other_conversion_customer"},
            "belong to account 5550001111",
        ),
        ({"is_auto_tagged": False}, {"auto_tagging": "auto_tagging_off"}, "turn it on"),
        (
            {"action_facts": {PURCHASE: {"status": "HIDDEN"}}},
            {f"action:{PURCHASE}": "action_not_enabled"},
            "enable it",
        ),
        (
            {"action_facts": {PURCHASE: {"type": "WEBPAGE"}}},
            {f"action:{PURCHASE}": "wrong_kind_of_action"},
            "UPLOAD_CLICKS",
        ),
    ],
    ids=["customer", "tagging", "status", "kind"],
)
def test_what_is_wrong_is_said_in_a_sentence_that_says_what_to_do(
    make_desk: Callable[..., Desk],
    world: Callable[..., None],
    config: dict[str, str],
    facts: dict[str, Any],
    failed: dict[str, str],
    words: str,
) -> None:
    desk = installed(make_desk, config)
    world(**facts)
    findings = found(desk)
    assert failures(findings) == failed
    assert words in findings[next(iter(failed))].sentence


@WAYS
def test_terms_that_are_not_accepted_are_found_in_settings_and_uploads(
    make_desk: Callable[..., Desk], world: Callable[..., None], config: dict[str, str]
) -> None:
    desk = installed(make_desk, config)
    world(accepted_terms=False)
    findings = found(desk)
    assert findings["data_terms"].result == "failed"
    assert findings[f"upload:{PURCHASE}"].result == "failed"
    assert "has not accepted the customer data terms" in findings[f"upload:{PURCHASE}"].sentence


def test_newcomer_to_the_classic_upload_is_told_to_switch(
    make_desk: Callable[..., Desk], world: Callable[..., None]
) -> None:
    desk = installed(make_desk, {"api": "click_upload"})
    world(may_upload_clicks=False)
    told = found(desk)[f"upload:{PURCHASE}"]
    assert told.code == "NotAllowlistedError.CUSTOMER_NOT_ALLOWLISTED_FOR_THIS_FEATURE"
    assert "switch to the Data Manager API" in told.sentence


@WAYS
def test_action_that_counts_once_per_click_is_well_with_a_warning(
    make_desk: Callable[..., Desk], world: Callable[..., None], config: dict[str, str]
) -> None:
    desk = installed(make_desk, config)
    world(action_facts={PURCHASE: {"counting_type": "ONE_PER_CLICK"}})
    told = found(desk)[f"action:{PURCHASE}"]
    assert told.result == "ok"
    assert "refuses rows with gbraid or wbraid" in told.sentence


@WAYS
def test_route_to_an_action_that_is_not_there_stops_that_action_alone(
    make_desk: Callable[..., Desk], config: dict[str, str]
) -> None:
    desk = installed(make_desk, config)
    desk.admin.execute(
        "update ops.routes set action_id = '42' where conversion_kind = 'purchase' and tenant_id = %s",
        [desk.tenant_id],
    )
    assert failures(found(desk)) == {"action:42": "no_such_action"}
    assert stopped(desk) == {"42": "probe:no_such_action"}


@WAYS
def test_credential_that_is_refused_is_the_one_finding_of_uploads(
    make_desk: Callable[..., Desk], config: dict[str, str]
) -> None:
    desk = make_desk()
    desk.install("google", token="expired", **config)
    findings = found(desk)
    assert findings.keys() == {"credential"}
    assert findings["credential"].result == "failed"
    assert stopped(desk).keys() == {""}


def test_settings_that_cannot_be_read_are_no_failure(
    make_desk: Callable[..., Desk], sandbox: Sandbox
) -> None:
    desk = installed(make_desk, {})
    sandbox.arm("google_ads", "expired_token")
    findings = found(desk)
    assert failures(findings) == {}
    assert findings["settings"].result == "unknown"
    assert findings[f"upload:{PURCHASE}"].result == "ok"


def test_platform_that_is_silent_leaves_it_unknown(
    make_desk: Callable[..., Desk], sandbox: Sandbox
) -> None:
    desk = installed(make_desk, {})
    sandbox.arm("google", "503", times=len(ACTION_IDS))
    findings = found(desk)
    assert {findings[f"upload:{a}"].result for a in ACTION_IDS.values()} == {"unknown"}
    assert stopped(desk) == {}


def stopped(desk: Desk, platform: str = "google") -> dict[str, str]:
    account = account_of(desk, platform)
    with desk.warehouse.tenant(desk.tenant_id) as connection:
        return {s.target: f"{s.kind}:{s.code}" for s in stops.list_stops(connection, account)}


def test_first_send_asks_and_sends_nothing_where_it_would_be_refused(
    make_desk: Callable[..., Desk], world: Callable[..., None]
) -> None:
    desk = installed(make_desk, {})
    world(conversion_customer="5550001111")
    desk.plan("one", "google")
    desk.enroll()
    report = desk.send(ensure_probed=capabilities.ensure_probed)["google"]
    assert (report.stopped_by, report.requests) == ("stopped", 0)
    assert report.details == ("probe:other_conversion_customer",)
    world()
    assert failures(found(desk)) == {}
    assert stopped(desk) == {}
    assert desk.send(ensure_probed=capabilities.ensure_probed)["google"].requests == 1


def test_account_that_was_found_well_is_not_asked_again(make_desk: Callable[..., Desk]) -> None:
    desk = installed(make_desk, {})
    desk.send(ensure_probed=capabilities.ensure_probed)
    asked = desk.received("google")["requests"]
    assert asked == len(ACTION_IDS)
    desk.send(ensure_probed=capabilities.ensure_probed)
    assert desk.received("google")["requests"] == asked


def test_account_that_was_not_found_well_is_asked_again_when_it_has_had_its_time(
    make_desk: Callable[..., Desk], world: Callable[..., None]
) -> None:
    desk = installed(make_desk, {})
    account = account_of(desk)
    client = desk.tools.connect(desk.warehouse, account)
    world(is_auto_tagged=False)
    assert capabilities.ensure_probed(desk.warehouse, account, client)
    assert capabilities.ensure_probed(desk.warehouse, account, client) == []
    desk.admin.execute(
        "update ops.account_probes set probed_at = probed_at - interval '16 minutes'"
    )
    world()
    assert capabilities.ensure_probed(desk.warehouse, account, client)
    client.close()


def test_probe_that_finds_a_person_s_pause_leaves_it(make_desk: Callable[..., Desk]) -> None:
    desk = installed(make_desk, {})
    with desk.warehouse.tenant(desk.tenant_id) as connection:
        stops.stop(connection, account_of(desk), "person", "holiday", "jane")
    found(desk)
    assert stopped(desk) == {"": "person:holiday"}


@pytest.fixture
def leadloop(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run the command line on a desk's warehouse."""

    def invoke(desk: Desk, *arguments: str) -> Result:
        for name in ("doctor", "console"):
            monkeypatch.setattr(
                f"orchestration.commands.{name}.get_settings", lambda: desk.warehouse.settings
            )
        return CliRunner().invoke(app, ["doctor", "-t", str(desk.tenant_id), *arguments])

    return invoke


def test_command_tells_each_account_and_exits_zero_when_all_is_well(
    make_desk: Callable[..., Desk], leadloop: Callable[..., Result]
) -> None:
    result = leadloop(make_desk("google", "meta", "tiktok"))
    assert result.exit_code == 0
    for platform, account_id in ACCOUNT_IDS.items():
        assert f"{platform}:{account_id}" in result.stdout


def test_command_exits_one_when_something_failed_and_prints_it_for_programs(
    make_desk: Callable[..., Desk], world: Callable[..., None], leadloop: Callable[..., Result]
) -> None:
    desk = make_desk("google", "meta")
    world(accepted_terms=False)
    result = leadloop(desk, "--platform", "google", "--json")
    assert result.exit_code == 1
    told = [json.loads(line) for line in result.stdout.splitlines()]
    assert {line["platform"] for line in told} == {"google"}
    terms = next(line for line in told if line["capability"] == "data_terms")
    assert (terms["result"], terms["code"]) == ("failed", "data_terms_not_accepted")
    assert terms["account_id"] == ACCOUNT_IDS["google"]


def test_command_does_not_take_a_platform_that_does_not_exist(
    make_desk: Callable[..., Desk], leadloop: Callable[..., Result]
) -> None:
    assert leadloop(make_desk(), "--platform", "bing").exit_code == 2


def test_command_says_that_there_is_nobody_to_ask(
    make_desk: Callable[..., Desk], leadloop: Callable[..., Result]
) -> None:
    result = leadloop(make_desk())
    assert result.exit_code == 0
    assert "There is no account" in result.stderr
