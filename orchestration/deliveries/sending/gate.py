"""The gate: nothing leaves for a tenant whose data was not judged good.

A blocking check stops only its own run, so the verdicts are stored and asked for here, before every lease.

Belongs here: what closes the gate. Lives elsewhere: the rules and their verdicts (``quality``).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from expectations.suites import SUITES
from orchestration.warehouse import sql

if TYPE_CHECKING:
    from uuid import UUID

    from orchestration.warehouse import Warehouse

_QUERIES = sql.load(__file__, "gate.sql")
# The full check runs once a day; two hours are left for a late one.
MAX_AGE = timedelta(hours=26)
NO_VERDICT = "no_verdict"
# A rule that was taken out of the catalogue never speaks again; its last verdict must not close the gate for ever.
_RULES = frozenset(rule.code for suite in SUITES for rule in suite.rules)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The newest verdict of one rule."""

    rule: str
    severity: str
    passed: bool
    is_stale: bool


def closing_rules(verdicts: Iterable[Verdict]) -> tuple[str, ...]:
    """The codes of what keeps the gate closed; empty when it is open.

    A critical rule closes it by failing or by having last spoken too long ago; so does the lack of any verdict.
    """
    critical = [verdict for verdict in verdicts if verdict.severity == "critical"]
    if not critical:
        return (NO_VERDICT,)
    failed = [v.rule for v in critical if not v.passed]
    stale = [f"{v.rule}:stale" for v in critical if v.passed and v.is_stale]
    return tuple(sorted(failed + stale))


def ask(warehouse: Warehouse, tenant_id: UUID) -> tuple[str, ...]:
    """What keeps a tenant's gate closed at this moment."""
    with warehouse.tenant(tenant_id) as connection:
        rows = connection.execute(
            _QUERIES.list_verdicts, {"tenant_id": tenant_id, "max_age": MAX_AGE}
        )
        verdicts = [Verdict(**row) for row in rows.mappings()]
    return closing_rules(verdict for verdict in verdicts if verdict.rule in _RULES)
