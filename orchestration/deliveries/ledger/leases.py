"""Leases: due rows in a sender's hands, with their bytes and the request that carries them.

T1 is one transaction: rows are locked under the plan, the consent and the age of this moment, worded where they are
new, frozen, given their attempt, and put into the request that carries them. It is committed before the first byte
leaves, so that whoever is killed afterwards leaves behind what may have left, and only that.

Belongs here: taking rows, opening requests. Lives elsewhere: what becomes of them (``ledger.py``), sending
(``sender.py``), which doors are closed (``stops.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING, Any
from uuid import UUID

from orchestration.deliveries.consent.withdrawn import list_withdrawn
from orchestration.deliveries.conversion import Account, Request
from orchestration.deliveries.journal import journal
from orchestration.deliveries.ledger.carried import carried_kinds
from orchestration.deliveries.ledger.ledger import Repeats, settle_rows
from orchestration.deliveries.ledger.outcomes import BLOCKED_WAIT, Outcome
from orchestration.deliveries.ledger.states import State
from orchestration.deliveries.ledger.timing import ENOUGH_LEASE, LEASE
from orchestration.deliveries.ledger.wording import Leased, Taken, Word, word_rows
from orchestration.vendors.errors import RouteBlocked
from orchestration.warehouse import sql

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from orchestration.warehouse import Warehouse

_QUERIES = sql.load(__file__)

Make = Callable[[str, Sequence[Leased]], Request]
"""Puts the rows of a lane into one request. Raises ``RouteBlocked``."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A request that is kept and may leave.

    Attributes:
        key: Its key in the journal.
        rows: The rows in it, in their order.
        request: Its bytes.
    """

    key: str
    rows: list[Leased]
    request: Request


@dataclass(frozen=True, slots=True)
class Doors:
    """Which lanes and actions may be gone through.

    Attributes:
        closed: Those that are stopped.
        on_trial: Those that are stopped and of which a small request may ask whether they go again.
        trial_size: Most rows of such a request.
    """

    closed: frozenset[str] = frozenset()
    on_trial: frozenset[str] = frozenset()
    trial_size: int = 10


@dataclass
class Lease:
    """What one lease brought.

    Attributes:
        token: Proves that the rows are this sender's.
        lanes: What may be sent, by lane.
        opened: The request of the first lane, kept already.
        refused: Codes of rows that no request can hold, settled already.
        noted: Codes of changes that no request can hold, settled already.
        bugs: Kinds of our own errors while wording rows, settled already.
        postponed: Rows that wait, as their door is closed.
    """

    token: UUID
    lanes: dict[str, list[Leased]] = field(default_factory=dict[str, list[Leased]])
    opened: Opened | None = None
    refused: list[str] = field(default_factory=list[str])
    noted: list[str] = field(default_factory=list[str])
    bugs: list[str] = field(default_factory=list[str])
    postponed: list[str] = field(default_factory=list[str])

    @property
    def rows(self) -> list[Leased]:
        """What may be sent."""
        return [row for rows in self.lanes.values() for row in rows]

    @property
    def is_empty(self) -> bool:
        """Whether nothing was due."""
        return not (self.lanes or self.refused or self.noted or self.bugs or self.postponed)


def lease_rows(
    warehouse: Warehouse,
    account: Account,
    word: Word,
    repeats: Repeats,
    *,
    token: UUID,
    limit: int,
    chance: Callable[[], float],
    doors: Doors | None = None,
    make: Make | None = None,
) -> Lease:
    """T1: take due rows, word those that are new, freeze their bytes, open their attempts and the first request.

    The plan's decision, consent and age are asked again in the same statement that takes the rows. The request of one
    lane is kept in the same transaction; those of other lanes are opened right before they leave (``open_request``),
    so that a kill leaves in doubt only what was about to leave.

    Args:
        warehouse: As role worker.
        account: Whose rows.
        word: The destination's wording.
        repeats: When a row in doubt may go again.
        token: New for each lease.
        limit: Most rows.
        chance: For the backoff of rows that our own error stopped.
        doors: Lanes that are closed; none by default.
        make: Builds the first lane's request; without it none is opened.
    """
    doors = doors or Doors()
    lease = Lease(token)
    values = account.key | {"token": token}
    with warehouse.tenant(account.tenant_id) as connection:
        asked = {
            "batch_limit": limit,
            "closed": sorted(doors.closed),
            "withdrawn": list_withdrawn(connection, account.tenant_id),
        }
        due = connection.execute(_QUERIES.take_due, values | repeats.values | asked).all()
        # In one order whenever they were due, so that the same rows make the same bytes.
        due = sorted(due, key=attrgetter("delivery_id"))
        taken = _admit(lease, word_rows(connection, account, due, word, chance), doors)
        if lease.postponed:
            _postpone(connection, values, lease.postponed)
        if not taken:
            return lease
        connection.execute(_QUERIES.plan_for_bulk)
        _freeze(connection, values, taken)
        if make is not None and lease.lanes:
            lane, rows = next(iter(lease.lanes.items()))
            # Without what the lane needs no request can be made; the sender meets that again and stops the lane.
            with suppress(RouteBlocked):
                lease.opened = _open(connection, account, lane, rows, make)
        _open_attempts(connection, values, taken, lease.opened)
        stopped = {t.row.delivery_id: t.stopped for t in taken if t.stopped is not None}
        settle_rows(connection, values, stopped)
    return lease


def open_request(
    warehouse: Warehouse,
    account: Account,
    token: UUID,
    lane: str,
    rows: Sequence[Leased],
    make: Make,
) -> Opened | None:
    """Keep a request's bytes and say in each attempt which request carries it, before it leaves.

    Args:
        warehouse: As role worker.
        account: Where it goes.
        token: The lease.
        lane: The door it goes through.
        rows: What shall be sent.
        make: Builds the request from the rows that are still ours.

    Returns:
        The request, kept; None when no row is ours any more.

    Raises:
        RouteBlocked: The account lacks what the lane needs.
    """
    values = account.key | {"token": token}
    with warehouse.tenant(account.tenant_id) as connection:
        mine = values | {"delivery_ids": [row.delivery_id for row in rows]}
        kept = set(connection.execute(_QUERIES.lock_leased, mine).scalars())
        ours = [row for row in rows if row.delivery_id in kept]
        if not ours:
            return None
        connection.execute(_QUERIES.renew_lease, mine | {"lease": LEASE, "enough": ENOUGH_LEASE})
        opened = _open(connection, account, lane, ours, make)
        connection.execute(_QUERIES.plan_for_bulk)
        marked = values | {
            "request_key": opened.key,
            "delivery_ids": [row.delivery_id for row in ours],
            "attempts": [row.attempt for row in ours],
            "places": list(range(len(ours))),
        }
        connection.execute(_QUERIES.mark_attempts, marked)
    return opened


def _admit(lease: Lease, worded: Sequence[Taken], doors: Doors) -> list[Taken]:
    """Sort worded rows into the lease: those that may leave by lane, those that stop here, those whose door is closed.

    Returns:
        The rows to take: of a lane on trial no more than a small request's, the others stay as they are.
    """
    taken: list[Taken] = []
    lanes: dict[str, list[Leased]] = {}
    for one in worded:
        leased = one.leased
        if leased is None:
            taken.append(one)
            _note_stopped(lease, one.stopped)
        elif doors.closed & {leased.lane, leased.action}:
            lease.postponed.append(leased.delivery_id)
        else:
            rows = lanes.setdefault(leased.lane, [])
            on_trial = doors.on_trial & {leased.lane, leased.action}
            if not on_trial or len(rows) < doors.trial_size:
                rows.append(leased)
                taken.append(one)
    lease.lanes = dict(sorted(lanes.items()))
    return taken


def _note_stopped(lease: Lease, stopped: Outcome | None) -> None:
    match stopped:
        case Outcome(state=State.REJECTED, code=str(code)):
            lease.refused.append(code)
        case Outcome(state=State.NOTED, code=str(code)):
            lease.noted.append(code)
        case Outcome(state=State.DEAD | State.RETRY_WAIT, code=str(code)):
            lease.bugs.append(code.removeprefix("bug:"))
        case _:
            pass


def _postpone(
    connection: Connection, values: Mapping[str, Any], delivery_ids: Sequence[str]
) -> None:
    connection.execute(
        _QUERIES.postpone_rows, {**values, "delivery_ids": delivery_ids, "wait": BLOCKED_WAIT}
    )


def _freeze(connection: Connection, values: Mapping[str, Any], taken: Sequence[Taken]) -> None:
    """Lease rows and keep the door, the bytes and the money of those that are new."""
    leased = [one.leased if one.payload is not None else None for one in taken]
    told = [one.conversion if one.payload is not None else None for one in taken]
    has_value = [c is not None and c.value is not None and bool(c.currency) for c in told]
    connection.execute(
        _QUERIES.lease_deliveries,
        {
            **values,
            "lease": LEASE,
            "delivery_ids": [one.row.delivery_id for one in taken],
            "lanes": [row and row.lane for row in leased],
            "payloads": [one.payload for one in taken],
            "payload_sha256s": [row and row.payload_sha256 for row in leased],
            "values": [
                c.value if c and has else None for c, has in zip(told, has_value, strict=True)
            ],
            "currencies": [
                c.currency if c and has else None for c, has in zip(told, has_value, strict=True)
            ],
            "identifiers": [row and " ".join(carried_kinds(row.event)) for row in leased],
        },
    )


def _open(
    connection: Connection, account: Account, lane: str, rows: list[Leased], make: Make
) -> Opened:
    request = make(lane, rows)
    members = [(row.delivery_id, row.payload_sha256) for row in rows]
    key = journal.append_request(connection, account, request, lane, account.config, members)
    return Opened(key, rows, request)


def _open_attempts(
    connection: Connection,
    values: Mapping[str, Any],
    taken: Sequence[Taken],
    opened: Opened | None,
) -> None:
    rows = opened.rows if opened else []
    places = {row.delivery_id: place for place, row in enumerate(rows)}
    ids = [one.row.delivery_id for one in taken]
    connection.execute(
        _QUERIES.open_attempts,
        {
            **values,
            "delivery_ids": ids,
            "attempts": [one.row.attempt for one in taken],
            "consents": [one.row.consent for one in taken],
            "legal_bases": [one.row.legal_basis for one in taken],
            "policies_from": [one.row.policy_from for one in taken],
            "request_keys": [opened.key if opened and i in places else None for i in ids],
            "places": [places.get(i) for i in ids],
        },
    )
