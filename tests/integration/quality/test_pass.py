"""A whole pass: what is kept, what is told, and that no value of a row gets out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from expectations.rules import RULES
from expectations.suites import SUITES, marts__fct_leads, marts__fct_touches
from orchestration.quality.run import Pass, run_quality
from orchestration.sandbox.alert_receiver import AlertReceiver, read_alerts, running_alert_receiver
from orchestration.settings import Settings
from orchestration.warehouse import Tenant
from tests.integration.quality.rows import Rows

CANARY = "kanarya@example.com"
TOUCHES = [marts__fct_touches.SUITE]
LEADS = [marts__fct_leads.SUITE]


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[AlertReceiver]:
    with running_alert_receiver(tmp_path / "sandbox") as running:
        yield running


@pytest.fixture
def heard(built_settings: Settings, receiver: AlertReceiver) -> Settings:
    """Settings whose alerts go to the receiver."""
    return built_settings.model_copy(update={"alert_urls": (SecretStr(receiver.apprise_url),)})


@pytest.fixture
def late_touch(tenants: list[Tenant], rows_of: Callable[[Tenant], Rows]) -> Rows:
    """A touch of the first tenant that breaks TCH2 and nothing else, and good ones of the second."""
    rows = rows_of(tenants[0])
    rows.add("staging.stg_forms__submissions", submitted_at=rows.now)
    rows.add("marts.fct_touches", touched_at=rows.now)
    others = rows_of(tenants[1])
    others.add("staging.stg_forms__submissions", 3)
    others.add("marts.fct_touches", 3)
    return rows


def titles(receiver: AlertReceiver) -> list[str]:
    return [alert.title for alert in receiver.received()]


def failed(outcome: Pass) -> set[tuple[str, str]]:
    return {(v.tenant.name, v.rule.code) for v in outcome.verdicts if not v.passed}


def test_a_pass_keeps_a_verdict_for_each_tenant_and_rule(
    built_settings: Settings, late_touch: Rows, admin: psycopg.Connection, now: datetime
) -> None:
    outcome = run_quality(built_settings, now, "run-1")
    assert len(outcome.verdicts) == 2 * len(RULES)
    assert failed(outcome) >= {("Akademi İstanbul", "TCH2")}

    rows = admin.execute(
        "select t.name, r.checked_at, r.run_id, r.severity, r.passed, r.failed_count, r.reason, r.detail"
        " from ops.check_results r join ops.tenants t using (tenant_id) where rule = 'TCH2' order by 1"
    ).fetchall()
    assert rows == [
        ("Akademi İstanbul", now, "run-1", "warning", False, 1, None, {"row_count": 1}),
        ("Dil Okulu Ankara", now, "run-1", "warning", True, 0, None, {"row_count": 3}),
    ]


def test_a_tenant_without_data_passes_everything(
    built_settings: Settings, tenants: list[Tenant], now: datetime
) -> None:
    assert failed(run_quality(built_settings, now, "run-1")) == set()


def test_a_failure_is_told_once_then_daily_then_when_it_is_over(
    heard: Settings,
    receiver: AlertReceiver,
    late_touch: Rows,
    admin: psycopg.Connection,
    now: datetime,
) -> None:
    def judge(after: timedelta) -> list[str]:
        before = len(receiver.received())
        run_quality(heard, now + after, "run", suites=TOUCHES)
        return titles(receiver)[before:]

    assert judge(timedelta(0)) == ["TCH2 failed for Akademi İstanbul"]
    assert judge(timedelta(hours=1)) == []
    assert judge(timedelta(hours=24)) == ["TCH2 still fails for Akademi İstanbul"]
    assert judge(timedelta(hours=25)) == []
    admin.execute("update marts.fct_touches set touched_at = received_at")
    admin.execute("update staging.stg_forms__submissions set submitted_at = received_at")
    assert judge(timedelta(hours=26)) == ["TCH2 holds again for Akademi İstanbul"]
    assert judge(timedelta(hours=27)) == []
    late_touch.add("marts.fct_touches", touched_at=now)
    late_touch.add("staging.stg_forms__submissions", submitted_at=now)
    assert judge(timedelta(hours=28)) == ["TCH2 failed for Akademi İstanbul"]


def test_an_alert_tells_what_failed_where_to_look_and_what_to_do(
    heard: Settings, receiver: AlertReceiver, late_touch: Rows, now: datetime
) -> None:
    outcome = run_quality(heard, now, "run", suites=TOUCHES)
    (alert,) = receiver.received()
    tenant_id = outcome.verdicts[0].tenant.tenant_id
    assert alert.kind == "failure"
    assert alert.body.splitlines() == [
        "No touch happens after the moment it was received.",
        "Rule: TCH2 (warning) on marts.fct_touches",
        f"Tenant: Akademi İstanbul ({tenant_id})",
        "Outcome: 1 failed, over 1 rows",
        "Threshold: tolerance: 5 minutes",
        "Check: http://127.0.0.1:3000/assets/marts/fct_touches?view=checks&checkDetail=TCH2",
        "Runbook: docs/runbooks/tch.md",
    ]
    assert outcome.alerts.sent == 1


def test_what_was_received_is_remembered(
    heard: Settings, receiver: AlertReceiver, late_touch: Rows, now: datetime, tmp_path: Path
) -> None:
    run_quality(heard, now, "run", suites=TOUCHES)
    assert read_alerts(tmp_path / "sandbox") == receiver.received()
    assert len(receiver.received()) == 1


def test_an_alert_that_was_not_delivered_is_reported_and_sent_by_the_next_pass(
    heard: Settings,
    built_settings: Settings,
    receiver: AlertReceiver,
    late_touch: Rows,
    now: datetime,
) -> None:
    nobody = built_settings.model_copy(
        update={"alert_urls": (SecretStr("json://127.0.0.1:9/alerts"),)}
    )
    lost = run_quality(nobody, now, "run", suites=TOUCHES)
    assert (lost.alerts.sent, lost.alerts.failed) == (0, 1)
    unaddressed = run_quality(built_settings, now + timedelta(hours=1), "run", suites=TOUCHES)
    assert unaddressed.alerts.unaddressed == 1
    run_quality(heard, now + timedelta(hours=2), "run", suites=TOUCHES)
    assert titles(receiver) == ["TCH2 failed for Akademi İstanbul"]


def test_no_value_of_a_row_gets_out(
    heard: Settings,
    receiver: AlertReceiver,
    tenants: list[Tenant],
    rows_of: Callable[[Tenant], Rows],
    admin: psycopg.Connection,
    now: datetime,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level("DEBUG")
    rows = rows_of(tenants[0])
    rows.add("marts.fct_touches", utm_content=CANARY, touched_at=now)
    rows.add("marts.fct_conversions", crm_record_id=CANARY, value="-1.00", currency=None)
    rows.add("vault.identifiers", raw_value=CANARY, normalized=None, sha256=None)
    admin.execute("alter table vault.identifiers drop constraint identifiers_sha256_check")
    rows.add("vault.identifiers", sha256=CANARY)
    rows.add("staging.stg_forms__submissions", email=CANARY)
    # A cast that fails quotes the value in its message.
    admin.execute("alter table marts.fct_leads alter column received_at type text")
    rows.add("marts.fct_leads", 1, received_at=CANARY)

    outcome = run_quality(heard, now, "run")
    broken = {code for _, code in failed(outcome)}
    assert {"PII2", "PII3", "PLA1", "PLA2", "HSH1", "HSH2", "REC2", "UNQ2", "PII1"} <= broken
    told = outcome.docs.parent if outcome.docs else Path()
    pages = [path.read_text("utf-8") for path in told.rglob("*.html")]
    assert len(pages) == 1 + len(SUITES) + 2 * len(SUITES)
    stored = admin.execute("select row_to_json(r)::text from ops.check_results r").fetchall()
    shown = capfd.readouterr()
    places = {
        "Data Docs": "\n".join(pages),
        "ops.check_results": json.dumps(stored),
        "alerts": json.dumps([alert.body for alert in receiver.received()]),
        "verdicts": repr(outcome),
        "logs": caplog.text,
        "output": shown.out + shown.err,
    }
    assert [place for place, text in places.items() if "kanarya" in text] == []


def test_data_docs_show_sentences_and_counts_at_an_address_that_stays(
    built_settings: Settings, late_touch: Rows, tenants: list[Tenant], now: datetime
) -> None:
    first = run_quality(built_settings, now, "run", suites=TOUCHES)
    assert first.docs == built_settings.home / "data_docs" / "index.html"
    address = Path(
        "validations", "marts__fct_touches", str(tenants[0].tenant_id), "latest", "index.html"
    )
    index = first.docs.read_text("utf-8")
    assert address.as_posix() in index
    assert "4 of 5" in index
    page = (first.docs.parent / address).read_text("utf-8")
    assert "TCH2: No touch happens after the moment it was received." in page
    assert "Failed" in page
    suite = (first.docs.parent / "expectations" / "marts__fct_touches.html").read_text("utf-8")
    assert "find_touches" not in suite
    assert "TCH2" in suite

    later = run_quality(built_settings, now + timedelta(hours=1), "run", suites=LEADS)
    assert later.docs
    assert (later.docs.parent / address).exists()
    assert "marts__fct_touches" in later.docs.read_text("utf-8")


def test_connections_do_not_pile_up(
    built_settings: Settings, tenants: list[Tenant], admin: psycopg.Connection, now: datetime
) -> None:
    for hour in range(3):
        run_quality(built_settings, now + timedelta(hours=hour), "run", suites=TOUCHES)
    for _ in range(50):  # a closed connection leaves the list a moment later
        (count,) = admin.execute(
            "select count(*), pg_sleep(0.1) from pg_stat_activity"
            " where usename = 'worker' and datname = current_database()"
        ).fetchone()[:1]
        if count == 0:
            break
    assert count == 0
