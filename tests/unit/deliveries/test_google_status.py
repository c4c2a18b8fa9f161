"""Google's late answers: counts per reason, and what may be concluded from them for each row."""

from __future__ import annotations

from datetime import timedelta

import pytest

from orchestration.deliveries.destinations.google import batch_size, judge
from orchestration.deliveries.states import State


def status(status: str, **errors: int) -> list[dict[str, object]]:
    return [{"status": status, "errors": errors, "records": 10}]


def test_processing_says_nothing_yet() -> None:
    assert judge(status("PROCESSING"), 10) is None
    assert judge([], 10) is None


def test_success_is_every_rows_success() -> None:
    outcome = judge(status("SUCCESS"), 10)
    assert outcome is not None
    assert (outcome.state, outcome.is_matched) == (State.ACCEPTED, None)


@pytest.mark.parametrize(
    ("reason", "state", "is_matched"),
    [
        ("DUPLICATE_TRANSACTION_ID", State.DUPLICATE, None),
        ("CLICK_NOT_FOUND", State.ACCEPTED, False),
        ("INVALID_GCLID", State.REJECTED, None),
        ("DENIED_CONSENT", State.REJECTED, None),
        ("INTERNAL_ERROR", State.IN_DOUBT, None),
    ],
)
def test_one_reason_for_all_is_each_rows_reason(
    reason: str, state: State, is_matched: bool | None
) -> None:
    outcome = judge(status("FAILED", **{reason: 10}), 10)
    assert outcome is not None
    assert (outcome.state, outcome.code, outcome.is_matched) == (state, reason, is_matched)


def test_a_click_too_fresh_waits_six_hours_and_costs_no_attempt() -> None:
    outcome = judge(status("FAILED", TOO_RECENT_CLICK=1), 1)
    assert outcome is not None
    assert (outcome.state, outcome.wait, outcome.is_failure) == (
        State.IN_DOUBT,
        timedelta(hours=6),
        False,
    )


def test_reasons_for_some_rows_stay_with_the_request() -> None:
    outcome = judge(status("PARTIAL_SUCCESS", INVALID_GCLID=3), 10)
    assert outcome is not None
    assert (outcome.state, outcome.code) == (State.ACCEPTED, "PARTIAL_SUCCESS")


@pytest.mark.parametrize(
    ("name", "errors"),
    [
        ("PARTIAL_SUCCESS", {"INTERNAL_ERROR": 3, "INVALID_GCLID": 1}),
        ("FAILED", {"DUPLICATE_TRANSACTION_ID": 3, "INVALID_GCLID": 7}),
    ],
)
def test_rows_that_would_go_better_another_time_go_again_in_smaller_company(
    name: str, errors: dict[str, int]
) -> None:
    outcome = judge(status(name, **errors), 10)
    assert outcome is not None
    assert (outcome.state, outcome.code) == (State.IN_DOUBT, "MIXED_REASONS")
    assert batch_size(0) > batch_size(1) > batch_size(2)
    assert batch_size(50) == 1


def test_several_final_reasons_for_all_refuse_all() -> None:
    outcome = judge(status("FAILED", INVALID_GCLID=3, EVENT_TOO_OLD=7), 10)
    assert outcome is not None
    assert (outcome.state, outcome.code) == (State.REJECTED, "MIXED_REASONS")
