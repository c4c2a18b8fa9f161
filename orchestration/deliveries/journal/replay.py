"""Replay: making a request's bytes again from what the ledger has frozen, and holding them against what left.

The payloads of its deliveries, its lane and its envelope are all that a request is made of. What the account is
configured as by now does not matter, nothing is asked of a platform, and nothing is sent.

Belongs here: making and comparing. Lives elsewhere: putting events into a request (``destinations/<vendor>.py``),
whether the stored bytes are those that left (``verification.py``).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestration.deliveries.conversion import Account, Request
from orchestration.deliveries.destinations import destination_of
from orchestration.warehouse import sql

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy import Connection, Row

    from orchestration.warehouse import Warehouse

_QUERIES = sql.load(__file__, "replay.sql")


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A request, as it left and as it is made again.

    Attributes:
        platform: Where it went.
        account_id: To which account.
        request_key: Its key.
        sequence: Its place in the account's chain.
        left: The request as it left.
        made: The request as it is made now; None where a payload is missing.
    """

    platform: str
    account_id: str
    request_key: str
    sequence: int
    left: Request
    made: Request | None

    @property
    def is_same(self) -> bool:
        """Whether it is the same request, byte for byte."""
        return self.left == self.made


def rebuild(warehouse: Warehouse, tenant_id: UUID, request_key: str) -> Rebuilt | None:
    """Make one request again; None where the tenant has no request of this key."""
    with warehouse.tenant(tenant_id) as connection:
        return _rebuild(connection, tenant_id, request_key)


def rebuild_all(warehouse: Warehouse, tenant_id: UUID, since: datetime) -> Iterator[Rebuilt]:
    """Make all requests again that left from a moment on, one after the other."""
    with warehouse.tenant_at_a_moment(tenant_id) as connection:
        keys = connection.execute(
            _QUERIES.list_requests, {"tenant_id": tenant_id, "since": since}
        ).scalars()
        for key in list(keys):
            if (found := _rebuild(connection, tenant_id, key)) is not None:
                yield found


def _rebuild(connection: Connection, tenant_id: UUID, request_key: str) -> Rebuilt | None:
    row = connection.execute(
        _QUERIES.read_request, {"tenant_id": tenant_id, "request_key": request_key}
    ).one_or_none()
    if row is None:
        return None
    return Rebuilt(
        row.platform,
        row.account_id,
        row.request_key,
        row.sequence,
        Request(row.target, bytes(row.body), row.event_count),
        _make(tenant_id, row),
    )


def _make(tenant_id: UUID, row: Row[Any]) -> Request | None:
    payloads = row.payloads or []
    if len(payloads) != row.event_count:
        return None
    account = Account(tenant_id, row.platform, row.account_id, row.envelope)
    events = [json.loads(bytes(payload)) for payload in payloads]
    return destination_of(account).request(events, account, row.lane)
