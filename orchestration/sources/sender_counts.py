"""The sender's count of a day, as files tell it: how many records of that day all files so far speak of.

A file counts its own rows. What earlier files said and this one is silent about is taken from what they left: stored
records, and the ids of rows that were refused. So a second file of other leads adds to a day, the same file again
changes nothing, and a row that we refused stays owed until a file brings it in good shape.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import date


@dataclass(frozen=True, slots=True)
class KnownDay:
    """The stored records of one day, before this file.

    Attributes:
        others: Those of which the file says nothing.
        in_file: Those of which it does; they may move to another day now.
    """

    day: date
    others: int
    in_file: int


@dataclass(frozen=True, slots=True)
class DayCount:
    """The count of one day, and the refused records in it of which no version is stored."""

    count: int
    refused_ids: frozenset[str] = frozenset()


def count_days(
    accepted: Mapping[str, date],
    refused: Mapping[str, date],
    stored_refused: Collection[str],
    known: Iterable[KnownDay],
    standing: Mapping[date, DayCount],
) -> dict[date, DayCount]:
    """Count the days that a file touches; return those whose count differs from the standing one.

    Args:
        accepted: Good records of the file → day.
        refused: Records of which the file holds refused rows only → day.
        stored_refused: Those of the refused that an earlier file brought in good shape.
        known: The stored records by day, before this file.
        standing: The counts so far.
    """
    in_file = Counter(accepted.values()) + Counter(refused.values())
    others: dict[date, int] = {}
    left: set[date] = set()
    for entry in known:
        others[entry.day] = entry.others
        if entry.in_file:
            left.add(entry.day)
    spoken_of = accepted.keys() | refused.keys()
    settled = {day for day, count in standing.items() if count.refused_ids & spoken_of}
    counts: dict[date, DayCount] = {}
    for day in sorted({*in_file, *left, *settled}):
        owed_before = standing.get(day, DayCount(0)).refused_ids - spoken_of
        owed_now = {
            record_id
            for record_id, its_day in refused.items()
            if its_day == day and record_id not in stored_refused
        }
        total = in_file[day] + others.get(day, 0) + len(owed_before)
        counts[day] = DayCount(total, owed_before | owed_now)
    return {day: count for day, count in counts.items() if count != standing.get(day)}
