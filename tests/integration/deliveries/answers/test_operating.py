"""Operating: dead letters, sending them again, the platforms' clocks, and where each destination is."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from orchestration.cli import app
from orchestration.deliveries.answers.operating import (
    RetryRefused,
    Wish,
    list_dead_letters,
    list_expiring,
    list_status,
    pause,
    resume,
    retry,
)
from orchestration.deliveries.answers.phrases import DestinationUnknown, Target, read_target

DeskMaker = Callable[..., Any]


def bury(desk: Any, conversion_id: str, *, reason: str = "budget_spent", **columns: Any) -> None:
    """Let a row of the ledger have been given up, by the ways that there are."""
    changes = {"platform_code": "read_timeout", **columns}
    settings = ", ".join(f"{name} = %s" for name in changes)
    for state in ("leased", "dead"):
        desk.admin.execute(
            f"update ops.deliveries set state = '{state}', lease_token ="
            f" {'gen_random_uuid()' if state == 'leased' else 'null'} where conversion_id = %s",
            [conversion_id],
        )
    desk.admin.execute(
        f"update ops.deliveries set reason = %s, failures = 7, attempts = 7,"
        f" first_leased_at = now() - interval '2 days', {settings} where conversion_id = %s",
        [reason, *changes.values(), conversion_id],
    )


def retries_noted(desk: Any) -> list[tuple[str, ...]]:
    """What the audit log has of retries."""
    return desk.admin.execute(
        "select object, result, reason from ops.audit_log where action = 'deliveries.retry'"
    ).fetchall()


def refuse(desk: Any, conversion_id: str) -> None:
    """Let Meta refuse a row for good."""
    desk.plan(conversion_id, "meta")
    desk.enroll()
    [event_id] = [e for (c, e) in desk.rows("conversion_id, event_id") if c == conversion_id]
    desk.sandbox.arm("meta", "whole_request_refusal", event_id=event_id, times=1)
    desk.send()


def test_dead_letters_are_counted_by_destination_reason_and_code(make_desk: DeskMaker) -> None:
    desk = make_desk("meta", "tiktok")
    for number in range(3):
        desk.plan(f"a{number}", "meta")
    desk.plan("b", "tiktok")
    desk.plan("fine", "tiktok")
    desk.enroll()
    for number in range(3):
        bury(desk, f"a{number}")
    bury(desk, "b", platform_code="50000")
    told = [
        (letter.platform, letter.reason, letter.code, letter.row_count)
        for letter in list_dead_letters(desk.warehouse, desk.tenant_id)
    ]
    assert told == [
        ("meta", "budget_spent", "read_timeout", 3),
        ("tiktok", "budget_spent", "50000", 1),
    ]


def test_dead_letters_say_what_the_code_means_and_what_to_do(make_desk: DeskMaker) -> None:
    desk = make_desk("tiktok")
    desk.plan("b", "tiktok")
    desk.enroll()
    bury(desk, "b", platform_code="50000")
    [letter] = list_dead_letters(desk.warehouse, desk.tenant_id)
    told = letter.as_json()
    assert told["meaning"] == "An error of TikTok's system"
    assert "leadloop deliveries retry --reason budget_spent" in told["advice"]


def test_what_was_given_up_goes_again_under_the_same_event_id_with_a_fresh_budget(
    make_desk: DeskMaker,
) -> None:
    desk = make_desk("meta")
    desk.plan("a", "meta")
    desk.enroll()
    bury(desk, "a")
    [(event_id, version)] = desk.rows("event_id, version")
    [report] = retry(desk.warehouse, desk.tenant_id, Wish("budget_spent"))
    assert (report.revived, report.renewed, report.left.total()) == (1, 0, 0)
    assert desk.rows("state, failures, first_leased_at, event_id, version") == [
        ("pending", 0, None, event_id, version)
    ]
    desk.send()
    assert desk.states() == {"a": "accepted"}
    assert desk.received("meta")["distinct_ids"] == 1


def test_what_was_refused_goes_again_as_a_new_version_worded_anew(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    refuse(desk, "a")
    assert desk.states() == {"a": "rejected"}
    desk.identify("a", "phone")
    [report] = retry(desk.warehouse, desk.tenant_id, Wish("refused_by_platform"))
    assert (report.revived, report.renewed) == (0, 1)
    desk.send()
    first, second = desk.rows("state, version, event_id, payload")
    assert (first[0], first[1], second[1]) == ("rejected", 1, 2)
    assert first[2] == second[2]
    assert b'"ph"' not in bytes(first[3])
    assert b'"ph"' in bytes(second[3])


def test_what_is_taken_up_again_is_no_dead_letter_any_more(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    refuse(desk, "a")
    assert len(list_dead_letters(desk.warehouse, desk.tenant_id)) == 1
    retry(desk.warehouse, desk.tenant_id, Wish("refused_by_platform"))
    assert list_dead_letters(desk.warehouse, desk.tenant_id) == []
    assert retry(desk.warehouse, desk.tenant_id, Wish("refused_by_platform")) == []


@pytest.mark.parametrize(
    ("change", "table", "why"),
    [
        pytest.param({"consent": "denied"}, "conversion", "consent_denied", id="consent"),
        pytest.param({"is_reversed": True}, "conversion", "reversed", id="reversed"),
        pytest.param(
            {"expires_at": datetime.now(UTC) - timedelta(minutes=1)}, "plan", "expired", id="age"
        ),
        pytest.param({"action": "Lead"}, "plan", "not_planned", id="route"),
        pytest.param(
            {"decision": "hold", "reason": "consent_unknown"}, "plan", "consent_unknown", id="plan"
        ),
    ],
)
def test_what_may_not_leave_any_more_stays_and_says_why(
    make_desk: DeskMaker, change: dict[str, Any], table: str, why: str
) -> None:
    desk = make_desk("meta")
    desk.plan("a", "meta")
    desk.plan("b", "meta")
    desk.enroll()
    bury(desk, "a")
    bury(desk, "b")
    (desk.change_plan if table == "plan" else desk.change_conversion)("a", **change)
    [report] = retry(desk.warehouse, desk.tenant_id, Wish("budget_spent"))
    assert (report.revived, dict(report.left)) == (1, {why: 1})
    assert desk.states() == {"a": "dead", "b": "pending"}
    assert report.as_json()["left"][0]["sentence"]


@pytest.mark.parametrize(
    ("hours", "lane", "why"),
    [
        pytest.param(30, "crm", None, id="inside the window"),
        pytest.param(43, "crm", "outside_window", id="outside the window"),
        pytest.param(1, "messaging", "never_recognised", id="no repeat is recognised"),
    ],
)
def test_what_may_have_arrived_goes_again_only_while_a_repeat_is_recognised(
    make_desk: DeskMaker, hours: int, lane: str, why: str | None
) -> None:
    desk = make_desk("meta")
    desk.plan("a", "meta")
    desk.enroll()
    sent_at = datetime.now(UTC) - timedelta(hours=hours)
    bury(desk, "a", reason="may_have_arrived", is_doubtful=True, sent_at=sent_at, lane=lane)
    [report] = retry(desk.warehouse, desk.tenant_id, Wish("may_have_arrived"))
    assert dict(report.left) == ({why: 1} if why else {})
    assert desk.states() == {"a": "dead" if why else "pending"}
    if why:
        forced = Wish("may_have_arrived", even_if_counted_twice=True)
        [report] = retry(desk.warehouse, desk.tenant_id, forced)
        assert report.revived == 1
        assert desk.states() == {"a": "pending"}


@pytest.mark.parametrize(
    "wish",
    [
        pytest.param(Wish("budget_spent", code="http_502"), id="code"),
        pytest.param(Wish("budget_spent", target=Target("meta")), id="platform"),
        pytest.param(Wish("bug"), id="reason"),
        pytest.param(Wish("budget_spent", before=datetime(2020, 1, 1, tzinfo=UTC)), id="time"),
        pytest.param(Wish("budget_spent", limit=0), id="limit"),
    ],
)
def test_only_what_was_asked_for_goes_again(make_desk: DeskMaker, wish: Wish) -> None:
    desk = make_desk("meta", "tiktok")
    desk.plan("a", "tiktok")
    desk.enroll()
    bury(desk, "a")
    assert retry(desk.warehouse, desk.tenant_id, wish) == []
    assert desk.states() == {"a": "dead"}


def test_a_limit_takes_those_that_ended_first(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    for name in ("late", "early"):
        desk.plan(name, "meta")
    desk.enroll()
    bury(desk, "late")
    bury(desk, "early", updated_at=datetime.now(UTC) - timedelta(hours=3))
    retry(desk.warehouse, desk.tenant_id, Wish("budget_spent", limit=1))
    assert desk.states() == {"late": "dead", "early": "pending"}


def test_a_rehearsal_counts_the_same_and_changes_nothing(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    desk.plan("a", "meta")
    desk.enroll()
    bury(desk, "a")
    [report] = retry(desk.warehouse, desk.tenant_id, Wish("budget_spent", is_rehearsal=True))
    assert report.revived == 1
    assert desk.states() == {"a": "dead"}
    assert retries_noted(desk) == []


def test_a_retry_is_in_the_audit_log(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    desk.plan("a", "meta")
    desk.enroll()
    bury(desk, "a")
    retry(desk.warehouse, desk.tenant_id, Wish("budget_spent", code="read_timeout"))
    assert retries_noted(desk) == [
        ("meta:880000000000001", "1 revived, 0 renewed, 0 left", "budget_spent, code read_timeout")
    ]


def test_a_reason_for_which_nothing_ends_is_refused(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    with pytest.raises(RetryRefused, match="budget_spent"):
        retry(desk.warehouse, desk.tenant_id, Wish("too_old"))


@pytest.mark.parametrize("typed", ["myspace", "meta:1"])
def test_an_unknown_destination_is_refused_with_those_there_are(
    make_desk: DeskMaker, typed: str
) -> None:
    desk = make_desk("meta")
    with pytest.raises(DestinationUnknown, match="meta"):
        retry(desk.warehouse, desk.tenant_id, Wish("bug", target=read_target(typed)))


def test_the_clock_says_in_words_when_a_platforms_time_is_over(make_desk: DeskMaker) -> None:
    desk = make_desk("meta", "tiktok")
    soon = datetime.now(UTC) + timedelta(hours=19, minutes=30)
    desk.plan("a", "meta", expires_at=soon)
    desk.plan("b", "meta", expires_at=soon + timedelta(hours=2))
    desk.plan("c", "meta", decision="hold", reason="consent_unknown", expires_at=soon)
    desk.plan("d", "tiktok", expires_at=soon + timedelta(days=9))
    desk.enroll()
    expiring, nearest = list_expiring(desk.warehouse, desk.tenant_id, timedelta(hours=24))
    told = {(e.platform, e.state, e.row_count): e.sentence() for e in expiring}
    assert told == {
        ("meta", "pending", 2): "the first expires at Meta in 19 h",
        ("meta", "held", 1): "expires at Meta in 19 h",
    }
    assert [n.conversion_id for n in nearest][-1] == "b"
    assert nearest[0].sentence() == "expires at Meta in 19 h"


def test_what_has_left_has_no_clock(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    desk.plan("a", "meta", expires_at=datetime.now(UTC) + timedelta(hours=2))
    desk.enroll()
    desk.send()
    assert list_expiring(desk.warehouse, desk.tenant_id, timedelta(hours=24)) == ([], [])


def test_status_says_where_each_destination_is(make_desk: DeskMaker) -> None:
    desk = make_desk("meta", "tiktok")
    desk.plan("a", "meta")
    desk.enroll()
    desk.send()
    desk.plan("b", "meta")
    desk.enroll()
    told = {s.platform: s for s in list_status(desk.warehouse, desk.tenant_id)}
    assert told["meta"].states == {"accepted": 1, "pending": 1}
    assert told["meta"].due_count == 1
    assert told["meta"].oldest_due_at is not None
    assert told["meta"].last_request["event_count"] == 1
    assert told["meta"].last_request["answer_code"] == "ok"
    assert told["tiktok"].states == {}
    assert told["tiktok"].last_request == {}
    assert told["tiktok"].as_json()["oldest_due_at"] is None


def test_status_says_until_when_a_platform_wants_to_be_left_alone(make_desk: DeskMaker) -> None:
    desk = make_desk("tiktok")
    desk.plan("a", "tiktok")
    desk.enroll()
    desk.sandbox.arm("tiktok", "429")
    desk.send()
    [status] = list_status(desk.warehouse, desk.tenant_id)
    assert status.throttled_until is not None
    assert status.throttled_until > datetime.now(UTC)


def test_status_says_which_rules_keep_everything_back(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    desk.judge(passed=False)
    [status] = list_status(desk.warehouse, desk.tenant_id)
    assert status.gate == ("REC3",)


def test_nothing_leaves_for_a_paused_destination_until_it_is_resumed(make_desk: DeskMaker) -> None:
    desk = make_desk("meta", "tiktok")
    desk.plan("a", "meta")
    desk.plan("b", "tiktok")
    desk.enroll()
    pause(desk.warehouse, desk.tenant_id, read_target("meta"), "price list is wrong", by="ayse")
    desk.send()
    assert desk.states() == {"a": "pending", "b": "accepted"}
    told = {s.platform: s for s in list_status(desk.warehouse, desk.tenant_id)}
    assert told["tiktok"].stops == []
    assert told["meta"].stops[0].startswith("paused by ayse since ")
    assert "price list is wrong" in told["meta"].stops[0]
    [(account, target)] = resume(desk.warehouse, desk.tenant_id, read_target("meta"), by="ayse")
    assert (account.platform, target) == ("meta", "")
    desk.send()
    assert desk.states() == {"a": "accepted", "b": "accepted"}
    assert resume(desk.warehouse, desk.tenant_id, read_target("meta"), by="ayse") == []


def test_a_pause_names_accounts_that_are_there(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    with pytest.raises(DestinationUnknown, match="meta:880000000000001"):
        pause(desk.warehouse, desk.tenant_id, read_target("tiktok"), "no", by="ayse")


@pytest.fixture
def leadloop(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run ``leadloop deliveries`` on a desk's warehouse."""

    def invoke(desk: Any, *arguments: str) -> Result:
        for name in ("deliveries", "console"):
            monkeypatch.setattr(
                f"orchestration.commands.{name}.get_settings", lambda: desk.warehouse.settings
            )
        return CliRunner().invoke(app, ["deliveries", *arguments])

    return invoke


def test_the_commands_say_the_same_to_people_and_to_programs(
    make_desk: DeskMaker, leadloop: Callable[..., Result]
) -> None:
    desk = make_desk("meta")
    soon = datetime.now(UTC) + timedelta(hours=19, minutes=30)
    desk.plan("a", "meta", expires_at=soon)
    desk.plan("b", "meta", expires_at=soon)
    desk.enroll()
    bury(desk, "a")
    for command, words, name in (
        (["status"], "1 dead, 1 pending", "states"),
        (["dead"], "budget_spent", "advice"),
        (["expiring"], "expires at Meta in 19 h", "nearest"),
        (["retry", "--reason", "budget_spent", "--dry-run"], "1 would go again", "revived"),
    ):
        people = leadloop(desk, *command)
        assert people.exit_code == 0, people.output
        assert words in people.stdout
        programs = leadloop(desk, *command, "--json")
        assert programs.exit_code == 0, programs.output
        assert name in json.loads(programs.stdout)
        assert json.loads(programs.stdout)["tenant_id"] == str(desk.tenant_id)


def test_a_retry_that_leaves_rows_says_why_and_what_to_do(
    make_desk: DeskMaker, leadloop: Callable[..., Result]
) -> None:
    desk = make_desk("meta")
    desk.plan("a", "meta")
    desk.enroll()
    sent_at = datetime.now(UTC) - timedelta(days=3)
    bury(desk, "a", reason="may_have_arrived", is_doubtful=True, sent_at=sent_at, lane="crm")
    told = leadloop(desk, "retry", "--reason", "may_have_arrived")
    assert "1 stay: it may have arrived, and the platform would no longer" in told.stdout
    assert "--even-if-counted-twice" in told.stdout
    assert desk.states() == {"a": "dead"}
    forced = leadloop(desk, "retry", "--reason", "may_have_arrived", "--even-if-counted-twice")
    assert "1 go again" in forced.stdout
    assert desk.states() == {"a": "pending"}


def test_pause_and_resume_are_commands(
    make_desk: DeskMaker, leadloop: Callable[..., Result]
) -> None:
    desk = make_desk("meta")
    assert "Paused meta:880000000000001" in leadloop(desk, "pause", "meta").stderr
    assert "paused by operator" in " ".join(leadloop(desk, "status").stdout.split())
    assert "goes again" in leadloop(desk, "resume", "meta").stderr
    assert "Nothing was stopped" in leadloop(desk, "resume", "meta").stderr


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["expiring", "--within", "soon"], id="span"),
        pytest.param(["retry", "--reason", "bug", "--limit", "0"], id="limit"),
        pytest.param(["retry"], id="no reason"),
    ],
)
def test_what_is_asked_wrongly_exits_two(
    make_desk: DeskMaker, leadloop: Callable[..., Result], arguments: list[str]
) -> None:
    assert leadloop(make_desk("meta"), *arguments).exit_code == 2
