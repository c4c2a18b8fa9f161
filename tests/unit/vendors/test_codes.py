"""What each vendor's codes mean: the tables of the platform notes, row by row."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from orchestration.vendors import datamanager, meta_conversions, tiktok_events
from orchestration.vendors.answers import Answer
from orchestration.vendors.codes import ERRORS
from orchestration.vendors.errors import (
    RequestRefused,
    RouteBlocked,
    Throttled,
    TooEarly,
    Unauthorized,
    Unclear,
    VendorError,
)
from orchestration.vendors.google_codes import REQUEST


@pytest.mark.parametrize(
    ("code", "subcode", "family"),
    [
        (1, None, Unclear),
        (2, None, Unclear),
        (4, 1504022, Throttled),
        (17, 2446079, Throttled),
        (613, 1487742, Throttled),
        (80004, None, Throttled),
        (80042, None, Throttled),
        (10, None, RouteBlocked),
        (200, None, RouteBlocked),
        (100, None, RequestRefused),
        (100, 33, RouteBlocked),
        (100, 2804003, RequestRefused),
        (102, None, Unauthorized),
        (104, None, Unauthorized),
        (190, 463, Unauthorized),
        (368, None, RouteBlocked),
        (2500, None, RouteBlocked),
        (2635, None, RouteBlocked),
        (99_999, None, RequestRefused),
    ],
)
def test_meta_code(code: int, subcode: int | None, family: type[VendorError]) -> None:
    error: dict[str, Any] = {"code": code, "message": "(#100) jane@example.com", "fbtrace_id": "A"}
    if subcode:
        error["error_subcode"] = subcode
    found = meta_conversions.read_error(Answer(400, {"error": error}))
    assert type(found) is family
    assert str(found) == (f"{code}_{subcode}" if subcode else str(code))
    assert found is not None
    assert found.request_id == "A"


@pytest.mark.parametrize(
    ("status", "is_transient", "family"),
    [
        (400, True, Unclear),
        (400, False, RequestRefused),
        (401, None, Unauthorized),
        (403, None, RouteBlocked),
        (429, None, Throttled),
        (500, None, Unclear),
    ],
)
def test_meta_code_that_no_page_names_is_judged_by_the_rest_of_the_answer(
    status: int, is_transient: bool | None, family: type[VendorError]
) -> None:
    error = {"code": 99_999, "is_transient": is_transient}
    found = meta_conversions.read_error(Answer(status, {"error": error}))
    assert type(found) is family
    assert str(found) == "99999"


def test_meta_longest_wait_that_an_answer_names_counts() -> None:
    usage = json.dumps(
        {
            "1": [{"estimated_time_to_regain_access": 0}],
            "2": [
                {"estimated_time_to_regain_access": 7},
                {"estimated_time_to_regain_access": 3},
            ],
        }
    )
    headers = {"x-business-use-case-usage": usage}
    answer = Answer(400, {"error": {"code": 80004}}, timedelta(seconds=30), headers)
    found = meta_conversions.read_error(answer)
    assert found is not None
    assert found.retry_after == timedelta(minutes=7)


def test_meta_wait_is_an_hour_at_most() -> None:
    usage = json.dumps({"1": [{"estimated_time_to_regain_access": 999}]})
    headers = {"x-business-use-case-usage": usage}
    found = meta_conversions.read_error(Answer(400, {"error": {"code": 4}}, None, headers))
    assert found is not None
    assert found.retry_after == timedelta(hours=1)


@pytest.mark.parametrize(
    ("code", "family"),
    [
        (40000, RequestRefused),
        (40001, RouteBlocked),
        (40002, RequestRefused),
        (40007, RouteBlocked),
        (40016, Throttled),
        (40061, RequestRefused),
        (40062, RequestRefused),
        (40100, Throttled),
        (40101, Unauthorized),
        (40105, Unauthorized),
        (40132, Throttled),
        (40202, Unclear),
        (40300, RouteBlocked),
        (40700, RequestRefused),
        (41000, RouteBlocked),
        (50000, Unclear),
        (51012, Unclear),
        (60001, Throttled),
        (61000, Throttled),
    ],
)
def test_tiktok_code_in_a_200(code: int, family: type[VendorError]) -> None:
    found = tiktok_events.read_error(Answer(200, {"code": code, "message": "m", "request_id": "R"}))
    assert type(found) is family
    assert str(found) == str(code)


@pytest.mark.parametrize("body", [{}, {"code": "0"}, {"code": True}, {"code": None}])
def test_tiktok_answer_without_a_code_is_no_success(body: dict[str, Any]) -> None:
    assert type(tiktok_events.read_error(Answer(200, body))) is Unclear


@pytest.mark.parametrize("code", [0, 20001, 40050])
def test_tiktok_success_repeat_and_half_a_success_are_no_errors(code: int) -> None:
    assert tiktok_events.read_error(Answer(200, {"code": code})) is None


@pytest.mark.parametrize(
    ("status", "reason", "family"),
    [
        (500, "INTERNAL_ERROR", Unclear),
        (504, "DEADLINE_EXCEEDED", Unclear),
        (429, "RESOURCE_EXHAUSTED", Throttled),
        (400, "CONVERSION_ACTION_TOO_RECENTLY_CREATED", TooEarly),
        (403, "PERMISSION_DENIED", RouteBlocked),
        (400, "INVALID_DESTINATION", RouteBlocked),
        (400, "OPERATING_ACCOUNT_LOGIN_ACCOUNT_MISMATCH", RouteBlocked),
        (400, "TOO_MANY_EVENTS", RequestRefused),
        (401, "UNAUTHENTICATED", Unauthorized),
        (401, "", Unauthorized),
        (503, "", Unclear),
    ],
)
def test_google_reason(status: int, reason: str, family: type[VendorError]) -> None:
    assert type(datamanager.read_error(Answer(status, {"reason": reason}))) is family


def test_google_names_rows_by_their_place_in_the_request() -> None:
    violations = [
        ("events.events[3].user_data.user_identifiers[0]", "INVALID_SHA256_FORMAT"),
        ("events.events[3].currency", "INVALID_CURRENCY_CODE"),
        ("events[7].event_timestamp", "EVENT_TIME_INVALID"),
    ]
    found = datamanager.read_error(Answer(400, {"reason": "X", "violations": violations}))
    assert isinstance(found, RequestRefused)
    assert found.rows == {3: "INVALID_SHA256_FORMAT", 7: "EVENT_TIME_INVALID"}


def test_google_fault_that_stops_more_decides() -> None:
    violations = [
        ("events.events[3].currency", "INVALID_CURRENCY_CODE"),
        ("destinations[0]", "INVALID_DESTINATION"),
    ]
    found = datamanager.read_error(Answer(400, {"reason": "X", "violations": violations}))
    assert type(found) is RouteBlocked
    assert str(found) == "INVALID_DESTINATION"


def test_google_request_that_is_too_large_is_halved() -> None:
    violations = [("events.events", "TOO_MANY_EVENTS")]
    found = datamanager.read_error(Answer(400, {"reason": "X", "violations": violations}))
    assert isinstance(found, RequestRefused)
    assert found.rows == {}


def test_google_reason_of_another_layer_keeps_its_name() -> None:
    found = datamanager.read_error(Answer(403, {"reason": "SERVICE_DISABLED"}))
    assert type(found) is RouteBlocked
    assert str(found) == "SERVICE_DISABLED"


@pytest.mark.parametrize("code", REQUEST)
def test_google_reason_is_obeyed(code: str) -> None:
    rows = {"reason": code, "violations": [("events.events[0]", code)]}
    found = datamanager.read_error(Answer(400, rows))
    assert type(found) is ERRORS[REQUEST[code].action]
    assert str(found) == code


def test_google_fault_of_the_envelope_blames_no_row() -> None:
    violations = [("encoding", "REQUIRED_FIELD_MISSING")]
    found = datamanager.read_error(Answer(400, {"reason": "X", "violations": violations}))
    assert type(found) is RouteBlocked
