"""Which touches count for which conversion."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.attribution.journeys import DIRECT, Journeys, arrange
from tests.unit.attribution.conftest import patient

DAY = 86_400_000_000


def numbers(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def read(journeys: Journeys, place: int) -> list[int]:
    return list(journeys.touch[journeys.offsets[place] : journeys.offsets[place + 1]])


def test_touches_up_to_and_including_the_instant_of_the_conversion_count() -> None:
    journeys = arrange(
        numbers(0, 0, 0),
        numbers(1, 5, 6),
        numbers(0, 0, 0),
        ("a",),
        conversion_person=numbers(0),
        converted_at=numbers(5),
    )
    assert read(journeys, 0) == [0, 1]
    assert list(journeys.age) == [4, 0]


def test_touches_of_one_instant_keep_the_order_in_which_they_were_given() -> None:
    journeys = arrange(
        numbers(1, 0, 1, 1),
        numbers(3, 9, 2, 3),
        numbers(0, 0, 0, 0),
        ("a",),
        conversion_person=numbers(1),
        converted_at=numbers(3),
    )
    assert read(journeys, 0) == [2, 0, 3]
    assert read(journeys, 1) == [1]


@pytest.mark.parametrize(("lookback", "counted"), [(10, [0, 1]), (9, [1]), (None, [0, 1])])
def test_window_includes_its_edge(lookback: int | None, counted: list[int]) -> None:
    journeys = arrange(
        numbers(0, 0),
        numbers(0, 4),
        numbers(0, 0),
        ("a",),
        conversion_person=numbers(0),
        converted_at=numbers(10),
        lookback=lookback,
    )
    assert read(journeys, 0) == counted


def test_conversion_without_a_touch_is_one_direct_touch() -> None:
    journeys = arrange(
        numbers(0),
        numbers(9),
        numbers(0),
        ("a",),
        conversion_person=numbers(0, 7),
        converted_at=numbers(5, 5),
    )
    assert [read(journeys, place) for place in (0, 1)] == [[-1], [-1]]
    assert journeys.channels[journeys.channel[0]] == DIRECT
    # Somebody who converted is nobody who did not, whenever the touch was.
    assert len(journeys.conversion) == 2


def test_each_conversion_of_a_person_has_its_own_journey() -> None:
    journeys = arrange(
        numbers(0, 0),
        numbers(1, 3),
        numbers(0, 0),
        ("a",),
        conversion_person=numbers(0, 0),
        converted_at=numbers(4, 2),
    )
    assert [read(journeys, place) for place in (0, 1)] == [[0, 1], [0]]
    assert list(journeys.conversion) == [0, 1]


def test_nothing_at_all_has_no_journeys() -> None:
    empty = numbers()
    journeys = arrange(empty, empty, empty, (), conversion_person=empty, converted_at=empty)
    assert len(journeys.conversion) == 0
    assert len(journeys.channel) == 0


@patient
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9)), max_size=25),
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 9)), max_size=8),
    st.none() | st.integers(0, 9),
)
def test_journeys_are_what_a_loop_would_find(
    touches: list[tuple[int, int]], conversions: list[tuple[int, int]], lookback: int | None
) -> None:
    journeys = arrange(
        numbers(*(p for p, _ in touches)),
        numbers(*(t for _, t in touches)),
        numbers(*(0 for _ in touches)),
        ("a",),
        conversion_person=numbers(*(p for p, _ in conversions)),
        converted_at=numbers(*(t for _, t in conversions)),
        lookback=lookback,
    )
    order = sorted(range(len(touches)), key=lambda place: touches[place])
    expected = [
        [
            place
            for place in order
            if touches[place][0] == person
            and touches[place][1] <= at
            and (lookback is None or touches[place][1] >= at - lookback)
        ]
        or [-1]
        for person, at in conversions
    ]
    buyers = {person for person, _ in conversions}
    expected += [
        [place for place in order if touches[place][0] == person]
        for person in sorted({p for p, _ in touches} - buyers)
    ]
    assert [read(journeys, place) for place in range(len(journeys.conversion))] == expected
