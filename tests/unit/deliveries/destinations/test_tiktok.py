"""TikTok's bodies: which event source a conversion takes, what each carries, and what is refused before it leaves."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from orchestration.deliveries.conversion import Conversion, EventRefused
from orchestration.deliveries.destinations import tiktok
from orchestration.vendors.errors import RouteBlocked

LEAD = {"tiktok_lead_id": "7391234567890123456"}
CLICK = {"ttclid": "E.C.P.CsEB"}
SITE = {"site_url": "https://akademi.example/"}
CRM = {"crm_event_set_id": "7200000000000000001"}

Make = Callable[..., Conversion]


def test_lead_of_tiktoks_own_goes_as_its_stage(conversion: Make) -> None:
    made = conversion("tiktok", click_ids=LEAD | CLICK, config=CRM | SITE)
    assert tiktok.lane(made) == "crm"
    event = tiktok.event(made)
    assert event["event"] == "order"
    assert event["lead"] == {"lead_id": LEAD["tiktok_lead_id"], "lead_event_source": "Leadloop"}
    assert "page" not in event
    assert "ttclid" not in event["user"]


@pytest.mark.parametrize(
    ("kind", "stage"),
    [
        ("qualified_lead", "qualified_lead"),
        ("appointment", "appointment"),
        ("enrollment", "enrolled"),
        ("purchase", "order"),
    ],
)
def test_each_outcome_is_a_stage_under_a_name_that_is_not_standard(
    conversion: Make, kind: str, stage: str
) -> None:
    event = tiktok.event(conversion("tiktok", kind=kind, click_ids=LEAD, config=CRM))
    assert event["event"] == stage
    assert stage not in tiktok.STANDARD_NAMES


def test_account_names_its_stages_and_its_crm(conversion: Make) -> None:
    config = CRM | {"stage_purchase": "paid", "crm_name": "Akademi CRM"}
    event = tiktok.event(conversion("tiktok", click_ids=LEAD, config=config))
    assert event["event"] == "paid"
    assert event["lead"]["lead_event_source"] == "Akademi CRM"


@pytest.mark.parametrize(
    ("clicks", "config"),
    [(LEAD, {}), ({"tiktok_lead_id": "a b"}, CRM), ({}, CRM)],
    ids=["no set", "no number", "no lead"],
)
def test_crm_wants_a_lead_id_and_an_event_set(
    conversion: Make, clicks: dict[str, str], config: dict[str, str]
) -> None:
    made = conversion("tiktok", click_ids=clicks, config=config)
    assert tiktok.lane(made) == "offline"
    assert "lead" not in tiktok.event(made)


def test_click_goes_as_web_with_the_page_and_the_person(conversion: Make) -> None:
    made = conversion("tiktok", click_ids=CLICK, config=SITE)
    assert tiktok.lane(made) == "web"
    event = tiktok.event(made)
    assert event["page"] == {"url": SITE["site_url"]}
    assert event["user"]["ttclid"] == CLICK["ttclid"]
    assert event["user"]["external_id"]


def test_hashes_alone_go_offline_without_an_external_id(conversion: Make) -> None:
    made = conversion("tiktok", config=SITE)
    assert tiktok.lane(made) == "offline"
    assert set(tiktok.event(made)["user"]) == {"email", "phone"}


@pytest.mark.parametrize(
    "config",
    [SITE | {"event_source": "web"}, SITE | {"offline_event_set_id": ""}],
    ids=["preferred", "no other"],
)
def test_hashes_alone_go_as_web_where_the_account_wants_or_has_nothing_else(
    conversion: Make, config: dict[str, str]
) -> None:
    made = conversion("tiktok", config=config, action="qualified_lead")
    assert tiktok.lane(made) == "web"
    assert tiktok.event(made)["user"]["email"]


def test_web_without_anything_about_the_person_is_refused(conversion: Make) -> None:
    made = conversion("tiktok", config=SITE | {"event_source": "web"}, hashes={})
    with pytest.raises(EventRefused, match="no_identifiers"):
        tiktok.event(made)


def test_click_without_a_page_goes_offline_by_its_hashes(conversion: Make) -> None:
    assert tiktok.lane(conversion("tiktok", click_ids=CLICK)) == "offline"
    assert "ttclid" not in tiktok.event(conversion("tiktok", click_ids=CLICK))["user"]
    with pytest.raises(EventRefused, match="no_page"):
        tiktok.event(conversion("tiktok", hashes={}, click_ids=CLICK))


def test_offline_knows_standard_names_only(conversion: Make) -> None:
    with pytest.raises(EventRefused, match="action_not_standard"):
        tiktok.event(conversion("tiktok", action="nitelikli_aday"))


def test_limited_use_is_told_with_web_events(conversion: Make) -> None:
    made = conversion("tiktok", config=SITE | CRM, click_ids=LEAD, limited_data_use=True)
    assert tiktok.lane(made) == "web"
    assert tiktok.event(made)["limited_data_use"] is True
    assert "limited_data_use" not in tiktok.event(
        conversion("tiktok", config=SITE, click_ids=CLICK)
    )


def test_limit_that_cannot_be_told_keeps_the_conversion_here(conversion: Make) -> None:
    with pytest.raises(EventRefused, match="limit_cannot_be_told"):
        tiktok.event(conversion("tiktok", limited_data_use=True))


@pytest.mark.parametrize("purpose", ["adjust", "retract"])
def test_change_is_refused_as_tiktok_has_no_word_for_any(conversion: Make, purpose: str) -> None:
    assert not tiktok.ADJUSTS
    with pytest.raises(EventRefused, match="cannot_adjust"):
        tiktok.event(conversion("tiktok", purpose=purpose))


@pytest.mark.parametrize(
    ("lane", "source"),
    [
        ("web", "CPIXEL0001"),
        ("offline", "7100000000000000001"),
        ("crm", "7200000000000000001"),
    ],
)
def test_each_source_has_an_id_of_its_own(conversion: Make, lane: str, source: str) -> None:
    account = conversion("tiktok", config=CRM).account
    request = tiktok.request([{}], account, lane)
    body = json.loads(request.body)
    assert (body["event_source"], body["event_source_id"]) == (lane, source)
    assert request.target == f"{lane}:{source}"


def test_source_that_the_account_does_not_name_stops_the_lane_and_blames_no_row(
    conversion: Make,
) -> None:
    with pytest.raises(RouteBlocked, match="crm_event_set_id_missing"):
        tiktok.request([{}], conversion("tiktok").account, "crm")


def test_conversion_has_the_same_id_whatever_source_it_takes(conversion: Make) -> None:
    changes: list[dict[str, Any]] = [
        {},
        {"click_ids": CLICK, "config": SITE},
        {"click_ids": LEAD, "config": CRM},
    ]
    events = [tiktok.event(conversion("tiktok", **change)) for change in changes]
    assert {event["event_id"] for event in events} == {"a" * 64}


def test_test_code_stands_beside_the_events(conversion: Make) -> None:
    made = conversion("tiktok", config={"test_event_code": "TEST123"})
    body = json.loads(tiktok.request([tiktok.event(made)], made.account, "offline").body)
    assert body["test_event_code"] == "TEST123"
