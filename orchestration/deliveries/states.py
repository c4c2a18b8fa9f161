"""The states of a delivery and the ways between them, as data.

The same table stands in the database as a trigger (migration 0002), so that no statement can take another way; a
test holds the two together.
"""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Where a delivery is."""

    HELD = "held"
    PENDING = "pending"
    LEASED = "leased"
    SUBMITTED = "submitted"
    RETRY_WAIT = "retry_wait"
    IN_DOUBT = "in_doubt"
    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"
    DEAD = "dead"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    NOTED = "noted"


TRANSITIONS: dict[State, frozenset[State]] = {
    # waiting for consent, a minimum age, a route
    State.HELD: frozenset({State.PENDING, State.CANCELLED, State.EXPIRED}),
    # may be sent from next_at on; held again when the plan takes its word back
    State.PENDING: frozenset({State.LEASED, State.HELD, State.CANCELLED, State.EXPIRED}),
    # a sender has it; committed before the first byte leaves
    State.LEASED: frozenset(
        {
            State.SUBMITTED,
            State.ACCEPTED,
            State.DUPLICATE,
            State.REJECTED,
            State.RETRY_WAIT,
            State.IN_DOUBT,
            State.PENDING,
            State.DEAD,
        }
    ),
    # the platform took the request and answers later
    State.SUBMITTED: frozenset({State.ACCEPTED, State.DUPLICATE, State.REJECTED, State.IN_DOUBT}),
    # known not applied
    State.RETRY_WAIT: frozenset({State.LEASED, State.CANCELLED, State.EXPIRED, State.DEAD}),
    # may have been applied: only the same event id goes out again
    State.IN_DOUBT: frozenset({State.LEASED, State.ACCEPTED, State.DEAD}),
    State.ACCEPTED: frozenset(),
    State.DUPLICATE: frozenset(),
    # replayed by a person after a fix
    State.REJECTED: frozenset({State.PENDING}),
    State.DEAD: frozenset({State.PENDING}),
    State.EXPIRED: frozenset(),
    State.CANCELLED: frozenset(),
    # a change that the platform has no way to be told of
    State.NOTED: frozenset(),
}

LEASABLE = (State.PENDING, State.RETRY_WAIT, State.IN_DOUBT)
TAKEN = (State.ACCEPTED, State.DUPLICATE)
WAITING = (
    State.HELD,
    State.PENDING,
    State.LEASED,
    State.RETRY_WAIT,
    State.IN_DOUBT,
    State.SUBMITTED,
)


def may_follow(before: State, after: State) -> bool:
    """Whether a delivery may go from one state to the other in one step."""
    return after in TRANSITIONS[before]
