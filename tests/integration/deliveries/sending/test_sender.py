"""The sender: gate, batches, refusals, waits, late answers, and what one account's trouble means for the others."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest

from orchestration.deliveries.destinations import DESTINATIONS
from orchestration.deliveries.ledger.outcomes import TOO_EARLY_WAIT
from orchestration.deliveries.sending.sender import send_due

DeskMaker = Callable[..., Any]
PLATFORMS = tuple(DESTINATIONS)


def plan_many(desk: Any, platform: str, count: int, **changes: Any) -> None:
    for number in range(count):
        desk.plan(f"c{number:03}", platform, **changes)
    desk.enroll()


@pytest.mark.parametrize("platform", PLATFORMS)
def test_what_is_due_is_sent_once_and_no_more(make_desk: DeskMaker, platform: str) -> None:
    desk = make_desk(platform)
    plan_many(desk, platform, 3)
    report = desk.send()[platform]
    assert (report.requests, report.stopped_by) == (1, None)
    assert desk.received(platform)["distinct_ids"] == 3
    assert desk.received(platform)["raw_personal_data"] == 0
    assert desk.send()[platform].requests == 0
    assert desk.received(platform)["seen_twice"] == 0


def test_every_attempt_names_the_request_that_carried_it(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    plan_many(desk, "meta", 2)
    desk.send()
    [(key, body, digest, code)] = desk.admin.execute(
        "select request_key, body, body_sha256, answer_code from ops.delivery_requests"
    ).fetchall()
    assert hashlib.sha256(body).hexdigest() == digest
    assert code == "ok"
    attempts = desk.admin.execute(
        "select attempt, outcome, request_key, finished_at is not null from ops.delivery_attempts"
    ).fetchall()
    assert attempts == [(1, "accepted", key, True)] * 2
    [(payload,), _] = desk.rows("payload")
    assert json.loads(payload) in json.loads(body)["data"]


@pytest.mark.parametrize(
    ("verdicts", "rules"),
    [
        pytest.param([], ("no_verdict",), id="never judged"),
        pytest.param([{"passed": False}], ("REC3",), id="failed"),
        pytest.param([{"hours_ago": 27}], ("REC3:stale",), id="too long ago"),
        pytest.param(
            [{"passed": False, "hours_ago": 1}, {"hours_ago": 2}], ("REC3",), id="newest counts"
        ),
    ],
)
def test_closed_gate_lets_no_request_out(
    make_desk: DeskMaker, verdicts: list[dict[str, Any]], rules: tuple[str, ...]
) -> None:
    desk = make_desk("meta", "tiktok")
    desk.admin.execute("delete from ops.check_results")
    for verdict in verdicts:
        desk.judge(**verdict)
    plan_many(desk, "meta", 2)
    plan_many(desk, "tiktok", 2)
    for report in desk.send().values():
        assert (report.stopped_by, report.details) == ("gate_closed", rules)
    assert desk.received("meta")["requests"] + desk.received("tiktok")["requests"] == 0
    assert set(desk.rows("state, attempts")) == {("pending", 0)}


def test_verdict_of_a_rule_that_is_no_more_closes_no_gate(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    desk.judge(passed=False, rule="OLD9")
    plan_many(desk, "meta", 2)
    assert desk.send()["meta"].stopped_by is None
    assert desk.received("meta")["distinct_ids"] == 2


def test_gate_that_closes_during_a_run_stops_the_rest(
    make_desk: DeskMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make_desk("meta")
    plan_many(desk, "meta", 4)
    monkeypatch.setattr(DESTINATIONS["meta"], "batch_size", lambda _unresolved: 2)
    tokens = desk.tools.new_token

    def token_and_bad_news() -> Any:
        desk.judge(passed=False, rule="NUL1")
        return tokens()

    report = desk.send(new_token=token_and_bad_news)["meta"]
    assert (report.stopped_by, report.details) == ("gate_closed", ("NUL1",))
    assert desk.received("meta")["distinct_ids"] == 2


def test_consent_withdrawn_between_plan_and_send_is_obeyed(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    plan_many(desk, "meta", 3)
    desk.change_conversion("c001", consent="denied")
    desk.send()
    assert desk.received("meta")["distinct_ids"] == 2
    assert desk.states()["c001"] == "pending"


@pytest.mark.parametrize("platform", ["meta", "tiktok"])
def test_whole_request_refusal_is_halved_to_the_bad_row(
    make_desk: DeskMaker, platform: str
) -> None:
    desk = make_desk(platform)
    plan_many(desk, platform, 8)
    [(event_id,)] = desk.admin.execute(
        "select event_id from ops.deliveries where conversion_id = 'c005'"
    ).fetchall()
    desk.sandbox.arm(platform, "whole_request_refusal", event_id=event_id, times=10)
    report = desk.send()[platform]
    states = desk.states()
    assert states.pop("c005") == "rejected"
    assert set(states.values()) == {"accepted"}
    assert report.requests == 1 + 2 * 3
    assert desk.received(platform)["seen_twice"] == 0


def test_google_drops_the_named_row_and_sends_the_others(make_desk: DeskMaker) -> None:
    desk = make_desk("google")
    plan_many(desk, "google", 5)
    [(event_id,)] = desk.admin.execute(
        "select event_id from ops.deliveries where conversion_id = 'c003'"
    ).fetchall()
    desk.sandbox.arm("google", "whole_request_refusal", event_id=event_id)
    assert desk.send()["google"].requests == 2
    states = desk.states()
    assert states.pop("c003") == "rejected"
    assert set(states.values()) == {"submitted"}
    assert desk.received("google")["distinct_ids"] == 4


def test_platform_that_refuses_whatever_comes_keeps_most_rows_waiting(
    make_desk: DeskMaker,
) -> None:
    desk = make_desk("meta")
    plan_many(desk, "meta", 40)
    desk.sandbox.arm("meta", "whole_request_refusal", times=1_000)
    report = desk.send()["meta"]
    assert report.stopped_by == "refuses_everything"
    assert report.moves == {"rejected": 5, "pending": 35}


@pytest.mark.parametrize("platform", PLATFORMS)
def test_throttle_waits_and_costs_no_attempt(make_desk: DeskMaker, platform: str) -> None:
    desk = make_desk(platform)
    plan_many(desk, platform, 3)
    desk.sandbox.arm(platform, "429", retry_after=120)
    report = desk.send()[platform]
    assert report.stopped_by == "throttled"
    assert report.requests == 1
    assert set(desk.rows("state, failures, sent_at, next_at > now()")) == {
        ("retry_wait", 0, None, True)
    }
    desk.pass_time(1)
    desk.send()
    assert desk.received(platform)["distinct_ids"] == 3
    assert desk.received(platform)["seen_twice"] == 0


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("fault", ["503", "502_html", "reset_after"])
def test_unclear_outcome_goes_again_under_the_same_id(
    make_desk: DeskMaker, platform: str, fault: str
) -> None:
    desk = make_desk(platform)
    plan_many(desk, platform, 3)
    desk.sandbox.arm(platform, fault)
    desk.send(chance=lambda: 0.99)
    assert set(desk.rows("state, failures, sent_at is not null")) == {("in_doubt", 1, True)}
    desk.pass_time(1)
    desk.send()
    assert desk.received(platform)["distinct_ids"] == 3
    assert desk.received(platform)["without_id"] == 0
    bodies = desk.admin.execute("select distinct body from ops.delivery_requests").fetchall()
    assert len(bodies) == 1


@pytest.mark.parametrize("later", ["429", "expired_token", "whole_request_refusal"])
def test_what_may_have_arrived_is_not_forgotten_when_a_later_try_is_turned_away(
    make_desk: DeskMaker, later: str
) -> None:
    desk = make_desk("tiktok")
    plan_many(desk, "tiktok", 1)
    desk.sandbox.arm("tiktok", "reset_after")
    desk.send(chance=lambda: 0.99)
    desk.pass_time(1)
    desk.sandbox.arm("tiktok", later)
    desk.send(chance=lambda: 0.99)
    wanted = "dead" if later == "whole_request_refusal" else "in_doubt"
    assert desk.states() == {"c000": wanted}
    # The plan's change of mind reaches only what never left.
    desk.change_plan("c000", decision="never", reason="consent_denied")
    desk.enroll()
    assert desk.states() == {"c000": wanted}


def test_messages_that_may_have_arrived_are_never_sent_again(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    plan_many(desk, "meta", 2, ctwa_clid="ARAkLkA8rmlFeiCktEJQ")
    desk.sandbox.arm("meta", "reset_after")
    desk.send()
    desk.pass_time(1)
    desk.send()
    assert set(desk.rows("lane, state, reason")) == {("messaging", "dead", "may_have_arrived")}
    assert desk.received("meta")["seen_twice"] == 0


@pytest.mark.parametrize("platform", PLATFORMS)
def test_refused_credential_pauses_the_account_and_burns_nothing(
    make_desk: DeskMaker, platform: str
) -> None:
    desk = make_desk(platform)
    plan_many(desk, platform, 3)
    desk.sandbox.arm(platform, "expired_token")
    report = desk.send()[platform]
    assert report.stopped_by == "credential_refused"
    assert set(desk.rows("state, failures, sent_at")) == {("pending", 0, None)}
    desk.install(platform)
    desk.pass_time(1)
    desk.send()
    assert desk.received(platform)["distinct_ids"] == 3


def test_account_without_credentials_leases_nothing(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    desk.admin.execute("delete from ops.credentials")
    plan_many(desk, "meta", 1)
    report = desk.send()["meta"]
    assert (report.stopped_by, report.details) == ("credential_refused", ("credential_missing",))
    assert desk.rows("state, attempts") == [("pending", 0)]


def test_breaker_leaves_a_failing_account_alone(
    make_desk: DeskMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make_desk("meta")
    plan_many(desk, "meta", 9)
    monkeypatch.setattr(DESTINATIONS["meta"], "batch_size", lambda _unresolved: 1)
    desk.sandbox.arm("meta", "503", times=100)
    report = desk.send(chance=lambda: 0.99)["meta"]
    assert (report.stopped_by, report.requests) == ("breaker_open", 5)


def test_one_accounts_trouble_is_not_the_others(make_desk: DeskMaker) -> None:
    desk = make_desk("google", "meta", "tiktok")
    for platform in PLATFORMS:
        desk.plan(f"c-{platform}", platform)
    desk.enroll()
    desk.sandbox.arm("google", "503", times=100)
    desk.sandbox.arm("meta", "expired_token")
    desk.send()
    assert desk.received("tiktok")["distinct_ids"] == 1


def test_error_of_ours_in_one_account_is_reported_and_stops_nobody(
    make_desk: DeskMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make_desk("meta", "tiktok")
    desk.plan("c1", "meta")
    desk.plan("c2", "tiktok")
    desk.enroll()

    def stumble(*_: object) -> None:
        raise ZeroDivisionError("jane.doe@example.com")

    monkeypatch.setattr(DESTINATIONS["meta"], "send", stumble)
    reports = desk.send()
    assert reports["meta"].bugs == {"ZeroDivisionError": 1}
    assert (reports["meta"].stopped_by, reports["meta"].details) == ("bug", ("ZeroDivisionError",))
    assert desk.received("tiktok")["distinct_ids"] == 1


def test_row_is_given_up_only_after_a_day_and_five_failures(make_desk: DeskMaker) -> None:
    desk = make_desk("tiktok")
    plan_many(desk, "tiktok", 1)
    desk.sandbox.arm("tiktok", "503", times=100)
    for _ in range(5):
        desk.send(chance=lambda: 0.99)
        desk.pass_time(1)
    assert desk.rows("state, failures") == [("in_doubt", 5)]
    desk.pass_time(24)
    desk.send()
    assert desk.rows("state, failures") == [("dead", 5)]


def test_tenants_see_and_send_their_own_rows_only(make_desk: DeskMaker) -> None:
    ours, theirs = make_desk("meta"), make_desk("meta")
    ours.plan("c1", "meta")
    theirs.plan("c1", "meta")
    ours.enroll()
    theirs.enroll()
    [(our_id,)], [(their_id,)] = ours.rows("event_id"), theirs.rows("event_id")
    assert our_id != their_id
    ours.send()
    assert ours.states() == {"c1": "accepted"}
    assert theirs.states() == {"c1": "pending"}
    theirs.admin.execute("delete from ops.check_results where tenant_id = %s", [theirs.tenant_id])
    ours.plan("c2", "meta")
    ours.enroll()
    reports = {r.account.tenant_id: r for r in send_due(ours.warehouse, tools=ours.tools)}
    assert reports[ours.tenant_id].moves == {"accepted": 1}
    assert reports[theirs.tenant_id].stopped_by == "gate_closed"


# --- Google's late answers -----------------------------------------------------------------------------------------


def test_taken_request_is_asked_about_until_it_is_done(make_desk: DeskMaker) -> None:
    desk = make_desk("google")
    plan_many(desk, "google", 3)
    desk.send()
    assert set(desk.rows("state, next_at > now()")) == {("submitted", True)}
    desk.pass_time(1)
    assert desk.send()["google"].moves == {"accepted": 3}
    assert desk.received("google")["requests_by_operation"] == {"ingest": 1, "status": 2}


def test_request_that_is_never_answered_ends_in_doubt_and_goes_again(
    make_desk: DeskMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make_desk("google")
    plan_many(desk, "google", 2)
    with monkeypatch.context() as silent:
        silent.setattr(DESTINATIONS["google"], "retrieve", lambda *_: None)
        for hours in (1, 70):
            desk.send()
            desk.pass_time(hours)
            assert set(desk.states().values()) == {"submitted"}
        desk.pass_time(2)
        desk.send(chance=lambda: 0.99)
    assert set(desk.rows("state, platform_code, failures")) == {("in_doubt", "never_answered", 1)}
    desk.pass_time(1)
    desk.send()
    assert set(desk.states().values()) == {"submitted"}


def test_repeat_that_google_knows_is_there_already(make_desk: DeskMaker) -> None:
    desk = make_desk("google")
    plan_many(desk, "google", 2)
    desk.sandbox.arm("google", "reset_after")
    for _ in range(3):
        desk.send()
        desk.pass_time(1)
    assert set(desk.states().values()) == {"duplicate"}
    assert desk.received("google")["distinct_ids"] == 2


def test_reason_for_one_of_many_rows_makes_the_next_batches_smaller(
    make_desk: DeskMaker,
) -> None:
    desk = make_desk("google")
    plan_many(desk, "google", 3)
    [(event_id,), *_] = desk.rows("event_id")
    desk.sandbox.arm("google", "later_INVALID_GCLID", event_id=event_id)
    desk.send()
    desk.pass_time(1)
    desk.send()
    assert set(desk.rows("state, platform_code")) == {("accepted", "PARTIAL_SUCCESS")}
    for number in range(201):
        desk.plan(f"d{number:03}", "google")
    desk.enroll()
    assert desk.send()["google"].requests == 2


def test_click_too_fresh_is_tried_again_hours_later(make_desk: DeskMaker) -> None:
    desk = make_desk("google")
    plan_many(desk, "google", 1)
    desk.sandbox.arm("google", "later_TOO_RECENT_CLICK")
    desk.send()
    desk.pass_time(1)
    desk.send()
    hours = TOO_EARLY_WAIT.total_seconds() / 3600
    assert desk.rows(f"state, failures, next_at > now() + interval '{hours - 0.1} hours'") == [
        ("in_doubt", 0, True)
    ]
    desk.pass_time(7)
    desk.send()
    desk.pass_time(1)
    desk.send()
    assert desk.states()["c000"] in {"accepted", "duplicate"}


def test_actions_travel_in_requests_of_their_own(make_desk: DeskMaker) -> None:
    desk = make_desk("google")
    desk.plan("c1", "google")
    desk.plan("c2", "google", kind="appointment", action="BOOK_APPOINTMENT", action_id="900000004")
    desk.enroll()
    assert desk.send()["google"].requests == 2
    targets = desk.admin.execute("select target from ops.delivery_requests order by 1").fetchall()
    assert targets == [("900000002",), ("900000004",)]


def test_refused_action_leaves_the_other_actions_alone(make_desk: DeskMaker) -> None:
    desk = make_desk("google")
    desk.plan("c1", "google")
    desk.plan("c2", "google", kind="appointment", action="BOOK_APPOINTMENT", action_id="5")
    desk.enroll()
    desk.send()
    assert desk.states() == {"c1": "submitted", "c2": "pending"}


def test_money_goes_with_the_routes_that_say_so(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    desk.plan("c1", "meta")
    desk.plan("c2", "meta", kind="appointment", action="Schedule")
    desk.enroll()
    desk.send()
    events = {row[0]: json.loads(row[1]) for row in desk.rows("conversion_id, payload")}
    assert events["c1"]["custom_data"] == {"value": 1499.9, "currency": "TRY"}
    assert "custom_data" not in events["c2"]
