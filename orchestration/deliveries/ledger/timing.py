"""When a row is tried again, and when an account is left alone for a while. Time and chance come in from outside.

Belongs here: backoff, the breaker, the budgets. Lives elsewhere: which outcome counts as what (``outcomes.py``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

BACKOFF_BASE = timedelta(seconds=10)
BACKOFF_CAP = timedelta(seconds=900)
# A row is given up only when both are used up.
MAX_FAILURES = 5
MAX_AGE = timedelta(hours=24)
# A request takes a minute at most (``vendors/answers.py``), and a minute is the margin; renewed before each request.
LEASE = timedelta(seconds=120)
ENOUGH_LEASE = timedelta(seconds=90)

_OPEN_AFTER_IN_A_ROW = 5
_WINDOW = 20
_OPEN_AFTER_SHARE = 0.5
_HALF_OPEN_AFTER_SECONDS = 60.0


def backoff(failures: int, chance: Callable[[], float]) -> timedelta:
    """The wait after a failure: full jitter under a doubling cap.

    Args:
        failures: How many there were before this one.
        chance: Gives a number in [0, 1).
    """
    cap = min(BACKOFF_CAP, BACKOFF_BASE * 2 ** min(failures, 16))
    return cap * chance()


@dataclass
class Breaker:
    """Leaves an account alone after repeated failures, and lets one request through after a minute.

    Opens after five failures in a row, or when more than half of the last twenty calls failed.
    """

    _in_a_row: int = 0
    _recent: deque[bool] = field(default_factory=lambda: deque[bool](maxlen=_WINDOW))
    _opened_at: float | None = None

    def allows(self, now: float) -> bool:
        """Whether a call may be made.

        Args:
            now: Seconds of a monotonic clock.
        """
        return self._opened_at is None or now - self._opened_at >= _HALF_OPEN_AFTER_SECONDS

    def record(self, now: float, *, succeeded: bool) -> None:
        """Note how a call went."""
        self._recent.append(succeeded)
        self._in_a_row = 0 if succeeded else self._in_a_row + 1
        if succeeded:
            self._opened_at = None
            return
        is_mostly_failing = (
            len(self._recent) == _WINDOW and self._recent.count(False) > _WINDOW * _OPEN_AFTER_SHARE
        )
        # A failed call while half open closes the door for another minute.
        if self._in_a_row >= _OPEN_AFTER_IN_A_ROW or is_mostly_failing or self._opened_at:
            self._opened_at = now
