"""What became of one row of a request, and which outcome each error stands for.

Belongs here: the outcome. Lives elsewhere: how it is stored (``ledger.py``), when the row is due again
(``timing.py``), which code means what (``orchestration/vendors``).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from orchestration.deliveries.ledger.states import State
from orchestration.vendors.errors import (
    RouteBlocked,
    Throttled,
    TooEarly,
    Unclear,
    Unreachable,
    VendorError,
)

THROTTLE_WAIT = timedelta(
    minutes=5
)  # TikTok asks for five minutes and sends no header; nobody asks for less
TOO_EARLY_WAIT = timedelta(hours=6)  # Google: a click or an action younger than six hours
BLOCKED_WAIT = timedelta(
    minutes=15
)  # until an operator has acted, one request per quarter of an hour tells


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one row.

    Attributes:
        state: Where the row goes.
        code: The platform's code, or ours.
        request_id: The platform's name of the request.
        wait: When the row is due again, counted from now; None: by backoff.
        is_failure: Whether it counts against the row's budget of attempts.
        is_sent: Whether the platform has seen the row, or may have.
        is_matched: Whether the platform matched it to a person or a click, where it says.
        is_denied: For a row in doubt: the platform said that it has not got it, and it goes again all the same.
    """

    state: State
    code: str | None = None
    request_id: str | None = None
    wait: timedelta | None = None
    is_failure: bool = False
    is_sent: bool = True
    is_matched: bool | None = None
    is_denied: bool = False

    @property
    def is_doubtful(self) -> bool:
        """Whether this attempt may have been applied without our knowing."""
        return self.state is State.IN_DOUBT and not self.is_denied


def accepted(request_id: str | None = None, code: str | None = None) -> Outcome:
    """The platform has it."""
    return Outcome(State.ACCEPTED, code, request_id)


def rejected(code: str, request_id: str | None = None, *, is_sent: bool = True) -> Outcome:
    """Refused for good."""
    return Outcome(State.REJECTED, code, request_id, is_sent=is_sent)


def of_error(error: VendorError) -> Outcome:
    """What an error means for each row of the request that met it.

    ``RequestRefused`` is not for here: it is split first, until single rows stand for themselves.
    """
    match error:
        case Unreachable():
            return Outcome(State.RETRY_WAIT, error.code, is_failure=True, is_sent=False)
        case Throttled():
            wait = error.retry_after or THROTTLE_WAIT
            return Outcome(State.RETRY_WAIT, error.code, error.request_id, wait, is_sent=False)
        case TooEarly():
            return Outcome(State.RETRY_WAIT, error.code, error.request_id, TOO_EARLY_WAIT)
        case RouteBlocked():
            return Outcome(State.PENDING, error.code, error.request_id, BLOCKED_WAIT, is_sent=False)
        case Unclear():
            return Outcome(
                State.IN_DOUBT, error.code, error.request_id, error.retry_after, is_failure=True
            )
        case _:
            return rejected(error.code, error.request_id)
