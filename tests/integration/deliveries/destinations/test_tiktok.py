"""TikTok through ledger and sender: each lead by its own event source, and by that one for good."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from tests.integration.deliveries.conftest import Desk

DeskMaker = Callable[..., Desk]
LEAD = {"tiktok_lead_id": "7391234567890123456"}
CLICK = {"ttclid": "E.C.P.CsEB"}
SITE = {"site_url": "https://akademi.example/"}
CRM = {"crm_event_set_id": "7200000000000000001"}
PIXEL = {"pixel_code": "CPIXEL0001"}


def seen(desk: Desk) -> dict[str, int]:
    """How often an event came to each source."""
    counts: dict[str, int] = {}
    for event in desk.sandbox.around.tally.events():
        if event["platform"] == "tiktok":
            source = event["destination"].partition(":")[0]
            counts[source] = counts.get(source, 0) + event["times"]
    return counts


def test_each_lead_goes_by_its_own_source(make_desk: DeskMaker) -> None:
    desk = make_desk()
    desk.install("tiktok", **SITE, **CRM)
    desk.plan("born-there", "tiktok", **LEAD)
    desk.plan("clicked", "tiktok", **CLICK)
    desk.plan("known", "tiktok")
    desk.enroll()
    desk.send()
    assert desk.rows("conversion_id, lane, state") == [
        ("born-there", "crm", "accepted"),
        ("clicked", "web", "accepted"),
        ("known", "offline", "accepted"),
    ]
    assert seen(desk) == {"crm": 1, "web": 1, "offline": 1}


@pytest.mark.parametrize(
    ("clicks", "config", "lane"),
    [
        (CLICK, {}, "offline"),
        ({}, SITE, "offline"),
        (CLICK, SITE, "web"),
        (LEAD | CLICK, SITE, "web"),
    ],
    ids=["no page yet", "no click yet", "no lead yet", "no set yet"],
)
def test_conversion_keeps_its_source_through_every_attempt(
    make_desk: DeskMaker, clicks: dict[str, Any], config: dict[str, str], lane: str
) -> None:
    desk = make_desk()
    desk.install("tiktok", **config)
    desk.plan("c1", "tiktok", **clicks)
    desk.enroll()
    # It arrived, and nobody told us so.
    desk.sandbox.arm("tiktok", "reset_after", operation="events")
    desk.send(chance=lambda: 0.99)
    assert desk.rows("lane, state") == [(lane, "in_doubt")]
    # Everything that would open a better door comes to be known.
    everything = PIXEL | SITE | CRM | {"offline_event_set_id": "7100000000000000001"}
    desk.admin.execute("update ops.accounts set config = %s", [Jsonb(everything)])
    desk.change_plan("c1", **LEAD, **CLICK)
    desk.pass_time(hours=1)
    desk.send()
    assert desk.rows("lane, state") == [(lane, "accepted")]
    assert seen(desk) == {lane: 2}
    assert desk.received("tiktok")["distinct_ids"] == 1


def test_source_that_is_not_there_stops_its_lane_and_no_other(make_desk: DeskMaker) -> None:
    desk = make_desk()
    desk.install("tiktok", **SITE, crm_event_set_id="999")
    desk.plan("born-there", "tiktok", **LEAD)
    desk.plan("clicked", "tiktok", **CLICK)
    desk.enroll()
    report = desk.send()["tiktok"]
    assert desk.states() == {"born-there": "pending", "clicked": "accepted"}
    assert report.codes["40007"] == 1


def test_limit_on_the_use_of_data_is_told_or_nothing_is(make_desk: DeskMaker) -> None:
    desk = make_desk("tiktok")
    desk.plan("limited", "tiktok", limited_data_use=True)
    desk.enroll()
    report = desk.send()["tiktok"]
    assert desk.states() == {"limited": "rejected"}
    assert report.codes["limit_cannot_be_told"] == 1
    assert desk.received("tiktok")["requests_by_operation"].get("events", 0) == 0


def test_repeat_that_tiktok_knows_is_there_already(make_desk: DeskMaker) -> None:
    desk = make_desk("tiktok")
    desk.plan("c1", "tiktok")
    desk.enroll()
    desk.sandbox.arm("tiktok", "code_40050", operation="events")
    desk.send()
    assert desk.states() == {"c1": "duplicate"}


def test_half_taken_request_keeps_what_was_taken(make_desk: DeskMaker) -> None:
    desk = make_desk("tiktok")
    for number in range(3):
        desk.plan(f"c{number}", "tiktok")
    desk.enroll()
    desk.sandbox.arm("tiktok", "partial", operation="events")
    desk.send()
    assert sorted(desk.states().values()) == ["accepted", "accepted", "rejected"]


def test_half_taken_request_that_names_no_row_counts_none_twice(make_desk: DeskMaker) -> None:
    desk = make_desk("tiktok")
    for number in range(4):
        desk.plan(f"c{number}", "tiktok")
    desk.enroll()
    desk.sandbox.arm("tiktok", "code_20001", operation="events")
    desk.send()
    assert set(desk.states().values()) == {"accepted"}
    assert desk.received("tiktok")["distinct_ids"] == 4
