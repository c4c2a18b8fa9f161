"""Answers that come later: requests that a platform took, and what it says of them when asked.

Belongs here: what is due to be asked, and storing what was said. Lives elsewhere: asking and understanding
(``destinations/google.py``), when it is done (``sender.py``).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from orchestration.warehouse import sql

if TYPE_CHECKING:
    from orchestration.deliveries.conversion import Account
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
