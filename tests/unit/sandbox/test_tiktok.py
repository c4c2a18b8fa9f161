"""The TikTok stand-in: HTTP 200 with the outcome in the body, trailing slashes, lists with page numbers."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from orchestration.sandbox.server import Sandbox

NOW = int(datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp())
DAY = 86_400
HASH = "a" * 64
TOKEN = "token"
TRACK = "/open_api/v1.3/event/track/"


def event(**changes: Any) -> dict[str, Any]:
    return {
        "event": "Lead",
        "event_time": NOW - DAY,
        "event_id": "e-1",
        "user": {"email": HASH, "ttclid": "E.C.P.abc"},
        "page": {"url": "https://okul.example/"},
        **changes,
    }


def call(*events: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "event_source": "web",
        "event_source_id": "CPIXEL0001",
        "data": list(events or [event()]),
        **changes,
    }


def send(sandbox: Sandbox, request: dict[str, Any], token: str = TOKEN) -> dict[str, Any]:
    answer = httpx.post(sandbox.tiktok_url + TRACK, json=request, headers={"Access-Token": token})
    assert answer.status_code == 200
    return answer.json()


def test_success_is_code_zero(sandbox):
    answer = send(sandbox, call())
    assert (answer["code"], answer["message"], answer["data"]) == (0, "OK", {})
    assert answer["request_id"]


def test_the_trailing_slash_matters(sandbox):
    answer = httpx.post(sandbox.tiktok_url + TRACK.rstrip("/"), json=call())
    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"event": ""}, 40002),
        ({"event_time": "yesterday"}, 40002),
        ({"event_time": NOW * 1000}, 40002),
        ({"user": {}}, 40002),
        ({"page": {}}, 40002),
        ({"properties": {"value": 5}}, 40002),
        ({"user": {"email": "A" * 64}}, 40062),
        ({"user": {"phone": ["+905321234567"]}}, 40062),
        ({"properties": {"description": "ayse@example.com"}}, 40062),
    ],
)
def test_one_bad_event_refuses_the_call_with_status_200(sandbox, changes, code):
    assert send(sandbox, call(event(), event(**changes)))["code"] == code
    counts = sandbox.counts()["tiktok"]
    assert (counts["events_received"], counts["events_accepted"]) == (2, 0)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"data": []}, 40002),
        ({"data": [event()] * 1001}, 40061),
        ({"event_source_id": "OTHER"}, 40007),
        ({"event_source": "crm"}, 40007),
        ({"event_source": "phone"}, 40002),
    ],
)
def test_a_bad_envelope_has_its_code(sandbox, changes, code):
    assert send(sandbox, call(**changes))["code"] == code


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, 0),
        ({"event": "raw_lead"}, 40002),
        ({"event_time": NOW - 28 * DAY - 1}, 40002),
    ],
    ids=["standard", "custom name", "older than 28 days"],
)
def test_offline_takes_standard_names_of_the_last_28_days(sandbox, changes, code):
    request = call(event(**changes), event_source="offline", event_source_id="7100000000000000001")
    assert send(sandbox, request)["code"] == code


@pytest.mark.parametrize(("token", "code"), [("", 40104), ("expired", 40102), ("revoked", 40105)])
def test_a_bad_token_has_its_code(sandbox, token, code):
    assert send(sandbox, call(), token)["code"] == code


def test_a_repeat_is_seen_by_source_name_and_id(sandbox):
    send(sandbox, call(event(), event(event="Contact")))
    send(sandbox, call(event()))
    counts = sandbox.counts()["tiktok"]
    assert (counts["events_accepted"], counts["distinct_ids"], counts["seen_twice"]) == (3, 2, 1)


def test_a_partial_success_names_the_failed(sandbox):
    sandbox.arm("tiktok", "partial", event_id="e-2")
    answer = send(sandbox, call(event(), event(event_id="e-2"), event(event_id="e-3")))
    assert answer["code"] == 20001
    assert [row["event_id"] for row in answer["data"]["failed_events"]] == ["e-2"]
    counts = sandbox.counts()["tiktok"]
    assert (counts["events_accepted"], counts["refused"]) == (2, {"40002": 1})


@pytest.mark.parametrize(
    ("fault", "code"),
    [("code_40100", 40100), ("429", 40100), ("code_50002", 50002), ("expired_token", 40102)],
)
def test_any_code_of_the_table_can_be_had(sandbox, fault, code):
    sandbox.arm("tiktok", fault)
    assert send(sandbox, call())["code"] == code
    assert send(sandbox, call())["code"] == 0


def get(sandbox: Sandbox, kind: str, **params: Any) -> dict[str, Any]:
    return httpx.get(
        f"{sandbox.tiktok_url}/open_api/v1.3/{kind}/get/",
        params={"advertiser_id": "7000000000000000001", **params},
        headers={"Access-Token": "token"},
    ).json()


def test_lists_page_by_number_and_ids_are_text(sandbox):
    everything = {"filtering": json.dumps({"primary_status": "STATUS_ALL"})}
    first = get(sandbox, "campaign", page_size=2, **everything)["data"]
    last = get(sandbox, "campaign", page_size=2, page=2, **everything)["data"]
    assert first["page_info"] == {"page": 1, "page_size": 2, "total_number": 3, "total_page": 2}
    assert first["list"][0]["campaign_id"] == "1790000000000001"
    assert [row["secondary_status"] for row in last["list"]] == ["CAMPAIGN_STATUS_DELETE"]


def test_lists_leave_out_what_was_deleted_and_fields_not_asked_for(sandbox):
    rows = get(sandbox, "adgroup", fields='["adgroup_name"]')["data"]["list"]
    assert rows == [{"adgroup_name": "18-24 Türkiye"}, {"adgroup_name": "İzmir ve Çevresi"}]


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"advertiser_id": "1"}, 40300),
        ({"page_size": 1001}, 40002),
        ({"page": 0}, 40002),
        ({"fields": "adgroup_name"}, 40002),
    ],
)
def test_a_list_refuses_what_it_cannot_give(sandbox, params, code):
    assert get(sandbox, "campaign", **params)["code"] == code


def read(sandbox: Sandbox, path: str, **params: str) -> dict[str, Any]:
    return httpx.get(
        f"{sandbox.tiktok_url}/open_api/v1.3/{path}",
        params={"advertiser_id": "7000000000000000001", **params},
        headers={"Access-Token": "token"},
    ).json()


def test_an_advertisers_crm_event_sets_are_listed(sandbox):
    sets = read(sandbox, "crm/list/")["data"]["list"]
    assert [one["crm_event_set_id"] for one in sets] == ["7200000000000000001"]


def test_a_pixel_tells_what_it_got(sandbox):
    send(sandbox, call(event(), event(event="Contact")))
    send(sandbox, call(event()))
    told = read(sandbox, "pixel/event/stats/")["data"]["list"]
    assert told == [
        {"event_type": "Lead", "count": 2},
        {"event_type": "Contact", "count": 1},
    ]


@pytest.mark.parametrize("path", ["crm/list/", "pixel/event/stats/", "campaign/get/"])
def test_reads_need_an_advertiser_and_the_permission(sandbox, path):
    world = sandbox.around.world
    assert read(sandbox, path, advertiser_id="1")["code"] == 40300
    sandbox.around.world = world.changed("tiktok", {"missing_permissions": frozenset({"ads"})})
    refused = read(sandbox, path)["code"]
    sandbox.around.world = world
    assert refused == 40001
