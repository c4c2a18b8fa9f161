"""Verdicts: what became of one rule for one tenant, and how it is kept.

A verdict carries counts and codes, so it may be shown, logged and sent. ``ops.check_results`` keeps one row per
tenant, rule and pass; the newest row of a rule is the one that counts.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import bindparam
from sqlalchemy.dialects.postgresql import JSONB

from orchestration.warehouse import sql

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from expectations.rule import Rule
    from orchestration.warehouse import Tenant, Warehouse

_QUERIES = sql.load(__file__)

CANNOT_COMPUTE = "cannot_compute"


@dataclass(frozen=True)
class Verdict:
    """One rule's outcome for one tenant.

    Attributes:
        tenant: Whose data was judged.
        rule: The rule.
        checked_at: The pass's moment.
        passed: Whether the rule holds. A rule that could not be computed does not.
        failed_count: How many rows, days or groups break the rule; what is counted is the rule's own matter.
        row_count: How many rows the tenant has in the rule's table; None when they could not be counted.
        reason: ``cannot_compute``, or None.
        error: The class of what stopped the rule; never its message, which quotes SQL and values.
    """

    tenant: Tenant
    rule: Rule
    checked_at: datetime
    passed: bool
    failed_count: int = 0
    row_count: int | None = None
    reason: str | None = None
    error: str | None = None

    def detail(self) -> dict[str, int | str]:
        """What is kept beside the verdict: the row count, and the error's class where there was one."""
        pairs = {"row_count": self.row_count, "error": self.error}
        return {key: value for key, value in pairs.items() if value is not None}


def store_verdicts(warehouse: Warehouse, verdicts: Iterable[Verdict], run_id: str) -> None:
    """Keep a pass's verdicts, each tenant's in a transaction of its own.

    Args:
        warehouse: A pool of the role ``worker``.
        verdicts: The pass's verdicts.
        run_id: The Dagster run, or the command's own id.
    """
    by_tenant: defaultdict[Tenant, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        by_tenant[verdict.tenant].append(verdict)
    statement = _QUERIES.insert_check_result.bindparams(bindparam("detail", type_=JSONB))
    for tenant, rows in by_tenant.items():
        with warehouse.tenant(tenant.tenant_id) as connection:
            connection.execute(statement, [_row(verdict, run_id) for verdict in rows])


def _row(verdict: Verdict, run_id: str) -> dict[str, object]:
    return {
        "tenant_id": verdict.tenant.tenant_id,
        "rule": verdict.rule.code,
        "checked_at": verdict.checked_at,
        "run_id": run_id,
        "severity": verdict.rule.severity,
        "passed": verdict.passed,
        "failed_count": verdict.failed_count,
        "reason": verdict.reason,
        "detail": verdict.detail(),
    }
