"""Connections: the one way to a tenant's rows, and COPY.

``Warehouse.tenant`` opens a transaction, tells Postgres whose it is, and hands out the connection. Row-level
security does the rest: without it a role sees nothing. ``Warehouse.shared`` is for the few tables that a role may
read across tenants, such as the list of tenants itself.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from sqlalchemy import create_engine

from orchestration.warehouse import addresses, sql

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence

    from sqlalchemy import Connection

    from orchestration.settings import Settings

_QUERIES = sql.load(__file__)
# One statement may not hold a lock or a core for ever: a cancelled run does not stop its SQL by itself.
_STATEMENT_TIMEOUT_SECONDS = 600


@dataclass(frozen=True)
class Tenant:
    """One company whose data lives here."""

    tenant_id: UUID
    name: str
    region: str
    timezone: str
    currency: str


class Warehouse:
    """A pool of connections for one role."""

    def __init__(self, settings: Settings, role: str) -> None:
        self.settings = settings
        self.role = role
        self._engine = create_engine(
            addresses.role_url(settings, role),
            pool_size=4,
            max_overflow=4,
            pool_pre_ping=True,
            hide_parameters=True,
            connect_args={
                "application_name": f"leadloop-{role}",
                "options": f"-c statement_timeout={_STATEMENT_TIMEOUT_SECONDS}s -c timezone=UTC",
            },
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.dispose()

    @contextmanager
    def tenant(self, tenant_id: UUID) -> Generator[Connection]:
        """A transaction that sees one tenant; committed at the end, rolled back on an error."""
        with self._engine.begin() as connection:
            connection.execute(_QUERIES.set_tenant, {"tenant_id": str(tenant_id)})
            yield connection

    @contextmanager
    def tenant_at_a_moment(self, tenant_id: UUID) -> Generator[Connection]:
        """As ``tenant``, and every statement in it sees the same moment: for comparing tables with one another."""
        options = {"isolation_level": "REPEATABLE READ"}
        with self._engine.connect().execution_options(**options) as connection, connection.begin():
            connection.execute(_QUERIES.set_tenant, {"tenant_id": str(tenant_id)})
            yield connection

    @contextmanager
    def shared(self) -> Generator[Connection]:
        """A transaction without a tenant: tables with a tenant look empty unless their policy says otherwise."""
        with self._engine.begin() as connection:
            yield connection

    def tenants(self) -> list[Tenant]:
        """The active tenants, oldest first."""
        with self.shared() as connection:
            return [
                Tenant(**row) for row in connection.execute(_QUERIES.list_active_tenants).mappings()
            ]

    def dispose(self) -> None:
        """Close the pool."""
        self._engine.dispose()


def copy_rows(
    connection: Connection, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]
) -> int:
    """COPY rows into a temporary table, inside the connection's transaction.

    Postgres refuses ``COPY FROM`` into a table under row-level security: copy into a temporary table of the same
    transaction and go on with ``insert … select``.

    Args:
        connection: An open SQLAlchemy connection.
        table: The temporary table's name; an identifier of ours, never input.
        columns: Column names, in the order of each row's values.
        rows: The values; a ``None`` is null.

    Returns:
        How many rows were copied.
    """
    from psycopg import sql as psycopg_sql

    statement = psycopg_sql.SQL("copy {} ({}) from stdin").format(
        psycopg_sql.Identifier(table),
        psycopg_sql.SQL(", ").join(map(psycopg_sql.Identifier, columns)),
    )
    count = 0
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)
            count += 1
    return count
