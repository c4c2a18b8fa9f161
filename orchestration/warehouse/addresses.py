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

from orchestration.warehouse import embedded
from orchestration.warehouse.keys import master_key

if TYPE_CHECKING:
    from orchestration.settings import Settings

DATABASE = "leadloop"
DAGSTER_DATABASE_SUFFIX = "_dagster"
ROLES = ("migrate", "intake", "worker", "panel", "analyst", "dbt")


def admin_url(settings: Settings) -> URL:
    """The operator's own address: the embedded server's superuser, or ``LEADLOOP_DATABASE_URL`` as given.

    Starts the embedded server when no address is set.
    """
    if settings.database_url is not None:
        return make_url(settings.database_url.get_secret_value()).set(
            drivername="postgresql+psycopg"
        )
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
        .update_query_dict({"application_name": "dagster"})
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
    sslmode = url.query.get("sslmode")
    if isinstance(sslmode, str):
        environment["PGSSLMODE"] = sslmode
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
