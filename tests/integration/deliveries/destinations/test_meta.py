"""Meta through ledger and sender: each lead by its own profile, batches of a thousand, waits, and messages once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.integration.deliveries.conftest import Desk

DeskMaker = Callable[..., Desk]
LEAD = {"meta_lead_id": "525645896321548"}
THREAD = {"ctwa_clid": "ARAkLkA8rmlFeiCktEJQ"}


def seen(desk: Desk) -> dict[str, int]:
    """How often each name came to Meta."""
    return {
        event["name"]: event["times"]
        for event in desk.sandbox.around.tally.events()
        if event["platform"] == "meta"
    }


def test_each_lead_goes_by_its_own_profile(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    desk.plan("form", "meta", **LEAD)
    desk.plan("thread", "meta", **THREAD, action="QualifiedLead", kind="qualified_lead")
    desk.plan("site", "meta", fbclid="IwAR", click_at=datetime.now(UTC) - timedelta(days=2))
    desk.enroll()
    desk.send()
    assert desk.rows("conversion_id, lane, state") == [
        ("form", "crm", "accepted"),
        ("site", "system_generated", "accepted"),
        ("thread", "messaging", "accepted"),
    ]
    assert seen(desk) == {"Customer": 1, "Purchase": 1, "QualifiedLead": 1}


def test_policy_that_limits_the_use_of_data_reaches_the_event(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    desk.plan("limited", "meta", limited_data_use=True)
    desk.plan("free", "meta", limited_data_use=False)
    desk.enroll()
    desk.send()
    payloads = dict(desk.rows("conversion_id, payload"))
    assert b'"data_processing_options":["LDU"]' in bytes(payloads["limited"])
    assert b"data_processing" not in bytes(payloads["free"])


def test_requests_hold_a_thousand_events_at_most(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    for number in range(1_003):
        desk.plan(f"c{number}", "meta")
    desk.enroll()
    desk.send()
    counts = desk.admin.execute(
        "select event_count from ops.delivery_requests order by event_count desc"
    ).fetchall()
    assert [count for (count,) in counts] == [1_000, 3]
    assert desk.received("meta")["distinct_ids"] == 1_003


def test_event_that_is_too_old_sinks_no_request(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    long_ago = datetime.now(UTC) - timedelta(days=7, hours=1)
    desk.plan(
        "late", "meta", converted_at=long_ago, expires_at=datetime.now(UTC) - timedelta(hours=13)
    )
    desk.plan("fresh", "meta")
    desk.enroll()
    desk.send()
    assert desk.states()["fresh"] == "accepted"
    assert desk.states().get("late") in {None, "expired"}
    assert desk.received("meta")["refused"] == {}


def test_bad_row_is_found_by_halving_and_keeps_its_reason(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    for number in range(8):
        desk.plan(f"c{number}", "meta")
    # In time by the plan, out of time by Meta: only Meta can tell.
    desk.plan("bad", "meta", converted_at=datetime.now(UTC) - timedelta(days=8))
    desk.enroll()
    desk.send()
    states = desk.states()
    assert states.pop("bad") == "rejected"
    assert set(states.values()) == {"accepted"}
    codes = dict(desk.rows("conversion_id, platform_code"))
    assert codes["bad"] == "100_2804003"
    assert desk.received("meta")["seen_twice"] == 0


def test_throttled_account_waits_as_long_as_meta_says(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    desk.plan("c1", "meta")
    desk.enroll()
    desk.sandbox.arm("meta", "usage", retry_after=1_200, operation="events")
    assert desk.send()["meta"].stopped_by == "throttled"
    [(wait,)] = desk.rows("next_at - clock_timestamp()")
    assert timedelta(minutes=19) < wait <= timedelta(minutes=20)


@pytest.mark.parametrize(
    ("clicks", "changes"),
    [(LEAD, {"ctwa_clid": "LATER"}), ({}, LEAD), (THREAD, LEAD)],
    ids=["form", "site", "thread"],
)
def test_conversion_keeps_its_profile_whatever_is_learned_later(
    make_desk: DeskMaker, clicks: dict[str, Any], changes: dict[str, Any]
) -> None:
    desk = make_desk("meta")
    desk.plan("c1", "meta", **clicks)
    desk.enroll()
    desk.sandbox.arm("meta", "429", operation="events")
    desk.send()
    [(lane, name)] = desk.rows("lane, payload")
    desk.change_plan("c1", **changes)
    desk.pass_time(hours=2)
    desk.send()
    assert desk.rows("lane, payload, state") == [(lane, name, "accepted")]
    assert list(seen(desk).values()) == [1]
