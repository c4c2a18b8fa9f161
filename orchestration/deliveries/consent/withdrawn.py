"""Withdrawn: outcomes that stand under a no which the plan does not know yet.

The models are built now and then, and a sender may lease in between. So whoever puts rows into the ledger or takes them
out of it asks here as well: for what a person of ours recorded, what was pushed and nobody has read, and what was read
since the plan was made.

Belongs here: finding them. Lives elsewhere: recording a no (``consent.py``), what every sender said (dbt's
``fct_consents``), the decision about everything else (``delivery_plan``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestration.warehouse import sql

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy import Connection

_QUERIES = sql.load(__file__, "withdrawn.sql")


def list_withdrawn(connection: Connection, tenant_id: UUID) -> list[str]:
    """Conversions that may not be leased, whatever the plan says.

    Args:
        connection: Inside the tenant's transaction.
        tenant_id: Whose.
    """
    found = connection.execute(_QUERIES.list_withdrawn, {"tenant_id": tenant_id})
    return sorted(found.scalars())
