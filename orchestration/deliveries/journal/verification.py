"""Verification: whether the ledger still says what left and what was answered.

A chain is followed from its beginning, each entry held against its own key and against the request that it speaks of;
then attempts and deliveries are held against the answers. Everything is read at one moment, so that senders may go on,
and nothing is kept but the last key: memory does not grow with the chain.

What a chain cannot show by itself: that its last entries are missing, where the requests, attempts and deliveries that
they spoke of were removed or set back with them. A head that is kept elsewhere shows that.

Belongs here: finding what does not fit. Lives elsewhere: making entries (``journal.py``).
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from orchestration.deliveries.canonical import canonical
from orchestration.deliveries.conversion import Account
from orchestration.deliveries.journal.journal import chain_of, entry_key, moment
from orchestration.deliveries.ledger.states import State
from orchestration.warehouse import sql

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from sqlalchemy import Connection, Row

    from orchestration.warehouse import Warehouse

_QUERIES = sql.load(__file__, "verification.sql")
_ROWS_AT_ONCE = 200
_FAULTS_TOLD = 20

FAULTS = {
    "entry_missing": "an entry before this one is missing",
    "entry_moved": "the entry does not follow the one before it",
    "entry_changed": "the entry does not hold what its key was made of",
    "request_missing": "the request that the entry speaks of is missing",
    "request_changed": "the request is not what left",
    "request_unentered": "the request has no entry",
    "answer_changed": "the request's answer is not the one in the journal",
    "attempt_changed": "the attempt's outcome is not what was answered",
    "attempt_unanswered": "the attempt says more than was sent or answered",
    "delivery_changed": "the delivery's state is not what was answered last",
    "delivery_forged": "the delivery does not fit its own ids and hashes",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that does not fit.

    Attributes:
        code: One of ``FAULTS``.
        sequence: The entry of the chain that it was held against, if any.
        subject: What it is about: the columns of a request, or the id of a request or a delivery.
    """

    code: str
    sequence: int | None
    subject: str

    def sentence(self) -> str:
        """What is wrong, in words."""
        place = f"entry {self.sequence}: " if self.sequence is not None else ""
        return f"{place}{FAULTS[self.code]} ({self.subject})"


@dataclass(frozen=True, slots=True)
class Head:
    """The last entry of an account's chain."""

    platform: str
    account_id: str
    sequence: int
    entry_key: str


@dataclass
class Verdict:
    """What was found about one account.

    Attributes:
        account: Whose chain.
        entry_count: How many entries it has.
        faults: The first of what does not fit.
        fault_counts: All of it, by code.
    """

    account: Account
    entry_count: int = 0
    faults: list[Fault] = field(default_factory=list[Fault])
    fault_counts: Counter[str] = field(default_factory=Counter[str])

    @property
    def is_sound(self) -> bool:
        """Whether everything fits."""
        return not self.fault_counts

    def note(self, fault: Fault) -> None:
        """Add something that does not fit."""
        self.fault_counts[fault.code] += 1
        if len(self.faults) < _FAULTS_TOLD:
            self.faults.append(fault)


def verify(warehouse: Warehouse, tenant_id: UUID) -> list[Verdict]:
    """Check the chains of all of a tenant's accounts, and the rows that hang on them.

    Args:
        warehouse: As role worker.
        tenant_id: Whose.
    """
    with warehouse.tenant_at_a_moment(tenant_id) as connection:
        return [_verify(connection, account) for account in _list_accounts(connection, tenant_id)]


def list_heads(warehouse: Warehouse, tenant_id: UUID) -> list[Head]:
    """The last entry of each account's chain, for keeping where nobody who can write here can."""
    with warehouse.tenant(tenant_id) as connection:
        return [
            Head(account.platform, account.account_id, head.sequence, head.entry_key)
            for account in _list_accounts(connection, tenant_id)
            if (head := connection.execute(_QUERIES.read_head, account.key).one_or_none())
        ]


def find_head(warehouse: Warehouse, tenant_id: UUID, key: str) -> Head | None:
    """The entry of this key, if a chain of the tenant's still holds it.

    A head that was pruned by age is found as long as it is the last of those that were.
    """
    with warehouse.tenant(tenant_id) as connection:
        found = connection.execute(
            _QUERIES.find_entry, {"tenant_id": tenant_id, "entry_key": key}
        ).one_or_none()
    return Head(found.platform, found.account_id, found.sequence, key) if found else None


def _list_accounts(connection: Connection, tenant_id: UUID) -> list[Account]:
    rows = connection.execute(_QUERIES.list_journals, {"tenant_id": tenant_id})
    return [Account(tenant_id, row.platform, row.account_id) for row in rows]


def _verify(connection: Connection, account: Account) -> Verdict:
    verdict = Verdict(account)
    for fault in _follow_chain(connection, account, verdict):
        verdict.note(fault)
    if verdict.is_sound:
        values = account.key
        for row in _stream(connection, _QUERIES.find_unentered, values):
            verdict.note(Fault(row.code, row.sequence, row.subject))
        values |= {"states": [state.value for state in State]}
        for row in _stream(connection, _QUERIES.find_contradictions, values):
            verdict.note(Fault(row.code, row.sequence, row.subject))
    return verdict


def _follow_chain(connection: Connection, account: Account, verdict: Verdict) -> Iterator[Fault]:
    anchor = connection.execute(_QUERIES.read_anchor, account.key).one_or_none()
    previous, sequence = (anchor.entry_key, anchor.sequence) if anchor else ("", 0)
    for row in _stream(connection, _QUERIES.list_entries, account.key):
        verdict.entry_count += 1
        if row.sequence != sequence + 1:
            yield Fault("entry_missing", row.sequence, row.request_key)
        elif row.previous_key != previous:
            yield Fault("entry_moved", row.sequence, row.request_key)
        yield from _check_entry(account, row)
        previous, sequence = row.entry_key, row.sequence


def _check_entry(account: Account, row: Row[Any]) -> Iterator[Fault]:
    """Hold an entry against its key, and against what it speaks of."""
    content = bytes(row.content)
    if row.entry_key != entry_key(row.previous_key, row.sequence, row.kind, content):
        yield Fault("entry_changed", row.sequence, row.request_key)
        return
    told = json.loads(content)
    if row.request_sequence is None:
        yield Fault("request_missing", row.sequence, row.request_key)
        return
    if row.kind == "request":
        real = {
            "account": chain_of(account),
            "at": moment(row.sent_at),
            "body_sha256": row.real_body_sha256,
            "envelope": row.envelope,
            "event_count": row.event_count,
            "lane": row.lane,
            "members": row.members,
            "target": row.target,
        }
        beside = {
            "request_key": (row.request_key, row.entry_key),
            "sequence": (row.request_sequence, row.sequence),
            "body_sha256": (row.body_sha256, told["body_sha256"]),
        }
        code = "request_changed"
    else:
        real = told | {"request_key": row.request_key}
        beside = {}
        code = "entry_changed"
    beside |= {"entered_at": (moment(row.at), told["at"])}
    changed = {name for name, value in told.items() if _differ(value, real[name])}
    changed |= {name for name, (one, other) in beside.items() if one != other}
    if changed:
        yield Fault(code, row.sequence, " ".join(sorted(changed)))


def _differ(one: object, other: object) -> bool:
    return canonical({"value": one}) != canonical({"value": other})


def _stream(connection: Connection, statement: Any, values: dict[str, Any]) -> Iterator[Row[Any]]:
    return iter(connection.execute(statement.execution_options(yield_per=_ROWS_AT_ONCE), values))
