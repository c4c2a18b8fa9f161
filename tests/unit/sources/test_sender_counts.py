"""A day's count over several files, against a plain model: the set of records that any file spoke of."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from orchestration.sources.sender_counts import DayCount, KnownDay, count_days

DAYS = [date(2026, 11, 1) + timedelta(days=n) for n in range(3)]
FILES = st.lists(
    st.dictionaries(st.sampled_from("abcdef"), st.tuples(st.sampled_from(DAYS), st.booleans())),
    max_size=6,
)


def test_days_that_do_not_change_are_not_written_again():
    standing = {DAYS[0]: DayCount(1)}
    known = [KnownDay(DAYS[0], others=0, in_file=1)]
    assert count_days({"a": DAYS[0]}, {}, [], known, standing) == {}


@given(FILES)
def test_each_day_counts_every_record_that_files_last_put_there(files):
    """A record of which only refused rows came is owed on the day that its last row named."""
    stored: dict[str, date] = {}
    owed: dict[str, date] = {}
    standing: dict[date, DayCount] = {}
    for file in files:
        accepted = {name: day for name, (day, is_good) in file.items() if is_good}
        refused = {name: day for name, (day, is_good) in file.items() if not is_good}
        days = set(stored.values())
        known = [
            KnownDay(
                day,
                others=sum(d == day and n not in file for n, d in stored.items()),
                in_file=sum(d == day and n in file for n, d in stored.items()),
            )
            for day in days
        ]
        standing |= count_days(accepted, refused, stored.keys() & refused.keys(), known, standing)
        this_file = Counter(day for day, _ in file.values())
        stored |= accepted
        owed = {n: d for n, d in {**owed, **refused}.items() if n not in stored}
        silent = Counter(d for n, d in {**owed, **stored}.items() if n not in file)
        for day, count in this_file.items():
            assert standing[day].count == count + silent[day]
        assert {n for c in standing.values() for n in c.refused_ids} == owed.keys()
