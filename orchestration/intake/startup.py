"""Start-up: what must be true before anything is acknowledged.

An acknowledgement says "this survives a power cut and nobody else sees it". With ``fsync`` off, or as a role to
which row-level security does not apply, that would be a lie.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from orchestration.warehouse import sql

if TYPE_CHECKING:
    from orchestration.intake.keys import KeyRing
    from orchestration.warehouse import Warehouse

_QUERIES = sql.load(__file__)


class StartRefused(Exception):
    """The intake cannot keep its promise on this server. The message says what to change."""

    is_refusal = True


def inspect_server(warehouse: Warehouse) -> list[str]:
    """What is wrong with the server or the role, in words; empty when nothing is."""
    try:
        with warehouse.shared() as connection:
            row = connection.execute(_QUERIES.inspect_server).one()
    except SQLAlchemyError:
        return [
            "the database cannot be reached, or lacks the intake's tables: run `leadloop migrate`"
        ]
    findings = {
        "fsync is off: an acknowledged event could be lost": not row.has_fsync,
        "full_page_writes is off: a torn page could lose events": not row.has_full_page_writes,
        "synchronous_commit is off: an acknowledged event could be lost": (
            not row.has_synchronous_commit
        ),
        "the intake's role is a superuser: row-level security does not apply": row.is_superuser,
        "the intake's role has BYPASSRLS: row-level security does not apply": row.bypasses_rls,
        "the intake's role owns its tables: it could switch row-level security off": row.is_owner,
    }
    return [sentence for sentence, is_wrong in findings.items() if is_wrong]


def require_sound_server(warehouse: Warehouse) -> None:
    """Refuse to serve on a server that loses or leaks.

    Raises:
        StartRefused: With everything that is wrong.
    """
    if findings := inspect_server(warehouse):
        raise StartRefused("the intake does not start: " + "; ".join(findings))


def require_readable_keys(ring: KeyRing) -> None:
    """Refuse to serve when there are keys and not one of them opens.

    Raises:
        StartRefused: Most likely another master key sealed them.
    """
    if ring.unreadable and not ring.size:
        raise StartRefused(
            "the intake does not start: no key opens; is LEADLOOP_MASTER_KEY the right one?"
        )
