"""Addresses: one URL of the operator, turned into what each part needs.

The driver is always named: SQLAlchemy 2.1 reads a bare ``postgresql://`` as psycopg 3, and Dagster's storage dies
on it. Ours is ``+psycopg``, Dagster's ``+psycopg2``, dbt takes ``PG…`` variables.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from typing import TYPE_CHECKING

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from orchestration.warehouse import embedded
from orchestration.warehouse.keys import master_key

if TYPE_CHECKING:
    from orchestration.settings import Settings

DATABASE = "leadloop"
DAGSTER_DATABASE_SUFFIX = "_dagster"
ROLES = ("migrate", "intake", "worker", "panel", "analyst", "dbt")

# Parts of an address beside host, port, user and database, by the variable in which libpq reads each.
_LIBPQ_VARIABLES = {
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "channel_binding": "PGCHANNELBINDING",
    "gssencmode": "PGGSSENCMODE",
    "connect_timeout": "PGCONNECT_TIMEOUT",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
}


class AddressUnreadable(Exception):
    """LEADLOOP_DATABASE_URL is no address of a Postgres; the message says what one looks like."""

    is_refusal = True


def admin_url(settings: Settings) -> URL:
    """The operator's own address: the embedded server's superuser, or ``LEADLOOP_DATABASE_URL`` as given.

    Starts the embedded server when no address is set.

    Raises:
        AddressUnreadable: What is set is no address of a Postgres.
    """
    if settings.database_url is not None:
        return _read(settings.database_url.get_secret_value())
    server = embedded.start(settings.home / "postgres")
    return make_url(server.get_uri(database=DATABASE)).set(drivername="postgresql+psycopg")


def role_password(settings: Settings, role: str) -> str:
    """A role's password: derived from the master key, so that there is one secret to keep and none to copy.

    The embedded server trusts its socket and ignores it.
    """
    return hmac.new(master_key(settings), f"role:{role}".encode(), hashlib.sha256).hexdigest()


def role_url(settings: Settings, role: str) -> URL:
    """The address with which one of the product's roles connects.

    Args:
        settings: Where the database is.
        role: One of ``ROLES``.
    """
    if role not in ROLES:
        raise ValueError(f"unknown role {role!r}; the roles are {', '.join(ROLES)}")
    return admin_url(settings).set(username=role, password=role_password(settings, role))


def dagster_url(settings: Settings) -> str:
    """Address of Dagster's own storage: a database of its own in the same server, by psycopg 2."""
    url = admin_url(settings)
    return (
        url.set(
            drivername="postgresql+psycopg2",
            database=f"{url.database}{DAGSTER_DATABASE_SUFFIX}",
        )
        # Dagster stores times without a zone and reads them as UTC, whatever zone the server keeps.
        .update_query_dict({"application_name": "dagster", "options": "-c timezone=UTC"})
        .render_as_string(hide_password=False)
    )


def libpq_url(url: URL) -> str:
    """The address as psql and other libpq programs read it, password included."""
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def libpq_environment(url: URL) -> dict[str, str]:
    """``PG…`` variables for a program that reads them, such as dbt."""
    host = url.query.get("host", url.host or "localhost")
    environment = {
        "PGHOST": host if isinstance(host, str) else host[0],
        "PGPORT": str(url.port or 5432),
        "PGUSER": url.username or "",
        "PGPASSWORD": url.password or "",
        "PGDATABASE": url.database or "",
    }
    for part, variable in _LIBPQ_VARIABLES.items():
        value = url.query.get(part)
        if isinstance(value, str):
            environment[variable] = value
    return environment


def child_environment(settings: Settings) -> dict[str, str]:
    """The environment for a child process that connects and must not hold the embedded server."""
    url = admin_url(settings).render_as_string(hide_password=False)
    return {
        **os.environ,
        "LEADLOOP_HOME": str(settings.home),
        "LEADLOOP_DATABASE_URL": url,
        "DAGSTER_PG_URL": dagster_url(settings),
        "DAGSTER_HOME": str(settings.home / "dagster"),
        "DAGSTER_DISABLE_TELEMETRY": "1",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }


def _read(address: str) -> URL:
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        url = None
    if url is None or url.get_backend_name() not in ("postgresql", "postgres"):
        # From nowhere: the parser's own error may quote the address, and the password is in it.
        raise AddressUnreadable(
            "LEADLOOP_DATABASE_URL cannot be read; it looks like postgresql://login:password@host:5432/leadloop, "
            "special characters of the password percent-encoded"
        ) from None
    return url.set(drivername="postgresql+psycopg", database=url.database or DATABASE)
