"""The dry run: what the next run would send, beside what was sent before about the same conversion.

It is the next run itself, up to the moment at which a request would be opened, in a transaction that is taken back: the
code that always does it lets the ledger follow the plan, takes rows and words them. Nothing is stored, nothing leaves.

Belongs here: rehearsing, comparing. Lives elsewhere: the run (``ledger.py``, ``leases.py``), showing a body without
personal data (``shown.py``).
"""

from __future__ import annotations

import json
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from orchestration.deliveries.accounts import accounts
from orchestration.deliveries.answers.explanation import plain
from orchestration.deliveries.answers.phrases import Target, choose_accounts, say_stop
from orchestration.deliveries.answers.shown import compare_events, show_fields
from orchestration.deliveries.destinations import destination_of
from orchestration.deliveries.ledger import leases, ledger
from orchestration.deliveries.sending import gate, stops
from orchestration.warehouse import Warehouse, sql

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from uuid import UUID

    from sqlalchemy import Connection

    from orchestration.deliveries.conversion import Account, Conversion

Kind = Literal["new", "changed", "same", "withdrawn"]

_QUERIES = sql.load(__file__, "difference.sql")


@dataclass(frozen=True, slots=True)
class Difference:
    """One event that would leave.

    Attributes:
        kind: ``new``: nothing was sent before. ``changed``: something else was. ``same``: the same bytes go again.
            ``withdrawn``: what was sent is taken back.
        lane: The door.
        fields: Of a new event every field; of the others those that differ, each with what it was and is.
    """

    conversion_id: str
    action: str
    kind: Kind
    lane: str
    fields: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """The same, as JSON values."""
        return {
            "conversion_id": self.conversion_id,
            "action": self.action,
            "kind": self.kind,
            "lane": self.lane,
            "fields": plain(self.fields),
        }


@dataclass
class Rehearsal:
    """What the next run would do at one destination.

    Attributes:
        obstacles: What would keep it from sending, in words; the differences are told all the same.
        kinds: How many events are new, changed, the same, withdrawn.
        lanes: How many would go through which door.
        moves: How many rows would go elsewhere, by state and reason.
        differences: The events.
        is_cut: Whether there may be more than were asked for.
    """

    platform: str
    account_id: str
    obstacles: list[str] = field(default_factory=list[str])
    kinds: Counter[str] = field(default_factory=Counter[str])
    lanes: Counter[str] = field(default_factory=Counter[str])
    moves: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    differences: list[Difference] = field(default_factory=list[Difference])
    is_cut: bool = False

    def as_json(self) -> dict[str, Any]:
        """The same, as JSON values."""
        return {
            "platform": self.platform,
            "account_id": self.account_id,
            "obstacles": self.obstacles,
            "kinds": dict(self.kinds),
            "lanes": dict(self.lanes),
            "moves": [
                {"state": state, "reason": reason, "row_count": count}
                for (state, reason), count in self.moves.most_common()
            ],
            "is_cut": self.is_cut,
            "differences": [one.as_json() for one in self.differences],
        }


def rehearse(
    warehouse: Warehouse,
    tenant_id: UUID,
    new_token: Callable[[], UUID],
    target: Target | None = None,
    limit: int = 1_000,
) -> list[Rehearsal]:
    """Say what the next run would send, and send and store nothing.

    Args:
        warehouse: As role worker.
        tenant_id: Whose.
        new_token: Makes the leases that are taken back.
        target: Only these destinations.
        limit: Most events of a destination.

    Raises:
        DestinationUnknown: The tenant has no such account.
    """
    chosen = choose_accounts(accounts.list_accounts(warehouse, tenant_id), target or Target())
    closed_by = gate.ask(warehouse, tenant_id)
    with warehouse.tenant(tenant_id) as connection:
        attempt = connection.begin_nested()
        stage = _Stage(warehouse, connection)
        ledger.enroll(stage, tenant_id)
        connection.execute(_QUERIES.wake_new, {"tenant_id": tenant_id})
        found = [_rehearse(stage, connection, account, new_token(), limit) for account in chosen]
        attempt.rollback()
    if closed_by:
        for one in found:
            one.obstacles.insert(0, f"the gate is closed by {', '.join(closed_by)}")
    return found


class _Stage(Warehouse):
    """A warehouse whose every transaction is part of the one that is taken back."""

    def __init__(self, warehouse: Warehouse, connection: Connection) -> None:
        self.settings = warehouse.settings
        self.role = warehouse.role
        self._connection = connection

    @contextmanager
    def tenant(self, tenant_id: UUID) -> Generator[Connection]:
        """The one connection, which sees this tenant already."""
        yield self._connection


def _rehearse(
    stage: Warehouse, connection: Connection, account: Account, token: UUID, limit: int
) -> Rehearsal:
    destination = destination_of(account)
    repeats = ledger.Repeats(destination.RESEND_WITHIN, destination.ONCE_LANES)

    def word(conversion: Conversion) -> tuple[str, Mapping[str, Any]]:
        return destination.lane(conversion), destination.event(conversion)

    found = Rehearsal(account.platform, account.account_id)
    found.obstacles = [
        say_stop(account.platform, stop) for stop in stops.list_stops(connection, account)
    ]
    ledger.tidy(stage, account, repeats)
    lease = leases.lease_rows(
        stage, account, word, repeats, token=token, limit=limit, chance=lambda: 0.0
    )
    found.is_cut = len(lease.rows) + len(lease.refused) + len(lease.noted) >= limit
    values = account.key | {"token": token}
    for row in connection.execute(_QUERIES.list_worded, values):
        difference = _compare(row)
        found.kinds[difference.kind] += 1
        found.lanes[difference.lane] += 1
        found.differences.append(difference)
    for row in connection.execute(_QUERIES.count_moves, account.key):
        found.moves[row.state, row.reason] += row.row_count
    return found


def _compare(row: Any) -> Difference:
    event = json.loads(bytes(row.payload))
    if row.is_resend:
        return Difference(row.conversion_id, row.action, "same", row.lane, {})
    if row.payload_before is None:
        return Difference(row.conversion_id, row.action, "new", row.lane, show_fields(event))
    fields = compare_events(json.loads(bytes(row.payload_before)), event)
    kind: Kind = "withdrawn" if row.kind == "retract" else "changed" if fields else "same"
    return Difference(row.conversion_id, row.action, kind, row.lane, fields)
