"""Answers in counts: a platform that says how many rows of a request failed for which reason, and never which rows.

Much can be concluded all the same. A reason fits some rows only (a gclid that cannot be read: rows with a gclid); a
reason that is counted as often as there are rows that it fits has failed exactly these; a row that nothing is left
for has succeeded. This is repeated until nothing more follows. What stays open is said to be open.

One assumption (ours; Google does not say): a row is counted under one reason. Counts that contradict it, or what we
believe of a reason, are not used to tell rows apart.

For the sender: ``Destination.retrieve`` gives a ``Counted`` or None; ``Counted.outcomes(events)`` gives one outcome
per row, from the rows' frozen bodies in any order; ``Counted.counts`` goes into the journal's answer as it is.

Belongs here: concluding. Lives elsewhere: which reason fits which row, and what it means (``destinations/google.py``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestration.deliveries.ledger.outcomes import Outcome

SUCCESS = ""
"""The reason of a row that did not fail."""

Fits = Callable[[str, Mapping[str, Any]], bool]
"""Whether a reason can be that of the row with this body."""
Judge = Callable[[frozenset[str]], Outcome]
"""What becomes of a row for which these reasons are possible, ``SUCCESS`` among them; a single one is certain."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A request's late answer.

    Attributes:
        counts: How many rows failed, by reason; empty where none did.
        size: How many rows the request had.
        is_failed: Whether the platform says that all of them failed.
        fits: Which rows a reason can be of.
        judge: What becomes of a row, by the reasons that are possible for it.
    """

    counts: Mapping[str, int]
    size: int
    is_failed: bool
    fits: Fits
    judge: Judge

    def outcomes(self, events: Sequence[Mapping[str, Any]]) -> list[Outcome]:
        """What became of each row.

        Args:
            events: The bodies of all rows of the request.

        Returns:
            One outcome for each, in their order.
        """
        kinds = [self._possible(event) for event in events]
        told = self._conclude(Counter(kinds))
        judged = {kind: self.judge(possible) for kind, possible in told.items()}
        return [judged[kind] for kind in kinds]

    @property
    def code(self) -> str:
        """The answer to the request as a whole: ``ok``, ``PARTIAL_SUCCESS``, its one reason, or ``MIXED_REASONS``."""
        if not self.counts:
            return "ok"
        if not self.is_failed and sum(self.counts.values()) < self.size:
            return "PARTIAL_SUCCESS"
        return next(iter(self.counts)) if len(self.counts) == 1 else "MIXED_REASONS"

    def _possible(self, event: Mapping[str, Any]) -> frozenset[str]:
        return frozenset({SUCCESS, *(r for r in self.counts if self.fits(r, event))})

    def _conclude(self, kinds: Mapping[frozenset[str], int]) -> Possible:
        """For each kind of row, the reasons that remain possible."""
        failed = sum(self.counts.values())
        counts = {**self.counts, SUCCESS: sum(kinds.values()) - failed}
        if counts[SUCCESS] < 0 or (self.is_failed and counts[SUCCESS]):
            # Not one reason for each row, so that counting tells nothing.
            possible = frozenset(self.counts) if self.is_failed else frozenset(counts)
            return dict.fromkeys(kinds, possible)
        told = {kind: kind for kind in kinds}
        try:
            while (narrowed := _narrow(told, kinds, counts)) is not None:
                told = narrowed
        except _Contradiction:
            everything = frozenset(reason for reason, count in counts.items() if count)
            return dict.fromkeys(kinds, everything)
        return told


Possible = Mapping[frozenset[str], frozenset[str]]
"""Kinds of rows, named by the reasons that could be theirs at first, with those that still can."""


class _Contradiction(Exception):
    """The counts cannot be of these rows: what we believe of a reason is wrong."""


def _narrow(
    possible: Possible, kinds: Mapping[frozenset[str], int], counts: Mapping[str, int]
) -> Possible | None:
    """Conclude one thing more; None when nothing more follows."""
    certain: Counter[str] = Counter()
    for kind, reasons in possible.items():
        if len(reasons) == 1:
            certain.update({next(iter(reasons)): kinds[kind]})
    for reason, count in counts.items():
        left = count - certain[reason]
        open_ = [
            kind for kind, reasons in possible.items() if reason in reasons and len(reasons) > 1
        ]
        room = sum(kinds[kind] for kind in open_)
        if not 0 <= left <= room:
            raise _Contradiction
        if open_ and left == 0:
            return {**possible, **{kind: possible[kind] - {reason} for kind in open_}}
        if open_ and left == room:
            return {**possible, **dict.fromkeys(open_, frozenset({reason}))}
    return None
