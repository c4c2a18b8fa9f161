"""Every rule: it holds where it should, it breaks where it should, and only for whom it should."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr

from expectations.rule import Rule
from expectations.rules import RULES, find_rule
from expectations.suite import Suite
from expectations.suites import SUITES
from orchestration.quality.evaluation import Span
from orchestration.quality.run import DEFAULT_WINDOW, judge_tenant
from orchestration.quality.verdicts import Verdict
from orchestration.settings import Settings
from orchestration.warehouse import Tenant
from tests.integration.quality.cases import CASES
from tests.integration.quality.rows import Rows

Judge = Callable[[Tenant, Sequence[Suite]], list[Verdict]]


@pytest.fixture
def judge(built_settings: Settings, now: datetime) -> Judge:
    """Judges some suites for a tenant."""
    span = Span(now=now, since=now - DEFAULT_WINDOW)
    return lambda tenant, suites: judge_tenant(built_settings, tenant, suites, span)


def only(code: str) -> list[Suite]:
    """A suite of one rule."""
    rule = find_rule(code)
    schema, table = rule.table.split(".")
    return [Suite(schema, table, (rule,))]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_rule_holds_until_it_is_broken_and_never_for_the_other_tenant(
    rule: Rule, judge: Judge, tenants: list[Tenant], rows_of: Callable[[Tenant], Rows]
) -> None:
    case = CASES[rule.code]
    ours, theirs = tenants
    case.keep(rows_of(theirs))
    rows = rows_of(ours)
    case.keep(rows)
    (held,) = judge(ours, only(rule.code))
    assert (held.passed, held.failed_count, held.error) == (True, 0, None)

    case.breach(rows)
    (broken,) = judge(ours, only(rule.code))
    assert (broken.passed, broken.reason) == (False, None)
    assert broken.failed_count == case.failed_count

    (other,) = judge(theirs, only(rule.code))
    assert other.passed


def test_every_rule_holds_for_a_tenant_without_data(judge: Judge, tenants: list[Tenant]) -> None:
    failed = [verdict.rule.code for verdict in judge(tenants[0], SUITES) if not verdict.passed]
    assert failed == []


def test_rule_that_cannot_be_computed_fails(
    judge: Judge, tenants: list[Tenant], admin: psycopg.Connection
) -> None:
    for rule in RULES:
        table = sql.Identifier(*rule.table.split("."))
        admin.execute(sql.SQL("revoke select on {} from worker").format(table))
    verdicts = judge(tenants[0], SUITES)
    assert [verdict.rule.code for verdict in verdicts] == [
        rule.code for suite in SUITES for rule in suite.rules
    ]
    told = {(verdict.passed, verdict.reason, verdict.error) for verdict in verdicts}
    assert told == {(False, "cannot_compute", "InsufficientPrivilege")}


def test_database_out_of_reach_fails_every_rule(
    built_settings: Settings, tenants: list[Tenant], now: datetime
) -> None:
    gone = built_settings.model_copy(
        update={"database_url": SecretStr("postgresql://postgres@127.0.0.1:1/nowhere")}
    )
    verdicts = judge_tenant(gone, tenants[0], SUITES, Span(now=now, since=now))
    assert len(verdicts) == len(RULES)
    told = {(verdict.passed, verdict.reason, verdict.error) for verdict in verdicts}
    assert told == {(False, "cannot_compute", "OperationalError")}


def test_missing_table_fails_its_own_rules_only(
    judge: Judge, tenants: list[Tenant], admin: psycopg.Connection
) -> None:
    admin.execute("drop table marts.wapim_daily cascade")
    verdicts = judge(tenants[0], SUITES)
    failed = {verdict.rule.code: verdict.error for verdict in verdicts if not verdict.passed}
    assert failed == {"REC9": "UndefinedTable", "PII4": "UndefinedTable"}
    assert len(verdicts) == len(RULES)


def test_rows_still_on_their_way_are_no_difference(
    judge: Judge, tenants: list[Tenant], rows_of: Callable[[Tenant], Rows]
) -> None:
    rows = rows_of(tenants[0])
    rows.add("raw.events", at=rows.ago(minutes=10))
    rows.add("staging.stg_forms__submissions", at=rows.ago(minutes=10))
    rows.add("raw.events", at=rows.ago(minutes=10, seconds=30))  # committed late
    rows.add("raw.events", at=rows.ago(minutes=2))  # arrived since
    assert judge(tenants[0], only("REC2"))[0].passed

    rows.add("raw.events", at=rows.ago(minutes=11, seconds=1))
    assert not judge(tenants[0], only("REC2"))[0].passed


def test_what_arrived_before_the_window_is_not_judged_again(
    judge: Judge, tenants: list[Tenant], rows_of: Callable[[Tenant], Rows], now: datetime
) -> None:
    rows = rows_of(tenants[0])
    at = now - DEFAULT_WINDOW - timedelta(minutes=1)
    rows.add("marts.fct_touches", at=at, touched_at=at + timedelta(days=1))
    assert judge(tenants[0], only("TCH2"))[0].passed


def test_leads_of_google_need_no_utm_source(
    judge: Judge, tenants: list[Tenant], rows_of: Callable[[Tenant], Rows]
) -> None:
    rows = rows_of(tenants[0])
    rows.add("marts.fct_leads", 40, platform="google", utm_source=None, campaign_id=None)
    assert judge(tenants[0], only("NUL1"))[0].passed
    assert not judge(tenants[0], only("NUL2"))[0].passed


def test_week_that_lacks_a_field_is_found_without_one_bad_day(
    judge: Judge, tenants: list[Tenant], rows_of: Callable[[Tenant], Rows]
) -> None:
    rows = rows_of(tenants[0])
    for day in range(1, 7):
        rows.add("marts.fct_leads", 10, at=rows.ago(days=day), campaign_id=None)
    assert not judge(tenants[0], only("NUL2"))[0].passed
