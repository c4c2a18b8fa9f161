"""Why, preview and the summary: one reason for each pair, the exact bytes, numbers that are not added up."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from orchestration.deliveries.explain import preview, summary, why, why_not

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
