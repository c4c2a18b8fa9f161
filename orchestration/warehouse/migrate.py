"""Migrations: databases, roles, then every schema change in order.

Safe to run again: what is there stays. Roles belong to the server, not to the database, so they are made here and
not in a migration; tables, policies and grants are in ``migrations/versions``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
from psycopg import sql
from sqlalchemy import create_engine

from orchestration.warehouse import addresses

if TYPE_CHECKING:
    from sqlalchemy import URL

    from orchestration.settings import Settings

_OWNER = "owner"
# Makes tenants and their keys; nobody logs in as it, the operator's tools take it for a transaction.
_KEEPER = "keeper"
_DBT_SCHEMAS = ("staging", "intermediate", "marts")
# dbt may run long; nobody may run for ever, as a cancelled run does not stop its statement.
_ROLE_STATEMENT_TIMEOUTS = {"dbt": "600s", "panel": "15s", "analyst": "300s"}


def migrate(settings: Settings) -> str:
    """Bring the warehouse to the newest revision.

    Returns:
        The revision that it is at now.

    Raises:
        psycopg.OperationalError: The server cannot be reached, or refuses the login.
        psycopg.errors.InsufficientPrivilege: The login may not create databases or roles.
    """
    url = addresses.admin_url(settings)
    database = url.database or addresses.DATABASE
    _create_databases(url, (database, f"{database}{addresses.DAGSTER_DATABASE_SUFFIX}"))
    with psycopg.connect(addresses.libpq_url(url)) as connection:
        _create_roles(connection, settings)
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


def _create_databases(url: URL, names: tuple[str, ...]) -> None:
    """Make the databases that are missing. CREATE DATABASE runs outside a transaction."""
    maintenance = addresses.libpq_url(url.set(database="postgres"))
    with psycopg.connect(maintenance, autocommit=True) as connection:
        for name in names:
            found = connection.execute("select 1 from pg_database where datname = %s", [name])
            if found.fetchone() is None:
                connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))


def _create_roles(connection: psycopg.Connection, settings: Settings) -> None:
    """Make the roles that are missing, and set every password anew.

    The password travels as a SCRAM verifier made here: the server's log never sees it.
    """
    # Roles belong to the whole server; two migrations at once would meet at the same catalogue row.
    connection.execute("select pg_advisory_xact_lock(hashtext('leadloop.roles'))")
    _create_role(connection, _OWNER, login=False)
    _create_role(connection, _KEEPER, login=False)
    for role in (_OWNER, _KEEPER):
        connection.execute(sql.SQL("grant {} to current_user").format(sql.Identifier(role)))
    for role in addresses.ROLES:
        _create_role(connection, role, login=True)
        password = addresses.role_password(settings, role).encode()
        verifier = connection.pgconn.encrypt_password(password, role.encode(), b"scram-sha-256")
        connection.execute(
            sql.SQL("alter role {} password {}").format(
                sql.Identifier(role), sql.Literal(verifier.decode())
            )
        )
        timeout = _ROLE_STATEMENT_TIMEOUTS.get(role)
        if timeout is not None:
            connection.execute(
                sql.SQL("alter role {} set statement_timeout = {}").format(
                    sql.Identifier(role), sql.Literal(timeout)
                )
            )
    connection.execute(
        sql.SQL("grant {} to {}").format(sql.Identifier(_OWNER), sql.Identifier("migrate"))
    )
    # Whoever migrates hands the built schemas to dbt, which takes membership.
    connection.execute(sql.SQL("grant {} to current_user").format(sql.Identifier("dbt")))


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
    database = sql.Identifier(connection.info.dbname)
    # Alembic's own table lives in ops, and owner makes it; dbt makes temporary tables.
    connection.execute("create schema if not exists ops authorization owner")
    connection.execute(sql.SQL("grant create on database {} to owner").format(database))


def _create_role(connection: psycopg.Connection, role: str, *, login: bool) -> None:
    found = connection.execute("select 1 from pg_roles where rolname = %s", [role]).fetchone()
    if found is None:
        connection.execute(
            sql.SQL("create role {} {} nosuperuser nobypassrls nocreatedb nocreaterole").format(
                sql.Identifier(role), sql.SQL("login" if login else "nologin")
            )
        )
