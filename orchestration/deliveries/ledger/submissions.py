"""Answers that come later: requests that a platform took, and what it says of them when asked.

Belongs here: what is due to be asked, and storing what was said. Lives elsewhere: asking and understanding
(``destinations/google.py``, ``counts.py``), when it is done (``sender.py``, and the sensor ``submitted_requests``).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from orchestration.deliveries.journal import journal
from orchestration.deliveries.ledger.counts import Counted
from orchestration.deliveries.ledger.ledger import reason_of
from orchestration.deliveries.ledger.outcomes import Outcome
from orchestration.deliveries.ledger.states import State
from orchestration.deliveries.ledger.timing import backoff
from orchestration.warehouse import sql

if TYPE_CHECKING:
    from orchestration.deliveries.conversion import Account
    from orchestration.warehouse import Warehouse

_QUERIES = sql.load(__file__)
_POLL_LEAST = timedelta(seconds=5)
# Google's first useful answer comes after about half an hour.
_POLL_MOST = timedelta(minutes=30)
# Google says that most requests are done within a day; whoever is silent for three has lost it.
_PATIENCE = timedelta(days=3)
_UNRESOLVED = frozenset({"PARTIAL_SUCCESS", "MIXED_REASONS"})
UNANSWERED = Outcome(State.IN_DOUBT, "never_answered", is_failure=True)


@dataclass(frozen=True, slots=True)
class Submitted:
    """A request that was taken and whose fate is due to be asked for.

    Attributes:
        request_key: Its key in the journal.
        platform_request_id: What the platform calls it.
        event_count: How many rows it carries.
        is_overdue: Whether it has been silent for so long that no answer is expected any more.
    """

    request_key: str
    platform_request_id: str
    event_count: int
    is_overdue: bool


def list_submitted(warehouse: Warehouse, account: Account) -> list[Submitted]:
    """The account's requests to ask about now."""
    with warehouse.tenant(account.tenant_id) as connection:
        values = account.key | {"patience": _PATIENCE}
        rows = connection.execute(_QUERIES.list_submitted, values).mappings()
        return [Submitted(**row) for row in rows]


def settle_submitted(
    warehouse: Warehouse,
    account: Account,
    request: Submitted,
    answer: Outcome | Counted,
    chance: Callable[[], float],
) -> Counter[tuple[State, str | None]]:
    """Store a request's late answer for each of its rows.

    Args:
        warehouse: As role worker.
        account: Where the request went.
        request: Which request.
        answer: The same for every row, or counts from which each row's is concluded as far as it can be.
        chance: For the backoff of rows that go again.

    Returns:
        How many rows came to which state under which code.
    """
    with warehouse.tenant(account.tenant_id) as connection:
        values = account.key | {"platform_request_id": request.platform_request_id}
        rows = connection.execute(_QUERIES.lock_submitted, values).all()
        if isinstance(answer, Counted):
            outcomes = answer.outcomes([json.loads(row.payload) for row in rows])
            code, counts = answer.code, dict(answer.counts)
        else:
            outcomes, code, counts = [answer] * len(rows), answer.code or "ok", {}
        timed = [_timed(o, row.failures, chance) for o, row in zip(outcomes, rows, strict=True)]
        connection.execute(_QUERIES.plan_for_bulk)
        settled = connection.execute(
            _QUERIES.settle_submitted,
            {"tenant_id": account.tenant_id, "delivery_ids": [row.delivery_id for row in rows]}
            | _columns(timed),
        ).all()
        journal.append_answer(
            connection,
            account,
            request.request_key,
            code,
            request.platform_request_id,
            counts,
            [(row.delivery_id, row.state, row.platform_code) for row in settled],
            is_late=True,
            is_unresolved=any(outcome.code in _UNRESOLVED for outcome in timed),
        )
    return Counter((State(row.state), row.platform_code) for row in settled)


def postpone_submitted(warehouse: Warehouse, account: Account, request: Submitted) -> None:
    """Ask again later: after as long as it has taken so far, half an hour at most."""
    values = account.key | {"platform_request_id": request.platform_request_id}
    with warehouse.tenant(account.tenant_id) as connection:
        connection.execute(
            _QUERIES.postpone_submitted, values | {"least": _POLL_LEAST, "most": _POLL_MOST}
        )


def count_unresolved(warehouse: Warehouse, account: Account) -> int:
    """Requests of the last day whose answer could not be told apart by row."""
    with warehouse.tenant(account.tenant_id) as connection:
        return connection.execute(_QUERIES.count_unresolved, account.key).scalar_one()


def _timed(outcome: Outcome, failures: int, chance: Callable[[], float]) -> Outcome:
    if outcome.wait is not None or outcome.state is not State.IN_DOUBT:
        return outcome
    return replace(outcome, wait=backoff(failures, chance))


def _columns(outcomes: list[Outcome]) -> dict[str, Any]:
    return {
        "states": [o.state.value for o in outcomes],
        "codes": [o.code for o in outcomes],
        "waits": [(o.wait or timedelta(0)).total_seconds() for o in outcomes],
        "failures": [int(o.is_failure) for o in outcomes],
        "doubtful": [o.is_doubtful for o in outcomes],
        "matched": [o.is_matched for o in outcomes],
        "reasons": [reason_of(o) for o in outcomes],
    }
