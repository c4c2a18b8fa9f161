"""What the platforms' codes mean to a sender: one row for each code, with where that was read.

Each vendor has one table of these (``google_codes.py``, ``meta_codes.py``, ``tiktok_codes.py``); the pages under
``docs/destinations`` show the same rows.

Belongs here: the shape of such a row, and the error that each action is. Lives elsewhere: the rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from orchestration.vendors.errors import (
    RequestRefused,
    RouteBlocked,
    Throttled,
    TooEarly,
    Unauthorized,
    Unclear,
    VendorError,
)


class Action(StrEnum):
    """What a code asks the sender to do."""

    DELIVERED = "delivered"
    """The platform has it already."""
    UNMATCHED = "unmatched"
    """Taken, and nobody was found behind it: expected of hashed identifiers."""
    RETRY_AT = "retry at"
    """Asked too often: nothing was applied; again at the time that the platform names, or by backoff."""
    IN_DOUBT = "in doubt"
    """May have been applied: again under the same id, within the platform's window for repeats."""
    NOT_YET = "not yet"
    """The click or the action is too young: nothing was applied; again in hours."""
    REFUSE_ROW = "refuse row"
    """This row will never be taken."""
    STOP_DESTINATION = "stop destination"
    """The account, the action or a permission is refused: nothing goes there until somebody has acted."""
    STOP_CREDENTIAL = "stop credential"
    """The credential is refused: nothing that uses it goes anywhere until somebody has acted."""


ERRORS: dict[Action, type[VendorError]] = {
    Action.RETRY_AT: Throttled,
    Action.IN_DOUBT: Unclear,
    Action.NOT_YET: TooEarly,
    Action.REFUSE_ROW: RequestRefused,
    Action.STOP_DESTINATION: RouteBlocked,
    Action.STOP_CREDENTIAL: Unauthorized,
}


@dataclass(frozen=True, slots=True)
class Code:
    """One code of a platform's.

    Attributes:
        code: As the platform spells it; with its subcode as ``code_subcode`` where that decides.
        action: What the sender does.
        meaning: What it says, in our words, as a sentence that an operator can act on.
        source: Where this was read: a page, or a library with its version; our own judgement is said to be that.
    """

    code: str
    action: Action
    meaning: str
    source: str
