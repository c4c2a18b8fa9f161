"""Refusals: what a user can mend, in one sentence that says how.

Belongs here: turning the errors of settings, warehouse and stages into words for the command line. Lives
elsewhere: the errors themselves, each beside the code that raises it.
"""

from __future__ import annotations

from psycopg import OperationalError as DriverUnreachable
from psycopg import errors as driver_errors
from sqlalchemy.exc import DBAPIError, OperationalError

from orchestration.supervisor import ServiceFailed
from orchestration.warehouse.keys import MasterKeyUnreadable
from orchestration.warehouse.secrets import SecretUnreadable
from orchestration.warehouse.tenants import TenantRefused

# Their own message already says what to do.
_SELF_EXPLAINING = (TenantRefused, ServiceFailed, MasterKeyUnreadable, SecretUnreadable)


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
            "the database refuses this login; `leadloop migrate` needs one that may create "
            "databases and roles (CREATEDB, CREATEROLE)"
        )
    if isinstance(error, OperationalError | DriverUnreachable) or isinstance(
        cause, DriverUnreachable
    ):
        return (
            "the database cannot be reached or refuses the login; check LEADLOOP_DATABASE_URL, and that "
            "`leadloop migrate` ran with this LEADLOOP_MASTER_KEY"
        )
    return None
