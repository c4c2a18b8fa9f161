"""The ledger: every conversion we owe a destination, and what became of each one.

A row arrives when the plan owes it and leaves when the destination has taken it, refused it for good, or its time
has passed. Every function is one transaction; nothing here touches the network. A sender leases rows (committed
before the first byte leaves), opens a request (committed too, with its bytes), sends, and settles one outcome per
row. Killed anywhere, the lease runs out and the row goes again under the same event id.

Belongs here: enrolling, leasing, outcomes. Lives elsewhere: request bodies (``destinations/<vendor>.py``), retry
timing (``timing.py``), the requests as they left (``chain.py``), answers that come later (``submissions.py``), the
choice of what to send (dbt's ``delivery_plan``).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from orchestration.deliveries import chain
from orchestration.deliveries.conversion import Account, Conversion, EventRefused, Request
from orchestration.deliveries.moves import Count
from orchestration.deliveries.outcomes import Outcome, rejected
from orchestration.deliveries.reasons import AGE_REASONS
from orchestration.deliveries.states import State
from orchestration.deliveries.timing import LEASE, MAX_AGE, MAX_FAILURES, backoff
from orchestration.warehouse import sql

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from orchestration.warehouse import Warehouse

_QUERIES = sql.load(__file__)
_CLICK_IDS = (
    *("gclid", "gbraid", "wbraid", "fbclid", "ttclid", "ctwa_clid"),
    *("meta_lead_id", "tiktok_lead_id"),
)
_MAX_BUGS = 3
_REBUILT = timedelta(minutes=1)

Word = Callable[[Conversion], tuple[str, Mapping[str, Any]]]
"""Words one conversion: its lane and its event. Raises ``EventRefused``."""


@dataclass(frozen=True, slots=True, eq=False)
class Leased:
    """A row in a sender's hands; known by itself, not by its contents.

    Attributes:
        delivery_id: The row.
        failures: How many attempts counted against its budget before this one.
        lane: The door it goes through.
        event: Its frozen body.
    """

    delivery_id: str
    failures: int
    lane: str
    event: Mapping[str, Any]


@dataclass
class Lease:
    """What one lease brought.

    Attributes:
        token: Proves that the rows are this sender's.
        rows: What may be sent.
        refused: Codes of rows that no request can hold, settled already.
        bugs: Kinds of our own errors while wording rows, settled already.
    """

    token: UUID
    rows: list[Leased] = field(default_factory=list[Leased])
    refused: list[str] = field(default_factory=list[str])
    bugs: list[str] = field(default_factory=list[str])

    @property
    def is_empty(self) -> bool:
        """Whether nothing was due."""
        return not (self.rows or self.refused or self.bugs)


def enroll(warehouse: Warehouse, tenant_id: UUID) -> list[Count]:
    """Bring the ledger in line with the plan: new rows, released and withheld ones, those whose time is over.

    Returns:
        The rows that moved, by platform, state and reason; nothing when it is run again.
    """
    values = {"tenant_id": tenant_id}
    with warehouse.tenant(tenant_id) as connection:
        moved = connection.execute(
            _QUERIES.follow_plan, values | {"age_reasons": sorted(AGE_REASONS)}
        ).mappings()
        counts = [Count(**row) for row in moved]
        connection.execute(_QUERIES.expire_overdue, values)
        enrolled = connection.execute(_QUERIES.enroll_deliveries, values).mappings()
        return counts + [Count(**row) for row in enrolled]


@dataclass(frozen=True, slots=True)
class Repeats:
    """When a row that may have arrived may be sent again.

    Attributes:
        within: How long after the first sending.
        once_lanes: Lanes in which never.
    """

    within: timedelta
    once_lanes: tuple[str, ...] = ()

    @property
    def values(self) -> dict[str, Any]:
        """The same, as parameters."""
        return {"resend_within": self.within, "once_lanes": list(self.once_lanes)}


def tidy(warehouse: Warehouse, account: Account, repeats: Repeats) -> None:
    """Take back leases that ran out, and close rows whose time or budget is over."""
    values = account.key
    with warehouse.tenant(account.tenant_id) as connection:
        connection.execute(_QUERIES.reclaim_leases, {"tenant_id": account.tenant_id})
        connection.execute(_QUERIES.expire_overdue, {"tenant_id": account.tenant_id})
        connection.execute(
            _QUERIES.bury_spent,
            values | repeats.values | {"max_failures": MAX_FAILURES, "max_age": MAX_AGE},
        )


def lease_rows(
    warehouse: Warehouse,
    account: Account,
    word: Word,
    repeats: Repeats,
    *,
    token: UUID,
    limit: int,
    chance: Callable[[], float],
) -> Lease:
    """T1: take due rows, word those that are new, freeze their bytes, open their attempts.

    The plan's decision, consent and age are asked again in the same statement.

    Args:
        warehouse: As role worker.
        account: Whose rows.
        word: The destination's wording.
        repeats: When a row in doubt may go again.
        token: New for each lease.
        limit: Most rows.
        chance: For the backoff of rows that our own error stopped.
    """
    lease = Lease(token)
    values = account.key | {"token": token}
    with warehouse.tenant(account.tenant_id) as connection:
        taken = list(
            connection.execute(
                _QUERIES.lease_deliveries,
                values | repeats.values | {"batch_limit": limit, "lease": LEASE},
            )
        )
        fresh = [row for row in taken if row.payload is None]
        conversions = read_conversions(connection, account, [row.conversion_id for row in fresh])
        frozen: list[tuple[str, str, bytes]] = []
        stopped: dict[str, Outcome] = {}
        for row in taken:
            if row.payload is not None:
                event = json.loads(bytes(row.payload))
                lease.rows.append(Leased(row.delivery_id, row.failures, row.lane, event))
                continue
            conversion = conversions.get((row.conversion_id, row.action))
            if conversion is None:
                # The plan was rebuilt between two statements of this transaction.
                stopped[row.delivery_id] = Outcome(State.PENDING, wait=_REBUILT, is_sent=False)
                continue
            try:
                lane, event = word(conversion)
            except EventRefused as refusal:
                lease.refused.append(refusal.code)
                stopped[row.delivery_id] = rejected(refusal.code, is_sent=False)
                continue
            except Exception as bug:  # noqa: BLE001 - one row that we cannot word must not stop the others
                lease.bugs.append(type(bug).__name__)
                stopped[row.delivery_id] = _of_bug(bug, row.failures, chance)
                continue
            frozen.append((row.delivery_id, lane, canonical(event)))
            lease.rows.append(Leased(row.delivery_id, row.failures, lane, event))
        _freeze(connection, values, frozen)
        _settle(connection, values, stopped)
    return lease


def open_request(
    warehouse: Warehouse,
    account: Account,
    token: UUID,
    rows: Sequence[Leased],
    make: Callable[[Sequence[Leased]], Request],
) -> tuple[str, list[Leased], Request] | None:
    """Keep a request's bytes and say in each attempt which request carries it, before it leaves.

    Args:
        warehouse: As role worker.
        account: Where it goes.
        token: The lease.
        rows: What shall be sent.
        make: Builds the request from the rows that are still ours.

    Returns:
        The request's key, the rows in it, and the request; None when no row is ours any more.
    """
    values = account.key | {"token": token}
    with warehouse.tenant(account.tenant_id) as connection:
        ids = [row.delivery_id for row in rows]
        kept = set(
            connection.execute(
                _QUERIES.renew_lease, values | {"delivery_ids": ids, "lease": LEASE}
            ).scalars()
        )
        ours = [row for row in rows if row.delivery_id in kept]
        if not ours:
            return None
        request = make(ours)
        key = chain.append_request(connection, account, request)
        marked = values | {"request_key": key, "delivery_ids": [r.delivery_id for r in ours]}
        connection.execute(_QUERIES.mark_attempts, marked)
    return key, ours, request


def settle(
    warehouse: Warehouse,
    account: Account,
    token: UUID,
    outcomes: Mapping[str, Outcome],
    *,
    request_key: str | None = None,
    code: str | None = None,
    request_id: str | None = None,
) -> dict[str, State]:
    """T2: store what became of rows, and what their request was answered.

    Args:
        warehouse: As role worker.
        account: Where they went.
        token: The lease; a row that a newer owner has is left alone.
        outcomes: By delivery id; waits are set.
        request_key: The request that carried them, if one left.
        code: The answer to the request as a whole.
        request_id: The platform's name of the request.

    Returns:
        Where the rows that were still ours went, by delivery id. A row that may have arrived earlier goes on in doubt.
    """
    values = account.key | {"token": token}
    with warehouse.tenant(account.tenant_id) as connection:
        if request_key is not None:
            connection.execute(
                _QUERIES.answer_request,
                {
                    "tenant_id": account.tenant_id,
                    "request_key": request_key,
                    "code": code,
                    "platform_request_id": request_id,
                },
            )
        return _settle(connection, values, outcomes)


def read_conversions(
    connection: Connection,
    account: Account,
    conversion_ids: Sequence[str],
    decision: str | None = None,
) -> dict[tuple[str, str], Conversion]:
    """What a destination needs to know, by conversion and action.

    Args:
        connection: Inside the tenant's transaction.
        account: The destination.
        conversion_ids: Which.
        decision: Only those of which the plan says this.
    """
    if not conversion_ids:
        return {}
    values = account.key | {"conversion_ids": list(conversion_ids)}
    hashes: dict[str, dict[str, tuple[str, ...]]] = {}
    for row in connection.execute(_QUERIES.list_hashes, values):
        hashes.setdefault(row.conversion_id, {})[row.kind] = tuple(row.hashes)
    return {
        (row.conversion_id, row.action): Conversion(
            event_id=row.event_id,
            kind=row.kind,
            action=row.action,
            action_id=row.action_id,
            converted_at=row.converted_at,
            value=row.value,
            currency=row.currency,
            consent=row.consent,
            click_ids={name: getattr(row, name) for name in _CLICK_IDS if getattr(row, name)},
            click_at=row.click_at,
            person_key=row.person_key,
            limited_data_use=bool(row.limited_data_use),
            hashes=hashes.get(row.conversion_id, {}),
            account=account,
        )
        for row in connection.execute(_QUERIES.list_conversions, values)
        if decision in {None, row.decision}
    }


def canonical(event: Mapping[str, Any]) -> bytes:
    """The one way to write an event: sorted keys, no spaces, UTF-8."""
    return json.dumps(event, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _freeze(
    connection: Connection, values: Mapping[str, Any], frozen: Sequence[tuple[str, str, bytes]]
) -> None:
    if frozen:
        ids, lanes, payloads = zip(*frozen, strict=True)
        connection.execute(
            _QUERIES.freeze_payloads,
            {
                **values,
                "delivery_ids": list(ids),
                "lanes": list(lanes),
                "payloads": list(payloads),
            },
        )


def _settle(
    connection: Connection, values: Mapping[str, Any], outcomes: Mapping[str, Outcome]
) -> dict[str, State]:
    if not outcomes:
        return {}
    told = list(outcomes.values())
    settled = connection.execute(
        _QUERIES.settle_rows,
        {
            **values,
            "delivery_ids": list(outcomes),
            "states": [o.state.value for o in told],
            "codes": [o.code for o in told],
            "request_ids": [o.request_id for o in told],
            "waits": [(o.wait or timedelta(0)).total_seconds() for o in told],
            "failures": [int(o.is_failure) for o in told],
            "sent": [o.is_sent for o in told],
            "doubtful": [o.is_doubtful for o in told],
            "matched": [o.is_matched for o in told],
            "reasons": [_reason(o) for o in told],
        },
    )
    return {row.delivery_id: State(row.state) for row in settled}


def _reason(outcome: Outcome) -> str | None:
    """A closed row's reason is why it closed; an open row keeps the plan's."""
    match outcome.state:
        case State.REJECTED:
            return "refused_by_platform" if outcome.is_sent else "refused_before_sending"
        case State.DEAD:
            return "bug"
        case _:
            return None


def _of_bug(bug: Exception, failures: int, chance: Callable[[], float]) -> Outcome:
    is_last = failures + 1 >= _MAX_BUGS
    return Outcome(
        State.DEAD if is_last else State.RETRY_WAIT,
        f"bug:{type(bug).__name__}",
        wait=backoff(failures, chance),
        is_failure=True,
        is_sent=False,
    )
