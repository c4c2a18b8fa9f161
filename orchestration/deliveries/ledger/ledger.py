"""The ledger: every conversion we owe a destination, and what became of each one.

A row arrives when the plan owes it and leaves when the destination has taken it, refused it for good, or its time
has passed. Every function is one transaction; nothing here touches the network.

Belongs here: enrolling, closing what is over, outcomes, reading what a destination needs to know. Lives elsewhere:
taking rows for a sender (``leases.py``), request bodies (``destinations/<vendor>.py``), retry timing (``timing.py``),
the requests as they left (``journal.py``), answers that come later (``submissions.py``), the choice of what to send
(dbt's ``delivery_plan``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from orchestration.deliveries.consent.withdrawn import list_withdrawn
from orchestration.deliveries.conversion import Account, Conversion
from orchestration.deliveries.journal import journal
from orchestration.deliveries.ledger.adjustments import enroll_adjustments
from orchestration.deliveries.ledger.moves import Count
from orchestration.deliveries.ledger.outcomes import Outcome
from orchestration.deliveries.ledger.states import State
from orchestration.deliveries.ledger.timing import MAX_AGE, MAX_FAILURES
from orchestration.deliveries.reasons import AGE_REASONS
from orchestration.warehouse import sql

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

    from orchestration.warehouse import Warehouse

_QUERIES = sql.load(__file__)
_CLICK_IDS = (
    *("gclid", "gbraid", "wbraid", "fbclid", "ttclid", "ctwa_clid"),
    *("meta_lead_id", "tiktok_lead_id"),
)


def enroll(warehouse: Warehouse, tenant_id: UUID) -> list[Count]:
    """Bring the ledger in line with the plan: new rows, released and withheld ones, those whose time is over.

    Returns:
        The rows that moved, by platform, state and reason; nothing when it is run again.
    """
    values = {"tenant_id": tenant_id}
    with warehouse.tenant(tenant_id) as connection:
        connection.execute(_QUERIES.plan_for_bulk)
        moved = connection.execute(
            _QUERIES.follow_plan, values | {"age_reasons": sorted(AGE_REASONS)}
        ).mappings()
        counts = [Count(**row) for row in moved]
        connection.execute(_QUERIES.expire_overdue, values)
        withdrawn = {"withdrawn": list_withdrawn(connection, tenant_id)}
        enrolled = connection.execute(_QUERIES.enroll_deliveries, values | withdrawn).mappings()
        counts += [Count(**row) for row in enrolled]
        return counts + enroll_adjustments(connection, tenant_id)


@dataclass(frozen=True, slots=True)
class Repeats:
    """When a row that may have arrived may be sent again.

    Attributes:
        within: How long after the first sending.
        once_lanes: Lanes in which never.
    """

    within: timedelta
    once_lanes: tuple[str, ...] = ()

    @property
    def values(self) -> dict[str, Any]:
        """The same, as parameters."""
        return {"resend_within": self.within, "once_lanes": list(self.once_lanes)}


def tidy(warehouse: Warehouse, account: Account, repeats: Repeats) -> None:
    """Take back leases that ran out, and close rows whose time or budget is over."""
    values = account.key
    with warehouse.tenant(account.tenant_id) as connection:
        connection.execute(_QUERIES.reclaim_leases, {"tenant_id": account.tenant_id})
        connection.execute(_QUERIES.expire_overdue, {"tenant_id": account.tenant_id})
        connection.execute(
            _QUERIES.bury_spent,
            values | repeats.values | {"max_failures": MAX_FAILURES, "max_age": MAX_AGE},
        )


def settle(
    warehouse: Warehouse,
    account: Account,
    token: UUID,
    outcomes: Mapping[str, Outcome],
    *,
    request_key: str | None = None,
    code: str = "ok",
    request_id: str | None = None,
) -> dict[str, State]:
    """T2: store what became of rows, and what their request was answered.

    Args:
        warehouse: As role worker.
        account: Where they went.
        token: The lease; a row that a newer owner has is left alone.
        outcomes: By delivery id; waits are set.
        request_key: The request that carried them, if one left.
        code: The answer to the request as a whole.
        request_id: The platform's name of the request.

    Returns:
        Where the rows that were still ours went, by delivery id. A row that may have arrived earlier goes on in doubt.
    """
    values = account.key | {"token": token}
    with warehouse.tenant(account.tenant_id) as connection:
        settled = settle_rows(connection, values, outcomes)
        if request_key is not None:
            told = [(row.delivery_id, row.state, row.platform_code) for row in settled]
            journal.append_answer(connection, account, request_key, code, request_id, {}, told)
    return {row.delivery_id: State(row.state) for row in settled}


def read_conversions(
    connection: Connection,
    account: Account,
    conversion_ids: Sequence[str],
    decision: str | None = None,
) -> dict[tuple[str, str], Conversion]:
    """What a destination needs to know, by conversion and action.

    Args:
        connection: Inside the tenant's transaction.
        account: The destination.
        conversion_ids: Which.
        decision: Only those of which the plan says this.
    """
    if not conversion_ids:
        return {}
    values = account.key | {"conversion_ids": list(conversion_ids)}
    hashes: dict[str, dict[str, tuple[str, ...]]] = {}
    for row in connection.execute(_QUERIES.list_hashes, values):
        hashes.setdefault(row.conversion_id, {})[row.kind] = tuple(row.hashes)
    return {
        (row.conversion_id, row.action): Conversion(
            event_id=row.event_id,
            kind=row.kind,
            action=row.action,
            action_id=row.action_id,
            converted_at=row.converted_at,
            value=row.value,
            currency=row.currency,
            consent=row.consent,
            click_ids={name: getattr(row, name) for name in _CLICK_IDS if getattr(row, name)},
            click_at=row.click_at,
            person_key=row.person_key,
            limited_data_use=bool(row.limited_data_use),
            hashes=hashes.get(row.conversion_id, {}),
            account=account,
        )
        for row in connection.execute(_QUERIES.list_conversions, values)
        if decision in {None, row.decision}
    }


def settle_rows(
    connection: Connection, values: Mapping[str, Any], outcomes: Mapping[str, Outcome]
) -> Sequence[Row[Any]]:
    """Store what became of rows, inside the caller's transaction.

    Args:
        connection: Inside the tenant's transaction.
        values: The account's key, and the lease's token.
        outcomes: By delivery id; waits are set.

    Returns:
        Id, state and code of the rows that were still ours, as they were stored.
    """
    if not outcomes:
        return ()
    # Most rows of a request share one outcome, which is said once.
    alike: dict[Outcome, list[str]] = {}
    for delivery_id, outcome in outcomes.items():
        alike.setdefault(outcome, []).append(delivery_id)
    told = list(alike)
    connection.execute(_QUERIES.plan_for_bulk)
    return connection.execute(
        _QUERIES.settle_rows,
        {
            **values,
            "all_ids": list(outcomes),
            "delivery_ids": [" ".join(ids) for ids in alike.values()],
            "states": [o.state.value for o in told],
            "codes": [o.code for o in told],
            "request_ids": [o.request_id for o in told],
            "waits": [(o.wait or timedelta(0)).total_seconds() for o in told],
            "failures": [int(o.is_failure) for o in told],
            "sent": [o.is_sent for o in told],
            "doubtful": [o.is_doubtful for o in told],
            "matched": [o.is_matched for o in told],
            "reasons": [reason_of(o) for o in told],
        },
    ).all()


def reason_of(outcome: Outcome) -> str | None:
    """A closed row's reason is why it closed; an open row keeps the plan's."""
    match outcome.state:
        case State.REJECTED:
            return "refused_by_platform" if outcome.is_sent else "refused_before_sending"
        case State.DEAD:
            return "bug"
        case State.NOTED:
            return "platform_cannot_adjust"
        case _:
            return None
