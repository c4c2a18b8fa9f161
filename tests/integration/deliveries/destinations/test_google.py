"""Google through ledger and sender: late answers told apart by row, one action a request, and the classic way."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from orchestration.deliveries.accounts import accounts
from orchestration.deliveries.sending import stops
from orchestration.sandbox.server import Sandbox
from tests.integration.deliveries.conftest import ACTION_IDS, Desk

DeskMaker = Callable[..., Desk]
GCLID = {"gclid": "Cj0KCQiA-Test"}
CUT = {"gclid": "Cj0~cut"}


@pytest.fixture(autouse=True)
def _trusted_roots(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", str(sandbox.grpc_roots_path))


def settle(desk: Desk) -> None:
    """Send what is due, and hear what comes later."""
    desk.enroll()
    for _ in range(2):
        desk.send()
        desk.pass_time(hours=1)
    desk.send()


def late_answer(desk: Desk) -> dict[str, Any]:
    """The last answer in the journal that came later."""
    rows = desk.admin.execute(
        "select content from ops.delivery_journal where tenant_id = %s and kind = 'answer' order by sequence",
        [desk.tenant_id],
    ).fetchall()
    answers = [json.loads(bytes(row[0])) for row in rows]
    return [answer for answer in answers if answer["is_late"]][-1]


def test_rows_that_could_both_be_meant_stay_open_and_the_request_keeps_the_counts(
    make_desk: DeskMaker,
) -> None:
    desk = make_desk("google")
    desk.plan("clicked", "google", **GCLID)
    desk.plan("cut", "google", **CUT)
    desk.plan("known", "google")
    settle(desk)
    assert desk.rows("conversion_id, state, platform_code") == [
        ("clicked", "accepted", "PARTIAL_SUCCESS"),
        ("cut", "accepted", "PARTIAL_SUCCESS"),
        ("known", "accepted", None),
    ]
    answer = late_answer(desk)
    assert (answer["code"], answer["is_unresolved"]) == ("PARTIAL_SUCCESS", True)
    assert answer["counts"] == {"INVALID_GCLID": 1}


def test_row_that_alone_can_be_meant_is_refused_and_the_others_are_not(
    make_desk: DeskMaker,
) -> None:
    desk = make_desk("google")
    desk.plan("cut", "google", **CUT)
    desk.plan("known", "google")
    settle(desk)
    assert desk.states() == {"cut": "rejected", "known": "accepted"}
    assert late_answer(desk)["is_unresolved"] is False


def test_request_carries_one_action(make_desk: DeskMaker) -> None:
    desk = make_desk("google")
    desk.plan("one", "google")
    desk.plan("two", "google", action_id=ACTION_IDS["enrollment"])
    desk.enroll()
    report = desk.send()["google"]
    assert report.requests == 2
    bodies = desk.admin.execute(
        "select lane, event_count from ops.delivery_requests where tenant_id = %s order by lane",
        [desk.tenant_id],
    ).fetchall()
    assert bodies == [(ACTION_IDS["purchase"], 1), (ACTION_IDS["enrollment"], 1)]


def clicks(make_desk: DeskMaker) -> Desk:
    desk = make_desk()
    desk.install("google", api="click_upload")
    return desk


def test_classic_upload_settles_each_row_at_once(make_desk: DeskMaker) -> None:
    desk = clicks(make_desk)
    desk.plan("clicked", "google", **GCLID)
    desk.plan("cut", "google", **CUT)
    desk.plan("known", "google")
    desk.enroll()
    desk.send()
    assert desk.rows("conversion_id, state, platform_code") == [
        ("clicked", "accepted", None),
        ("cut", "rejected", "ConversionUploadError.UNPARSEABLE_GCLID"),
        ("known", "accepted", None),
    ]
    assert desk.received("google")["distinct_ids"] == 2


def test_click_that_is_too_young_goes_again_after_six_hours(make_desk: DeskMaker) -> None:
    desk = clicks(make_desk)
    desk.plan("c1", "google", **GCLID)
    desk.enroll()
    desk.sandbox.arm("google", "row_TOO_RECENT_EVENT")
    desk.send()
    waits = desk.rows("state, failures, next_at - updated_at")
    assert waits == [("retry_wait", 0, timedelta(hours=6))]
    desk.send()
    assert desk.states() == {"c1": "retry_wait"}
    desk.pass_time(hours=7)
    desk.send()
    assert desk.states() == {"c1": "accepted"}


def test_newcomer_is_stopped_with_every_row_kept(make_desk: DeskMaker) -> None:
    desk = clicks(make_desk)
    desk.plan("c1", "google")
    desk.enroll()
    desk.sandbox.arm("google", "reason_NOT_ALLOWLISTED")
    desk.send()
    assert desk.rows("state, failures") == [("pending", 0)]
    account = accounts.list_accounts(desk.warehouse, desk.tenant_id)[0]
    with desk.warehouse.tenant(desk.tenant_id) as connection:
        standing = [(s.kind, s.target, s.code) for s in stops.list_stops(connection, account)]
    code = "NotAllowlistedError.CUSTOMER_NOT_ALLOWLISTED_FOR_THIS_FEATURE"
    assert standing == [("route", ACTION_IDS["purchase"], code)]


def test_quota_that_is_used_up_costs_no_attempt(make_desk: DeskMaker) -> None:
    desk = clicks(make_desk)
    desk.plan("c1", "google")
    desk.enroll()
    desk.sandbox.arm("google", "429", retry_after=42)
    report = desk.send()["google"]
    assert (report.stopped_by, report.details) == (
        "throttled",
        ("QuotaError.RESOURCE_TEMPORARILY_EXHAUSTED",),
    )
    assert desk.rows("state, failures, next_at - updated_at") == [
        ("retry_wait", 0, timedelta(seconds=42))
    ]
