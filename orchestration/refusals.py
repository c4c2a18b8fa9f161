"""Refusals: what a user can mend, in one sentence that says how.

Belongs here: turning the errors of settings, warehouse and stages into words for the command line. Lives
elsewhere: the errors themselves, each beside the code that raises it.
"""

from __future__ import annotations

from psycopg import OperationalError as DriverUnreachable
from psycopg import errors as driver_errors
from sqlalchemy.exc import DBAPIError, OperationalError

from orchestration.supervisor import ServiceFailed
from orchestration.warehouse.addresses import ROLES
from orchestration.warehouse.keys import MasterKeyUnreadable
from orchestration.warehouse.secrets import SecretUnreadable
from orchestration.warehouse.tenants import TenantRefused

# Their own message already says what to do.
_SELF_EXPLAINING = (TenantRefused, ServiceFailed, MasterKeyUnreadable, SecretUnreadable)
# libpq repeats what a server said with the server's own severity; its own complaints have none.
_SERVER_SPOKE = "FATAL"
_NO_CONNECTION = (
    "the database cannot be reached or refuses the login; check LEADLOOP_DATABASE_URL, and that "
    "`leadloop migrate` ran with this LEADLOOP_MASTER_KEY"
)


def explain_refusal(error: Exception) -> str | None:
    """The sentence for an error that the user can mend; none for a bug of ours.

    Never holds a value from the database: of its errors only the kind is told.
    """
    if isinstance(error, _SELF_EXPLAINING) or getattr(error, "is_refusal", False):
        return str(error)
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, driver_errors.UndefinedTable | driver_errors.InvalidSchemaName):
        return "the warehouse lacks a table; run `leadloop migrate`, then `leadloop run`"
    if isinstance(cause, driver_errors.InsufficientPrivilege):
        return (
            "the database login lacks a privilege; `leadloop migrate` needs one with CREATEDB and CREATEROLE "
            "that owns the database, where there is one already"
        )
    if isinstance(cause, DriverUnreachable):
        return _explain_no_connection(cause)
    if isinstance(error, OperationalError):
        return _NO_CONNECTION
    return None


def _explain_no_connection(error: DriverUnreachable) -> str:
    """Who was refused, or that nobody answers. The error's own words stay out: an address may be in them."""
    attempt = error.pgconn
    if attempt is None:
        return _NO_CONNECTION
    user = (attempt.user or b"").decode()
    if user in ROLES and _SERVER_SPOKE in str(error):
        return (
            f"the database refuses the role {user}; run `leadloop migrate` with the LEADLOOP_MASTER_KEY "
            "that made it"
        )
    if attempt.used_password or attempt.needs_password:
        return "the database refuses the login; check user, password and database in LEADLOOP_DATABASE_URL"
    if _SERVER_SPOKE in str(error):
        return _NO_CONNECTION
    return "no database answers; check host and port in LEADLOOP_DATABASE_URL, and that the server runs"
