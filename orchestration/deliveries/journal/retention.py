"""Retention: letting go of what the ledger has kept for long enough.

A delivery goes with its attempts and its requests when it has been settled for longer than the ledger keeps rows, its
conversion is not in the plan any more, and nothing that stays speaks of it; the beginning of the journal goes with
them, and what follows still verifies. The rows of one conversion and account go together.

Belongs here: when, and the record of it. Lives elsewhere: what may go, which no service can widen
(``ops.prune_ledger``, migration 0003).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import timedelta
from typing import TYPE_CHECKING

from orchestration.warehouse import sql

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from orchestration.warehouse import Warehouse

_QUERIES = sql.load(__file__, "retention.sql")


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was let go of one account's ledger, in rows."""

    platform: str
    account_id: str
    deliveries: int
    attempts: int
    requests: int
    entries: int

    @property
    def counts(self) -> dict[str, int]:
        """The numbers by their names."""
        return {f.name: getattr(self, f.name) for f in fields(self)[2:]}


def prune(
    warehouse: Warehouse, tenant_id: UUID, now: datetime, *, is_dry: bool = False
) -> list[Pruned]:
    """Let go of what was settled before the ledger's days of keeping.

    Args:
        warehouse: As role worker.
        tenant_id: Whose ledger.
        now: From when the days are counted back.
        is_dry: Count, and keep everything.

    Returns:
        What went, by account; accounts of which nothing went are left out.
    """
    older_than = now - timedelta(days=warehouse.settings.ledger_keep_days)
    values = {"tenant_id": tenant_id, "older_than": older_than}
    with warehouse.tenant(tenant_id) as connection:
        planned = list(connection.execute(_QUERIES.list_planned, values).scalars())
        step = connection.begin_nested()
        rows = connection.execute(_QUERIES.prune_ledger, values | {"planned": planned}).mappings()
        pruned = [found for row in rows if any((found := Pruned(**row)).counts.values())]
        if is_dry:
            step.rollback()
            return pruned
        for found in pruned:
            connection.execute(
                _QUERIES.note_pruning,
                {
                    "tenant_id": tenant_id,
                    "object": f"{found.platform} {found.account_id}",
                    "reason": " ".join(f"{name}={count}" for name, count in found.counts.items()),
                },
            )
    return pruned
