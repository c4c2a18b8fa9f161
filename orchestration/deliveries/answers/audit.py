"""The audit: outcomes × destinations = sent + not sent, each pair that was not sent with exactly one reason.

The pairs are made anew from the outcomes and the accounts, without the plan, and then held against the plan, the ledger
and the journal; everything is read at one moment. An outcome that is older than the plan holds has its last word in the
ledger; without a row there it never was owed, and the reason is ``too_old``: the plan holds outcomes longer than any
platform takes them. What the ledger let go of by age is counted apart, as it could be either.

Belongs here: the clauses, and counting them. Lives elsewhere: one lead's story (``explain.py``), the chain of hashes
(``verification.py``).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from orchestration.deliveries.reasons import REASONS, STATES, sentence_of
from orchestration.warehouse import sql

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy import Connection

    from orchestration.warehouse import Warehouse
    from orchestration.warehouse.connections import Tenant

_QUERIES = sql.load(__file__, "audit.sql")
# dbt's ``plan_days``; longer than any platform takes outcomes.
PLAN_SPAN = timedelta(days=120)
_TOLD = 20
_EVER = (datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC))

CLAUSES = {
    "undecided": "no decision and no row in the ledger",
    "planned_twice": "more than one decision in the plan",
    "outside": "a decision or a row about an outcome or a destination that is not there",
    "without_reason": "a decision or a row that gives no reason",
    "open_twice": "more than one row that may still be sent",
    "sent_unproven": "sent, and no request in the journal carried it",
    "open_too_long": "still waiting in the ledger although the plan's time for it is over",
    "unknown_reason": "a reason that is not in the catalogue",
    "balance": "the numbers do not add up",
}


@dataclass(frozen=True, slots=True)
class Subject:
    """What a clause was broken by.

    Attributes:
        subject: The conversion's id; for ``sent_unproven`` the delivery's; the code for ``unknown_reason``.
    """

    subject: str
    platform: str
    account_id: str


@dataclass
class Finding:
    """A clause that does not hold.

    Attributes:
        clause: One of ``CLAUSES``.
        count: How often.
        subjects: The first of those that break it.
    """

    clause: str
    count: int
    subjects: list[Subject]

    def sentence(self) -> str:
        """The same, for people."""
        return f"{self.count:,} × {CLAUSES[self.clause]} ({self.clause})"

    def as_json(self) -> dict[str, Any]:
        """The same, as JSON values."""
        return {
            "clause": self.clause,
            "sentence": CLAUSES[self.clause],
            "count": self.count,
            "subjects": [
                {
                    "subject": one.subject,
                    "platform": one.platform,
                    "account_id": one.account_id,
                }
                for one in self.subjects
            ],
        }


@dataclass
class Balance:
    """One destination's outcomes, each counted once.

    Attributes:
        pairs: Outcomes that the destination counts for.
        sent: Those that left, by where their newest row is.
        not_sent: Those that did not, by their one reason.
        pruned: Those of which the ledger has let go.
        sent_in_ledger: What the ledger alone says was sent.
    """

    platform: str
    account_id: str
    pairs: int = 0
    sent: Counter[str] = field(default_factory=Counter[str])
    not_sent: Counter[str] = field(default_factory=Counter[str])
    pruned: int = 0
    sent_in_ledger: int = 0

    @property
    def adds_up(self) -> bool:
        """Whether the pairs, made one by one, are as many as the sides' product, and the ledger agrees."""
        told = self.sent.total() + self.not_sent.total() + self.pruned
        return self.pairs == told and self.sent.total() == self.sent_in_ledger

    def as_json(self) -> dict[str, Any]:
        """The same, as JSON values."""
        return {
            "platform": self.platform,
            "account_id": self.account_id,
            "pairs": self.pairs,
            "sent": self.sent.total(),
            "not_sent": self.not_sent.total(),
            "pruned": self.pruned,
            "sent_by_state": dict(self.sent),
            "not_sent_by_reason": dict(self.not_sent),
        }


@dataclass
class Audit:
    """What an audit of one tenant and period found."""

    tenant_id: UUID
    tenant: str
    from_at: datetime
    until_at: datetime
    balances: list[Balance] = field(default_factory=list[Balance])
    findings: list[Finding] = field(default_factory=list[Finding])

    @property
    def holds(self) -> bool:
        """Whether every clause does."""
        return not self.findings

    def as_json(self) -> dict[str, Any]:
        """The same, as JSON values."""
        return {
            "tenant_id": str(self.tenant_id),
            "tenant": self.tenant,
            "from": self.from_at.isoformat(),
            "until": self.until_at.isoformat(),
            "holds": self.holds,
            "balances": [balance.as_json() for balance in self.balances],
            "findings": [finding.as_json() for finding in self.findings],
        }


def audit(
    warehouse: Warehouse,
    tenant: Tenant,
    first_day: date | None = None,
    last_day: date | None = None,
) -> Audit:
    """Prove, for a tenant and a period, that each outcome has one word at each destination.

    Args:
        warehouse: As role worker.
        tenant: Whose.
        first_day: Outcomes from this day on, in the tenant's zone; None: from the beginning.
        last_day: Outcomes up to the end of this day; None: to the end.
    """
    from_at, until_at = _read_period(tenant.timezone, first_day, last_day)
    found = Audit(tenant.tenant_id, tenant.name, from_at, until_at)
    values = {
        "tenant_id": tenant.tenant_id,
        "from_at": from_at,
        "until_at": until_at,
        "plan_span": PLAN_SPAN,
        "keep_span": timedelta(days=warehouse.settings.ledger_keep_days),
    }
    with warehouse.tenant_at_a_moment(tenant.tenant_id) as connection:
        connection.execute(_QUERIES.make_pairs)
        connection.execute(_QUERIES.pair_outcomes, values)
        connection.execute(_QUERIES.weigh_pairs)
        found.balances = _balance(connection, values)
        found.findings = [
            finding
            for clause, query in _FINDERS.items()
            if (finding := _find(connection, clause, query, values))
        ]
        unknown = _find_unknown(connection, values)
    uneven = [Subject("", b.platform, b.account_id) for b in found.balances if not b.adds_up]
    found.findings += [
        Finding(clause, len(subjects), subjects)
        for clause, subjects in (("unknown_reason", unknown), ("balance", uneven))
        if subjects
    ]
    return found


def say_word(word: str, *, is_sent: bool) -> str:
    """The one word on a pair, in words: where its row is, for one that left; else its reason."""
    return STATES[word] if is_sent else sentence_of(word)


_FINDERS = {
    "undecided": _QUERIES.find_undecided,
    "planned_twice": _QUERIES.find_planned_twice,
    "outside": _QUERIES.find_outside,
    "without_reason": _QUERIES.find_without_reason,
    "open_twice": _QUERIES.find_open_twice,
    "sent_unproven": _QUERIES.find_sent_unproven,
    "open_too_long": _QUERIES.find_open_too_long,
}


def _read_period(
    zone: str, first_day: date | None, last_day: date | None
) -> tuple[datetime, datetime]:
    def start_of(day: date) -> datetime:
        return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)

    return (
        start_of(first_day) if first_day else _EVER[0],
        start_of(last_day + timedelta(days=1)) if last_day else _EVER[1],
    )


def _balance(connection: Connection, values: dict[str, Any]) -> list[Balance]:
    balances = {
        (row.platform, row.account_id): Balance(
            row.platform, row.account_id, row.pair_count, sent_in_ledger=row.sent_count
        )
        for row in connection.execute(_QUERIES.count_product, values)
    }
    for row in connection.execute(_QUERIES.count_words):
        balance = balances[row.platform, row.account_id]
        if row.is_pruned:
            balance.pruned += row.pair_count
        elif row.is_sent:
            balance.sent[row.word] += row.pair_count
        elif row.word is not None:
            balance.not_sent[row.word] += row.pair_count
    return list(balances.values())


def _find(
    connection: Connection, clause: str, query: Any, values: dict[str, Any]
) -> Finding | None:
    finding = Finding(clause, 0, [])
    for row in connection.execute(query, values).mappings():
        finding.count += 1
        if len(finding.subjects) < _TOLD:
            finding.subjects.append(Subject(**row))
    return finding if finding.count else None


def _find_unknown(connection: Connection, values: dict[str, Any]) -> list[Subject]:
    return [
        Subject(f"{row.reason} of {row.subject}", row.platform, row.account_id)
        for row in connection.execute(_QUERIES.list_reasons, values)
        if row.reason not in REASONS
    ]
