"""The requests as they left, byte for byte, each naming the one before it.

A request that was changed, dropped or slipped in later breaks the chain from there on. There is one chain for each
tenant, platform and account.

Belongs here: adding a request, checking a chain. Lives elsewhere: what a request holds (``destinations``).
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from orchestration.warehouse import sql

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from orchestration.deliveries.conversion import Account, Request
    from orchestration.warehouse import Warehouse

_QUERIES = sql.load(__file__)


def find_broken_links(warehouse: Warehouse, account: Account) -> list[int]:
    """Recompute an account's chain of requests.

    Returns:
        The sequence numbers at which a request was changed, dropped or slipped in; empty for a sound chain.
    """
    broken: list[int] = []
    previous, expected = "", 1
    with warehouse.tenant(account.tenant_id) as connection:
        for row in connection.execute(_QUERIES.list_chain, account.key):
            body_sha256 = hashlib.sha256(bytes(row.body)).hexdigest()
            is_sound = (
                row.sequence == expected
                and row.previous_sha256 == previous
                and row.body_sha256 == body_sha256
                and row.request_key == _link(previous, row.sequence, body_sha256)
            )
            if not is_sound:
                broken.append(row.sequence)
            previous, expected = row.request_key, row.sequence + 1
    return broken


def append_request(connection: Connection, account: Account, request: Request) -> str:
    """Add a request to its account's chain, inside the caller's transaction.

    Returns:
        The request's key: the hash of the previous key, its sequence and its body's hash.
    """
    values = account.key
    chain = f"{account.tenant_id}|{account.platform}|{account.account_id}"
    connection.execute(_QUERIES.lock_chain, {"chain": chain})
    head = connection.execute(_QUERIES.read_chain_head, values).one_or_none()
    previous, sequence = (head.request_key, head.sequence + 1) if head else ("", 1)
    body_sha256 = hashlib.sha256(request.body).hexdigest()
    key = _link(previous, sequence, body_sha256)
    connection.execute(
        _QUERIES.insert_request,
        values
        | {
            "request_key": key,
            "sequence": sequence,
            "target": request.target,
            "body": request.body,
            "body_sha256": body_sha256,
            "previous_sha256": previous,
            "event_count": request.size,
        },
    )
    return key


def _link(previous: str, sequence: int, body_sha256: str) -> str:
    return hashlib.sha256(f"{previous}|{sequence}|{body_sha256}".encode()).hexdigest()
