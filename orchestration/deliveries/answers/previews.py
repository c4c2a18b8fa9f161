"""Previews: the exact request body that a conversion is sent with; nothing is sent and nothing is stored.

Belongs here: one conversion's body. Lives elsewhere: what the next run would change (``difference.py``), wording
(``destinations/<vendor>.py``).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestration.deliveries.accounts import accounts
from orchestration.deliveries.conversion import Account, EventRefused
from orchestration.deliveries.destinations import destination_of
from orchestration.deliveries.ledger import ledger
from orchestration.warehouse import sql

if TYPE_CHECKING:
    from uuid import UUID

    from orchestration.warehouse import Warehouse

_QUERIES = sql.load(__file__, "explain.sql")


@dataclass(frozen=True, slots=True)
class Preview:
    """The exact body that a conversion is sent with, alone in its request."""

    platform: str
    account_id: str
    action: str
    body: bytes


def preview(
    warehouse: Warehouse, tenant_id: UUID, conversion_id: str, platform: str | None = None
) -> list[Preview]:
    """The exact request bodies of one conversion.

    A row that was leased before keeps its frozen event.
    """
    previews: list[Preview] = []
    for account in accounts.list_accounts(warehouse, tenant_id):
        if platform in {None, account.platform}:
            previews += _preview_account(warehouse, account, conversion_id)
    return previews


def _preview_account(warehouse: Warehouse, account: Account, conversion_id: str) -> list[Preview]:
    destination = destination_of(account)
    with warehouse.tenant(account.tenant_id) as connection:
        frozen = {
            row.action: (row.lane, json.loads(bytes(row.payload)))
            for row in connection.execute(
                _QUERIES.list_payloads, account.key | {"conversion_id": conversion_id}
            )
        }
        planned = ledger.read_conversions(connection, account, [conversion_id], decision="send")
    for (_, action), conversion in planned.items():
        if action not in frozen:
            try:
                frozen[action] = (destination.lane(conversion), destination.event(conversion))
            except EventRefused:
                continue
    return [
        Preview(
            account.platform,
            account.account_id,
            action,
            destination.request([event], account, lane).body,
        )
        for action, (lane, event) in sorted(frozen.items())
    ]
