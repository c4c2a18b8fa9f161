"""Rules as asset checks: a result for every rule, and which of them stop what comes after."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import psycopg
import pytest
from pydantic import SecretStr

from expectations.rules import RULES
from expectations.suites import SUITES, marts__fct_touches
from orchestration.deliveries.sending import gate
from orchestration.quality.checks import build_check, definitions, failed_runs
from orchestration.sandbox.alert_receiver import running_alert_receiver
from orchestration.settings import Settings
from orchestration.warehouse import Tenant, Warehouse
from orchestration.warehouse.resource import WarehouseResource
from tests.integration.quality.rows import Rows

TOUCHES = marts__fct_touches.SUITE


@pytest.fixture
def now_rows(admin: psycopg.Connection, tenants: list[Tenant]) -> list[Rows]:
    """Rows of the two tenants that arrive at this moment, as checks judge as of now."""
    return [Rows(admin, tenant.tenant_id, datetime.now(UTC)) for tenant in tenants]


def add_touches(rows: Rows, times: int, **columns) -> None:
    """Touches that agree with staging."""
    happened = columns.get("touched_at", rows.ago(hours=1))
    rows.add("staging.stg_forms__submissions", times, submitted_at=happened)
    rows.add("marts.fct_touches", times, **columns)


@pytest.fixture
def run(built_settings: Settings, monkeypatch: pytest.MonkeyPatch):
    """Runs touches, their checks and a probe that comes after, in this process."""
    sent: list[str] = []

    @dg.asset(key=["marts", "fct_touches"])
    def touches() -> None:
        """The table is there already."""

    @dg.asset(key=["ops", "probe"], deps=[touches])
    def probe() -> None:
        sent.append("sent")

    def execute(settings: Settings = built_settings):
        monkeypatch.setattr(WarehouseResource, "settings", lambda _: settings)
        job = dg.Definitions(
            assets=[touches, probe],
            asset_checks=[build_check(TOUCHES)],
            resources={"warehouse": WarehouseResource()},
            executor=dg.in_process_executor,
            jobs=[dg.define_asset_job("all", selection="*")],
        ).resolve_job_def("all")
        with dg.DagsterInstance.ephemeral() as instance:
            result = job.execute_in_process(instance=instance, raise_on_error=False)
            checks = {e.check_name: e for e in result.get_asset_check_evaluations()}
            text = "\n".join(str(event) for event in result.all_events)
        return result, checks, sent, text

    return execute


def test_every_rule_has_a_result_and_what_comes_after_runs(run, now_rows: list[Rows]) -> None:
    result, checks, sent, _ = run()
    assert result.success
    assert list(checks) == [rule.code for rule in TOUCHES.rules]
    assert all(check.passed for check in checks.values())
    assert sent == ["sent"]


def test_a_blocking_rule_that_fails_for_one_tenant_stops_what_comes_after(
    run, now_rows: list[Rows], tenants: list[Tenant]
) -> None:
    add_touches(now_rows[0], 2, external_id="+90 532 123 45 67")
    now_rows[0].add("staging.stg_forms__submissions", email="kanarya@example.com")
    add_touches(now_rows[1], 3)
    result, checks, sent, events = run()
    assert not result.success
    assert sent == []
    assert list(checks) == [rule.code for rule in TOUCHES.rules]
    check = checks["REC3"]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert check.description == "failed for 1, 1 failed over 5 rows, 2 tenants"
    told = {name: value.value for name, value in check.metadata.items()}
    assert told["failing_tenants"] == 1
    assert told["failed_by_tenant"] == {str(tenants[0].tenant_id): 1}
    assert told["runbook"].endswith("docs/runbooks/rec.md")
    assert Path(told["data_docs"]).exists()
    assert told["alerts_without_receiver"] == 2
    assert not checks["PII2"].passed
    assert "532 123" not in events
    assert "kanarya" not in events


def test_what_a_sender_can_cause_stops_nobody_in_the_run(
    run, now_rows: list[Rows], tenants: list[Tenant], pool: Warehouse
) -> None:
    add_touches(now_rows[0], 1, utm_term="+90 532 123 45 67")
    result, checks, sent, _ = run()
    assert result.success
    assert sent == ["sent"]
    check = checks["PII2"]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
    # The stored verdict closes the gate, of this tenant alone.
    assert gate.ask(pool, tenants[0].tenant_id) == ("PII2",)
    assert gate.ask(pool, tenants[1].tenant_id) == ()


def test_a_warning_stops_nothing(run, now_rows: list[Rows]) -> None:
    rows = now_rows[0]
    add_touches(rows, 1, touched_at=rows.now)
    result, checks, sent, _ = run()
    assert result.success
    assert sent == ["sent"]
    check = checks["TCH2"]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)


def test_a_table_that_is_gone_fails_every_rule_and_stops_what_comes_after(
    run, now_rows: list[Rows], admin: psycopg.Connection
) -> None:
    admin.execute("drop table marts.fct_touches cascade")
    _, checks, sent, _ = run()
    assert sent == []
    assert list(checks) == [rule.code for rule in TOUCHES.rules]
    assert not any(check.passed for check in checks.values())
    assert checks["VOL1"].description == (
        "failed for 2, 0 failed over 0 rows, 2 tenants, 2 could not be computed"
    )


def test_a_database_out_of_reach_fails_every_rule_and_stops_what_comes_after(
    run, built_settings: Settings
) -> None:
    url = SecretStr("postgresql://postgres@127.0.0.1:1/nowhere")
    _, checks, sent, _ = run(built_settings.model_copy(update={"database_url": url}))
    assert sent == []
    assert list(checks) == [rule.code for rule in TOUCHES.rules]
    assert {check.description for check in checks.values()} == {"cannot_compute: OperationalError"}


def test_every_rule_is_a_check_of_its_table() -> None:
    whole = dg.Definitions.merge(
        definitions(), dg.Definitions(resources={"warehouse": WarehouseResource()})
    )
    keys = whole.resolve_asset_graph().asset_check_keys
    assert {(key.asset_key.to_user_string(), key.name) for key in keys} == {
        (rule.table.replace(".", "/"), rule.code) for rule in RULES
    }


def test_no_check_may_be_left_out_of_its_step() -> None:
    for suite in SUITES:
        assert not build_check(suite).can_subset


def test_a_failed_run_is_told_by_class(
    built_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @dg.op
    def explode() -> None:
        raise RuntimeError("kanarya@example.com")

    @dg.job
    def broken() -> None:
        explode()

    with (
        running_alert_receiver(tmp_path) as receiver,
        dg.DagsterInstance.ephemeral() as instance,
    ):
        settings = built_settings.model_copy(
            update={"alert_urls": (SecretStr(receiver.apprise_url),)}
        )
        monkeypatch.setattr(WarehouseResource, "settings", lambda _: settings)
        result = broken.execute_in_process(instance=instance, raise_on_error=False)
        context = dg.build_run_status_sensor_context(
            sensor_name="failed_runs",
            dagster_event=result.get_run_failure_event(),
            dagster_instance=instance,
            dagster_run=result.dagster_run,
            resources={"warehouse": WarehouseResource()},
        ).for_run_failure()
        failed_runs(context)
        (alert,) = receiver.received()
    assert alert.title == "A run of broken failed"
    assert f"/runs/{result.run_id}" in alert.body
    assert "kanarya" not in alert.body
