"""Answers that come later: requests that a platform took, and what it says of them when asked.

Belongs here: what is due to be asked, and storing what was said. Lives elsewhere: asking and understanding
(``destinations/google.py``), when it is done (``sender.py``).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from orchestration.warehouse import sql

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestration.deliveries.conversion import Account
    from orchestration.deliveries.counts import Counted
    from orchestration.deliveries.outcomes import Outcome
    from orchestration.warehouse import Warehouse

_QUERIES = sql.load(__file__)
_POLL_LEAST = timedelta(seconds=5)
# Google's first useful answer comes after about half an hour.
_POLL_MOST = timedelta(minutes=30)
_UNRESOLVED = frozenset({"PARTIAL_SUCCESS", "MIXED_REASONS"})


@dataclass(frozen=True, slots=True)
class Submitted:
    """A request that was taken and whose fate is due to be asked for."""

    platform_request_id: str
    event_count: int


def list_submitted(warehouse: Warehouse, account: Account) -> list[Submitted]:
    """The account's requests to ask about now."""
    with warehouse.tenant(account.tenant_id) as connection:
        rows = connection.execute(_QUERIES.list_submitted, account.key).mappings()
        return [Submitted(**row) for row in rows]


def settle_submitted(
    warehouse: Warehouse, account: Account, request_id: str, outcome: Outcome, wait: timedelta
) -> int:
    """Store a request's late answer for each of its rows alike.

    Returns:
        How many rows there were.
    """
    values = account.key | {"platform_request_id": request_id}
    with warehouse.tenant(account.tenant_id) as connection:
        connection.execute(
            _QUERIES.resolve_request,
            values | {"code": outcome.code or "ok", "is_unresolved": outcome.code in _UNRESOLVED},
        )
        return connection.execute(
            _QUERIES.settle_submitted,
            values
            | {
                "state": outcome.state.value,
                "code": outcome.code,
                "is_matched": outcome.is_matched,
                "is_doubtful": outcome.is_doubtful,
                "failures": int(outcome.is_failure),
                "wait_seconds": wait.total_seconds(),
            },
        ).rowcount


def settle_counted(
    warehouse: Warehouse,
    account: Account,
    request_id: str,
    counted: Counted,
    wait_of: Callable[[int], timedelta],
) -> list[Outcome]:
    """Store a request's late answer in counts, row by row as far as it can be told.

    Args:
        warehouse: As role worker.
        account: Where the request went.
        request_id: The platform's name of it.
        counted: What was said.
        wait_of: When a row is due again whose outcome says nothing of it, by its failures before.

    Returns:
        What became of the rows that were still waiting.
    """
    values = account.key | {"platform_request_id": request_id}
    with warehouse.tenant(account.tenant_id) as connection:
        rows = list(connection.execute(_QUERIES.list_submitted_rows, values))
        told = counted.outcomes([json.loads(bytes(row.payload)) for row in rows])
        waits = [
            wait_of(row.failures) if outcome.wait is None else outcome.wait
            for row, outcome in zip(rows, told, strict=True)
        ]
        is_unresolved = any(outcome.code in _UNRESOLVED for outcome in told)
        connection.execute(
            _QUERIES.resolve_request,
            values | {"code": counted.code, "is_unresolved": is_unresolved},
        )
        if rows:
            connection.execute(
                _QUERIES.settle_submitted_rows,
                {
                    "tenant_id": account.tenant_id,
                    "delivery_ids": [row.delivery_id for row in rows],
                    "states": [o.state.value for o in told],
                    "codes": [o.code for o in told],
                    "matched": [o.is_matched for o in told],
                    "doubtful": [o.is_doubtful for o in told],
                    "failures": [int(o.is_failure) for o in told],
                    "waits": [wait.total_seconds() for wait in waits],
                },
            )
    return told


def postpone_submitted(warehouse: Warehouse, account: Account, request_id: str) -> None:
    """Ask again later: after as long as it has taken so far."""
    values = account.key | {"platform_request_id": request_id}
    with warehouse.tenant(account.tenant_id) as connection:
        connection.execute(
            _QUERIES.postpone_submitted, values | {"least": _POLL_LEAST, "most": _POLL_MOST}
        )


def count_unresolved(warehouse: Warehouse, account: Account) -> int:
    """Requests of the last day whose answer could not be told apart by row."""
    with warehouse.tenant(account.tenant_id) as connection:
        return connection.execute(_QUERIES.count_unresolved, account.key).scalar_one()
