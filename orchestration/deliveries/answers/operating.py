"""Operating: dead letters, sending them again, the clock of the platforms' age limits, where each destination is.

Belongs here: what whoever is on call asks and does. Lives elsewhere: what became of one lead (``explain.py``), proving
that nothing is missing (``audit.py``), stopping a destination (``stops.py``).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from orchestration.deliveries.accounts import accounts
from orchestration.deliveries.answers.explanation import plain
from orchestration.deliveries.answers.meanings import find_meaning, is_throttle
from orchestration.deliveries.answers.phrases import Target, choose_accounts, say_expiry, say_stop
from orchestration.deliveries.conversion import Account
from orchestration.deliveries.destinations import destination_of
from orchestration.deliveries.reasons import find_reason, sentence_of
from orchestration.deliveries.sending import gate, stops
from orchestration.warehouse import sql

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy import Connection

    from orchestration.warehouse import Warehouse

_QUERIES = sql.load(__file__, "operating.sql")
_NEAREST = 5
_READY = "ok"
_RETRIABLE = frozenset(
    {"budget_spent", "may_have_arrived", "bug", "refused_by_platform", "refused_before_sending"}
)


class RetryRefused(Exception):
    """The retry cannot be done as asked; the message says which value to change."""

    is_refusal = True


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """Rows of one destination that ended for one reason under one code.

    Attributes:
        state: ``dead`` or ``rejected``.
        code: The platform's or ours; None where there was none.
        oldest_at: When the first of them ended.
        newest_at: When the last of them did.
    """

    platform: str
    account_id: str
    state: str
    reason: str
    code: str | None
    row_count: int
    oldest_at: datetime
    newest_at: datetime

    @property
    def meaning(self) -> str | None:
        """What the code says, as far as somebody knows."""
        found = find_meaning(self.platform, self.code) if self.code else None
        return found.sentence if found else None

    @property
    def advice(self) -> str:
        """What to do about them."""
        found = find_reason(self.reason)
        return found.advice if found else "Report it: this reason is not in the catalogue."

    def as_json(self) -> dict[str, Any]:
        """The same, as JSON values."""
        return _json(self) | {
            "sentence": sentence_of(self.reason),
            "meaning": self.meaning,
            "advice": self.advice,
        }


@dataclass(frozen=True, slots=True)
class Wish:
    """What shall be sent again.

    Attributes:
        reason: The reason for which rows ended.
        target: Of which destinations.
        code: Only those with this code; one without its detail stands for all details.
        before: Only those that ended before.
        limit: Most rows, those that ended first.
        even_if_counted_twice: Also what may have arrived and that the platform would not recognise.
        is_rehearsal: Say what would be done and do nothing.
    """

    reason: str
    target: Target = field(default_factory=Target)
    code: str | None = None
    before: datetime | None = None
    limit: int | None = None
    even_if_counted_twice: bool = False
    is_rehearsal: bool = False


@dataclass(frozen=True)
class Retried:
    """What a retry did at one destination.

    Attributes:
        revived: Rows that were given up and go again, with the same bytes.
        renewed: Rows that were refused and whose next version is worded anew.
        left: Rows that stay where they are, by why.
    """

    platform: str
    account_id: str
    revived: int
    renewed: int
    left: Counter[str]

    def as_json(self) -> dict[str, Any]:
        """The same, as JSON values; each reason for leaving rows with its sentence."""
        left = [
            {"reason": code, "row_count": count, **_sentence_and_advice(code)}
            for code, count in self.left.most_common()
        ]
        return _json(self) | {"left": left}


@dataclass(frozen=True, slots=True)
class Expiring:
    """Rows of one destination that wait for the same thing and whose time there ends soon."""

    platform: str
    account_id: str
    state: str
    reason: str
    row_count: int
    first_at: datetime
    now_at: datetime

    def sentence(self) -> str:
        """The same, for people."""
        clock = say_expiry(self.platform, self.first_at - self.now_at)
        return clock if self.row_count == 1 else f"the first {clock}"

    def as_json(self) -> dict[str, Any]:
        """The same, as JSON values."""
        return _json(self) | {"sentence": self.sentence()}


@dataclass(frozen=True, slots=True)
class Nearest:
    """One row whose time ends soon."""

    delivery_id: str
    conversion_id: str
    platform: str
    account_id: str
    action: str
    state: str
    reason: str
    expires_at: datetime
    now_at: datetime

    def sentence(self) -> str:
        """The same, for people."""
        return say_expiry(self.platform, self.expires_at - self.now_at)

    def as_json(self) -> dict[str, Any]:
        """The same, as JSON values."""
        return _json(self) | {"sentence": self.sentence()}


@dataclass
class Status:
    """Where one destination is.

    Attributes:
        is_active: Whether the tenant sends anything there.
        states: How many rows are where.
        due_count: How many of them may leave now.
        oldest_due_at: Since when the first of those may.
        stops: What stands against sending there at all, in words.
        gate: The rules that keep all of the tenant's deliveries back.
        last_request: When the last request left, what it carried and what it was answered; empty before the first.
        throttled_until: When the platform may be asked again, if it said that it was asked too often.
    """

    platform: str
    account_id: str
    is_active: bool
    gate: tuple[str, ...] = ()
    states: Counter[str] = field(default_factory=Counter[str])
    due_count: int = 0
    oldest_due_at: datetime | None = None
    stops: list[str] = field(default_factory=list[str])
    last_request: dict[str, Any] = field(default_factory=dict[str, Any])
    throttled_until: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        """The same, as JSON values."""
        return _json(self)


def list_dead_letters(
    warehouse: Warehouse, tenant_id: UUID, target: Target | None = None
) -> list[DeadLetters]:
    """What was given up or refused and nobody has taken up again, most rows first."""
    with warehouse.tenant(tenant_id) as connection:
        rows = connection.execute(_QUERIES.list_dead_letters, {"tenant_id": tenant_id}).mappings()
        letters = [DeadLetters(**row) for row in rows]
    return [letter for letter in letters if _is_meant(letter, target)]


def retry(warehouse: Warehouse, tenant_id: UUID, wish: Wish) -> list[Retried]:
    """Send again what was given up, and word anew what was refused; each in one transaction per destination.

    Args:
        warehouse: As role worker.
        tenant_id: Whose rows.
        wish: Which.

    Returns:
        One report for each destination that had such rows.

    Raises:
        RetryRefused: No row ends for such a reason.
        DestinationUnknown: The tenant has no such account.
    """
    if wish.reason not in _RETRIABLE:
        known = ", ".join(sorted(_RETRIABLE))
        raise RetryRefused(f"nothing ends for the reason {wish.reason!r}; there are: {known}")
    chosen = choose_accounts(accounts.list_accounts(warehouse, tenant_id), wish.target)
    reports: list[Retried] = []
    left = wish.limit
    for account in chosen:
        if left == 0:
            break
        report = _retry_account(warehouse, account, wish, left)
        seen = report.revived + report.renewed + report.left.total()
        if seen:
            reports.append(report)
        left = None if left is None else left - seen
    return reports


def list_expiring(
    warehouse: Warehouse, tenant_id: UUID, within: timedelta
) -> tuple[list[Expiring], list[Nearest]]:
    """What still waits and whose time at its platform ends soon: in counts, and the nearest of each destination."""
    values = {"tenant_id": tenant_id, "within": within, "nearest": _NEAREST}
    with warehouse.tenant(tenant_id) as connection:
        counts = connection.execute(_QUERIES.count_expiring, values).mappings()
        expiring = [Expiring(**row) for row in counts]
        nearest = connection.execute(_QUERIES.list_nearest, values).mappings()
        return expiring, [Nearest(**row) for row in nearest]


def list_status(warehouse: Warehouse, tenant_id: UUID) -> list[Status]:
    """Where each destination of a tenant is, those that it sends nothing to any more included."""
    closed_by = gate.ask(warehouse, tenant_id)
    values = {"tenant_id": tenant_id}
    with warehouse.tenant(tenant_id) as connection:
        found = {
            (row.platform, row.account_id): Status(
                row.platform, row.account_id, row.is_active, closed_by
            )
            for row in connection.execute(_QUERIES.list_destinations, values)
        }
        for row in connection.execute(_QUERIES.count_states, values):
            status = found[row.platform, row.account_id]
            status.states[row.state] = row.row_count
            status.due_count += row.due_count
            known = [at for at in (status.oldest_due_at, row.oldest_due_at) if at is not None]
            status.oldest_due_at = min(known, default=None)
        for row in connection.execute(_QUERIES.list_last_requests, values):
            found[row.platform, row.account_id].last_request = {
                "sent_at": row.sent_at,
                "event_count": row.event_count,
                "answered_at": row.answered_at,
                "answer_code": row.answer_code,
            }
        for row in connection.execute(_QUERIES.list_waits, values):
            if is_throttle(row.platform, row.code):
                found[row.platform, row.account_id].throttled_until = row.until_at
        for (platform, account_id), status in found.items():
            account = Account(tenant_id, platform, account_id)
            for stop in stops.list_stops(connection, account):
                if stop.kind == "throttle":
                    status.throttled_until = stop.next_try_at
                else:
                    status.stops.append(say_stop(platform, stop))
    return list(found.values())


def pause(
    warehouse: Warehouse, tenant_id: UUID, target: Target, reason: str, by: str
) -> list[Account]:
    """Let nothing leave for a destination until a person ends it; what is on its way is not called back.

    Args:
        warehouse: As role worker.
        tenant_id: Whose.
        target: Which destinations.
        reason: Why, for whoever looks next.
        by: Who.

    Returns:
        The accounts that are paused now.

    Raises:
        DestinationUnknown: The tenant has no such account.
    """
    chosen = choose_accounts(accounts.list_accounts(warehouse, tenant_id), target)
    with warehouse.tenant(tenant_id) as connection:
        for account in chosen:
            stops.stop(connection, account, "person", reason, by)
    return chosen


def resume(
    warehouse: Warehouse, tenant_id: UUID, target: Target, by: str
) -> list[tuple[Account, str]]:
    """Let things leave again for a destination, whoever or whatever stopped it.

    Args:
        warehouse: As role worker.
        tenant_id: Whose.
        target: Which destinations.
        by: Who.

    Returns:
        What was stopped and goes again: the account and the stop's target, empty for the whole account.

    Raises:
        DestinationUnknown: The tenant has no such account.
    """
    chosen = choose_accounts(accounts.list_accounts(warehouse, tenant_id), target)
    with warehouse.tenant(tenant_id) as connection:
        return [
            (account, stop.target)
            for account in chosen
            for stop in stops.list_stops(connection, account)
            if stops.resume(connection, account, by, stop.target)
        ]


def _retry_account(
    warehouse: Warehouse, account: Account, wish: Wish, limit: int | None
) -> Retried:
    destination = destination_of(account)
    values = account.key | {
        "reason": wish.reason,
        "code": wish.code,
        "before": wish.before,
        "row_limit": limit,
        "once_lanes": list(destination.ONCE_LANES),
        "resend_within": destination.RESEND_WITHIN,
    }
    with warehouse.tenant(account.tenant_id) as connection:
        connection.execute(_QUERIES.make_letters)
        connection.execute(_QUERIES.judge_letters, values)
        if not wish.even_if_counted_twice:
            connection.execute(_QUERIES.keep_what_could_count_twice, values)
        report = _count_letters(connection, account)
        if not wish.is_rehearsal and (report.revived or report.renewed):
            connection.execute(_QUERIES.revive_dead, values)
            connection.execute(_QUERIES.open_versions, values)
            _note(connection, account, wish, report)
    return report


def _count_letters(connection: Connection, account: Account) -> Retried:
    ready: Counter[str] = Counter()
    left: Counter[str] = Counter()
    for row in connection.execute(_QUERIES.count_letters):
        if row.verdict == _READY:
            ready[row.state] += row.row_count
        else:
            left[row.verdict] += row.row_count
    return Retried(account.platform, account.account_id, ready["dead"], ready["rejected"], left)


def _note(connection: Connection, account: Account, wish: Wish, report: Retried) -> None:
    asked = [wish.reason, wish.code and f"code {wish.code}"]
    if wish.even_if_counted_twice:
        asked.append("even if counted twice")
    connection.execute(
        _QUERIES.note_retry,
        {
            "tenant_id": account.tenant_id,
            "object": f"{account.platform}:{account.account_id}",
            "result": f"{report.revived} revived, {report.renewed} renewed, {report.left.total()} left",
            "reason": ", ".join(filter(None, asked)),
        },
    )


def _is_meant(letter: DeadLetters, target: Target | None) -> bool:
    return target is None or (
        target.platform in {None, letter.platform}
        and target.account_id in {None, letter.account_id}
    )


def _sentence_and_advice(code: str) -> dict[str, str]:
    found = find_reason(code)
    return {"sentence": sentence_of(code), "advice": found.advice if found else ""}


def _json(value: Any) -> dict[str, Any]:
    # Not ``asdict``: it copies a counter as if its items were to be counted.
    named = {one.name: plain(getattr(value, one.name)) for one in fields(value)}
    return {name: item for name, item in named.items() if name != "now_at"}
