"""The states of a delivery and the steps between them, as one table: what happens, from where, to where, and why.

Everything else follows from the table: which state may follow which, the database's trigger (a test holds the two
together), and the diagram in ``docs/ledger.md`` (another does).

Belongs here: the table. Lives elsewhere: the statements that take the steps (``ledger.py``, ``submissions.py``),
which answer means which event (``outcomes.py``).
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


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


class Step(NamedTuple):
    """One thing that can happen to a delivery.

    Attributes:
        before: Where it was; None for a row that did not exist.
        event: What happens, in two or three words.
        after: Where it goes.
        why: The reason, as a sentence.
    """

    before: State | None
    event: str
    after: State
    why: str


_PLANNED = "planned"
_CALLED_OFF = "called off"
_TOO_LATE = "too late"
_LEASED = "leased"

STEPS: tuple[Step, ...] = (
    Step(None, _PLANNED, State.PENDING, "The plan owes it, and nothing stands against sending."),
    Step(None, _PLANNED, State.HELD, "The plan owes it, and a yes is missing."),
    Step(None, "cannot be told", State.NOTED, "A change that the platform has no way to hear of."),
    Step(State.HELD, "released", State.PENDING, "The plan found what was missing."),
    Step(State.HELD, _CALLED_OFF, State.CANCELLED, "The plan does not owe it any more."),
    Step(State.HELD, _TOO_LATE, State.EXPIRED, "The platform's age limit came first."),
    Step(State.PENDING, "withheld", State.HELD, "The plan took its word back for now."),
    Step(State.PENDING, _CALLED_OFF, State.CANCELLED, "Consent or outcome was taken back."),
    Step(State.PENDING, _TOO_LATE, State.EXPIRED, "The platform's age limit came first."),
    Step(State.PENDING, _LEASED, State.LEASED, "A sender has it, committed before a byte leaves."),
    Step(State.LEASED, "accepted", State.ACCEPTED, "The platform has it."),
    Step(State.LEASED, "already exists", State.DUPLICATE, "The platform had it before."),
    Step(
        State.LEASED, "taken", State.SUBMITTED, "The platform took the request and answers later."
    ),
    Step(State.LEASED, "refuse row", State.REJECTED, "The platform will never take this row."),
    Step(State.LEASED, "retry at", State.RETRY_WAIT, "Nothing was applied; asked too often."),
    Step(State.LEASED, "not yet", State.RETRY_WAIT, "Nothing was applied; the click is too young."),
    Step(State.LEASED, "unreachable", State.RETRY_WAIT, "Nobody read a byte of it."),
    Step(State.LEASED, "lease ran out unsent", State.RETRY_WAIT, "No request of it was opened."),
    Step(State.LEASED, "stop destination", State.PENDING, "An account or a route stopped, no row."),
    Step(State.LEASED, "fate unknown", State.IN_DOUBT, "It may have been applied."),
    Step(
        State.LEASED, "lease ran out", State.IN_DOUBT, "Its request was opened and may have left."
    ),
    Step(
        State.LEASED, "refused in doubt", State.DEAD, "Refused now, but an earlier try may count."
    ),
    Step(
        State.LEASED, "cannot be told", State.NOTED, "A change that its door has no way to hear of."
    ),
    Step(State.LEASED, "bug", State.DEAD, "An error of ours stopped it three times."),
    Step(State.SUBMITTED, "accepted", State.ACCEPTED, "The platform says that it has it."),
    Step(State.SUBMITTED, "already exists", State.DUPLICATE, "The platform had it before."),
    Step(State.SUBMITTED, "refuse row", State.REJECTED, "The platform says that it will not."),
    Step(State.SUBMITTED, "not yet", State.IN_DOUBT, "To be sent again under the same id."),
    Step(State.SUBMITTED, "no answer", State.IN_DOUBT, "The platform forgot the request."),
    Step(State.RETRY_WAIT, _LEASED, State.LEASED, "Its time came."),
    Step(State.RETRY_WAIT, _CALLED_OFF, State.CANCELLED, "Consent or outcome was taken back."),
    Step(State.RETRY_WAIT, _TOO_LATE, State.EXPIRED, "The platform's age limit came first."),
    Step(State.RETRY_WAIT, "budget spent", State.DEAD, "A day and five failures."),
    Step(State.IN_DOUBT, _LEASED, State.LEASED, "Only the same event id goes out again."),
    Step(State.IN_DOUBT, "found there", State.ACCEPTED, "A look-up found it at the platform."),
    Step(State.IN_DOUBT, "window closed", State.DEAD, "A repeat would no longer be recognised."),
    Step(State.IN_DOUBT, "budget spent", State.DEAD, "A day and five failures."),
    Step(State.REJECTED, "replayed", State.PENDING, "Somebody mended the cause."),
    Step(State.DEAD, "replayed", State.PENDING, "Somebody mended the cause."),
)

TRANSITIONS: dict[State, frozenset[State]] = {
    state: frozenset(step.after for step in STEPS if step.before is state) for state in State
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


def diagram() -> str:
    """The table as a Mermaid state diagram: one arrow for each pair of states, with all that leads along it."""
    arrows: dict[tuple[State | None, State], list[str]] = {}
    for step in STEPS:
        arrows.setdefault((step.before, step.after), []).append(step.event)
    lines = [
        f"    {before or '[*]'} --> {after}: {', '.join(e)}"
        for (before, after), e in arrows.items()
    ]
    ends = [f"    {state} --> [*]" for state, following in TRANSITIONS.items() if not following]
    return "\n".join(["stateDiagram-v2", *lines, *ends])


def table() -> str:
    """The table as Markdown."""
    rows = [f"| {s.before or '–'} | {s.event} | {s.after} | {s.why} |" for s in STEPS]
    return "\n".join(["| From | What happens | To | Why |", "|---|---|---|---|", *rows])
