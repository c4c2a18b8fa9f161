"""What a platform makes of a conversion that comes again, changes, or is taken back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.sandbox.counting import Arrival, Repeats
from orchestration.sandbox.tally import Place, Tally

START = datetime(2026, 11, 20, 12, tzinfo=UTC)
PLACE = Place("d", "Purchase")


def purchase(value: float | None = 10.0, **changes: Any) -> Arrival:
    return Arrival("Purchase", "e-1", value, "TRY")._replace(**changes)


def held(tally: Tally) -> tuple[int, float | None]:
    """How often the conversion counts, and its value."""
    (event,) = tally.events()
    return event["counted"], event["value"]


def take(*arrivals: tuple[float, Arrival], repeats: Repeats) -> Tally:
    """A tally after arrivals, each with the hour at which it came."""
    tally = Tally()
    for hour, arrival in arrivals:
        tally.note_accepted("meta", "d", [arrival], START + timedelta(hours=hour), repeats)
    return tally


@pytest.mark.parametrize(
    ("hours", "expected"),
    [((0, 1, 47.9), (1, 10.0)), ((0, 48), (2, 20.0)), ((0, 47, 50, 97), (2, 20.0)), ((0, 48, 96), (3, 30.0))],
    ids=["within", "after", "from the counted one on", "thrice"],
)  # fmt: skip
def test_a_repeat_within_48_hours_is_dropped_and_a_later_one_counts_again(hours, expected):
    tally = take(*((hour, purchase()) for hour in hours), repeats="within_48h")
    assert held(tally) == expected
    assert tally.events()[0]["times"] == len(hours)


def test_the_first_value_is_kept_where_repeats_are_dropped():
    tally = take((0, purchase()), (1, purchase(99.0)), repeats="within_48h")
    assert held(tally) == (1, 10.0)


def test_a_repeat_restates_the_value_where_it_is_taken_for_a_correction():
    tally = take((0, purchase()), (500, purchase(99.0)), repeats="restated")
    assert held(tally) == (1, 99.0)


def test_a_message_counts_each_time():
    tally = take(*[(0, purchase(note="each"))] * 2, repeats="within_48h")
    assert held(tally) == (2, 20.0)


@pytest.mark.parametrize("repeats", ["within_48h", "restated", "first_kept"])
def test_what_failed_later_does_not_count_until_it_comes_again(repeats):
    failed = purchase(note="failed")
    assert held(take((0, failed), repeats=repeats)) == (0, None)
    assert held(take((0, failed), (1, purchase(7.0)), repeats=repeats)) == (1, 7.0)


@pytest.mark.parametrize(
    ("returned", "expected"),
    [(None, (0, 0, True)), (10.0, (0, 0, True)), (4.0, (1, 6.0, False))],
    ids=["all of it", "its whole value", "a part"],
)
def test_a_returned_order_takes_its_purchase_back(returned, expected):
    bought = purchase(note="each", order_id="o-1")
    back = Arrival("OrderReturned", "e-2", returned, "TRY", "returned", "o-1")
    tally = take((0, bought), (1, back), repeats="within_48h")
    event = next(e for e in tally.events() if e["name"] == "Purchase")
    assert (event["counted"], event["value"], event["retracted"]) == expected
    assert tally.counts()["meta"]["values"] == ({"TRY": expected[1]} if expected[0] else {})


def test_an_adjustment_changes_or_takes_back():
    tally = take((0, purchase()), repeats="first_kept")
    tally.note_adjusted("meta", PLACE, "e-1", START, value=3.0)
    assert held(tally) == (1, 3.0)
    tally.note_adjusted("meta", PLACE, "e-1", START, is_retracted=True)
    assert held(tally) == (0, 0)


def test_sums_are_of_what_counts():
    tally = take((0, purchase()), (1, purchase(5.0, event_id="e-2")), repeats="first_kept")
    tally.note_adjusted("meta", PLACE, "e-2", START, is_retracted=True)
    counts = tally.counts()["meta"]
    assert (counts["counted"], counts["retracted"], counts["values"]) == (1, 1, {"TRY": 10.0})
    assert counts["counted_twice"] == 0


@given(
    st.lists(
        st.tuples(
            st.integers(0, 200),
            st.sampled_from(["e-1", "e-2", ""]),
            st.floats(0, 1e6),
            st.sampled_from(["", "each", "failed"]),
        ),
        max_size=12,
    ),
    st.sampled_from(["within_48h", "restated", "first_kept"]),
)
def test_memory_over_a_restart_is_the_same(tmp_path_factory, history, repeats):
    folder = tmp_path_factory.mktemp("tally")
    first = Tally(folder)
    for hour, event_id, value, note in sorted(history):
        arrival = purchase(value, event_id=event_id, note=note)
        first.note_accepted("meta", "d", [arrival], START + timedelta(hours=hour), repeats)
    first.close()
    again = Tally(folder)
    assert (again.counts(), again.events()) == (first.counts(), first.events())
    counts = again.counts()["meta"]
    assert counts["events_accepted"] == (
        counts["distinct_ids"] + counts["seen_twice"] + counts["without_id"]
    )
