"""Consent: on which ground a tenant sends, and what happens when somebody takes a yes back.

A policy holds for a region from a moment on and is never changed, only followed by another. A no that a person of ours
records counts at once: what is due is called off, and what has left already is listed, for whoever must answer for it.

Belongs here: recording both. Lives elsewhere: what forms, files and the CRM say (dbt's ``fct_consents``), the decision
(``delivery_plan``, ``leases.py``, ``withdrawn.py``), the proof (``proof.py``).
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from orchestration.deliveries.accounts.accounts import read_accounts
from orchestration.deliveries.conversion import EventRefused
from orchestration.deliveries.destinations import destination_of
from orchestration.deliveries.ledger.ledger import read_conversions
from orchestration.warehouse import sql

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from sqlalchemy import Connection

    from orchestration.deliveries.conversion import Account
    from orchestration.warehouse import Warehouse

_QUERIES = sql.load(__file__, "consent.sql")
EVERYWHERE = "*"
BASES = ("consent", "legitimate_interest")
UNKNOWN = ("hold", "send")
_REGION = re.compile(r"[A-Z]{2}|\*")
_MAX_KEY = 200


class ConsentRefused(Exception):
    """It cannot be recorded as asked; the message says what to change."""

    is_refusal = True


@dataclass(frozen=True, slots=True)
class Policy:
    """On which ground outcomes of a region are sent.

    Attributes:
        region: ISO 3166-1 alpha-2, or ``*`` for everywhere that has no policy of its own.
        legal_basis: ``consent``: a yes is needed; ``legitimate_interest``: sent unless somebody said no.
        unknown_consent: Under ``consent``, where nobody said: ``hold`` or ``send``.
        limited_data_use: Whether the platform is told to limit what it does with the data.
        valid_from: Aware, UTC.
        recorded_by: Who said so.
        is_current: Whether it holds now.
    """

    region: str
    legal_basis: str
    unknown_consent: str
    limited_data_use: bool
    valid_from: datetime
    recorded_by: str
    is_current: bool = True


@dataclass(frozen=True, slots=True)
class Sent:
    """Something that has left already, or may have.

    Attributes:
        platform: Where to.
        account_id: Where to.
        action: As what.
        conversion_id: Which outcome.
        kind: ``send``, ``adjust`` or ``retract``.
        state: What became of it.
        sent_at: When it left first.
        is_adjustable: Whether the platform can be told that it is taken back.
    """

    platform: str
    account_id: str
    action: str
    conversion_id: str
    kind: str
    state: str
    sent_at: datetime
    is_adjustable: bool


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """What a recorded no did.

    Attributes:
        subject_kind: What the key named: ``conversion``, ``crm_record``, ``lead`` or ``person``.
        conversions: How many outcomes are the person's.
        cancelled: How many deliveries were called off.
        sent: What had left already, newest first.
    """

    subject_kind: str
    conversions: int
    cancelled: int
    sent: Sequence[Sent]


def list_policies(warehouse: Warehouse, tenant_id: UUID) -> list[Policy]:
    """A tenant's policies, by region, newest first."""
    with warehouse.tenant(tenant_id) as connection:
        return _read_policies(connection, tenant_id)


def set_policy(
    warehouse: Warehouse,
    tenant_id: UUID,
    region: str = EVERYWHERE,
    *,
    legal_basis: str | None = None,
    unknown_consent: str | None = None,
    limited_data_use: bool | None = None,
    recorded_by: str = "command line",
    now: datetime | None = None,
) -> Policy:
    """Let a policy hold for a region from now on.

    What is not said stays as it is for the region, else as it is everywhere.

    Args:
        warehouse: As the worker.
        tenant_id: Whose policy.
        region: As ``Policy`` has it.
        legal_basis: As ``Policy`` has it.
        unknown_consent: As ``Policy`` has it.
        limited_data_use: As ``Policy`` has it.
        recorded_by: Who says so.
        now: From when, aware; the database's present by default.

    Raises:
        ConsentRefused: A value is not of its kind.
    """
    if not _REGION.fullmatch(region):
        raise ConsentRefused(f"{region!r} is no region; use two capital letters, such as DE, or *")
    with warehouse.tenant(tenant_id) as connection:
        held = {p.region: p for p in _read_policies(connection, tenant_id) if p.is_current}
        base = held.get(region) or held.get(EVERYWHERE)
        policy = Policy(
            region=region,
            legal_basis=legal_basis or (base.legal_basis if base else "consent"),
            unknown_consent=unknown_consent or (base.unknown_consent if base else "hold"),
            limited_data_use=(
                limited_data_use
                if limited_data_use is not None
                else bool(base and base.limited_data_use)
            ),
            valid_from=now or datetime.now(UTC),
            recorded_by=recorded_by,
        )
        if policy.legal_basis not in BASES:
            raise ConsentRefused(f"{policy.legal_basis!r} is no basis; use {' or '.join(BASES)}")
        if policy.unknown_consent not in UNKNOWN:
            raise ConsentRefused(f"{policy.unknown_consent!r} is none of {' or '.join(UNKNOWN)}")
        # By the database's clock, which the senders go by.
        valid_from = connection.execute(
            _QUERIES.insert_policy,
            {
                "tenant_id": tenant_id,
                "region": policy.region,
                "legal_basis": policy.legal_basis,
                "unknown_consent": policy.unknown_consent,
                "limited_data_use": policy.limited_data_use,
                "valid_from": now,
                "recorded_by": policy.recorded_by,
            },
        ).scalar_one()
        reason = f"{policy.legal_basis}, unknown: {policy.unknown_consent}"
        _note(connection, tenant_id, "consent.policy", policy.region, reason)
    return replace(policy, valid_from=valid_from)


def withdraw(
    warehouse: Warehouse,
    tenant_id: UUID,
    key: str,
    *,
    at: datetime | None = None,
    recorded_by: str = "command line",
    now: datetime | None = None,
) -> Withdrawal:
    """Record a no, call off what is due, and tell what has left already.

    It counts for the whole person, whichever record names them; a sender that runs meanwhile takes none of it any more.

    Args:
        warehouse: As the worker.
        tenant_id: Whose person.
        key: A conversion, a CRM record, a lead (our id, or its form's or file's), or a person.
        at: When the no was said, aware; now by default.
        recorded_by: Who says so.
        now: The present, aware.

    Raises:
        ConsentRefused: Nothing has this key, or the no lies ahead.
    """
    now = now or datetime.now(UTC)
    if at is not None and at > now:
        raise ConsentRefused("a no cannot be recorded before it is said; leave --at out for now")
    with warehouse.tenant(tenant_id) as connection:
        kind = _find_subject(connection, tenant_id, key)
        subject = {"tenant_id": tenant_id, "subject_kind": kind}
        connection.execute(
            _QUERIES.insert_change,
            {
                **subject,
                "subject_id": key,
                "status": "denied",
                "changed_at": at or now,
                "recorded_by": recorded_by,
            },
        )
        _note(connection, tenant_id, "consent.withdraw", f"{kind} {key}", "denied")
        conversions = list(
            connection.execute(_QUERIES.list_persons_conversions, {**subject, "key": key}).scalars()
        )
        theirs = {"tenant_id": tenant_id, "conversion_ids": conversions}
        cancelled = len(connection.execute(_QUERIES.cancel_due, theirs).all())
        sent = _list_sent(connection, tenant_id, conversions)
    return Withdrawal(kind, len(conversions), cancelled, sent)


def _read_policies(connection: Connection, tenant_id: UUID) -> list[Policy]:
    rows = connection.execute(_QUERIES.list_policies, {"tenant_id": tenant_id}).mappings()
    return [Policy(**row) for row in rows]


def _find_subject(connection: Connection, tenant_id: UUID, key: str) -> str:
    kind: str | None = None
    if len(key) <= _MAX_KEY:
        found = connection.execute(_QUERIES.find_subject, {"tenant_id": tenant_id, "key": key})
        kind = found.scalar_one_or_none()
    if kind is None:
        raise ConsentRefused("nothing here has that key: no conversion, CRM record, lead or person")
    return kind


def _list_sent(connection: Connection, tenant_id: UUID, conversions: Sequence[str]) -> list[Sent]:
    theirs = {"tenant_id": tenant_id, "conversion_ids": list(conversions)}
    rows = connection.execute(_QUERIES.list_sent, theirs).mappings().all()
    places = {(row["platform"], row["account_id"]) for row in rows}
    adjustable = {
        (account.platform, account.account_id, *key)
        for account in read_accounts(connection, tenant_id)
        if (account.platform, account.account_id) in places
        for key in _list_retractable(connection, account, conversions)
    }
    return [
        Sent(
            **row,
            is_adjustable=(
                row["platform"],
                row["account_id"],
                row["conversion_id"],
                row["action"],
            )
            in adjustable,
        )
        for row in rows
    ]


def _list_retractable(
    connection: Connection, account: Account, conversions: Sequence[str]
) -> list[tuple[str, str]]:
    """Conversion and action of what the platform has a word for taking back; some have it for one lane only."""
    destination = destination_of(account)
    if "retract" not in destination.ADJUSTS:
        return []
    found: list[tuple[str, str]] = []
    for key, conversion in read_conversions(connection, account, conversions).items():
        taken_back = replace(conversion, purpose="retract", changed_at=datetime.now(UTC))
        with suppress(EventRefused):
            destination.event(taken_back)
            found.append(key)
    return found


def _note(connection: Connection, tenant_id: UUID, action: str, thing: str, reason: str) -> None:
    values = {"tenant_id": tenant_id, "action": action, "object": thing, "reason": reason}
    connection.execute(_QUERIES.note_change, values)
