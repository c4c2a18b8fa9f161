"""Asset checks: each rule as a check of its table's asset, one step per table.

A check sums up all tenants; who failed is in ``ops.check_results`` and in the alerts. The step always brings a result
for every rule: a blocking check without a result would otherwise let deliveries pass in silence.

Lives elsewhere: judging (``run``).
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

import dagster as dg
from sqlalchemy.exc import SQLAlchemyError

from expectations.rule import Rule
from expectations.suite import Suite
from expectations.suites import SUITES
from orchestration.quality import alerts
from orchestration.quality.run import Pass, run_quality
from orchestration.quality.verdicts import CANNOT_COMPUTE, Verdict
from orchestration.settings import PROJECT_FOLDER
from orchestration.warehouse.resource import WarehouseResource


def definitions() -> dg.Definitions:
    """The checks of all tables, and the sensor that tells of failed runs."""
    return dg.Definitions(
        asset_checks=[build_check(suite) for suite in SUITES], sensors=[failed_runs]
    )


def build_check(suite: Suite) -> dg.AssetChecksDefinition:
    """One table's rules as a step of asset checks.

    ``can_subset`` is off: with it, a blocking check that brings no result counts as passed.
    """

    @dg.multi_asset_check(
        name=f"check_{suite.name}",
        specs=[_spec(rule, suite) for rule in suite.rules],
        can_subset=False,
        description=f"Great Expectations' suite {suite.name}.",
    )
    def check(
        context: dg.AssetCheckExecutionContext, warehouse: WarehouseResource
    ) -> Iterator[dg.AssetCheckResult]:
        settings = warehouse.settings()
        try:
            outcome = run_quality(settings, datetime.now(UTC), context.run.run_id, suites=[suite])
        except SQLAlchemyError as error:
            # Without the list of tenants, or without a place for the verdicts, nothing was judged.
            context.log.warning(f"{suite.name} was not judged: {type(error).__name__}")
            yield from (_not_judged(rule, suite, error) for rule in suite.rules)
            return
        for rule in suite.rules:
            yield _result(rule, suite, outcome, settings.public_url)

    return check


@dg.run_failure_sensor(
    name="failed_runs",
    monitor_all_code_locations=True,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Sends word of every run that failed, whatever started it.",
)
def failed_runs(context: dg.RunFailureSensorContext, warehouse: WarehouseResource) -> None:
    """Tell the receivers of alerts; by class only, as an error's message may quote data.

    All code locations: a run that was executed outside the daemon has none, and would be missed.
    """
    cause = context.failure_event.event_specific_data
    error = getattr(cause, "error", None)
    name = getattr(error, "cls_name", None) or "a step that failed"
    run = context.dagster_run
    tally = alerts.tell_run_failure(warehouse.settings(), run.job_name, run.run_id, name)
    if tally.failed:
        context.log.warning("the alert of a failed run was not delivered")


def _spec(rule: Rule, suite: Suite) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        name=rule.code,
        asset=dg.AssetKey([suite.schema, suite.table]),
        additional_deps=[dg.AssetKey(table.split(".")) for table in rule.reads],
        description=f"{rule.sentence} ({rule.severity}; {rule.threshold})",
        blocking=rule.blocking,
        metadata={"runbook": rule.runbook, "threshold": rule.threshold},
    )


def _result(rule: Rule, suite: Suite, outcome: Pass, public_url: str) -> dg.AssetCheckResult:
    verdicts = [verdict for verdict in outcome.verdicts if verdict.rule is rule]
    return dg.AssetCheckResult(
        check_name=rule.code,
        asset_key=dg.AssetKey([suite.schema, suite.table]),
        passed=all(verdict.passed for verdict in verdicts),
        severity=_severity(rule),
        description=summarize(verdicts),
        metadata={
            **_counts(verdicts),
            **_links(rule, public_url),
            "data_docs": dg.MetadataValue.path(str(outcome.docs or "not built")),
            "alerts_sent": outcome.alerts.sent,
            "alerts_not_delivered": outcome.alerts.failed,
            "alerts_without_receiver": outcome.alerts.unaddressed,
        },
    )


def _not_judged(rule: Rule, suite: Suite, error: Exception) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=rule.code,
        asset_key=dg.AssetKey([suite.schema, suite.table]),
        passed=False,
        severity=_severity(rule),
        description=f"{CANNOT_COMPUTE}: {type(error).__name__}",
        metadata={"reason": CANNOT_COMPUTE, "runbook": rule.runbook},
    )


def summarize(verdicts: Sequence[Verdict]) -> str:
    """All tenants' verdicts on one rule in a line, such as ``passed, 0 failed over 18,204 rows, 2 tenants``."""
    failed = [verdict for verdict in verdicts if not verdict.passed]
    rows = sum(verdict.row_count or 0 for verdict in verdicts)
    count = sum(verdict.failed_count for verdict in verdicts)
    words = [
        f"failed for {len(failed)}" if failed else "passed",
        f"{count:,} failed over {rows:,} rows",
        f"{len(verdicts)} tenants",
    ]
    if uncomputed := sum(verdict.reason == CANNOT_COMPUTE for verdict in verdicts):
        words.append(f"{uncomputed} could not be computed")
    return ", ".join(words)


def _counts(verdicts: Sequence[Verdict]) -> Mapping[str, dg.MetadataValue]:
    failed = [verdict for verdict in verdicts if not verdict.passed]
    return {
        "tenants": dg.MetadataValue.int(len(verdicts)),
        "failing_tenants": dg.MetadataValue.int(len(failed)),
        "failed_count": dg.MetadataValue.int(sum(verdict.failed_count for verdict in verdicts)),
        "dagster/row_count": dg.MetadataValue.int(sum(v.row_count or 0 for v in verdicts)),
        "failed_by_tenant": dg.MetadataValue.json(
            {str(v.tenant.tenant_id): v.reason or v.failed_count for v in failed}
        ),
    }


def _links(rule: Rule, public_url: str) -> Mapping[str, dg.MetadataValue]:
    return {
        "threshold": dg.MetadataValue.text(rule.threshold),
        "runbook": dg.MetadataValue.path(str(PROJECT_FOLDER / rule.runbook)),
        "check": dg.MetadataValue.url(alerts.check_url(rule, public_url)),
    }


def _severity(rule: Rule) -> dg.AssetCheckSeverity:
    is_critical = rule.severity == "critical"
    return dg.AssetCheckSeverity.ERROR if is_critical else dg.AssetCheckSeverity.WARN
