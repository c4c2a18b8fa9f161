"""The loader: a page of records into ``raw.records``, in one transaction with the cursor that says so.

A crash repeats a page or none and never loses one. A record gets a new version only when its content changed, so
reading the same page twice adds nothing.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestration.warehouse import copy_rows, sql

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy import Connection

    from orchestration.warehouse import Warehouse

_QUERIES = sql.load(__file__)
_COLUMNS = ("line", "record_id", "updated_at", "deleted", "payload", "payload_sha256")


@dataclass(frozen=True, slots=True)
class Record:
    """One thing of a system as it is now.

    Attributes:
        record_id: The system's own id.
        payload: What it holds; plain JSON values.
        updated_at: When the system says that it changed last, where it says so.
        is_deleted: Whether the system has let go of it.
    """

    record_id: str
    payload: Mapping[str, Any]
    updated_at: datetime | None = None
    is_deleted: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """Which list of which account a page belongs to.

    Attributes:
        system: ``google_ads``, ``meta_ads``, ``tiktok_ads`` or ``csv``.
        object: ``campaign``, ``adgroup``, ``lead`` or ``deal``.
        account_id: The account at the system; every record's payload repeats it as ``account_id``.
    """

    tenant_id: UUID
    system: str
    object: str
    account_id: str

    def values(self) -> dict[str, Any]:
        """The listing as the parameters of a statement."""
        return {
            "tenant_id": self.tenant_id,
            "system": self.system,
            "object": self.object,
            "account_id": self.account_id,
        }


def store_page(
    warehouse: Warehouse, listing: Listing, records: Collection[Record], place: Mapping[str, Any]
) -> int:
    """Write one page and the place it brings the listing to.

    Args:
        warehouse: As the worker.
        listing: Where the page comes from.
        records: The page; of repeats the last counts.
        place: What to write into the cursor; plain JSON values.

    Returns:
        How many records were new or changed.
    """
    with warehouse.tenant(listing.tenant_id) as connection:
        lock_listing(connection, listing)
        copy_incoming(connection, enumerate(records))
        stored = insert_changed(connection, listing)
        _save_place(connection, listing, place)
    return stored


def finish_listing(
    warehouse: Warehouse, listing: Listing, seen: Collection[str], place: Mapping[str, Any]
) -> int:
    """Close a listing that was read to its end: what it no longer holds is marked as deleted.

    A listing without a single row marks nothing: that is what a lost permission looks like, too.

    Returns:
        How many records were marked.
    """
    with warehouse.tenant(listing.tenant_id) as connection:
        lock_listing(connection, listing)
        marked = 0
        if seen:
            values = {**listing.values(), "seen": list(seen)}
            marked = connection.execute(_QUERIES.mark_vanished_records, values).rowcount
        _save_place(connection, listing, place)
    return marked


def lock_listing(connection: Connection, listing: Listing) -> None:
    """Wait until nobody else writes this kind of record, and keep it so until the transaction ends."""
    connection.execute(_QUERIES.lock_records, listing.values())


def copy_incoming(connection: Connection, records: Iterable[tuple[int, Record]]) -> None:
    """Stream numbered records into the temporary table ``incoming``; of repeats the highest number counts."""
    connection.execute(_QUERIES.create_incoming)
    copy_rows(connection, "incoming", _COLUMNS, _rows(records))


def insert_changed(connection: Connection, listing: Listing) -> int:
    """Make a version of each record in ``incoming`` that is new or changed; return how many."""
    return connection.execute(_QUERIES.insert_changed_records, listing.values()).rowcount


def _rows(records: Iterable[tuple[int, Record]]) -> Iterator[tuple[Any, ...]]:
    for line, record in records:
        text = json.dumps(record.payload, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        digest = hashlib.sha256(text.encode()).hexdigest()
        yield line, record.record_id, record.updated_at, record.is_deleted, text, digest


def _save_place(connection: Connection, listing: Listing, place: Mapping[str, Any]) -> None:
    values = {**listing.values(), "place": json.dumps(place)}
    connection.execute(_QUERIES.save_cursor, values)
