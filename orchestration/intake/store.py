"""Store: what one transaction of the intake does.

Rows are grouped by tenant, the tenant is told to Postgres before its group, and all groups commit at once. Where
the data of a row is what Postgres refuses, the rows go in one by one, the bad one is set aside, and the others
commit all the same.

Belongs here: statements and their outcomes. Lives elsewhere: who shares a transaction (``writer``).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from orchestration.intake.payloads.events import SetAside, hash_parts, sha256_hex
from orchestration.intake.problems import Unavailable
from orchestration.warehouse import sql

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection

    from orchestration.intake.payloads.events import Event
    from orchestration.warehouse import Warehouse

_QUERIES = sql.load(__file__)
_log = logging.getLogger("leadloop.intake")
# Data exception, integrity constraint, program limit (a key too long for its index).
_DATA_CLASSES = ("22", "23", "54")


class Outcome(StrEnum):
    """What became of one event."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    SET_ASIDE = "set_aside"


@dataclass(frozen=True, slots=True)
class SecurityEvent:
    """One row of ``ops.audit_log`` to be."""

    actor: str
    action: str
    target: str
    reason: str


@dataclass(frozen=True, slots=True)
class Parcel:
    """What one request wants kept, all of it in one transaction.

    Attributes:
        tenant_id: From the key that proved the request.
        key_id: That key.
        request_id: Ours, for tracing.
        headers: JSON object of the headers that are kept.
        events: Events to be.
        set_aside: Quarantine rows to be.
        security: What the audit log must know.
    """

    tenant_id: UUID
    key_id: str
    request_id: str
    headers: str = "{}"
    events: Sequence[Event] = ()
    set_aside: Sequence[SetAside] = ()
    security: Sequence[SecurityEvent] = ()

    @property
    def rows(self) -> int:
        """How many rows it adds at most."""
        return len(self.events) + len(self.set_aside) + len(self.security)


# (parcel, its place in the batch, the event's place in the parcel)
_Slot = tuple[Parcel, int, int]


class Store:
    """Commits parcels; one caller at a time."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse

    def commit(self, parcels: Sequence[Parcel]) -> list[list[Outcome]]:
        """Commit a batch.

        Returns:
            For each parcel, what became of each of its events. It returns after the commit has.

        Raises:
            Unavailable: Nothing is known to be stored; the senders must repeat.
        """
        try:
            try:
                return self._commit_together(parcels)
            except DBAPIError as error:
                if not _is_about_data(error):
                    raise
            return self._commit_one_by_one(parcels)
        except SQLAlchemyError as error:
            _log_database_error(error)
            raise Unavailable(
                "database_unavailable", "The database cannot take it now; send the same again."
            ) from None

    def _commit_together(self, parcels: Sequence[Parcel]) -> list[list[Outcome]]:
        outcomes = _blank(parcels)
        with self._warehouse.shared() as connection:
            for tenant_id, slots in _by_tenant(parcels):
                _set_tenant(connection, tenant_id)
                found = _store_events(connection, tenant_id, slots)
                for (_, batch_index, event_index), outcome in zip(slots, found, strict=True):
                    outcomes[batch_index][event_index] = outcome
                own = [parcel for parcel in parcels if parcel.tenant_id == tenant_id]
                conflicts = _conflicts(slots, found)
                _keep_aside(connection, tenant_id, [*_set_asides(own), *conflicts])
                _record_security(connection, own)
        return outcomes

    def _commit_one_by_one(self, parcels: Sequence[Parcel]) -> list[list[Outcome]]:
        outcomes = _blank(parcels)
        with self._warehouse.shared() as connection:
            for tenant_id, slots in _by_tenant(parcels):
                _set_tenant(connection, tenant_id)
                for slot in slots:
                    _, batch_index, event_index = slot
                    outcomes[batch_index][event_index] = _store_or_keep_aside(
                        connection, tenant_id, slot
                    )
                own = [parcel for parcel in parcels if parcel.tenant_id == tenant_id]
                _keep_aside(connection, tenant_id, _set_asides(own))
                _record_security(connection, own)
        return outcomes


def _blank(parcels: Sequence[Parcel]) -> list[list[Outcome]]:
    return [[Outcome.SET_ASIDE] * len(parcel.events) for parcel in parcels]


def _by_tenant(parcels: Sequence[Parcel]) -> Iterator[tuple[UUID, list[_Slot]]]:
    """Each tenant's events. Tenants and keys in one order everywhere, so that two processes cannot deadlock."""
    for tenant_id in sorted({parcel.tenant_id for parcel in parcels}):
        slots = [
            (parcel, batch_index, event_index)
            for batch_index, parcel in enumerate(parcels)
            if parcel.tenant_id == tenant_id
            for event_index in range(len(parcel.events))
        ]
        yield tenant_id, sorted(slots, key=lambda slot: _key(_event(slot)))


def _event(slot: _Slot) -> Event:
    parcel, _, event_index = slot
    return parcel.events[event_index]


def _key(event: Event) -> tuple[str, str]:
    return event.source, event.dedupe_key


def _set_tenant(connection: Connection, tenant_id: UUID) -> None:
    connection.execute(_QUERIES.set_tenant, {"tenant_id": str(tenant_id)})


def _store_events(connection: Connection, tenant_id: UUID, slots: Sequence[_Slot]) -> list[Outcome]:
    """Store one tenant's events; of equal keys in a batch the first is stored, the others are judged by it."""
    if not slots:
        return []
    first: dict[tuple[str, str], _Slot] = {}
    for slot in slots:
        first.setdefault(_key(_event(slot)), slot)
    unique = list(first.values())
    events = [_event(slot) for slot in unique]
    stored = {
        (row.source, row.dedupe_key)
        for row in connection.execute(
            _QUERIES.store_events,
            {
                "tenant_id": tenant_id,
                "sources": [event.source for event in events],
                "dedupe_keys": [event.dedupe_key for event in events],
                "occurred": [event.occurred_at for event in events],
                "headers": [parcel.headers for parcel, *_ in unique],
                "payloads": [event.payload for event in events],
                "body_hashes": [event.body_sha256 for event in events],
                "key_ids": [parcel.key_id for parcel, *_ in unique],
                "request_ids": [parcel.request_id for parcel, *_ in unique],
            },
        )
    }
    standing = {_key(event): event.body_sha256 for event in events}
    standing |= _find_standing(connection, tenant_id, [k for k in standing if k not in stored])
    return [
        Outcome.STORED
        if _key(_event(slot)) in stored and first[_key(_event(slot))] is slot
        else _judge(_event(slot), standing)
        for slot in slots
    ]


def _judge(event: Event, standing: dict[tuple[str, str], str]) -> Outcome:
    if event.is_content_key or standing[_key(event)] == event.body_sha256:
        return Outcome.DUPLICATE
    return Outcome.CONFLICT


def _find_standing(
    connection: Connection, tenant_id: UUID, keys: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], str]:
    if not keys:
        return {}
    rows: Any = connection.execute(
        _QUERIES.find_stored,
        {
            "tenant_id": tenant_id,
            "sources": [source for source, _ in keys],
            "dedupe_keys": [dedupe_key for _, dedupe_key in keys],
        },
    )
    return {(row.source, row.dedupe_key): row.body_sha256 for row in rows}


def _store_or_keep_aside(connection: Connection, tenant_id: UUID, slot: _Slot) -> Outcome:
    try:
        with connection.begin_nested():
            (outcome,) = _store_events(connection, tenant_id, [slot])
    except DBAPIError as error:
        if not _is_about_data(error):
            raise
        reason = f"unstorable_{_sqlstate(error)}"
        _keep_aside(connection, tenant_id, [_aside(slot, reason)])
        return Outcome.SET_ASIDE
    _keep_aside(connection, tenant_id, _conflicts([slot], [outcome]))
    return outcome


_Aside = tuple[Parcel, SetAside]


def _set_asides(parcels: Sequence[Parcel]) -> list[_Aside]:
    return [(parcel, item) for parcel in parcels for item in parcel.set_aside]


def _conflicts(slots: Sequence[_Slot], outcomes: Sequence[Outcome]) -> list[_Aside]:
    return [
        _aside(slot, "conflict")
        for slot, outcome in zip(slots, outcomes, strict=True)
        if outcome is Outcome.CONFLICT
    ]


def _aside(slot: _Slot, reason: str) -> _Aside:
    event = _event(slot)
    return slot[0], SetAside(event.source, reason, event.payload.encode())


def _keep_aside(connection: Connection, tenant_id: UUID, asides: Sequence[_Aside]) -> None:
    if not asides:
        return
    hashes = [sha256_hex(item.body) for _, item in asides]
    connection.execute(
        _QUERIES.set_aside,
        {
            "tenant_id": tenant_id,
            "quarantine_ids": [
                _content_uuid(item, body_sha256)
                for (_, item), body_sha256 in zip(asides, hashes, strict=True)
            ],
            "sources": [item.source for _, item in asides],
            "reasons": [item.reason for _, item in asides],
            "bodies": [item.body for _, item in asides],
            "body_hashes": hashes,
            "key_ids": [parcel.key_id for parcel, _ in asides],
            "request_ids": [parcel.request_id for parcel, _ in asides],
        },
    )


def _content_uuid(item: SetAside, body_sha256: str) -> UUID:
    digest = bytes.fromhex(hash_parts(item.source, item.reason, body_sha256))
    return UUID(bytes=digest[:16], version=5)


def _record_security(connection: Connection, parcels: Sequence[Parcel]) -> None:
    rows = [
        {
            "tenant_id": parcel.tenant_id,
            "actor": event.actor,
            "action": event.action,
            "object": event.target,
            "reason": event.reason,
            "request_id": parcel.request_id,
        }
        for parcel in parcels
        for event in parcel.security
    ]
    if rows:
        connection.execute(_QUERIES.record_security_event, rows)


def _sqlstate(error: DBAPIError) -> str:
    return getattr(error.orig, "sqlstate", None) or "none"


def _is_about_data(error: DBAPIError) -> bool:
    return _sqlstate(error).startswith(_DATA_CLASSES)


def _log_database_error(error: SQLAlchemyError) -> None:
    """The state and what it is about; a database's own message holds values."""
    orig = getattr(error, "orig", None)
    diagnosis = getattr(orig, "diag", None)
    _log.error(
        "database_error",
        extra={
            "kind": type(orig or error).__name__,
            "sqlstate": getattr(orig, "sqlstate", None),
            "table": getattr(diagnosis, "table_name", None),
            "constraint": getattr(diagnosis, "constraint_name", None),
        },
    )
