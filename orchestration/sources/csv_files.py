"""Importing a file of leads or deals: every row stored, unchanged, or refused with its reason; and counted.

The whole file is one transaction: rows stream through COPY into a temporary table and become records set by set.
What the file itself holds is counted beside, row by row in Python, and written down as the sender's count per day:
the reconciliation then compares the file with the warehouse, not the warehouse with itself.

Belongs here: the order of the steps and the counts. Lives elsewhere: text (``csv_text.py``), meaning
(``csv_rows.py``), versions (``loader.py``).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from orchestration.sources.csv_rows import (
    FIELDS,
    TIME_FIELD,
    Columns,
    Kind,
    RowRefused,
    find_columns,
    read_row,
)
from orchestration.sources.csv_text import (
    CsvRefused,
    Row,
    find_delimiter,
    find_encoding,
    original_bytes,
    read_header,
    read_rows,
)
from orchestration.sources.loader import (
    Listing,
    Record,
    copy_incoming,
    insert_changed,
    lock_listing,
)
from orchestration.sources.sender_counts import DayCount, KnownDay, count_days
from orchestration.warehouse import copy_rows, sql

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import date
    from pathlib import Path
    from uuid import UUID

    from sqlalchemy import Connection

    from orchestration.warehouse import Tenant, Warehouse

_QUERIES = sql.load(__file__, "csv_files.sql")
_SYSTEM = "csv"
# The source under which a kind's rows are counted and quarantined.
SOURCES: dict[Kind, str] = {"lead": "csv", "deal": "csv_deals"}
_REFUSED_COLUMNS = ("line", "record_id", "reason", "body", "body_sha256")


@dataclass(frozen=True, slots=True)
class RefusedLine:
    """A row that was refused: where it begins in the file, and a reason code."""

    line: int
    reason: str


@dataclass(frozen=True)
class ImportReport:
    """What became of a file's rows: ``read`` is the sum of the four others.

    Attributes:
        stored: New records and new versions.
        unchanged: Records that we had already, as they are.
        repeated: Rows whose id came again further down; the last one counts.
        refused: Rows that are in quarantine.
        encoding: How the file was read.
        delimiter: How the file was read.
    """

    read: int
    stored: int
    unchanged: int
    repeated: int
    refused: tuple[RefusedLine, ...]
    encoding: str
    delimiter: str


def import_csv(
    warehouse: Warehouse,
    tenant_id: UUID,
    path: Path,
    kind: str,
    mapping: Mapping[str, str],
    *,
    timezone: str | None = None,
    conversion_kind: str = "purchase",
    now: datetime | None = None,
) -> ImportReport:
    """Import a file.

    Args:
        warehouse: As the worker.
        tenant_id: Whose leads or deals they are.
        path: The file: any encoding with a mark, UTF-8, or the region's Windows code page; any usual delimiter.
        kind: ``lead`` or ``deal``.
        mapping: Field → column; a column of a field's own name needs none. What has no field is kept under
            ``extra``.
        timezone: The zone of times that name none; the tenant's by default.
        conversion_kind: What a deal without a kind of its own is.
        now: The present.

    Returns:
        What became of the rows. The same file again stores nothing.

    Raises:
        CsvRefused: The file as a whole cannot be imported; nothing was stored.
    """
    if kind not in FIELDS:
        raise CsvRefused(f"{kind!r} is no kind of row; use lead or deal")
    tenant = _find_tenant(warehouse, tenant_id)
    encoding = find_encoding(path, tenant.region)
    wanted = [*mapping.values(), *FIELDS[kind]]
    delimiter = find_delimiter(path, encoding, wanted)
    columns = find_columns(read_header(path, encoding, delimiter), mapping, kind)
    reading = _Reading(
        rows=read_rows(path, encoding, delimiter),
        columns=columns,
        zone=_zone(timezone or tenant.timezone),
        days_zone=_zone(tenant.timezone),
        now=now or datetime.now(UTC),
        conversion_kind=conversion_kind,
    )
    listing = Listing(tenant_id, _SYSTEM, kind, account_id="")
    with warehouse.tenant(tenant_id) as connection:
        lock_listing(connection, listing)
        stored, different = _import(connection, listing, tenant, reading, encoding)
    return ImportReport(
        read=reading.read,
        stored=stored,
        unchanged=different - stored,
        repeated=reading.read - len(reading.refused) - different,
        refused=tuple(RefusedLine(row.line, str(why)) for row, why in reading.refused),
        encoding=encoding,
        delimiter=delimiter,
    )


@dataclass
class _Reading:
    """The file being read, and what it is found to hold on the way."""

    rows: Iterator[Row]
    columns: Columns
    zone: ZoneInfo
    days_zone: ZoneInfo
    now: datetime
    conversion_kind: str
    read: int = 0
    days: dict[str, date] = field(default_factory=dict[str, "date"])
    refused: list[tuple[Row, RowRefused]] = field(default_factory=list[tuple[Row, RowRefused]])

    def records(self) -> Iterator[tuple[int, Record]]:
        """The good rows, numbered by line; the others gather in ``refused``."""
        next(self.rows, None)
        for row in self.rows:
            self.read += 1
            try:
                yield row.line, self._read(row)
            except RowRefused as refusal:
                self.refused.append((row, refusal))

    def refused_days(self) -> dict[str, date]:
        """The day of each record that only refused rows speak of; rows without an id or a time have none."""
        return {
            refusal.record_id: self._day(refusal.happened_at)
            for _, refusal in self.refused
            if refusal.record_id and refusal.happened_at and refusal.record_id not in self.days
        }

    def _read(self, row: Row) -> Record:
        if row.problem:
            raise RowRefused(row.problem)
        read = read_row(
            row.cells,
            self.columns,
            zone=self.zone,
            now=self.now,
            conversion_kind=self.conversion_kind,
        )
        self.days[read.record_id] = self._day(read.happened_at)
        return Record(read.record_id, read.payload)

    def _day(self, moment: datetime) -> date:
        return moment.astimezone(self.days_zone).date()


def _import(
    connection: Connection, listing: Listing, tenant: Tenant, reading: _Reading, encoding: str
) -> tuple[int, int]:
    """Store what is good, set aside what is not, write the counts; return (stored, different records)."""
    kind = reading.columns.kind
    values = {
        **listing.values(),
        "source": SOURCES[kind],
        "time_field": TIME_FIELD[kind],
        "timezone": tenant.timezone,
    }
    copy_incoming(connection, reading.records())
    connection.execute(_QUERIES.create_refused)
    copy_rows(connection, "refused", _REFUSED_COLUMNS, _refused_rows(reading.refused, encoding))
    # Asked before the new versions are there: a record may leave the day that it had.
    known = [KnownDay(*row) for row in connection.execute(_QUERIES.count_known_days, values)]
    stored_refused = set(connection.execute(_QUERIES.list_stored_refused, values).scalars())
    standing = {
        row.day: DayCount(row.sent_count, frozenset(row.refused_ids))
        for row in connection.execute(_QUERIES.list_latest_counts, values)
    }
    stored = insert_changed(connection, listing)
    connection.execute(_QUERIES.quarantine_refused, values)
    counts = count_days(reading.days, reading.refused_days(), stored_refused, known, standing)
    events = [_count_event(listing, kind, day, count, reading.now) for day, count in counts.items()]
    if events:
        connection.execute(_QUERIES.insert_count, events)
    return stored, len(reading.days)


def _refused_rows(
    refused: Iterable[tuple[Row, RowRefused]], encoding: str
) -> Iterator[tuple[Any, ...]]:
    for row, refusal in refused:
        body = original_bytes(row, encoding)
        record_id = refusal.record_id if refusal.happened_at else None
        yield row.line, record_id, refusal.reason, body, hashlib.sha256(body).hexdigest()


def _count_event(
    listing: Listing, kind: Kind, day: date, count: DayCount, now: datetime
) -> dict[str, Any]:
    source = SOURCES[kind]
    payload: dict[str, Any] = {
        "tenant_id": str(listing.tenant_id),
        "source": source,
        "day": day.isoformat(),
        "count": count.count,
        "counted_at": now.isoformat(),
    }
    if count.refused_ids:
        payload["refused_ids"] = sorted(count.refused_ids)
    text = json.dumps(payload, ensure_ascii=False, sort_keys=True)
    return {
        "tenant_id": listing.tenant_id,
        "dedupe_key": f"{source}:{day.isoformat()}:{now.isoformat()}",
        "counted_at": now,
        "payload": text,
        "body_sha256": hashlib.sha256(text.encode()).hexdigest(),
    }


def _find_tenant(warehouse: Warehouse, tenant_id: UUID) -> Tenant:
    for tenant in warehouse.tenants():
        if tenant.tenant_id == tenant_id:
            return tenant
    raise CsvRefused("no active tenant has this id")


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise CsvRefused(f"{name!r} is no time zone; write it as Europe/Istanbul") from error
