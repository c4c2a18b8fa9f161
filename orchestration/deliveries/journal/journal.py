"""The journal: everything that left and everything that was answered, one chain of hashes for each account.

Each entry's key is the SHA-256 of the key before it, its sequence, its kind and its content, so that an entry that was
changed, dropped, moved or slipped in breaks the chain from there on. A request's key is the key of its entry.

Belongs here: adding entries, together with the request that they speak of. Lives elsewhere: checking them
(``verification.py``), making a request's bytes again (``replay.py``), letting old ones go (``retention.py``).
"""

from __future__ import annotations

import hashlib
from datetime import UTC
from typing import TYPE_CHECKING, Any, Literal

from orchestration.deliveries.canonical import canonical
from orchestration.warehouse import sql

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Row

    from orchestration.deliveries.conversion import Account, Request

Kind = Literal["request", "answer"]

_QUERIES = sql.load(__file__, "journal.sql")
# A delivery's id is a SHA-256; a request keeps those that it carries one after the other, in their order.
ID_BYTES = 32


def append_request(
    connection: Connection,
    account: Account,
    request: Request,
    lane: str,
    envelope: Mapping[str, Any],
    members: Sequence[tuple[str, str]],
) -> str:
    """Keep a request as it is about to leave, and enter it, inside the caller's transaction.

    Args:
        connection: Inside the tenant's transaction.
        account: Where it goes.
        request: The bytes.
        lane: The door that it goes through.
        envelope: What the bytes were made of beside the events: the account's configuration, as JSON.
        members: The id and the payload's SHA-256 of each delivery in it, in their order.

    Returns:
        The request's key.
    """
    head = _lock_head(connection, account)
    delivery_ids = bytes.fromhex("".join(delivery_id for delivery_id, _ in members))
    content = canonical(
        {
            "account": chain_of(account),
            "at": moment(head.at),
            "body_sha256": (body_sha256 := hashlib.sha256(request.body).hexdigest()),
            "envelope": envelope,
            "event_count": request.size,
            "lane": lane,
            "members": digest_members(members),
            "target": request.target,
        }
    )
    key = entry_key(head.entry_key, head.sequence + 1, "request", content)
    connection.execute(
        _QUERIES.insert_request,
        account.key
        | {
            "request_key": key,
            "sequence": head.sequence + 1,
            "target": request.target,
            "body": request.body,
            "body_sha256": body_sha256,
            "event_count": request.size,
            "lane": lane,
            "envelope": canonical(envelope).decode(),
            "members": delivery_ids,
            "at": head.at,
        },
    )
    _insert_entry(connection, account, head, "request", key, content)
    return key


def append_answer(
    connection: Connection,
    account: Account,
    request_key: str,
    code: str,
    platform_request_id: str | None,
    counts: Mapping[str, int],
    outcomes: Iterable[tuple[str, str, str | None]],
    *,
    is_late: bool = False,
    is_unresolved: bool = False,
) -> None:
    """Note at a request what it was answered, and enter that, inside the caller's transaction.

    Args:
        connection: Inside the tenant's transaction.
        account: Where the request went.
        request_key: Which request.
        code: The answer to the request as a whole; ``ok`` where it was taken.
        platform_request_id: The platform's name of the request; None keeps what is known.
        counts: Rows by the platform's own word, where it gives only counts.
        outcomes: The id, the state and the code of each delivery as they were stored: of those that a newer owner has
            nothing is said.
        is_late: Whether it was asked for after the request had been taken.
        is_unresolved: Whether it could not be told apart by row.

    Raises:
        LookupError: There is no such request, or a delivery was not in it.
    """
    head = _lock_head(connection, account)
    known = connection.execute(
        _QUERIES.answer_request,
        {
            "tenant_id": account.tenant_id,
            "request_key": request_key,
            "code": code,
            "platform_request_id": platform_request_id,
            "is_unresolved": is_unresolved,
            "at": head.at,
        },
    ).one_or_none()
    if known is None:
        raise LookupError(f"no request {request_key}")
    content = canonical(
        {
            "at": moment(head.at),
            "code": code,
            "counts": counts,
            "is_late": is_late,
            "is_unresolved": is_unresolved,
            "outcomes": _group(bytes(known.members), outcomes),
            "platform_request_id": known.platform_request_id,
            "request_key": request_key,
        }
    )
    _insert_entry(connection, account, head, "answer", request_key, content)


def chain_of(account: Account) -> str:
    """The name of an account's chain."""
    return f"{account.tenant_id}|{account.platform}|{account.account_id}"


def entry_key(previous: str, sequence: int, kind: Kind, content: bytes) -> str:
    """What an entry is called: the hash of what it holds and of the one before it."""
    content_sha256 = hashlib.sha256(content).hexdigest()
    return hashlib.sha256(f"{previous}|{sequence}|{kind}|{content_sha256}".encode()).hexdigest()


def digest_members(members: Iterable[tuple[str, str]]) -> str:
    """One hash over deliveries and their payloads, in their order."""
    return hashlib.sha256("".join(map("".join, members)).encode()).hexdigest()


def moment(at: datetime) -> str:
    """A moment as entries write it: UTC, to the microsecond."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _group(
    members: bytes, outcomes: Iterable[tuple[str, str, str | None]]
) -> list[list[str | list[list[int]] | None]]:
    """Outcomes by state and code, each with the places in the request that it holds for, as first and last of a run.

    An answer to two thousand rows takes a line that way, and still says it of each of them.
    """
    text = members.hex()
    width = ID_BYTES * 2
    place_of = {text[at : at + width]: at // width for at in range(0, len(text), width)}
    places: dict[tuple[str, str | None], list[int]] = {}
    for delivery_id, state, code in outcomes:
        places.setdefault((state, code), []).append(place_of[delivery_id])
    return [
        [state, code, _runs(sorted(found))]
        for (state, code), found in sorted(places.items(), key=lambda item: min(item[1]))
    ]


def _runs(places: Sequence[int]) -> list[list[int]]:
    runs: list[list[int]] = []
    for place in places:
        if runs and runs[-1][1] == place - 1:
            runs[-1][1] = place
        else:
            runs.append([place, place])
    return runs


def _lock_head(connection: Connection, account: Account) -> Row[Any]:
    connection.execute(_QUERIES.lock_journal, {"chain": chain_of(account)})
    return connection.execute(_QUERIES.read_head, account.key).one()


def _insert_entry(
    connection: Connection,
    account: Account,
    head: Row[Any],
    kind: Kind,
    request_key: str,
    content: bytes,
) -> None:
    sequence = head.sequence + 1
    connection.execute(
        _QUERIES.insert_entry,
        account.key
        | {
            "sequence": sequence,
            "entry_key": entry_key(head.entry_key, sequence, kind, content),
            "previous_key": head.entry_key,
            "kind": kind,
            "request_key": request_key,
            "content": content,
            "at": head.at,
        },
    )
