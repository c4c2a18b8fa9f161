"""Explain: for one lead each destination's word and the chain that led to it; for a tenant, all of them counted.

*Sent*, *accepted* and *matched* are different facts and are never added up.

Belongs here: reading what is known. Lives elsewhere: the steps that it makes (``steps.py``), their shape
(``explanation.py``), the sentences (``reasons.py``), the decisions (dbt).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from orchestration.deliveries.answers.explanation import Explanation
from orchestration.deliveries.answers.phrases import Target
from orchestration.deliveries.answers.steps import Evidence, Worded, make_steps
from orchestration.deliveries.conversion import Account, EventRefused
from orchestration.deliveries.destinations import destination_of
from orchestration.deliveries.ledger import ledger
from orchestration.deliveries.ledger.states import State
from orchestration.deliveries.sending import gate, stops
from orchestration.warehouse import sql

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from orchestration.warehouse import Warehouse

_QUERIES = sql.load(__file__, "explain.sql")
_OPEN = frozenset({State.PENDING, State.LEASED, State.SUBMITTED, State.RETRY_WAIT, State.IN_DOUBT})


Facts = Mapping[str, Any]
"""One row by its columns."""


class _Pair(NamedTuple):
    """One conversion as one action at one destination."""

    conversion_id: str
    platform: str
    account_id: str
    action: str | None


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


def why(
    warehouse: Warehouse, tenant_id: UUID, key: str, target: Target | None = None
) -> list[Explanation]:
    """Each destination's word about the conversions of a lead, with every step that led to it.

    Args:
        warehouse: As role worker.
        tenant_id: Whose lead.
        key: A lead's, a conversion's or a CRM record's id.
        target: Only these destinations.

    Returns:
        Oldest conversion first; empty when there is none.
    """
    closed_by = gate.ask(warehouse, tenant_id)
    values = {"tenant_id": tenant_id, "key": key}
    with warehouse.tenant_at_a_moment(tenant_id) as connection:
        known = {
            (row.platform, row.account_id): (
                Account(
                    tenant_id,
                    row.platform,
                    row.account_id,
                    {name: str(value) for name, value in row.config.items() if value is not None},
                ),
                row.is_active,
            )
            for row in connection.execute(_QUERIES.list_accounts, {"tenant_id": tenant_id})
        }
        decisions = [
            row
            for row in _read(connection, _QUERIES.list_decisions, values)
            if target is None or target.covers(known[row["platform"], row["account_id"]][0])
        ]
        about = {
            "tenant_id": tenant_id,
            "conversion_ids": sorted({row["conversion_id"] for row in decisions}),
        }
        attempts = _group(_read(connection, _QUERIES.list_attempts, about))
        versions = _group(_read(connection, _QUERIES.list_chain, about))
        explanations: list[Explanation] = []
        for row in decisions:
            account, is_active = known[row["platform"], row["account_id"]]
            pair = _pair_of(row)
            evidence = Evidence(
                row,
                is_active,
                stops.list_stops(connection, account),
                closed_by,
                _word(connection, account, row),
                attempts.get(pair, ()),
                versions.get(pair, ()),
                destination_of(account).RESEND_WITHIN,
            )
            explanations.append(_explain(evidence))
    return explanations


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


def _pair_of(row: Facts) -> _Pair:
    return _Pair(row["conversion_id"], row["platform"], row["account_id"], row["action"])


def _read(connection: Connection, query: Any, values: Mapping[str, Any]) -> list[Facts]:
    rows = connection.execute(query, values).mappings()
    return [{str(name): value for name, value in row.items()} for row in rows]


def _group(rows: Sequence[Facts]) -> dict[_Pair, list[Facts]]:
    grouped: dict[_Pair, list[Facts]] = {}
    for row in rows:
        grouped.setdefault(_pair_of(row), []).append(row)
    return grouped


def _word(connection: Connection, account: Account, row: Facts) -> Worded | None:
    """The frozen event; of one that is still to leave, how it would be worded now; else None."""
    if row["payload"] is not None:
        return Worded(row["lane"], json.loads(bytes(row["payload"])), is_frozen=True)
    if row["state"] == State.REJECTED and row["sent_at"] is None:
        return Worded(refusal=row["platform_code"])
    planned = ledger.read_conversions(connection, account, [row["conversion_id"]], decision="send")
    conversion = planned.get((row["conversion_id"], row["action"]))
    if conversion is None or row["state"] not in {
        None,
        State.HELD,
        State.PENDING,
        State.RETRY_WAIT,
    }:
        return None
    destination = destination_of(account)
    try:
        return Worded(destination.lane(conversion), destination.event(conversion))
    except EventRefused as refusal:
        return Worded(refusal=refusal.code)


def _explain(evidence: Evidence) -> Explanation:
    row = evidence.row
    has_left = row["sent_at"] is not None
    # A plan that has no row any more is past its time; what the ledger knows is all there is.
    decision = "send" if has_left else row["decision"] or "never"
    reason = row["state_reason"] if has_left or row["reason"] is None else row["reason"]
    return Explanation(
        conversion_id=row["conversion_id"],
        kind=row["kind"],
        converted_at=row["converted_at"],
        platform=row["platform"],
        account_id=row["account_id"],
        action=row["action"],
        decision=decision,
        reason=reason,
        state=row["state"],
        platform_code=row["platform_code"],
        attempts=row["attempts"] or 0,
        next_at=row["next_at"],
        sent_at=row["sent_at"],
        is_matched=row["is_matched"],
        steps=make_steps(evidence),
    )


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
