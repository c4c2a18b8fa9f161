"""Migrations: databases, roles, then every schema change in order.

Safe to run again: what is there stays. Databases and roles belong to the server, so they are made here (``roles``)
and not in a migration; tables, policies and grants are in ``migrations/versions``.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql
from sqlalchemy import create_engine

from orchestration.warehouse import addresses
from orchestration.warehouse.roles import OWNER, make_roles

if TYPE_CHECKING:
    from collections.abc import Generator

    from sqlalchemy import URL

    from orchestration.settings import Settings

_DBT_SCHEMAS = ("staging", "intermediate", "marts")
_OLDEST_SERVER = 15


class ServerUnsuitable(Exception):
    """The server or its database cannot hold a warehouse; the message says why."""

    is_refusal = True


def migrate(settings: Settings) -> str:
    """Bring the warehouse to the newest revision.

    Returns:
        The revision that it is at now.

    Raises:
        ServerUnsuitable: The server is too old, or its database cannot hold every character.
        RolesTaken: The server's roles are not this warehouse's.
        psycopg.OperationalError: The server cannot be reached, or refuses the login.
        psycopg.errors.InsufficientPrivilege: The login may not create databases or roles.
    """
    url = addresses.admin_url(settings)
    with _one_at_a_time(url) as server:
        require_supported_version(server.info.server_version)
        # Before the databases: a refusal leaves nothing behind.
        with server.transaction():
            make_roles(server, settings, is_migrated=_is_migrated(server, url))
        for name in (str(url.database), f"{url.database}{addresses.DAGSTER_DATABASE_SUFFIX}"):
            if not _exists(server, name):
                _create_database(server, name)
        with psycopg.connect(addresses.libpq_url(url)) as connection:
            _require_utf8(connection)
            _create_schemas(connection)
        return upgrade(url)


def upgrade(url: URL) -> str:
    """Run what is missing of the migrations, as the role that owns the schemas.

    Args:
        url: The operator's address; its login must be a member of ``owner``.
    """
    from alembic import command
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext

    config = Config()
    config.set_main_option("script_location", "orchestration.warehouse:migrations")
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            context = MigrationContext.configure(
                connection,
                opts={"version_table": "schema_versions", "version_table_schema": "ops"},
            )
            return str(context.get_current_revision())
    finally:
        engine.dispose()


def require_supported_version(server_version: int) -> None:
    """Refuse a server that is too old.

    Args:
        server_version: As libpq tells it: 150004 is 15.4.

    Raises:
        ServerUnsuitable: It is older than Postgres 15.
    """
    major = server_version // 10_000
    if major < _OLDEST_SERVER:
        raise ServerUnsuitable(
            f"the server is Postgres {major}; Leadloop needs {_OLDEST_SERVER} or newer"
        )


@contextmanager
def _one_at_a_time(url: URL) -> Generator[psycopg.Connection]:
    """A connection to the server's maintenance database; another migration of the same server waits meanwhile.

    Roles are shared by all databases and an advisory lock is known in one alone: everybody takes it in the same.
    """
    maintenance = addresses.libpq_url(url.set(database="postgres"))
    # CREATE DATABASE runs outside a transaction.
    with psycopg.connect(maintenance, autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(hashtext('leadloop.migrate'))")
        yield connection


def _exists(server: psycopg.Connection, name: str) -> bool:
    found = server.execute("select 1 from pg_database where datname = %s", [name])
    return found.fetchone() is not None


def _is_migrated(server: psycopg.Connection, url: URL) -> bool:
    """Whether the database is there and holds a warehouse."""
    if not _exists(server, str(url.database)):
        return False
    with psycopg.connect(addresses.libpq_url(url)) as connection:
        found = connection.execute(
            "select 1 from pg_tables where schemaname = 'ops' and tablename = 'schema_versions'"
        )
        return found.fetchone() is not None


def _create_database(server: psycopg.Connection, name: str) -> None:
    """Make a database: UTF-8, and sorted the same way whatever the server's own language."""
    statement = sql.SQL(
        "create database {} template template0 encoding 'UTF8'"
        " locale_provider libc lc_collate 'C' lc_ctype 'C'"
    )
    server.execute(statement.format(sql.Identifier(name)))


def _require_utf8(connection: psycopg.Connection) -> None:
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise ServerUnsuitable(
            f"the database {connection.info.dbname!r} is encoded as {encoding}; Leadloop needs UTF8"
        )


def _create_schemas(connection: psycopg.Connection) -> None:
    """Make the schemas that dbt builds, and let the roles into what they read."""
    for schema in _DBT_SCHEMAS:
        connection.execute(
            sql.SQL("create schema if not exists {} authorization dbt").format(
                sql.Identifier(schema)
            )
        )
    connection.execute("grant usage on schema staging, intermediate, marts to worker")
    connection.execute("grant usage on schema intermediate, marts to panel")
    connection.execute("grant usage on schema marts to analyst")
    # Alembic's own table lives in ops, and owner makes it; dbt makes temporary tables.
    connection.execute(
        sql.SQL("create schema if not exists ops authorization {}").format(sql.Identifier(OWNER))
    )
    connection.execute(
        sql.SQL("grant create on database {} to {}").format(
            sql.Identifier(connection.info.dbname), sql.Identifier(OWNER)
        )
    )
