"""The audit: what holds is told in numbers that add up, and data that breaks a clause is named."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import orchestration
from orchestration.cli import app
from orchestration.deliveries.answers.audit import CLAUSES, PLAN_SPAN, Audit, audit
from orchestration.deliveries.destinations import DESTINATIONS

DeskMaker = Callable[..., Any]
PROJECT = Path(orchestration.__file__).parent.parent / "dbt_project"


def run(desk: Any, **period: date) -> Audit:
    [tenant] = [t for t in desk.warehouse.tenants() if t.tenant_id == desk.tenant_id]
    return audit(desk.warehouse, tenant, **period)


def clauses(desk: Any) -> dict[str, int]:
    return {finding.clause: finding.count for finding in run(desk).findings}


def plan_all(desk: Any) -> None:
    """Four outcomes at two destinations: two leave, and each of the others has its reason."""
    for platform in ("meta", "tiktok"):
        desk.plan("sent", platform)
        desk.plan("held", platform, decision="hold", reason="consent_unknown")
        desk.plan("never", platform, decision="never", reason="no_identifier")
        desk.plan("late", platform, decision="never", reason="too_old")
    desk.enroll()
    desk.send()


def test_outcomes_times_destinations_are_sent_or_not_each_with_one_reason(
    make_desk: DeskMaker,
) -> None:
    desk = make_desk("meta", "tiktok")
    plan_all(desk)
    found = run(desk)
    assert found.findings == []
    for balance in found.balances:
        assert balance.pairs == 4
        assert balance.sent == {"accepted": 1}
        assert balance.not_sent == {"consent_unknown": 1, "no_identifier": 1, "too_old": 1}
    assert found.holds
    assert json.loads(json.dumps(found.as_json()))["holds"] is True


def test_each_reason_for_staying_is_the_one_that_counts_now(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    for name in ("waits", "called off", "withdrawn", "rerouted", "unworded", "expired"):
        desk.plan(name, "meta")
    desk.change_plan("expired", expires_at=datetime.now(UTC) + timedelta(seconds=5))
    desk.plan("unsaid", "meta")
    desk.enroll()
    desk.change_plan("called off", decision="never", reason="reversed")
    desk.change_plan("rerouted", action="Lead")
    desk.admin.execute(
        "update ops.deliveries set expires_at = now() - interval '1 minute' where conversion_id = 'expired'"
    )
    desk.change_plan("expired", decision="never", reason="too_old")
    desk.plan("planned", "meta")
    desk.enroll()
    desk.plan("later", "meta")
    # The plan has another word meanwhile, and the ledger has not followed.
    desk.change_plan("withdrawn", decision="never", reason="consent_denied")
    found = run(desk)
    [balance] = found.balances
    assert balance.not_sent == {
        "pending": 5,
        "reversed": 1,
        "consent_denied": 1,
        "too_old": 1,
        "not_enrolled": 1,
    }
    assert found.holds


def test_an_outcome_that_cannot_be_worded_has_the_wording_as_its_reason(
    make_desk: DeskMaker,
) -> None:
    desk = make_desk("meta")
    desk.plan("a", "meta", fbclid="not a click", click_at=datetime.now(UTC))
    desk.enroll()
    desk.send()
    [balance] = run(desk).balances
    assert balance.not_sent == {"field_misshapen": 1}


def test_an_outcome_past_the_plans_time_has_its_last_word_in_the_ledger_or_was_too_old(
    make_desk: DeskMaker,
) -> None:
    desk = make_desk("meta")
    for name in ("sent", "never owed"):
        desk.plan(name, "meta", decision="send" if name == "sent" else "never")
    desk.admin.execute("update ops.accounts set created_at = now() - interval '1 year'")
    desk.enroll()
    desk.send()
    desk.admin.execute("delete from marts.delivery_plan")
    desk.admin.execute(
        "update marts.fct_conversions set converted_at = now() - interval '130 days'"
    )
    found = run(desk)
    [balance] = found.balances
    assert (balance.sent, balance.not_sent) == ({"accepted": 1}, {"too_old": 1})
    assert found.holds


def test_what_the_ledger_let_go_of_is_counted_apart(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    desk.plan("old", "meta")
    desk.admin.execute("delete from marts.delivery_plan")
    desk.admin.execute("update ops.accounts set created_at = now() - interval '3 years'")
    desk.admin.execute(
        "update marts.fct_conversions set converted_at = now() - interval '500 days'"
    )
    desk.admin.execute(
        "insert into ops.journal_anchors (tenant_id, platform, account_id, sequence, entry_key)"
        " values (%s, 'meta', '880000000000001', 7, repeat('a', 64))",
        [desk.tenant_id],
    )
    found = run(desk)
    [balance] = found.balances
    assert (balance.pairs, balance.pruned, balance.not_sent) == (1, 1, {})
    assert found.holds


def test_an_account_counts_only_for_outcomes_that_it_could_have_been_planned_for(
    make_desk: DeskMaker,
) -> None:
    desk = make_desk("meta", "tiktok")
    desk.plan("before", "meta", converted_at=datetime.now(UTC) - timedelta(days=130))
    desk.admin.execute("delete from marts.delivery_plan")
    desk.plan("a", "meta")
    desk.plan("b", "tiktok")
    desk.plan("b", "meta")
    desk.enroll()
    desk.send()
    desk.admin.execute("update ops.accounts set is_active = false where platform = 'tiktok'")
    found = run(desk)
    assert {b.platform: b.pairs for b in found.balances} == {"meta": 2, "tiktok": 1}
    assert found.holds


def test_what_waits_at_an_account_that_is_switched_off_says_so(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    desk.plan("a", "meta")
    desk.enroll()
    desk.admin.execute("update ops.accounts set is_active = false")
    desk.admin.execute("delete from marts.delivery_plan")
    [balance] = run(desk).balances
    assert balance.not_sent == {"account_inactive": 1}


def test_a_period_is_the_tenants_own_days(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    # 22:30 UTC is the next day in Istanbul.
    desk.plan("a", "meta", converted_at=datetime(2026, 10, 1, 22, 30, tzinfo=UTC))
    desk.plan("b", "meta", converted_at=datetime(2026, 10, 1, 12, 0, tzinfo=UTC))
    desk.admin.execute("update ops.accounts set created_at = '2026-10-01'")
    second = date(2026, 10, 2)
    assert [b.pairs for b in run(desk, first_day=second, last_day=second).balances] == [1]
    assert [b.pairs for b in run(desk, last_day=second).balances] == [2]


def break_undecided(desk: Any) -> None:
    desk.admin.execute("delete from marts.delivery_plan where conversion_id = 'never'")


def break_planned_twice(desk: Any) -> None:
    for (name,) in desk.admin.execute(
        "select indexname from pg_indexes where tablename = 'delivery_plan' and indexdef like '%UNIQUE%'"
    ).fetchall():
        desk.admin.execute(f'drop index marts."{name}"')
    desk.plan("never", "meta", decision="never", reason="too_old")


def break_outside(desk: Any) -> None:
    desk.admin.execute("delete from marts.fct_conversions where conversion_id = 'never'")


def break_without_reason(desk: Any) -> None:
    desk.admin.execute("update ops.deliveries set reason = '' where state = 'held'")


def break_open_twice(desk: Any) -> None:
    desk.admin.execute(
        "insert into ops.deliveries (tenant_id, delivery_id, platform, account_id, action, conversion_id, version,"
        " event_id, state, reason) select tenant_id, repeat('b', 64), platform, account_id, 'Lead', conversion_id,"
        " 1, event_id, 'pending', 'eligible' from ops.deliveries where state = 'held' limit 1"
    )


def break_open_behind_a_newer(desk: Any) -> None:
    desk.admin.execute(
        "insert into ops.deliveries (tenant_id, delivery_id, platform, account_id, action, conversion_id, version,"
        " event_id, state, reason) select tenant_id, repeat('b', 64), platform, account_id, action, conversion_id,"
        " 2, event_id, 'cancelled', 'reversed' from ops.deliveries where state = 'held' limit 1"
    )


def break_sent_unproven(desk: Any) -> None:
    desk.admin.execute("update ops.delivery_attempts set request_key = null")


def break_open_too_long(desk: Any) -> None:
    desk.admin.execute("update ops.accounts set created_at = now() - interval '1 year'")
    desk.admin.execute("delete from marts.delivery_plan where conversion_id = 'held'")
    desk.admin.execute(
        "update marts.fct_conversions set converted_at = now() - interval '130 days'"
        " where conversion_id = 'held'"
    )


def break_unknown_reason(desk: Any) -> None:
    desk.change_plan("never", reason="because")


def break_unknown_rule(desk: Any) -> None:
    desk.change_plan("never", rules=["no_identifier", "whim"])


def break_journal(desk: Any) -> None:
    desk.admin.execute("delete from ops.delivery_journal where kind = 'request'")


BREAKERS = [
    pytest.param(break_undecided, "undecided", id="undecided"),
    pytest.param(break_planned_twice, "planned_twice", id="planned twice"),
    pytest.param(break_outside, "outside", id="outside"),
    pytest.param(break_without_reason, "without_reason", id="without reason"),
    pytest.param(break_open_twice, "open_twice", id="open twice"),
    pytest.param(break_open_behind_a_newer, "open_twice", id="open behind a newer"),
    pytest.param(break_sent_unproven, "sent_unproven", id="attempt without request"),
    pytest.param(break_journal, "sent_unproven", id="request without entry"),
    pytest.param(break_open_too_long, "open_too_long", id="open too long"),
    pytest.param(break_unknown_reason, "unknown_reason", id="unknown reason"),
    pytest.param(break_unknown_rule, "unknown_reason", id="unknown rule"),
]


@pytest.mark.parametrize(("break_it", "clause"), BREAKERS)
def test_data_that_breaks_a_clause_is_named(
    make_desk: DeskMaker, break_it: Callable[[Any], None], clause: str
) -> None:
    desk = make_desk("meta", "tiktok")
    plan_all(desk)
    assert clauses(desk) == {}
    break_it(desk)
    found = run(desk)
    assert not found.holds
    [finding] = [f for f in found.findings if f.clause == clause]
    assert finding.count >= 1
    assert finding.subjects[0].platform in {"meta", "tiktok"}
    assert CLAUSES[clause] in finding.sentence()


def test_a_pair_that_nobody_decided_makes_the_numbers_uneven(make_desk: DeskMaker) -> None:
    desk = make_desk("meta", "tiktok")
    plan_all(desk)
    break_undecided(desk)
    assert clauses(desk) == {"undecided": 2, "balance": 2}


def test_every_clause_is_broken_by_some_data() -> None:
    assert {param.values[1] for param in BREAKERS} | {"balance"} == set(CLAUSES)


def test_another_tenants_outcomes_are_not_counted(make_desk: DeskMaker) -> None:
    ours, theirs = make_desk("meta"), make_desk("meta")
    theirs.plan("c1", "meta")
    assert [b.pairs for b in run(ours).balances] == [0]


def test_the_plan_holds_outcomes_longer_than_any_platform_takes_them() -> None:
    said = re.search(r"plan_days: (\d+)", (PROJECT / "dbt_project.yml").read_text("utf-8"))
    assert said
    assert timedelta(days=int(said[1])) == PLAN_SPAN
    plan = (PROJECT / "models" / "deliveries" / "delivery_plan.sql").read_text("utf-8")
    windows = [int(days) for days in re.findall(r"interval '(\d+) days", plan)]
    assert len(windows) >= len(DESTINATIONS) - 1
    assert max(windows) < PLAN_SPAN.days


@pytest.fixture
def leadloop(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run the command line on a desk's warehouse."""

    def invoke(desk: Any, *arguments: str) -> Result:
        for name in ("answers", "console"):
            monkeypatch.setattr(
                f"orchestration.commands.{name}.get_settings", lambda: desk.warehouse.settings
            )
        return CliRunner().invoke(app, list(arguments))

    return invoke


def test_the_command_prints_the_balance_and_exits_zero(
    make_desk: DeskMaker, leadloop: Callable[..., Result]
) -> None:
    desk = make_desk("meta", "tiktok")
    plan_all(desk)
    told = leadloop(desk, "why", "--audit")
    assert told.exit_code == 0, told.output
    assert "meta:880000000000001" in told.stdout
    assert "not sent: 1 consent_unknown: nobody said yes or no" in told.stdout
    assert "  sent: 1 accepted: was accepted" in told.stdout


def test_the_command_names_what_breaks_a_clause_and_exits_one(
    make_desk: DeskMaker, leadloop: Callable[..., Result]
) -> None:
    desk = make_desk("meta", "tiktok")
    plan_all(desk)
    break_undecided(desk)
    told = leadloop(desk, "why", "--audit", "--json")
    assert told.exit_code == 1
    [finding, *_] = json.loads(told.stdout)["findings"]
    assert finding["clause"] == "undecided"
    assert finding["subjects"][0]["subject"] == "never"
    assert "Broken" in leadloop(desk, "why", "--audit").stderr


@pytest.mark.parametrize("arguments", [["why"], ["why", "lead", "--audit"]])
def test_a_lead_or_the_audit_is_asked_for(
    make_desk: DeskMaker, leadloop: Callable[..., Result], arguments: list[str]
) -> None:
    assert leadloop(make_desk("meta"), *arguments).exit_code == 2
