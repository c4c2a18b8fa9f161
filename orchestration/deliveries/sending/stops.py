"""Stops: what nothing is sent to, until somebody has acted or a small request finds it open again.

A person's pause has no end of its own. What a platform refused (a credential: the whole account; a route: one lane)
is tried again after a quarter of an hour with a request of a few rows, and goes on by itself when that is taken.
Whoever stops or resumes is written into the audit log. A platform that was asked too often names a time (``throttle``):
until then its whole account is left alone, and nobody has to act.

Belongs here: stopping, resuming, listing. Lives elsewhere: which answer stops what (``outcomes.py``), obeying
(``sender.py``), finding an account unable before anything is sent (``capabilities.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from orchestration.warehouse import sql

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from orchestration.deliveries.conversion import Account

Kind = Literal["person", "credential", "route", "probe", "throttle"]

_QUERIES = sql.load(__file__, "stops.sql")
WHOLE_ACCOUNT = ""
# Until an operator has acted, one small request per quarter of an hour tells.
TRY_AGAIN_AFTER = timedelta(minutes=15)
TRIAL_ROWS = 10
BY_SENDER = "sender"


@dataclass(frozen=True, slots=True)
class Stop:
    """One thing that nothing is sent to.

    Attributes:
        target: The lane; empty for the whole account.
        kind: ``person``, ``credential``, ``route``, ``probe`` or ``throttle``.
        code: The platform's code or ours, or a person's reason.
        stopped_by: A person's name for themselves, or ``sender``.
        stopped_at: Since when.
        next_try_at: When a small request may ask, or a throttle is over; None: only a person ends it.
        is_due: Whether it may ask now.
    """

    target: str
    kind: Kind
    code: str
    stopped_by: str
    stopped_at: datetime
    next_try_at: datetime | None
    is_due: bool


def stop(
    connection: Connection,
    account: Account,
    kind: Kind,
    code: str,
    by: str,
    target: str = WHOLE_ACCOUNT,
    next_try_at: datetime | None = None,
) -> bool:
    """Let nothing leave for an account, or through one of its lanes.

    Args:
        connection: Inside the tenant's transaction.
        account: Which.
        kind: Who or what stops it.
        code: Why.
        by: Who.
        target: The lane; the whole account by default.
        next_try_at: When a small request may ask whether it goes again; None: only ``resume`` ends it.

    Returns:
        Whether this is news; a repeat moves the time of the next try alone and is not audited. What a person paused
        stays a person's.
    """
    asked = {"next_try_at": next_try_at, "wait": None}
    return _stop(connection, account, kind, code, by, target, asked)


def stop_for_a_while(
    connection: Connection, account: Account, kind: Kind, code: str, target: str = WHOLE_ACCOUNT
) -> bool:
    """Stop what a platform refused, by the database's clock; otherwise as ``stop``."""
    asked = {"next_try_at": None, "wait": TRY_AGAIN_AFTER}
    return _stop(connection, account, kind, code, BY_SENDER, target, asked)


def hold_account(connection: Connection, account: Account, code: str, wait: timedelta) -> None:
    """Leave an account alone for as long as its platform asks; it goes on by itself afterwards."""
    told = {"code": code, "stopped_by": BY_SENDER, "wait": wait}
    connection.execute(_QUERIES.hold_account, account.key | told)


def forget_throttle(connection: Connection, account: Account) -> None:
    """Clear away what is over by itself."""
    connection.execute(_QUERIES.forget_throttle, account.key)


def resume(connection: Connection, account: Account, by: str, target: str = WHOLE_ACCOUNT) -> bool:
    """Let things leave again, and let the rows that waited go at once.

    Args:
        connection: Inside the tenant's transaction.
        account: Which.
        by: Who; the sender, whose small request was taken, ends no person's pause.
        target: The lane; the whole account by default.

    Returns:
        Whether it was stopped.
    """
    values = account.key | {"target": target}
    ended = connection.execute(
        _QUERIES.delete_stop, values | {"is_person": by != BY_SENDER}
    ).one_or_none()
    if ended is None:
        return False
    connection.execute(_QUERIES.wake_rows, values)
    _note(connection, account, "delivery.resume", by, target, f"{ended.kind}:{ended.code}")
    return True


def list_stops(connection: Connection, account: Account) -> list[Stop]:
    """What is stopped at an account now, the whole account first."""
    rows = connection.execute(_QUERIES.list_stops, account.key).mappings()
    return [Stop(**row) for row in rows]


def _stop(
    connection: Connection,
    account: Account,
    kind: Kind,
    code: str,
    by: str,
    target: str,
    asked: Mapping[str, Any],
) -> bool:
    told = account.key | {"target": target, "kind": kind, "code": code, "stopped_by": by}
    changed = connection.execute(_QUERIES.upsert_stop, {**told, **asked}).one_or_none()
    is_news = changed is not None and (changed.is_new or kind == "person")
    if is_news:
        _note(connection, account, "delivery.stop", by, target, f"{kind}:{code}")
    return is_news


def _note(
    connection: Connection, account: Account, action: str, by: str, target: str, reason: str
) -> None:
    name = f"{account.platform} {account.account_id}"
    connection.execute(
        _QUERIES.note_stop,
        {
            "tenant_id": account.tenant_id,
            "actor": by,
            "action": action,
            "object": f"{name} {target}" if target else name,
            "reason": reason,
        },
    )
