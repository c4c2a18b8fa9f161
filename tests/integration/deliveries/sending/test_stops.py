"""Stops: who stops what, what a stop costs, and how it ends."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest

from orchestration.deliveries.accounts.findings import Finding
from orchestration.deliveries.destinations import DESTINATIONS
from orchestration.deliveries.sending import stops

DeskMaker = Callable[..., Any]
PLATFORMS = tuple(DESTINATIONS)


def plan_many(desk: Any, platform: str, count: int, first: int = 0, **changes: Any) -> None:
    for number in range(first, first + count):
        desk.plan(f"c{number:03}", platform, **changes)
    desk.enroll()


def standing(desk: Any) -> list[tuple[Any, ...]]:
    """Target, kind, code and who, of what is stopped."""
    return desk.admin.execute(
        "select target, kind, code, stopped_by from ops.delivery_stops order by target"
    ).fetchall()


def audited(desk: Any) -> list[tuple[Any, ...]]:
    """Who stopped and resumed what, and why."""
    return desk.admin.execute(
        "select actor, action, object, reason from ops.audit_log where action like 'delivery.%'"
        " order by audit_id"
    ).fetchall()


def pause(desk: Any, platform: str, target: str = "") -> None:
    with desk.warehouse.tenant(desk.tenant_id) as connection:
        stops.stop(connection, desk.account(platform), "person", "holiday", "ayse", target)


def resume(desk: Any, platform: str, target: str = "") -> bool:
    with desk.warehouse.tenant(desk.tenant_id) as connection:
        return stops.resume(connection, desk.account(platform), "ayse", target)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_refused_credential_stops_the_account_and_one_small_request_starts_it_again(
    make_desk: DeskMaker, platform: str
) -> None:
    desk = make_desk(platform)
    plan_many(desk, platform, 25)
    desk.sandbox.arm(platform, "expired_token")
    assert desk.send()[platform].stopped_by == "credential_refused"
    [(target, kind, _, by)] = standing(desk)
    assert (target, kind, by) == ("", "credential", "sender")
    # Nothing is asked before the time has come, and no attempt is burnt.
    report = desk.send()[platform]
    assert (report.stopped_by, report.requests) == ("stopped", 0)
    assert set(desk.rows("state, failures, sent_at")) == {("pending", 0, None)}
    desk.pass_time(0.26)
    report = desk.send()[platform]
    assert report.stopped_by is None
    sizes = desk.admin.execute(
        "select event_count from ops.delivery_requests order by sequence offset 1"
    ).fetchall()
    assert sizes == [(10,), (15,)]
    assert standing(desk) == []
    assert [(actor, action) for actor, action, *_ in audited(desk)] == [
        ("sender", "delivery.stop"),
        ("sender", "delivery.resume"),
    ]


def test_credential_that_is_still_refused_is_asked_with_few_rows_and_waits_again(
    make_desk: DeskMaker,
) -> None:
    desk = make_desk("meta")
    plan_many(desk, "meta", 25)
    desk.sandbox.arm("meta", "expired_token", times=2)
    desk.send()
    desk.pass_time(0.26)
    assert desk.send()["meta"].stopped_by == "credential_refused"
    assert desk.send()["meta"].requests == 0
    [(size,)] = desk.admin.execute(
        "select event_count from ops.delivery_requests order by sequence offset 1"
    ).fetchall()
    assert size == 10
    # The same stop, so it is told once.
    assert len(audited(desk)) == 1


def test_renewed_credential_is_tried_at_once(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    plan_many(desk, "meta", 1)
    desk.sandbox.arm("meta", "expired_token")
    desk.send()
    desk.install("meta")
    desk.admin.execute("update ops.deliveries set next_at = now()")
    assert desk.send()["meta"].moves == {"accepted": 1}
    assert standing(desk) == []


def test_refused_action_stops_its_lane_and_no_other(make_desk: DeskMaker) -> None:
    desk = make_desk("google")
    plan_many(desk, "google", 12, action="BOOK_APPOINTMENT", action_id="5", kind="appointment")
    plan_many(desk, "google", 3, first=50)
    report = desk.send()["google"]
    assert report.stopped_by is None
    assert list(report.closed) == ["5"]
    [(target, kind, _, _)] = standing(desk)
    assert (target, kind) == ("5", "route")
    plan_many(desk, "google", 3, first=20, action="BOOK_APPOINTMENT", action_id="5")
    plan_many(desk, "google", 3, first=60)
    requests = desk.send()["google"].requests
    assert requests == 1
    assert sum(state == "submitted" for state in desk.states().values()) == 6
    assert sum(state == "pending" for state in desk.states().values()) == 15


def test_rows_of_a_closed_lane_do_not_stand_before_those_of_open_ones(
    make_desk: DeskMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make_desk("google")
    monkeypatch.setattr(DESTINATIONS["google"], "batch_size", lambda _unresolved: 4)
    plan_many(desk, "google", 8, action="BOOK_APPOINTMENT", action_id="900000004")
    plan_many(desk, "google", 4, first=50)
    pause(desk, "google", "900000004")
    desk.send()
    states = desk.states()
    assert [states[f"c{number:03}"] for number in range(50, 54)] == ["submitted"] * 4
    assert {states[f"c{number:03}"] for number in range(8)} == {"pending"}


def test_what_a_person_paused_waits_for_a_person(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    plan_many(desk, "meta", 2)
    pause(desk, "meta")
    desk.pass_time(100)
    report = desk.send()["meta"]
    assert (report.stopped_by, report.details) == ("stopped", ("person:holiday",))
    assert desk.received("meta")["requests"] == 0
    assert resume(desk, "meta")
    assert not resume(desk, "meta")
    assert desk.send()["meta"].moves == {"accepted": 2}
    name = f"meta {desk.account('meta').account_id}"
    assert audited(desk) == [
        ("ayse", "delivery.stop", name, "person:holiday"),
        ("ayse", "delivery.resume", name, "person:holiday"),
    ]


def test_sender_takes_over_and_ends_no_persons_pause(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    pause(desk, "meta")
    account = desk.account("meta")
    with desk.warehouse.tenant(desk.tenant_id) as connection:
        assert not stops.stop_for_a_while(connection, account, "credential", "190")
        assert not stops.resume(connection, account, stops.BY_SENDER)
    assert [kind for _, kind, *_ in standing(desk)] == ["person"]


def test_resuming_lets_rows_that_waited_go_at_once(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    plan_many(desk, "meta", 2)
    desk.sandbox.arm("meta", "expired_token")
    desk.send()
    assert resume(desk, "meta")
    assert desk.send()["meta"].moves == {"accepted": 2}


def test_account_is_probed_once_before_its_first_send_and_obeyed(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    plan_many(desk, "meta", 2)
    asked: list[str] = []

    def find_it_unable(_warehouse: Any, account: Any, _client: Any) -> list[Finding]:
        asked.append(account.account_id)
        with desk.warehouse.tenant(desk.tenant_id) as connection:
            stops.stop(connection, account, "probe", "dataset_unknown", "doctor")
        return [Finding("dataset", "failed", "dataset_unknown", "There is no such data set.")]

    report = desk.send(ensure_probed=find_it_unable)["meta"]
    assert (report.stopped_by, report.details) == ("stopped", ("probe:dataset_unknown",))
    assert asked == [desk.account("meta").account_id]
    assert desk.received("meta")["requests"] == 0


def test_two_senders_side_by_side_send_each_row_once(
    make_desk: DeskMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make_desk(*PLATFORMS)
    for platform in PLATFORMS:
        monkeypatch.setattr(DESTINATIONS[platform], "batch_size", lambda _unresolved: 7)
        for number in range(60):
            desk.plan(f"{platform}{number:03}", platform)
    desk.enroll()
    start = Barrier(2)

    def send() -> dict[str, Any]:
        start.wait()
        return desk.send()

    with ThreadPoolExecutor(2) as pool:
        runs = [future.result() for future in [pool.submit(send), pool.submit(send)]]
    assert not [report.bugs for reports in runs for report in reports.values() if report.bugs]
    assert all(sum(r.requests for r in reports.values()) for reports in runs)
    for platform in PLATFORMS:
        received = desk.received(platform)
        assert (received["events_accepted"], received["distinct_ids"]) == (60, 60)
    assert set(desk.rows("attempts")) == {(1,)}


# TikTok names no time; its guide asks for five minutes.
@pytest.mark.parametrize(("platform", "minutes"), [("google", 20), ("meta", 20), ("tiktok", 5)])
def test_throttle_holds_what_is_planned_meanwhile_and_ends_by_itself(
    make_desk: DeskMaker, platform: str, minutes: int
) -> None:
    desk = make_desk(platform)
    plan_many(desk, platform, 2)
    desk.sandbox.arm(platform, "429", retry_after=1_200)
    assert desk.send()[platform].stopped_by == "throttled"
    [(target, kind, _, by)] = standing(desk)
    assert (target, kind, by) == ("", "throttle", "sender")
    [(wait,)] = desk.admin.execute(
        "select next_try_at - clock_timestamp() from ops.delivery_stops"
    ).fetchall()
    assert timedelta(minutes=minutes - 1) < wait <= timedelta(minutes=minutes)
    plan_many(desk, platform, 2, first=50)
    desk.pass_time((minutes - 1) / 60)
    report = desk.send()[platform]
    assert (report.stopped_by, report.requests) == ("throttled", 0)
    desk.pass_time(1 / 60)
    report = desk.send()[platform]
    assert (report.stopped_by, report.requests) == (None, 1)
    assert desk.received(platform)["distinct_ids"] == 4
    assert standing(desk) == []
    # Nobody stopped anything, and nobody has to know.
    assert audited(desk) == []


def test_throttled_question_holds_questions_and_sending_alike(make_desk: DeskMaker) -> None:
    desk = make_desk("google")
    plan_many(desk, "google", 1)
    desk.sandbox.arm("google", "429", operation="status", retry_after=600)
    desk.send()
    assert [kind for _, kind, *_ in standing(desk)] == ["throttle"]
    plan_many(desk, "google", 1, first=50)
    desk.pass_time(9 / 60)
    before = desk.rows("state, next_at")
    assert desk.send()["google"].requests == 0
    # A question would have put the next one off.
    assert desk.rows("state, next_at") == before
    desk.pass_time(2 / 60)
    assert desk.send()["google"].requests == 1
    desk.pass_time(1)
    desk.send()
    assert set(desk.states().values()) == {"accepted"}


def test_throttle_ends_neither_a_refusal_nor_a_pause(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    account = desk.account("meta")
    with desk.warehouse.tenant(desk.tenant_id) as connection:
        stops.stop_for_a_while(connection, account, "credential", "190")
        stops.hold_account(connection, account, "http_429", timedelta(hours=1))
        [refusal] = stops.list_stops(connection, account)
    assert refusal.kind == "credential"
    # A small request asks no earlier than both allow.
    assert refusal.next_try_at is not None
    assert refusal.next_try_at - refusal.stopped_at > timedelta(minutes=59)
    pause(desk, "meta")
    with desk.warehouse.tenant(desk.tenant_id) as connection:
        stops.hold_account(connection, account, "http_429", timedelta(hours=1))
        [stop] = stops.list_stops(connection, account)
    assert (stop.kind, stop.next_try_at) == ("person", None)
