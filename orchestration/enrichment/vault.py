"""The vault: each distinct landing and identifier read once, by the rules that are current.

What staging holds and the vault lacks, or holds by older rules, is streamed through Python in
chunks and kept with one statement per chunk, in one transaction per tenant. Run twice, the second
run finds nothing to do; stopped anywhere, the next run begins again.

Belongs here: choosing what is new, chunks, counting what became of it.
Lives elsewhere: the rules (``landing``, ``identifiers``), the graph and its metadata (``assets``).
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from orchestration.enrichment.identifiers import (
    KINDS,
    RULES_VERSION,
    Everywhere,
    Platform,
    normalize_everywhere,
    token,
)
from orchestration.enrichment.landing import FIELDS, PARSER_VERSION, Landing, parse
from orchestration.warehouse import copy_rows, sql

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy import Connection, Row, TextClause

_QUERIES = sql.load(__file__)

# A chunk of identifiers is three rows each; this keeps a worker's memory for it near 30 MB.
CHUNK_ROWS = 10_000


@dataclass
class LandingTally:
    """What became of landing values; no value is kept in it.

    Attributes:
        new_count: Values that the vault did not hold.
        renewed_count: Values parsed again because the parser changed.
        placeless_count: Of both, those without a landing URL.
        sources: How often each ``utm_source`` was found, as received.
    """

    new_count: int = 0
    renewed_count: int = 0
    placeless_count: int = 0
    sources: Counter[str] = field(default_factory=Counter[str])

    def count(self, landing: Landing, *, is_held: bool) -> None:
        """Count one parsed value."""
        self.new_count += not is_held
        self.renewed_count += is_held
        self.placeless_count += landing.landing_url is None
        if landing.utm_source:
            self.sources[landing.utm_source] += 1


@dataclass
class IdentifierTally:
    """What became of identifiers; no value is kept in it.

    Attributes:
        new_count: Values that the vault did not hold. Each has a row per platform.
        renewed_count: Values read again because a platform's rules changed.
        prehashed_count: Of both, those that arrived as a hash.
        refusals: Of both, the values that at least one platform's rules refused, by reason.
    """

    new_count: int = 0
    renewed_count: int = 0
    prehashed_count: int = 0
    refusals: Counter[str] = field(default_factory=Counter[str])

    def count(self, read: Everywhere, *, is_held: bool) -> None:
        """Count one value, on all its platforms, as one."""
        self.new_count += not is_held
        self.renewed_count += is_held
        self.prehashed_count += any(each.is_prehashed for each in read.platforms.values())
        self.refusals.update({each.reason for each in read.platforms.values() if each.reason})


def parse_new_landings(
    connection: Connection,
    tenant_id: UUID,
    tally: LandingTally,
    *,
    now: datetime,
    version: int = PARSER_VERSION,
) -> None:
    """Parse what staging holds and the vault lacks, or holds from an older parser.

    Args:
        connection: A transaction of the tenant.
        tenant_id: The tenant.
        tally: Counts what was done.
        now: Becomes ``parsed_at`` of every row written, so that models see it as changed.
        version: The parser's version.
    """

    def read(row: Row[Any]) -> Iterator[Sequence[Any]]:
        landing = parse(row.kind, row.raw_value)
        tally.count(landing, is_held=row.is_held)
        yield (tenant_id, row.landing_key, row.kind, *_FIELDS_OF(landing), version, now)

    values = {"tenant_id": tenant_id, "parser_version": version}
    _keep(connection, _LANDINGS, values, read)


def read_new_identifiers(
    connection: Connection,
    tenant_id: UUID,
    tally: IdentifierTally,
    *,
    pepper: bytes,
    now: datetime,
    versions: Mapping[Platform, int] = RULES_VERSION,
) -> None:
    """Normalize and hash what staging holds and the vault lacks, or holds by older rules.

    Args:
        connection: A transaction of the tenant.
        tenant_id: The tenant.
        tally: Counts what was done.
        pepper: The tenant's key for tokens.
        now: Becomes ``seen_at`` of every row that is new or comes out otherwise, by which checks know it.
        versions: The version of each platform's rules.
    """

    def read(row: Row[Any]) -> Iterator[Sequence[Any]]:
        identifier = normalize_everywhere(row.kind, row.raw_value, row.region, versions)
        tally.count(identifier, is_held=row.is_held)
        # The table takes known kinds only; its refusal would print the row, personal data and all.
        if row.kind not in KINDS:
            return
        form = identifier.internal_form
        keyed = None if form is None else token(pepper, row.kind, form)
        for platform, each in identifier.platforms.items():
            yield (
                *(tenant_id, row.kind, row.raw_value, platform, each.normalized, each.sha256),
                *(versions[platform], keyed, each.reason, each.is_prehashed, now),
            )

    _keep(connection, _IDENTIFIERS, {"tenant_id": tenant_id, **versions}, read)


@dataclass(frozen=True)
class _Table:
    """One of the two tables: its statements, and the temporary table that a chunk is copied to."""

    list_new: TextClause
    create: TextClause
    copy_to: str
    columns: tuple[str, ...]
    keep: TextClause
    clear: TextClause


_LANDINGS = _Table(
    list_new=_QUERIES.list_unparsed_landings,
    create=_QUERIES.create_parsed_landings,
    copy_to="parsed_landings",
    columns=("tenant_id", "landing_key", "kind", *FIELDS, "parser_version", "parsed_at"),
    keep=_QUERIES.keep_parsed_landings,
    clear=_QUERIES.clear_parsed_landings,
)
_IDENTIFIERS = _Table(
    list_new=_QUERIES.list_unread_identifiers,
    create=_QUERIES.create_read_identifiers,
    copy_to="read_identifiers",
    columns=(
        *("tenant_id", "kind", "raw_value", "platform", "normalized", "sha256"),
        *("rules_version", "token", "reason", "is_prehashed", "seen_at"),
    ),
    keep=_QUERIES.keep_read_identifiers,
    clear=_QUERIES.clear_read_identifiers,
)
_FIELDS_OF = attrgetter(*FIELDS)


def _keep(
    connection: Connection,
    table: _Table,
    values: Mapping[str, Any],
    read: Callable[[Row[Any]], Iterator[Sequence[Any]]],
) -> None:
    """Go through what is new in chunks: Python reads one while Postgres keeps the one before.

    The two halves cost about the same. The connection has one user at a time: the next chunk is
    fetched before the statement starts, and everything else waits for its end.
    """
    connection.execute(table.create)
    chunks = stream_rows(connection, table.list_new, values)
    kept: Future[Any] | None = None
    with ThreadPoolExecutor(max_workers=1) as beside:
        chunk = next(chunks, None)
        while chunk is not None:
            rows = [written for row in chunk for written in read(row)]
            if kept is not None:
                kept.result()
                connection.execute(table.clear)
            copy_rows(connection, table.copy_to, table.columns, rows)
            chunk = next(chunks, None)
            kept = beside.submit(connection.execute, table.keep)
        if kept is not None:
            kept.result()


def stream_rows(
    connection: Connection, statement: TextClause, values: Mapping[str, Any]
) -> Iterator[Sequence[Row[Any]]]:
    """Read in chunks through a cursor on the server, so that memory does not grow with what there is."""
    # SQLAlchemy 2.1 ignores `yield_per` for textual statements: the size goes to `partitions`.
    options = {"stream_results": True}
    result = connection.execute(statement, values, execution_options=options)
    yield from result.partitions(CHUNK_ROWS)
