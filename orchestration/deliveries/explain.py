"""Explain: for one lead each destination's decision and what became of it; for a tenant, all of them counted.

*Sent*, *accepted* and *matched* are different facts and are never added up.

Belongs here: answers to people. Lives elsewhere: the sentences (``reasons.py``), the decisions (dbt).
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from orchestration.deliveries import accounts, ledger
from orchestration.deliveries.conversion import Account, EventRefused
from orchestration.deliveries.destinations import DESTINATIONS
from orchestration.deliveries.reasons import STATES, sentence_of
from orchestration.deliveries.states import State
from orchestration.warehouse import sql

if TYPE_CHECKING:
    from orchestration.warehouse import Warehouse

_QUERIES = sql.load(__file__, "explain.sql")
_OPEN = frozenset({State.PENDING, State.LEASED, State.SUBMITTED, State.RETRY_WAIT, State.IN_DOUBT})


@dataclass(frozen=True, slots=True)
class Explanation:
    """One destination's decision about one conversion.

    Attributes:
        decision: ``send``, ``hold`` or ``never``; what has left stays ``send``, whatever the plan says now.
        reason: The one code that led to it.
        state: Where it is in the ledger; None when it never came there.
        platform_code: The platform's last code, or ours.
        is_matched: Whether the platform matched it, where it says.
    """

    conversion_id: str
    kind: str
    converted_at: datetime
    platform: str
    account_id: str
    action: str | None
    decision: str
    reason: str
    state: str | None
    platform_code: str | None
    attempts: int
    next_at: datetime | None
    sent_at: datetime | None
    is_matched: bool | None

    def sentence(self) -> str:
        """The same, for people."""
        target = f"{self.platform} {self.account_id}"
        if self.action:
            target += f" as {self.action}"
        words = [
            f"{self.kind} of {self.converted_at:%Y-%m-%d %H:%M} UTC → {target}: "
            f"{self.decision}, {sentence_of(self.reason)} ({self.reason})."
        ]
        if self.state is not None:
            words.append(f"It {STATES[self.state]}")
            words[-1] += f" ({self.platform_code})." if self.platform_code else "."
        if self.is_matched is False:
            words.append("The platform knows nobody behind it.")
        if self.attempts:
            words.append(f"Attempts: {self.attempts}.")
        if self.state in {State.RETRY_WAIT, State.IN_DOUBT} and self.next_at:
            words.append(f"Next try from {self.next_at:%Y-%m-%d %H:%M} UTC.")
        return " ".join(words)

    def as_json(self) -> dict[str, Any]:
        """The same, as JSON values."""
        return {
            **{
                name: value.isoformat() if isinstance(value, datetime) else value
                for name, value in asdict(self).items()
            },
            "sentence": self.sentence(),
        }


@dataclass(frozen=True, slots=True)
class Preview:
    """The exact body that a conversion is sent with, alone in its request."""

    platform: str
    account_id: str
    action: str
    body: bytes


@dataclass
class Summary:
    """One tenant's outcomes at one platform, each counted once in ``planned = sent + not sent``.

    Attributes:
        planned: Outcomes × accounts.
        sent: Seen by the platform, or perhaps.
        accepted: Taken, of those sent.
        duplicate: There already, of those sent.
        refused: Refused for good, of those sent.
        waiting: In the ledger, not at an end yet; may be among those sent.
        given_up: No longer tried.
        unmatched: Accepted, with nobody found behind it.
        not_sent: Never left, by reason.
    """

    tenant_id: UUID
    tenant: str
    platform: str
    planned: int = 0
    sent: int = 0
    accepted: int = 0
    duplicate: int = 0
    refused: int = 0
    waiting: int = 0
    given_up: int = 0
    unmatched: int = 0
    not_sent: Counter[str] = field(default_factory=Counter[str])


def why(warehouse: Warehouse, tenant_id: UUID, key: str) -> list[Explanation]:
    """Each destination's decision about the conversions of a lead.

    Args:
        warehouse: As role worker.
        tenant_id: Whose lead.
        key: A lead's, a conversion's or a CRM record's id.

    Returns:
        Oldest conversion first; empty when there is none.
    """
    with warehouse.tenant(tenant_id) as connection:
        rows = connection.execute(_QUERIES.list_decisions, {"tenant_id": tenant_id, "key": key})
        return [_explain(row) for row in rows.mappings()]


def why_not(warehouse: Warehouse, tenant_id: UUID, key: str) -> str | None:
    """Why a key has no decision, in words; None when this tenant knows nothing of it.

    Args:
        warehouse: As role worker.
        tenant_id: Whose key.
        key: What ``why`` was asked, without an answer.
    """
    with warehouse.tenant(tenant_id) as connection:
        known = connection.execute(
            _QUERIES.read_knowledge, {"tenant_id": tenant_id, "key": key}
        ).one()
    if known.conversions and not known.accounts:
        return "its tenant has no ad account yet; `leadloop account add` makes one"
    if known.conversions:
        return "it is not planned: past every platform's time, or not since the last `leadloop run`"
    if known.leads:
        return "the CRM has reported no outcome of this lead yet"
    return None


def preview(
    warehouse: Warehouse, tenant_id: UUID, conversion_id: str, platform: str | None = None
) -> list[Preview]:
    """The exact request bodies of one conversion; nothing is sent and nothing is stored.

    A row that was leased before keeps its frozen event.
    """
    previews: list[Preview] = []
    for account in accounts.list_accounts(warehouse, tenant_id):
        if platform in {None, account.platform}:
            previews += _preview_account(warehouse, account, conversion_id)
    return previews


def summary(warehouse: Warehouse) -> list[Summary]:
    """Every tenant's outcomes at every platform."""
    summaries: list[Summary] = []
    for tenant in warehouse.tenants():
        by_platform: dict[str, Summary] = {}
        with warehouse.tenant(tenant.tenant_id) as connection:
            rows = connection.execute(
                _QUERIES.summarize_deliveries, {"tenant_id": tenant.tenant_id}
            )
            for row in rows:
                counts = by_platform.setdefault(
                    row.platform, Summary(tenant.tenant_id, tenant.name, row.platform)
                )
                _count(counts, row)
        summaries += by_platform.values()
    return summaries


def _explain(row: Any) -> Explanation:
    has_left = row["sent_at"] is not None
    # A plan that has no row any more is past its time; what the ledger knows is all there is.
    decision = "send" if has_left else row["decision"] or "never"
    reason = row["state_reason"] if has_left or row["reason"] is None else row["reason"]
    facts: dict[str, Any] = {name: value for name, value in row.items() if name != "state_reason"}
    facts |= {"decision": decision, "reason": reason, "attempts": row["attempts"] or 0}
    return Explanation(**facts)


def _preview_account(warehouse: Warehouse, account: Account, conversion_id: str) -> list[Preview]:
    destination = DESTINATIONS[account.platform]
    with warehouse.tenant(account.tenant_id) as connection:
        frozen = {
            row.action: (row.lane, json.loads(bytes(row.payload)))
            for row in connection.execute(
                _QUERIES.list_payloads, account.key | {"conversion_id": conversion_id}
            )
        }
        planned = ledger.read_conversions(connection, account, [conversion_id], decision="send")
    for (_, action), conversion in planned.items():
        if action not in frozen:
            try:
                frozen[action] = (destination.lane(conversion), destination.event(conversion))
            except EventRefused:
                continue
    return [
        Preview(
            account.platform,
            account.account_id,
            action,
            destination.request([event], account, lane).body,
        )
        for action, (lane, event) in sorted(frozen.items())
    ]


def _count(counts: Summary, row: Any) -> None:
    number = row.row_count
    counts.planned += number
    if row.is_sent:
        counts.sent += number
    else:
        counts.not_sent[row.reason] += number
    match row.state:
        case State.ACCEPTED:
            counts.accepted += number
            counts.unmatched += number if row.is_matched is False else 0
        case State.DUPLICATE:
            counts.duplicate += number
        case State.REJECTED if row.is_sent:
            counts.refused += number
        case State.DEAD:
            counts.given_up += number
        case state if state in _OPEN:
            counts.waiting += number
        case _:
            pass
