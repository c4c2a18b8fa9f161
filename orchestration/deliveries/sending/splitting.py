"""Finding the bad row of a request that is refused as a whole.

Google names the bad rows: they are dropped and the others go again. Meta and TikTok name none: the request is halved
until the bad row stands alone. The number of requests is bounded, as a batch full of bad rows would otherwise cost
two requests for each.

Belongs here: which rows go together next. Lives elsewhere: sending them (``sender.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from orchestration.vendors.errors import RequestRefused

T = TypeVar("T")

# Three bad rows among a thousand cost about sixty requests.
MOST_REQUESTS = 64
# Single rows refused one after the other, and nothing taken: it is not the rows.
_SYSTEMATIC = 5


class Splitter(Generic[T]):
    """The rows of one lease that still have to be sent, and in which company."""

    def __init__(self, rows: Sequence[T], size: int) -> None:
        self._waiting = [list(rows[i : i + size]) for i in range(0, len(rows), size)][::-1]
        self._requests_left = MOST_REQUESTS + len(self._waiting)
        self._refused_alone = 0
        self._has_taken = False
        self.may_be_applied = False

    def take(self) -> list[T]:
        """The next rows to send together; none when all are done or the requests are used up."""
        if not self._waiting or not self._requests_left:
            return []
        self._requests_left -= 1
        return self._waiting.pop()

    def put_back(self, batch: Sequence[T]) -> None:
        """Return rows that were taken and not sent."""
        self._waiting.append(list(batch))

    def note_taken(self) -> None:
        """Note that the platform took rows."""
        self._has_taken = True

    def split(self, batch: Sequence[T], refusal: RequestRefused) -> list[tuple[T, str]]:
        """Take in a refusal of a whole request.

        Returns:
            The rows that are refused for good, each with its code; the others wait for another try.
        """
        self.may_be_applied = self.may_be_applied or refusal.may_be_applied
        named = {place: code for place, code in refusal.rows.items() if place < len(batch)}
        if named:
            rest = [row for place, row in enumerate(batch) if place not in named]
            if rest:
                self._waiting.append(rest)
            return [(batch[place], code) for place, code in sorted(named.items())]
        if len(batch) == 1:
            self._refused_alone += 1
            return [(batch[0], refusal.code)]
        middle = len(batch) // 2
        self._waiting += [list(batch[middle:]), list(batch[:middle])]
        return []

    @property
    def is_systematic(self) -> bool:
        """Whether the platform seems to refuse whatever comes, so that rows should not pay for it."""
        return self._refused_alone >= _SYSTEMATIC and not self._has_taken

    @property
    def rest(self) -> list[T]:
        """The rows that were not sent, or refused in company only."""
        return [row for batch in reversed(self._waiting) for row in batch]
