"""Wording: due rows of the ledger into the bodies that leave, or into what stops them.

A row that has bytes keeps them; a new one is worded by its destination. One that cannot be worded stops nobody else.

Belongs here: what becomes of each row on its way into a lease. Lives elsewhere: bodies (``destinations/<vendor>.py``),
taking and storing rows (``leases.py``).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from orchestration.deliveries.canonical import canonical
from orchestration.deliveries.conversion import Account, Conversion, EventRefused
from orchestration.deliveries.ledger.ledger import read_conversions
from orchestration.deliveries.ledger.outcomes import Outcome, rejected
from orchestration.deliveries.ledger.states import State
from orchestration.deliveries.ledger.timing import backoff

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

_MAX_BUGS = 3
_REBUILT = timedelta(minutes=1)

Word = Callable[[Conversion], tuple[str, Mapping[str, Any]]]
"""Words one conversion: its lane and its event. Raises ``EventRefused``."""


@dataclass(frozen=True, slots=True, eq=False)
class Leased:
    """A row in a sender's hands; known by itself, not by its contents.

    Attributes:
        delivery_id: The row.
        attempt: Which attempt this is, from 1.
        failures: How many attempts counted against its budget before this one.
        action: The platform's number of its action, where it has one, else its name.
        lane: The door it goes through.
        event: Its frozen body.
        payload_sha256: The hash of that body's canonical bytes.
    """

    delivery_id: str
    attempt: int
    failures: int
    action: str
    lane: str
    event: Mapping[str, Any]
    payload_sha256: str


class Taken(NamedTuple):
    """One row after wording, with what the lease writes of it.

    Attributes:
        row: What the ledger says.
        leased: What the sender gets; None for a row that stops here.
        payload: Its bytes, where they are new.
        conversion: What those were made of.
        stopped: What became of it already.
    """

    row: Row[Any]
    leased: Leased | None = None
    payload: bytes | None = None
    conversion: Conversion | None = None
    stopped: Outcome | None = None


def word_rows(
    connection: Connection,
    account: Account,
    due: Sequence[Row[Any]],
    word: Word,
    chance: Callable[[], float],
) -> list[Taken]:
    """Word locked rows.

    Args:
        connection: Inside the tenant's transaction.
        account: Whose rows.
        due: As ``take_due`` gives them.
        word: The destination's wording.
        chance: For the backoff of rows that our own error stopped.
    """
    fresh = [row.conversion_id for row in due if row.payload is None]
    conversions = read_conversions(connection, account, fresh)
    return [_word_row(row, conversions, word, chance) for row in due]


def _word_row(
    row: Row[Any],
    conversions: Mapping[tuple[str, str], Conversion],
    word: Word,
    chance: Callable[[], float],
) -> Taken:
    def leased(lane: str, event: Mapping[str, Any], payload_sha256: str) -> Leased:
        return Leased(
            row.delivery_id, row.attempt, row.failures, row.target, lane, event, payload_sha256
        )

    if row.payload is not None:
        return Taken(row, leased(row.lane, json.loads(row.payload), row.payload_sha256))
    conversion = conversions.get((row.conversion_id, row.action))
    if conversion is None:
        # The plan was rebuilt between two statements of this transaction.
        return Taken(row, stopped=Outcome(State.PENDING, wait=_REBUILT, is_sent=False))
    if row.purpose != conversion.purpose:
        conversion = replace(
            conversion,
            purpose=row.purpose,
            changed_at=row.changed_at,
            parent_lane=row.parent_lane,
        )
    try:
        lane, event = word(conversion)
    except EventRefused as refusal:
        return Taken(row, stopped=_of_refusal(refusal, row.purpose))
    except Exception as bug:  # noqa: BLE001 - one row that we cannot word must not stop the others
        return Taken(row, stopped=_of_bug(bug, row.failures, chance))
    payload = canonical(event)
    digest = hashlib.sha256(payload).hexdigest()
    return Taken(row, leased(lane, event, digest), payload, conversion)


def _of_refusal(refusal: EventRefused, purpose: str) -> Outcome:
    """A conversion that cannot be worded is refused; a change of one that the platform has is noted."""
    if purpose == "send":
        return rejected(refusal.code, is_sent=False)
    return Outcome(State.NOTED, refusal.code, is_sent=False)


def _of_bug(bug: Exception, failures: int, chance: Callable[[], float]) -> Outcome:
    is_last = failures + 1 >= _MAX_BUGS
    return Outcome(
        State.DEAD if is_last else State.RETRY_WAIT,
        f"bug:{type(bug).__name__}",
        wait=backoff(failures, chance),
        is_failure=True,
        is_sent=False,
    )
