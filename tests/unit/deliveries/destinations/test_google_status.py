"""Google's late answers: counts per reason, and what follows from them for each row."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.deliveries.destinations.google import batch_size, fits, judge, read_counts
from orchestration.deliveries.ledger.outcomes import Outcome
from orchestration.deliveries.ledger.states import State
from orchestration.vendors.codes import Action
from orchestration.vendors.google_codes import PROCESSING

HASHED: dict[str, Any] = {"consent": {"adUserData": "CONSENT_GRANTED"}}
GCLID: dict[str, Any] = {"adIdentifiers": {"gclid": "g"}, **HASHED}
GBRAID: dict[str, Any] = {"adIdentifiers": {"gbraid": "b"}, **HASHED}
SILENT: dict[str, Any] = {"adIdentifiers": {"gclid": "g"}}
DENIED: dict[str, Any] = {"consent": {"adUserData": "CONSENT_DENIED"}}

Told = tuple[State, str | None]


def status(status: str, **errors: int) -> list[dict[str, Any]]:
    return [{"status": status, "errors": errors, "records": 10}]


def told(name: str, events: list[dict[str, Any]], **errors: int) -> list[Told]:
    counted = read_counts(status(name, **errors), len(events))
    assert counted is not None
    return [(o.state, o.code) for o in counted.outcomes(events)]


def one(reason: str) -> Outcome:
    counted = read_counts(status("FAILED", **{reason: 1}), 1)
    assert counted is not None
    return counted.outcomes([GCLID])[0]


WELL: Told = (State.ACCEPTED, None)
OPEN: Told = (State.ACCEPTED, "PARTIAL_SUCCESS")


def test_processing_says_nothing_yet() -> None:
    assert read_counts(status("PROCESSING"), 10) is None
    assert read_counts([], 10) is None
    assert read_counts([*status("SUCCESS"), *status("PROCESSING")], 10) is None


def test_success_is_every_rows_success() -> None:
    assert told("SUCCESS", [GCLID, HASHED]) == [WELL, WELL]


@pytest.mark.parametrize("reason", PROCESSING)
def test_one_reason_for_all_is_each_rows_reason_and_is_obeyed(reason: str) -> None:
    expected = {
        Action.DELIVERED: (State.DUPLICATE, None),
        Action.UNMATCHED: (State.ACCEPTED, False),
        Action.IN_DOUBT: (State.IN_DOUBT, None),
        Action.NOT_YET: (State.IN_DOUBT, None),
        Action.REFUSE_ROW: (State.REJECTED, None),
    }
    outcome = one(reason)
    assert (outcome.state, outcome.is_matched) == expected[PROCESSING[reason].action]
    assert outcome.code == reason


def test_reason_that_is_new_to_us_refuses_its_rows() -> None:
    assert one("NEVER_HEARD_OF").state is State.REJECTED


def test_a_click_too_fresh_waits_six_hours_and_costs_no_attempt() -> None:
    outcome = one("TOO_RECENT_CLICK")
    assert (outcome.wait, outcome.is_failure) == (timedelta(hours=6), False)
    assert not outcome.is_doubtful


def test_a_fault_of_googles_counts_and_waits_by_backoff() -> None:
    outcome = one("INTERNAL_ERROR")
    assert (outcome.wait, outcome.is_failure, outcome.is_doubtful) == (None, True, False)


def test_failure_without_a_reason_is_a_refusal() -> None:
    assert told("FAILED", [GCLID]) == [(State.REJECTED, "FAILED_WITHOUT_REASON")]


def test_reason_of_one_kind_of_click_stays_with_its_kind() -> None:
    events = [GCLID, GBRAID, HASHED, GBRAID]
    bad = (State.REJECTED, "INVALID_GBRAID")
    assert told("PARTIAL_SUCCESS", events, INVALID_GBRAID=2) == [WELL, bad, WELL, bad]
    assert told("PARTIAL_SUCCESS", events, INVALID_GBRAID=1) == [WELL, OPEN, WELL, OPEN]


def test_consent_fails_rows_that_do_not_grant_it_themselves() -> None:
    events = [GCLID, SILENT, DENIED]
    no = (State.REJECTED, "NO_CONSENT")
    assert told("PARTIAL_SUCCESS", events, NO_CONSENT=2) == [WELL, no, no]


def test_one_conclusion_leads_to_the_next() -> None:
    # The gbraid is certain; so the other two reasons are left for two rows, of which one has no click.
    events = [GCLID, GBRAID, HASHED]
    counts = {"INVALID_GBRAID": 1, "INVALID_GCLID": 1, "CLICK_NOT_FOUND": 1}
    assert told("FAILED", events, **counts) == [
        (State.REJECTED, "INVALID_GCLID"),
        (State.REJECTED, "INVALID_GBRAID"),
        (State.ACCEPTED, "CLICK_NOT_FOUND"),
    ]


def test_reason_is_certain_of_one_kind_while_another_stays_open() -> None:
    events = [GCLID, GBRAID, GBRAID]
    told_now = told("PARTIAL_SUCCESS", events, INVALID_GCLID=1, INVALID_GBRAID=1)
    assert told_now == [(State.REJECTED, "INVALID_GCLID"), OPEN, OPEN]


def test_reasons_that_fit_any_row_stay_with_the_request() -> None:
    assert told("PARTIAL_SUCCESS", [GCLID, HASHED], INVALID_EVENT=1) == [OPEN, OPEN]


def test_counts_that_contradict_what_we_believe_tell_no_rows_apart() -> None:
    # Three rows of gclid cannot be: there is one.
    events = [GCLID, GBRAID, HASHED, HASHED]
    assert told("PARTIAL_SUCCESS", events, INVALID_GCLID=3) == [OPEN] * 4
    assert told("FAILED", events, INVALID_GCLID=4) == [(State.REJECTED, "INVALID_GCLID")] * 4


def test_rows_that_are_counted_twice_are_not_told_apart() -> None:
    counts = {"INVALID_GCLID": 2, "INVALID_EVENT": 2}
    assert told("PARTIAL_SUCCESS", [GCLID, GCLID, HASHED], **counts) == [OPEN] * 3
    refused = (State.REJECTED, "MIXED_REASONS")
    assert told("FAILED", [GCLID, GCLID, HASHED], **counts) == [refused] * 3


@pytest.mark.parametrize(
    ("name", "errors"),
    [
        ("PARTIAL_SUCCESS", {"INTERNAL_ERROR": 1, "INVALID_EVENT": 1}),
        ("FAILED", {"DUPLICATE_TRANSACTION_ID": 1, "INVALID_EVENT": 2}),
    ],
)
def test_rows_that_would_go_better_another_time_go_again_in_smaller_company(
    name: str, errors: dict[str, int]
) -> None:
    assert set(told(name, [HASHED] * 3, **errors)) == {(State.IN_DOUBT, "MIXED_REASONS")}
    assert batch_size(0) > batch_size(1) > batch_size(2)
    assert batch_size(50) == 1


def test_several_final_reasons_for_all_refuse_all() -> None:
    refused = (State.REJECTED, "MIXED_REASONS")
    assert told("FAILED", [HASHED] * 2, INVALID_EVENT=1, EVENT_TOO_OLD=1) == [refused] * 2


def test_answer_as_a_whole_has_a_code() -> None:
    def code(name: str, **errors: int) -> str:
        counted = read_counts(status(name, **errors), 3)
        assert counted is not None
        return counted.code

    assert code("SUCCESS") == "ok"
    assert code("PARTIAL_SUCCESS", INVALID_GCLID=1) == "PARTIAL_SUCCESS"
    assert code("FAILED", INVALID_GCLID=3) == "INVALID_GCLID"
    assert code("FAILED", INVALID_GCLID=1, INVALID_EVENT=2) == "MIXED_REASONS"


ROWS = st.sampled_from([HASHED, GCLID, GBRAID, SILENT, DENIED])
REASONS = ("", "INVALID_GCLID", "INVALID_GBRAID", "NO_CONSENT", "CLICK_NOT_FOUND", "INVALID_EVENT")


@given(data=st.data(), events=st.lists(ROWS, min_size=1, max_size=8))
def test_a_reason_that_is_told_of_a_row_is_always_the_rows_own(
    data: st.DataObject, events: list[dict[str, Any]]
) -> None:
    truth = [
        data.draw(st.sampled_from([r for r in REASONS if not r or fits(r, event)]))
        for event in events
    ]
    counts = Counter(reason for reason in truth if reason)
    name = "FAILED" if all(truth) else "PARTIAL_SUCCESS" if counts else "SUCCESS"
    for reason, (state, code) in zip(truth, told(name, events, **counts), strict=True):
        if code not in {"PARTIAL_SUCCESS", "MIXED_REASONS"}:
            mine = judge(frozenset({reason}))
            assert (state, code) == (mine.state, mine.code)
