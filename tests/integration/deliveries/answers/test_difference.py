"""The dry run: what the next run would send, told beside what was sent before, and nothing of it done."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from orchestration.cli import app
from orchestration.deliveries.answers.difference import Rehearsal, rehearse
from orchestration.deliveries.answers.operating import Wish, retry
from orchestration.deliveries.answers.phrases import DestinationUnknown, Target

DeskMaker = Callable[..., Any]
TABLES = ("deliveries", "delivery_attempts", "delivery_requests", "delivery_journal", "audit_log")


def everything(desk: Any) -> list[Any]:
    """All that the ledger holds."""
    return [
        desk.admin.execute(f"select * from ops.{table} order by 1, 2, 3").fetchall()
        for table in TABLES
    ]


def run(desk: Any, *, target: Target | None = None, limit: int = 1_000) -> dict[str, Rehearsal]:
    """Rehearse, and hold that nothing was stored and nothing left."""
    before = everything(desk)
    requests = {p: desk.received(p)["requests"] for p in ("google", "meta", "tiktok")}
    found = rehearse(desk.warehouse, desk.tenant_id, uuid4, target, limit)
    assert everything(desk) == before
    assert {p: desk.received(p)["requests"] for p in requests} == requests
    return {one.platform: one for one in found}


def test_what_was_never_sent_is_new_with_every_field(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    desk.plan("a", "meta", fbclid="IwARsecretclick", click_at=datetime.now(UTC))
    found = run(desk)["meta"]
    assert found.kinds == {"new": 1}
    assert found.lanes == {"system_generated": 1}
    [one] = found.differences
    assert (one.conversion_id, one.kind) == ("a", "new")
    assert one.fields["event_name"] == "Purchase"
    assert len(one.fields["user_data.em"]) == 64
    assert one.fields["user_data.fbc"] == "carried"
    assert "secretclick" not in json.dumps(found.as_json())


def test_what_it_says_is_what_the_run_then_sends(make_desk: DeskMaker) -> None:
    desk = make_desk("meta", "tiktok")
    for platform in ("meta", "tiktok"):
        desk.plan("a", platform)
        desk.plan("b", platform, decision="hold", reason="consent_unknown")
    found = run(desk)
    assert {p: one.kinds["new"] for p, one in found.items()} == {"meta": 1, "tiktok": 1}
    desk.enroll()
    desk.send()
    assert desk.received("meta")["distinct_ids"] == desk.received("tiktok")["distinct_ids"] == 1
    again = run(desk)
    assert [one.kinds.total() for one in again.values()] == [0, 0]


def test_what_was_refused_and_is_worded_anew_shows_what_changed(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    desk.plan("a", "meta")
    desk.enroll()
    [(event_id,)] = desk.rows("event_id")
    desk.sandbox.arm("meta", "whole_request_refusal", event_id=event_id)
    desk.send()
    desk.identify("a", "phone")
    retry(desk.warehouse, desk.tenant_id, Wish("refused_by_platform"))
    [one] = run(desk)["meta"].differences
    assert one.kind == "changed"
    assert list(one.fields) == ["user_data.ph"]
    assert one.fields["user_data.ph"]["was"] is None
    assert len(one.fields["user_data.ph"]["is"]) == 64


def test_what_may_have_arrived_goes_again_the_same(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    desk.plan("a", "meta")
    desk.enroll()
    desk.sandbox.arm("meta", "503")
    desk.send(chance=lambda: 0.99)
    desk.pass_time(1)
    [one] = run(desk)["meta"].differences
    assert (one.kind, one.fields) == ("same", {})


@pytest.mark.parametrize(
    ("changes", "plan", "kind"),
    [
        pytest.param(
            {"value": Decimal("20.00")}, {"value": Decimal("20.00")}, "changed", id="value"
        ),
        pytest.param(
            {"is_reversed": True},
            {"decision": "never", "reason": "reversed"},
            "withdrawn",
            id="reversed",
        ),
    ],
)
def test_what_would_be_told_anew_shows_what_it_was(
    make_desk: DeskMaker, changes: dict[str, Any], plan: dict[str, Any], kind: str
) -> None:
    desk = make_desk("google")
    desk.plan("a", "google")
    desk.enroll()
    desk.send()
    desk.pass_time(1)
    desk.send()
    desk.change_conversion("a", **changes)
    desk.change_plan("a", **plan)
    [one] = run(desk)["google"].differences
    assert one.kind == kind
    assert one.fields["conversionValue"]["was"] == 1499.9
    assert one.fields["conversionValue"]["is"] == (20.0 if kind == "changed" else 0.0)


def test_what_would_not_leave_is_counted_by_reason(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    desk.plan("held", "meta", decision="hold", reason="consent_unknown")
    desk.plan("unworded", "meta", fbclid="not a click", click_at=datetime.now(UTC))
    desk.plan("off", "meta")
    desk.enroll()
    desk.change_plan("off", decision="never", reason="reversed")
    desk.plan("held too", "meta", decision="hold", reason="consent_unknown")
    moves = run(desk)["meta"].moves
    assert moves["rejected", "field_misshapen"] == 1
    assert moves["cancelled", "reversed"] == 1
    assert moves["held", "consent_unknown"] == 1


def test_what_keeps_the_run_from_sending_is_told_beside_it(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    desk.plan("a", "meta")
    desk.judge(passed=False)
    found = run(desk)["meta"]
    assert found.obstacles == ["the gate is closed by REC3"]
    assert found.kinds == {"new": 1}


def test_a_limit_says_that_there_may_be_more(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    for number in range(3):
        desk.plan(f"a{number}", "meta")
    found = run(desk, limit=2)["meta"]
    assert (found.kinds.total(), found.is_cut) == (2, True)
    assert not run(desk)["meta"].is_cut


def test_one_destination_can_be_asked_for(make_desk: DeskMaker) -> None:
    desk = make_desk("meta", "tiktok")
    assert list(run(desk, target=Target("tiktok"))) == ["tiktok"]
    with pytest.raises(DestinationUnknown):
        run(desk, target=Target("google"))


def test_the_command_prints_it_for_people_and_for_programs(
    make_desk: DeskMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make_desk("meta")
    desk.plan("a", "meta")
    for name in ("deliveries", "console"):
        monkeypatch.setattr(
            f"orchestration.commands.{name}.get_settings", lambda: desk.warehouse.settings
        )
    people = CliRunner().invoke(app, ["deliveries", "dry-run"])
    assert people.exit_code == 0, people.output
    assert "meta:880000000000001: 1 new" in people.stdout
    assert "new a as Purchase by system_generated" in people.stdout
    programs = CliRunner().invoke(app, ["deliveries", "dry-run", "--json"])
    assert json.loads(programs.stdout)["kinds"] == {"new": 1}
