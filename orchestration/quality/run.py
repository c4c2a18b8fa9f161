"""A pass: every rule of some suites, for every tenant; judged, kept and told.

``run_quality`` is what both the command line and the asset checks call. A check that cannot compute has failed:
whatever stops a rule, its verdict says so, is stored and closes the gate like any other failure.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from expectations.suites import SUITES
from orchestration.quality import alerts, data_docs
from orchestration.quality.evaluation import Span, evaluate, name_error, open_source
from orchestration.quality.suites import ROW_COUNT
from orchestration.quality.verdicts import CANNOT_COMPUTE, Verdict, store_verdicts
from orchestration.warehouse import Warehouse

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path
    from typing import Any

    from expectations.rule import Rule
    from expectations.suite import Suite
    from orchestration.quality.evaluation import Outcome
    from orchestration.settings import Settings
    from orchestration.warehouse import Tenant

_LOG = logging.getLogger(__name__)

# Rows older than this were judged by earlier passes and do not change any more; the cost of a pass follows what is
# new. Five weeks hold four of each weekday, which the volume rules compare.
DEFAULT_WINDOW = timedelta(days=35)


@dataclass(frozen=True)
class Pass:
    """What a pass brought.

    Attributes:
        verdicts: One per tenant and rule.
        alerts: What became of the messages.
        docs: The Data Docs' first page; None when they could not be built.
    """

    verdicts: list[Verdict]
    alerts: alerts.Tally
    docs: Path | None


def run_quality(
    settings: Settings,
    now: datetime,
    run_id: str,
    *,
    suites: Sequence[Suite] = SUITES,
    window: timedelta = DEFAULT_WINDOW,
) -> Pass:
    """Judge, keep the verdicts, send the alerts that are due, and build the Data Docs.

    Args:
        settings: Where the warehouse, the receivers of alerts and the state folder are.
        now: The moment to judge as of; aware.
        run_id: The Dagster run, or the command's own id.
        suites: Which tables to judge; all of them by default.
        window: How far back to look at what arrived.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: The tenants cannot be listed or the verdicts not kept.
    """
    span = Span(now=now, since=now - window)
    with Warehouse(settings, "worker") as warehouse:
        verdicts = [
            verdict
            for tenant in warehouse.tenants()
            for verdict in judge_tenant(settings, tenant, suites, span)
        ]
        store_verdicts(warehouse, verdicts, run_id)
        tally = alerts.tell(settings, warehouse, verdicts, now)
        docs = _build_docs(settings, warehouse, suites)
    return Pass(verdicts, tally, docs)


def judge_tenant(
    settings: Settings, tenant: Tenant, suites: Sequence[Suite], span: Span
) -> list[Verdict]:
    """One tenant's verdicts on some suites, in the suites' order."""
    try:
        with open_source(settings, tenant.tenant_id, span) as source:
            return [
                verdict
                for suite in suites
                for verdict in _judge_suite(source, suite, tenant, span.now)
            ]
    except ConnectionError as error:
        # Great Expectations' own class for a database out of reach is one of these.
        rules = [rule for suite in suites for rule in suite.rules]
        return _not_computed(rules, tenant, span.now, error)


def _build_docs(settings: Settings, warehouse: Warehouse, suites: Sequence[Suite]) -> Path | None:
    try:
        return data_docs.build(settings, warehouse, suites)
    except Exception as error:  # noqa: BLE001
        # The verdicts are kept and told; neither a full disk nor a page that does not render is bad data.
        _LOG.warning("the Data Docs were not built: %s", type(error).__name__)
        return None


def _judge_suite(source: Any, suite: Suite, tenant: Tenant, now: datetime) -> list[Verdict]:
    try:
        outcomes = evaluate(source, suite)
    except Exception as error:  # noqa: BLE001
        # Whatever it was, these rules were not computed: that is a verdict, and silence would let deliveries go on.
        return _not_computed(suite.rules, tenant, now, error)
    counted = outcomes.get(ROW_COUNT)
    return [
        _verdict(rule, tenant, now, outcomes.get(rule.code), counted.count if counted else None)
        for rule in suite.rules
    ]


def _verdict(
    rule: Rule, tenant: Tenant, now: datetime, outcome: Outcome | None, row_count: int | None
) -> Verdict:
    if outcome is None or outcome.error:
        error = outcome.error if outcome else "NoResult"
        return Verdict(
            tenant,
            rule,
            now,
            passed=False,
            row_count=row_count,
            reason=CANNOT_COMPUTE,
            error=error,
        )
    # An expectation without a count of its own fails as one.
    failed = 0 if outcome.passed else outcome.count or 1
    return Verdict(
        tenant, rule, now, passed=outcome.passed, failed_count=failed, row_count=row_count
    )


def _not_computed(
    rules: Sequence[Rule], tenant: Tenant, now: datetime, error: Exception
) -> list[Verdict]:
    name = name_error(str(error), type(error).__name__)
    return [
        Verdict(tenant, rule, now, passed=False, reason=CANNOT_COMPUTE, error=name)
        for rule in rules
    ]
