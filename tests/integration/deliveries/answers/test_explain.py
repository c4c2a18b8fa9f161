"""Why, preview and the summary: one reason for each pair, the exact bytes, numbers that are not added up."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from psycopg.types.json import Jsonb
from typer.testing import CliRunner, Result

from orchestration.cli import app
from orchestration.deliveries.answers.explain import summary, why, why_not
from orchestration.deliveries.answers.explanation import Step
from orchestration.deliveries.answers.previews import preview
from orchestration.deliveries.reasons import RULES
from orchestration.deliveries.sending.stops import stop

DeskMaker = Callable[..., Any]


def test_each_destination_of_a_lead_has_one_decision_and_one_reason(make_desk: DeskMaker) -> None:
    desk = make_desk("google", "meta", "tiktok")
    desk.plan("c1", "google")
    desk.plan("c1", "meta", decision="hold", reason="consent_unknown")
    desk.plan("c1", "tiktok", decision="never", reason="no_route", action=None)
    desk.enroll()
    desk.send()
    told = {e.platform: e for e in why(desk.warehouse, desk.tenant_id, "lead-c1")}
    assert {name: (e.decision, e.reason, e.state) for name, e in told.items()} == {
        "google": ("send", "eligible", "submitted"),
        "meta": ("hold", "consent_unknown", "held"),
        "tiktok": ("never", "no_route", None),
    }
    assert "was taken; the platform tells later" in told["google"].sentence()
    assert "nobody said yes or no" in told["meta"].sentence()
    assert json.loads(json.dumps(told["tiktok"].as_json()))["decision"] == "never"


@pytest.mark.parametrize("key", ["lead-c1", "c1", "CRM-c1"])
def test_a_lead_is_found_by_any_of_its_ids(make_desk: DeskMaker, key: str) -> None:
    desk = make_desk("meta")
    desk.plan("c1", "meta")
    desk.plan("c2", "meta")
    assert [e.conversion_id for e in why(desk.warehouse, desk.tenant_id, key)] == ["c1"]


def test_another_tenants_lead_is_unknown(make_desk: DeskMaker) -> None:
    ours, theirs = make_desk("meta"), make_desk("meta")
    theirs.plan("c1", "meta")
    assert why(ours.warehouse, ours.tenant_id, "lead-c1") == []
    assert preview(ours.warehouse, ours.tenant_id, "c1") == []


@pytest.mark.parametrize(
    ("arrange", "key", "words"),
    [
        pytest.param("nothing", "c1", None, id="unknown"),
        pytest.param("no plan", "c1", "it is not planned", id="not planned"),
        pytest.param("no account", "CRM-c1", "no ad account yet", id="no account"),
    ],
)
def test_silence_is_explained(
    make_desk: DeskMaker, arrange: str, key: str, words: str | None
) -> None:
    desk = make_desk("meta")
    if arrange != "nothing":
        desk.plan("c1", "meta")
        desk.admin.execute("delete from marts.delivery_plan")
    if arrange == "no account":
        desk.admin.execute("update ops.accounts set is_active = false")
    assert why(desk.warehouse, desk.tenant_id, key) == []
    told = why_not(desk.warehouse, desk.tenant_id, key)
    assert told is None if words is None else words in (told or "")


def test_what_has_left_stays_sent_when_the_plan_forgets_it(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    desk.plan("c1", "meta")
    desk.enroll()
    desk.send()
    desk.change_plan("c1", decision="never", reason="too_old")
    [told] = why(desk.warehouse, desk.tenant_id, "c1")
    assert (told.decision, told.reason, told.state) == ("send", "eligible", "accepted")
    desk.admin.execute("delete from marts.delivery_plan")
    [told] = why(desk.warehouse, desk.tenant_id, "c1")
    assert (told.decision, told.state) == ("send", "accepted")


def test_row_that_waits_says_until_when_and_why(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    desk.plan("c1", "meta")
    desk.enroll()
    desk.sandbox.arm("meta", "503")
    desk.send(chance=lambda: 0.99)
    [told] = why(desk.warehouse, desk.tenant_id, "c1")
    assert (told.state, told.attempts) == ("in_doubt", 1)
    assert "under the same id" in told.sentence()
    assert "Next try from" in told.sentence()


@pytest.mark.parametrize("platform", ["google", "meta", "tiktok"])
def test_preview_is_what_is_sent_byte_for_byte_and_sends_nothing(
    make_desk: DeskMaker, platform: str
) -> None:
    desk = make_desk(platform)
    desk.plan("c1", platform)
    [before] = preview(desk.warehouse, desk.tenant_id, "c1", platform)
    assert desk.received(platform)["requests"] == 0
    assert desk.rows() == []
    desk.enroll()
    desk.send()
    [(body,)] = desk.admin.execute("select body from ops.delivery_requests").fetchall()
    assert before.body == body
    [after] = preview(desk.warehouse, desk.tenant_id, "c1")
    assert after == before


def test_preview_of_what_is_not_sent_is_empty(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    desk.plan("c1", "meta", decision="hold", reason="consent_unknown")
    assert preview(desk.warehouse, desk.tenant_id, "c1") == []


def test_summary_counts_each_pair_once(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    for number in range(3):
        desk.plan(f"a{number}", "meta")
    desk.plan("b1", "meta", decision="hold", reason="consent_unknown")
    desk.plan("b2", "meta", decision="never", reason="too_old")
    desk.plan("b3", "meta", decision="never", reason="no_route", action=None)
    desk.plan(
        "b4",
        "meta",
        fbclid="not a click",
        click_at=desk.admin.execute("select now()").fetchone()[0],
    )
    desk.enroll()
    [(event_id,), *_] = desk.rows("event_id")
    desk.sandbox.arm("meta", "whole_request_refusal", event_id=event_id, times=5)
    desk.send()
    [counts] = summary(desk.warehouse)
    assert counts.planned == 7
    assert (counts.sent, counts.accepted, counts.refused, counts.waiting) == (3, 2, 1, 0)
    assert counts.not_sent == {
        "consent_unknown": 1,
        "too_old": 1,
        "no_route": 1,
        "field_misshapen:user_data.fbc": 1,
    }
    assert counts.planned == counts.sent + counts.not_sent.total()


FACTS = Jsonb(
    {
        "kind": "purchase",
        "action": "Purchase",
        "consent": "granted",
        "region": "TR",
        "legal_basis": "consent",
        "click_kinds": [],
        "hash_kinds": ["email"],
        "age_hours": 24,
    }
)


def steps_of(desk: Any, key: str = "c1") -> list[Step]:
    [told] = why(desk.warehouse, desk.tenant_id, key)
    return list(told.steps)


def find(steps: list[Step], stage: str, code: str) -> Step:
    [step] = [step for step in steps if (step.stage, step.code) == (stage, code)]
    return step


def test_every_rule_of_the_plan_is_told_in_order_with_what_decided_it(
    make_desk: DeskMaker,
) -> None:
    desk = make_desk("meta")
    standing = ["consent_unknown", "no_identifier"]
    desk.plan("c1", "meta", decision="hold", reason="consent_unknown", rules=standing, facts=FACTS)
    asked = [step for step in steps_of(desk) if step.stage == "plan"]
    assert [step.code for step in asked] == list(RULES)
    assert [step.code for step in asked if step.verdict == "against"] == standing
    assert find(asked, "plan", "consent_unknown").facts == {
        "region": "TR",
        "legal_basis": "consent",
    }
    assert "✗ neither a click of this platform" in find(asked, "plan", "no_identifier").line()
    assert "hash_kinds=email" in find(asked, "plan", "no_identifier").line()


def test_an_outcome_that_the_plan_forgot_says_so(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    desk.plan("c1", "meta")
    desk.enroll()
    desk.admin.execute("delete from marts.delivery_plan")
    assert find(steps_of(desk), "plan", "not_planned").verdict == "against"


def obstruct_by_pause(desk: Any) -> None:
    with desk.warehouse.tenant(desk.tenant_id) as connection:
        stop(connection, desk.account("meta"), "person", "prices are wrong", "ayse")


def obstruct_by_gate(desk: Any) -> None:
    desk.judge(passed=False)


def obstruct_by_switch(desk: Any) -> None:
    desk.admin.execute("update ops.accounts set is_active = false")


def obstruct_by_time(desk: Any) -> None:
    desk.admin.execute("update ops.deliveries set next_at = now() + interval '3 hours'")


def obstruct_by_age(desk: Any) -> None:
    desk.change_plan("c1", expires_at=datetime.now(UTC) - timedelta(hours=2))


@pytest.mark.parametrize(
    ("obstruct", "code", "words"),
    [
        pytest.param(obstruct_by_pause, "stopped", "paused by ayse", id="stop"),
        pytest.param(obstruct_by_gate, "gate_closed", "critical checks failed", id="gate"),
        pytest.param(obstruct_by_switch, "account_inactive", "switched off", id="account"),
        pytest.param(obstruct_by_time, "not_due", "its next try is in 2 h", id="time"),
        pytest.param(obstruct_by_age, "expired", "its time at Meta is over", id="age"),
    ],
)
def test_what_stands_in_the_way_of_a_waiting_row_is_told(
    make_desk: DeskMaker, obstruct: Callable[[Any], None], code: str, words: str
) -> None:
    desk = make_desk("meta")
    desk.plan("c1", "meta")
    desk.enroll()
    clear = [step for step in steps_of(desk) if step.stage == "ledger"]
    assert [step.code for step in clear if step.verdict == "against"] == []
    obstruct(desk)
    against = [s for s in steps_of(desk) if s.stage == "ledger" and s.verdict == "against"]
    assert [step.code for step in against] == [code]
    assert words in against[0].sentence


def test_what_an_event_carries_is_told_in_hashes_and_without_click_ids(
    make_desk: DeskMaker,
) -> None:
    desk = make_desk("google")
    desk.plan("c1", "google", gclid="Cj0KCQsecretclick", click_at=datetime.now(UTC))
    desk.enroll()
    desk.send()
    [told] = why(desk.warehouse, desk.tenant_id, "c1")
    carried = find(list(told.steps), "wording", "event").facts
    assert carried["adIdentifiers.gclid"] == "carried"
    assert carried["conversionValue"] == 1499.9
    [hashed] = desk.admin.execute(
        "select sha256 from vault.identifiers where platform = 'google'"
    ).fetchone()
    assert carried["userData.userIdentifiers.emailAddress"] == hashed
    everything = json.dumps(told.as_json()) + "\n".join(told.lines())
    assert "secretclick" not in everything
    assert "@example.com" not in everything


def test_the_door_is_told_with_its_reason_before_anything_left(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    desk.plan("c1", "meta", ctwa_clid="ARclick", click_at=datetime.now(UTC))
    door = find(steps_of(desk), "wording", "lane")
    assert door.facts == {"lane": "messaging"}
    assert "WhatsApp" in door.sentence
    assert "as it would be worded now" in find(steps_of(desk), "wording", "event").sentence
    assert desk.rows() == []


@pytest.mark.parametrize("is_sent", [False, True], ids=["before", "after"])
def test_what_cannot_be_worded_says_why(make_desk: DeskMaker, is_sent: bool) -> None:
    desk = make_desk("meta")
    desk.plan("c1", "meta", fbclid="not a click", click_at=datetime.now(UTC))
    desk.enroll()
    if is_sent:
        desk.send()
    step = find(steps_of(desk), "wording", "field_misshapen:user_data.fbc")
    assert step.verdict == "against"
    assert "has not the shape" in step.sentence


def test_each_attempt_says_what_it_stood_on_and_what_its_code_means(make_desk: DeskMaker) -> None:
    desk = make_desk("tiktok")
    desk.plan("c1", "tiktok")
    desk.enroll()
    desk.sandbox.arm("tiktok", "503")
    desk.send()
    desk.pass_time(1)
    desk.send()
    first, second = [step for step in steps_of(desk) if step.stage == "attempts"]
    assert (first.code, second.code) == ("in_doubt", "accepted")
    assert "An error of TikTok's system" in first.sentence
    assert first.facts["code"] == "50000"
    assert "tiktok_code.py" in first.facts["source"]
    assert first.facts["consent"] == "granted"
    [(key,)] = desk.admin.execute(
        "select request_key from ops.delivery_requests order by sequence limit 1"
    ).fetchall()
    assert first.facts["request"] == key
    assert (first.facts["place"], first.facts["attempt"], second.facts["attempt"]) == (0, 1, 2)


def test_a_late_answer_in_counts_says_what_it_does_not_say(make_desk: DeskMaker) -> None:
    desk = make_desk("google")
    for number in range(3):
        desk.plan(f"c{number}", "google")
    desk.enroll()
    [(event_id,), *_] = desk.rows("event_id")
    desk.sandbox.arm("google", "later_EVENT_TOO_OLD", event_id=event_id)
    desk.send()
    desk.pass_time(1)
    desk.send()
    counted = find(steps_of(desk), "late answers", "EVENT_TOO_OLD")
    assert counted.sentence.startswith(
        "1 of 3 failed for EVENT_TOO_OLD; it does not say which: The conversion is older"
    )
    assert counted.facts["count"] == 1
    own = find(steps_of(desk), "late answers", "accepted")
    assert own.facts["code"] == "PARTIAL_SUCCESS"


@pytest.mark.parametrize(
    ("is_matched", "code"),
    [(True, "matched"), (False, "unmatched"), (None, "match_untold")],
)
def test_whether_it_was_matched_is_told_as_far_as_it_is_known(
    make_desk: DeskMaker, is_matched: bool | None, code: str
) -> None:
    desk = make_desk("meta")
    desk.plan("c1", "meta")
    desk.enroll()
    desk.send()
    desk.admin.execute("update ops.deliveries set is_matched = %s", [is_matched])
    assert [step.code for step in steps_of(desk) if step.stage == "match"] == [code]


def test_what_stands_against_it_only_since_it_left_is_told_as_such(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    desk.plan("c1", "meta")
    desk.enroll()
    desk.send()
    assert "left_before" not in [step.code for step in steps_of(desk)]
    desk.change_plan("c1", decision="never", reason="consent_denied")
    [told] = [step.sentence for step in steps_of(desk) if step.code == "left_before"]
    assert told == "it had left when this came up: the person said no; what left stays at Meta"


def test_changes_of_what_was_told_are_a_chain_of_versions(make_desk: DeskMaker) -> None:
    desk = make_desk("google")
    desk.plan("c1", "google")
    desk.enroll()
    desk.send()
    desk.pass_time(1)
    desk.send()
    for place in (desk.change_plan, desk.change_conversion):
        place("c1", value=Decimal("20.00"))
    desk.enroll()
    changes = [step for step in steps_of(desk) if step.stage == "changes"]
    assert [(step.facts["version"], step.facts["kind"]) for step in changes] == [
        (1, "send"),
        (2, "adjust"),
    ]
    assert changes[1].facts["value"] == Decimal("20.00")
    assert "has another value" in changes[1].sentence or "value changed" in changes[1].sentence
    [told] = why(desk.warehouse, desk.tenant_id, "c1")
    assert told.state == "accepted"


def test_the_clock_is_told_while_it_runs(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    soon = datetime.now(UTC) + timedelta(hours=19, minutes=30)
    desk.plan("c1", "meta", expires_at=soon)
    desk.enroll()
    assert find(steps_of(desk), "clock", "expires").sentence == "expires at Meta in 19 h"
    desk.sandbox.arm("meta", "503")
    desk.send(chance=lambda: 0.99)
    assert find(steps_of(desk), "clock", "resend_until").sentence == (
        "Meta recognises a repeat for 41 h more"
    )
    desk.pass_time(1)
    desk.send()
    assert [step for step in steps_of(desk) if step.stage == "clock"] == []


def test_stages_come_in_the_order_of_the_way(make_desk: DeskMaker) -> None:
    desk = make_desk("google")
    desk.plan("c1", "google")
    desk.enroll()
    desk.send()
    desk.pass_time(1)
    desk.send()
    told = list(dict.fromkeys(step.stage for step in steps_of(desk)))
    assert told == ["plan", "ledger", "wording", "attempts", "late answers", "match"]


@pytest.fixture
def leadloop(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run the command line on a desk's warehouse."""

    def invoke(desk: Any, *arguments: str) -> Result:
        for name in ("answers", "console", "deliveries"):
            monkeypatch.setattr(
                f"orchestration.commands.{name}.get_settings", lambda: desk.warehouse.settings
            )
        return CliRunner().invoke(app, list(arguments))

    return invoke


@pytest.mark.parametrize("destination", ["meta", "meta:880000000000001"])
def test_one_destination_can_be_asked_for(
    make_desk: DeskMaker, leadloop: Callable[..., Result], destination: str
) -> None:
    desk = make_desk("meta", "tiktok")
    desk.plan("c1", "meta")
    desk.plan("c1", "tiktok")
    told = leadloop(desk, "why", "c1", "--destination", destination, "--json")
    assert told.exit_code == 0, told.output
    [line] = told.stdout.splitlines()
    answer = json.loads(line)
    assert (answer["schema"], answer["platform"]) == (1, "meta")
    assert set(answer["steps"][0]) == {"stage", "code", "verdict", "sentence", "facts"}
    people = leadloop(desk, "why", "c1", "--destination", destination).stdout
    assert "  plan\n    ✓ " in people


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["c1", "-d", "myspace"], "no destination 'myspace'", id="no platform"),
        pytest.param(["c1", "-d", "tiktok"], "ask without --destination", id="nothing there"),
        pytest.param(["nobody"], "no lead, conversion or CRM record here", id="unknown key"),
    ],
)
def test_what_finds_nothing_says_what_to_do(
    make_desk: DeskMaker, leadloop: Callable[..., Result], arguments: list[str], words: str
) -> None:
    desk = make_desk("meta")
    desk.plan("c1", "meta")
    told = leadloop(desk, "why", *arguments)
    assert told.exit_code == 1
    assert words in told.stderr
