"""Adjustments: what a platform was told of an outcome, and is no longer so.

An outcome that was taken back, won again or given another value after a platform had it becomes a row of its own in
the ledger, under the same event id and never before the row that it changes has settled. Where the platform has no
way to be told, the row is ``noted`` and stays.

Belongs here: finding what changed. Lives elsewhere: which platform can be told what (``ADJUSTS`` of
``destinations/<vendor>.py``), the bodies (there too), leaving (``sender.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestration.deliveries.accounts.accounts import read_accounts
from orchestration.deliveries.consent.withdrawn import list_withdrawn
from orchestration.deliveries.destinations import destination_of
from orchestration.deliveries.ledger.moves import Count
from orchestration.warehouse import sql

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy import Connection

_QUERIES = sql.load(__file__, "adjustments.sql")


def enroll_adjustments(connection: Connection, tenant_id: UUID) -> list[Count]:
    """Put what platforms must be told anew into the ledger, and withdraw what is no longer so.

    Args:
        connection: Inside the tenant's transaction, after the ledger has followed the plan.
        tenant_id: Whose ledger.

    Returns:
        The rows that moved, by platform, state and reason; nothing when it is run again.
    """
    accounts = read_accounts(connection, tenant_id)
    tellable = [destination_of(account).ADJUSTS for account in accounts]
    rows = connection.execute(
        _QUERIES.enroll_adjustments,
        {
            "tenant_id": tenant_id,
            "platforms": [account.platform for account in accounts],
            "account_ids": [account.account_id for account in accounts],
            "withdrawn": list_withdrawn(connection, tenant_id),
            "can_adjust": ["adjust" in words for words in tellable],
            "can_retract": ["retract" in words for words in tellable],
            "can_restore": ["restore" in words for words in tellable],
        },
    ).mappings()
    return [Count(**row) for row in rows]
