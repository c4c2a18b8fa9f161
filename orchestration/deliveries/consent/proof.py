"""Proof of consent: whether everything that left was allowed to, by what was known when it did.

The judgement is made anew from facts that are only ever added to: the words about consent (dbt's ``fct_consents`` with
``known_at``) and the policies (``ops.consent_policies``). What the lease wrote into the attempt is compared with it and
never used for it, so a sender that decides wrongly and one that writes down wrongly both show.

Belongs here: the proof. Lives elsewhere: deciding (``leases.py``), recording (``consent.py``), reasons of everything
that did not leave (``audit.py``).

Unsure: whose word a word is, is asked of today's links between people. Where a link is younger than the attempt, the
word counts as not yet read.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from orchestration.warehouse import sql

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from orchestration.warehouse import Tenant, Warehouse

_QUERIES = sql.load(__file__, "proof.sql")
# The intake answers within four seconds of a push (limits.ack_seconds): until its commit no sender can see it.
_PUSH_GRACE = timedelta(seconds=5)
# Words that the models read are seen when the transaction of fct_consents is committed.
_MODEL_GRACE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Ground:
    """How many attempts left on one ground.

    Attributes:
        legal_basis: What the policy named.
        consent: ``granted``, or None where nobody said.
        attempts: How many.
    """

    legal_basis: str
    consent: str | None
    attempts: int


@dataclass(frozen=True, slots=True)
class Violation:
    """An attempt that should not have left, or that left on another ground than was written down.

    Attributes:
        delivery_id: The row.
        attempt: Which attempt.
        conversion_id: Which outcome.
        platform: Where to.
        account_id: Where to.
        started_at: When.
        code: ``consent_denied``, ``consent_missing``, ``policy_missing``, ``outcome_unknown`` or
            ``recorded_otherwise``.
        region: Whose policy held.
        legal_basis: What that policy named.
        policy_from: Since when it held.
        consent: The latest word that was known.
        recorded_basis: What the lease wrote.
        recorded_policy_from: What the lease wrote.
        recorded_consent: What the lease wrote.
    """

    delivery_id: str
    attempt: int
    conversion_id: str
    platform: str
    account_id: str
    started_at: datetime
    code: str
    region: str | None
    legal_basis: str | None
    policy_from: datetime | None
    consent: str | None
    recorded_basis: str | None
    recorded_policy_from: datetime | None
    recorded_consent: str | None


@dataclass(frozen=True, slots=True)
class Proof:
    """What a proof found.

    Attributes:
        tenant_id: Whose attempts.
        first: The first day, in the tenant's time zone.
        last: The last day, included.
        grounds: Attempts that were right, by ground.
        unread: Attempts that left after a no had been received and before any sender could know it.
        violations: Attempts that were wrong, oldest first.
    """

    tenant_id: UUID
    first: date
    last: date
    grounds: Sequence[Ground]
    unread: int
    violations: Sequence[Violation]

    @property
    def attempts(self) -> int:
        """How many attempts left."""
        return sum(ground.attempts for ground in self.grounds) + len(self.violations)


def prove(warehouse: Warehouse, tenant: Tenant, first: date, last: date) -> Proof:
    """Judge every attempt that left from the first to the last day, both included, in the tenant's time zone.

    Args:
        warehouse: As the worker.
        tenant: Whose attempts.
        first: The first day.
        last: The last day.
    """
    zone = ZoneInfo(tenant.timezone)
    values: dict[str, Any] = {
        "tenant_id": tenant.tenant_id,
        "since": datetime.combine(first, time(), zone),
        "until": datetime.combine(last + timedelta(days=1), time(), zone),
        "push_grace": _PUSH_GRACE,
        "model_grace": _MODEL_GRACE,
    }
    with warehouse.tenant(tenant.tenant_id) as connection:
        connection.execute(_QUERIES.make_judgements)
        connection.execute(_QUERIES.judge_attempts, values)
        grounds = connection.execute(_QUERIES.count_judgements).mappings()
        violations = connection.execute(_QUERIES.list_violations).mappings()
        return Proof(
            tenant_id=tenant.tenant_id,
            first=first,
            last=last,
            grounds=[Ground(**row) for row in grounds],
            unread=connection.execute(_QUERIES.count_unread).scalar_one(),
            violations=[Violation(**row) for row in violations],
        )
