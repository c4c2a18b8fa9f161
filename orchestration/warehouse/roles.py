"""Roles: who connects, as what, and how a role of ours is told from somebody else's.

Roles belong to the server, not to a database: the warehouses of one server share them, and with them the master key
that their passwords come from. A comment on each role says that Leadloop made it, and under which key. So a migration
neither takes a role of the same name from somebody else nor locks out another warehouse.

Belongs here: making and checking roles. Lives elsewhere: what a role may do with a table
(``migrations/versions``), with a schema (``migrate``), and the passwords themselves (``addresses``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, LiteralString

from psycopg import sql

from orchestration.warehouse import addresses
from orchestration.warehouse.keys import fingerprint

if TYPE_CHECKING:
    import psycopg

    from orchestration.settings import Settings

OWNER = "owner"
# Makes tenants and their keys; nobody logs in as it, the operator's tools take it for a transaction.
_KEEPER = "keeper"
_ALL = (OWNER, _KEEPER, *addresses.ROLES)
# dbt may run long; nobody may run for ever, as a cancelled run does not stop its statement.
_STATEMENT_TIMEOUTS = {"dbt": "600s", "panel": "15s", "analyst": "300s"}
_MARK = "Leadloop, key "


class RolesTaken(Exception):
    """The server has roles of these names that are not this warehouse's; the message says what to do."""

    is_refusal = True


def make_roles(connection: psycopg.Connection, settings: Settings, *, is_migrated: bool) -> None:
    """Make the roles that are missing, and set every password anew.

    A login that may not make roles changes nothing, and needs not when all of them are there.

    Args:
        connection: Of the operator's login, in a transaction.
        settings: Where the master key is.
        is_migrated: Whether the database holds a warehouse already, so that roles without a comment are its own.

    Raises:
        RolesTaken: Roles of these names are somebody else's, or were made under another master key.
        psycopg.errors.InsufficientPrivilege: The login may not make roles.
    """
    comments = _read_comments(connection)
    mark = f"{_MARK}{fingerprint(settings)}"
    _require_ours(comments, mark, is_migrated=is_migrated)
    if set(comments) == set(_ALL) and not _may_make_roles(connection):
        return
    for role in _ALL:
        if role not in comments:
            _create(connection, role)
        if comments.get(role) != mark:
            _run(connection, "comment on role {} is {}", sql.Identifier(role), sql.Literal(mark))
    for role in addresses.ROLES:
        _set_up_login(connection, settings, role)
    _run(connection, "grant {} to {}", sql.Identifier(OWNER), sql.Identifier("migrate"))
    # Whoever migrates hands the built schemas to dbt, which takes membership.
    for role in (OWNER, _KEEPER, "dbt"):
        _run(connection, "grant {} to current_user", sql.Identifier(role))


def _read_comments(connection: psycopg.Connection) -> dict[str, str | None]:
    """The comment of each of our names that the server has as a role."""
    found = connection.execute(
        "select rolname, shobj_description(oid, 'pg_authid') from pg_roles where rolname = any(%s)",
        [list(_ALL)],
    )
    return dict(found.fetchall())


def _require_ours(comments: dict[str, str | None], mark: str, *, is_migrated: bool) -> None:
    strange = sorted(
        role
        for role, comment in comments.items()
        if not (comment or "").startswith(_MARK) and not (comment is None and is_migrated)
    )
    if strange:
        raise RolesTaken(
            f"the server has roles of its own named {', '.join(strange)}; rename them, or use another server"
        )
    if any(comment not in (None, mark) for comment in comments.values()):
        raise RolesTaken(
            "another LEADLOOP_MASTER_KEY made this server's roles; use that one, or, when no database needs them "
            f"any more, drop them: drop role {', '.join(_ALL)}"
        )


def _may_make_roles(connection: psycopg.Connection) -> bool:
    found = connection.execute(
        "select rolsuper or rolcreaterole from pg_roles where rolname = current_user"
    ).fetchone()
    return bool(found and found[0])


def _create(connection: psycopg.Connection, role: str) -> None:
    login = sql.SQL("login" if role in addresses.ROLES else "nologin")
    _run(
        connection,
        "create role {} {} nosuperuser nobypassrls nocreatedb nocreaterole",
        sql.Identifier(role),
        login,
    )


def _set_up_login(connection: psycopg.Connection, settings: Settings, role: str) -> None:
    """Set a role's password and its sessions' defaults.

    The password travels as a SCRAM verifier made here: the server's log never sees it.
    """
    password = addresses.role_password(settings, role).encode()
    verifier = connection.pgconn.encrypt_password(password, role.encode(), b"scram-sha-256")
    name = sql.Identifier(role)
    _run(connection, "alter role {} password {}", name, sql.Literal(verifier.decode()))
    # Days and hours read the same whatever zone the server keeps.
    _run(connection, "alter role {} set timezone = 'UTC'", name)
    timeout = _STATEMENT_TIMEOUTS.get(role)
    if timeout is not None:
        _run(connection, "alter role {} set statement_timeout = {}", name, sql.Literal(timeout))


def _run(connection: psycopg.Connection, statement: LiteralString, *parts: sql.Composable) -> None:
    connection.execute(sql.SQL(statement).format(*parts))
