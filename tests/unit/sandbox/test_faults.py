"""When a fault strikes, and which events it means."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from orchestration.sandbox.faults import Fault, FaultBoard


def board(**fault: Any) -> FaultBoard:
    made = FaultBoard()
    made.arm(Fault.model_validate({"platform": "meta", "fault": "503", **fault}))
    return made


def strikes(made: FaultBoard, requests: int, **request: Any) -> list[bool]:
    """For so many requests in a row whether each was struck."""
    return [made.take("meta", "events", **request) is not None for _ in range(requests)]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({}, [True, False, False, False, False]),
        ({"times": 2}, [True, True, False, False, False]),
        ({"times": None}, [True] * 5),
        ({"skip": 2, "times": 2}, [False, False, True, True, False]),
        ({"every": 2, "times": None}, [True, False, True, False, True]),
        ({"skip": 1, "every": 3, "times": None}, [False, True, False, False, True]),
    ],
    ids=["once", "twice", "always", "the third on", "every second", "every third from the second"],
)
def test_a_fault_strikes_when_it_is_meant_to(fault, expected):
    assert strikes(board(**fault), 5) == expected


def test_a_fault_waits_until_so_many_events_were_taken():
    made = board(after_events=100)
    assert strikes(made, 1, accepted=99) == [False]
    assert strikes(made, 1, accepted=100) == [True]


def test_a_fault_picks_the_first_events_and_stays_with_them():
    made = board(picks=2, times=None)
    first = made.take("meta", "events", read_ids=lambda: ["a", "b", "c"])
    second = made.take("meta", "events", read_ids=lambda: ["c", "b"])
    third = made.take("meta", "events", read_ids=lambda: ["c", "d"])
    assert first is not None
    assert second is not None
    assert (first.event_ids, second.event_ids, third) == (("a", "b"), ("b",), None)


@pytest.mark.parametrize(
    ("fault", "is_condemned"),
    [
        ("code_100_2804003", True),
        ("later_CLICK_NOT_FOUND", True),
        ("row_UNPARSEABLE_GCLID", True),
        ("later_TOO_RECENT_CLICK", False),
        ("row_TOO_RECENT_EVENT", False),
        ("code_40050", False),
        ("503", False),
        ("reset_after", False),
    ],
)
def test_only_what_is_refused_for_good_is_owed_no_more(fault, is_condemned):
    assert Fault(platform="meta", fault=fault).condemns is is_condemned


@pytest.mark.parametrize("wrong", [{"every": 0}, {"skip": -1}, {"picks": 0}, {"fault": ""}])
def test_a_fault_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValidationError):
        Fault.model_validate({"platform": "meta", "fault": "503", **wrong})
