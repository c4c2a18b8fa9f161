"""The Graph stand-in: what the Conversions API takes and refuses, and how its lists page."""

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
EVENTS = "/v26.0/880000000000001/events"


def event(**changes: Any) -> dict[str, Any]:
    made = {
        "event_name": "Lead",
        "event_time": NOW - DAY,
        "event_id": "e-1",
        "action_source": "system_generated",
        "user_data": {"em": [HASH], "ph": HASH},
        **changes,
    }
    return {name: value for name, value in made.items() if value is not None}


def send(sandbox: Sandbox, *events: dict[str, Any], path: str = EVENTS) -> httpx.Response:
    form = {"data": json.dumps(events or [event()]), "access_token": "token"}
    return httpx.post(sandbox.meta_url + path, data=form)


def error(answer: httpx.Response) -> tuple[int, int | None]:
    found = answer.json()["error"]
    return found["code"], found.get("error_subcode")


def test_success_says_how_many(sandbox):
    answer = send(sandbox, event(), event(event_id="e-2"))
    assert answer.status_code == 200
    assert answer.json() == {
        "events_received": 2,
        "messages": [],
        "fbtrace_id": answer.json()["fbtrace_id"],
    }


@pytest.mark.parametrize(
    "request_of",
    [
        lambda data: {"data": {"data": json.dumps(data), "access_token": "t"}},
        lambda data: {
            "data": {"data": json.dumps([json.dumps(e) for e in data]), "access_token": "t"}
        },
        lambda data: {"json": {"data": data, "access_token": "t"}},
        lambda data: {"data": {"data": json.dumps(data)}, "params": {"access_token": "t"}},
        lambda data: {
            "data": {"data": json.dumps(data)},
            "headers": {"Authorization": "Bearer t"},
        },
    ],
    ids=["form", "encoded twice, as the SDK does", "JSON", "token in query", "token in header"],
)
def test_every_way_of_sending_is_understood(sandbox, request_of):
    answer = httpx.post(sandbox.meta_url + EVENTS, **request_of([event()]))
    assert answer.json()["events_received"] == 1


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"event_time": NOW - 7 * DAY - 1}, (100, 2804003)),
        ({"event_time": NOW + 120}, (100, 2804004)),
        ({"event_time": NOW * 1000}, (100, 2804004)),
        ({"event_time": str(NOW)}, (100, None)),
        ({"event_name": None}, (100, None)),
        ({"action_source": "crm"}, (100, None)),
        ({"user_data": None}, (100, None)),
        ({"user_data": {"em": "a@b.co"}}, (100, None)),
        ({"user_data": {"ph": ["A" * 64]}}, (100, None)),
        ({"user_data": {"ct": HASH, "country": HASH}}, (100, None)),
        ({"action_source": "website"}, (100, None)),
        ({"event_name": "Purchase"}, (100, 2804009)),
        ({"custom_data": {"value": 5}}, (100, 2804023)),
        (
            {"action_source": "business_messaging", "messaging_channel": "whatsapp"},
            (100, 2804066),
        ),
        (
            {
                "action_source": "business_messaging",
                "messaging_channel": "whatsapp",
                "event_name": "LeadSubmitted",
            },
            (100, 2804116),
        ),
        (
            {
                "action_source": "business_messaging",
                "messaging_channel": "whatsapp",
                "event_name": "LeadSubmitted",
                "user_data": {"whatsapp_business_account_id": "1", "em": HASH},
            },
            (100, 2804087),
        ),
    ],
    ids=[
        "too old",
        "ahead",
        "milliseconds",
        "time as text",
        "no name",
        "unknown action source",
        "no user data",
        "raw e-mail",
        "upper-case hash",
        "too little to match on",
        "website without URL",
        "purchase without value",
        "value without currency",
        "messaging name",
        "no WhatsApp account",
        "no click id",
    ],
)
def test_one_bad_event_refuses_the_whole_call(sandbox, changes, expected):
    answer = send(sandbox, event(), event(event_id="e-2", **changes))
    assert answer.status_code == 400
    assert error(answer) == expected
    counts = sandbox.counts()["meta"]
    assert (counts["events_received"], counts["events_accepted"]) == (2, 0)


@pytest.mark.parametrize("count", [0, 1001])
def test_a_call_holds_one_to_a_thousand_events(sandbox, count):
    form = {"data": json.dumps([event()] * count), "access_token": "t"}
    assert error(httpx.post(sandbox.meta_url + EVENTS, data=form)) == (100, None)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v26.0/1/events", (100, 33)),
        ("/v20.0/880000000000001/events", (2635, None)),
        ("/latest/880000000000001/events", (2500, None)),
        ("/v26.0/880000000000001/happenings", (2500, None)),
    ],
)
def test_a_wrong_address_has_its_code(sandbox, path, expected):
    assert error(send(sandbox, path=path)) == expected


@pytest.mark.parametrize(("token", "subcode"), [("", None), ("expired-1", 463)])
def test_nobody_is_served_without_a_good_token(sandbox, token, subcode):
    form = {"data": json.dumps([event()]), "access_token": token}
    assert error(httpx.post(sandbox.meta_url + EVENTS, data=form)) == (190, subcode)


def test_a_repeat_is_seen_by_name_and_id(sandbox):
    send(sandbox, event(), event(event_name="Contact"))
    send(sandbox, event())
    counts = sandbox.counts()["meta"]
    assert (counts["events_accepted"], counts["distinct_ids"], counts["seen_twice"]) == (3, 2, 1)


def test_raw_personal_data_anywhere_is_refused_and_counted(sandbox):
    url = "https://okul.example/tesekkurler?mail=ayse%40example.com"
    answer = send(sandbox, event(event_source_url=url))
    assert answer.status_code == 400
    assert "ayse" not in answer.text
    assert sandbox.counts()["meta"]["raw_personal_data"] == 1


def test_lists_page_by_cursor_and_leave_out_what_was_deleted(sandbox):
    url = f"{sandbox.meta_url}/v26.0/act_100000000000001/adsets"
    first = httpx.get(
        url, params={"access_token": "t", "fields": "name,campaign_id", "limit": 2}
    ).json()
    assert [row["name"] for row in first["data"]] == ["Kadın 25-34 İstanbul", "Öğrenci – Ege"]
    assert "access_token" not in first["paging"]["next"]
    last = httpx.get(first["paging"]["next"], headers={"Authorization": "Bearer t"}).json()
    assert len(last["data"]) == 1
    assert "next" not in last["paging"]


@pytest.mark.parametrize(
    ("params", "expected"),
    [({"fields": "id,secret"}, (100, None)), ({"after": "x"}, (100, None))],
)
def test_a_list_refuses_what_it_does_not_know(sandbox, params, expected):
    url = f"{sandbox.meta_url}/v26.0/act_100000000000001/campaigns"
    assert error(httpx.get(url, params={"access_token": "t", **params})) == expected


class TestFaults:
    def test_throttling_tells_the_minutes_in_its_own_header(self, sandbox):
        sandbox.arm("meta", "429", retry_after=90)
        answer = send(sandbox)
        usage = json.loads(answer.headers["x-business-use-case-usage"])
        assert error(answer) == (4, 1504022)
        assert usage["1"][0]["estimated_time_to_regain_access"] == 2

    @pytest.mark.parametrize(
        ("fault", "expected"),
        [
            ("code_613", (613, None)),
            ("code_100_33", (100, 33)),
            ("whole_request_refusal", (100, 2804003)),
            ("expired_token", (190, 463)),
        ],
    )
    def test_any_code_of_the_tables_can_be_had(self, sandbox, fault, expected):
        sandbox.arm("meta", fault)
        assert error(send(sandbox)) == expected
        assert send(sandbox).status_code == 200

    def test_an_edge_failure_is_not_json(self, sandbox):
        sandbox.arm("meta", "502_html")
        answer = send(sandbox)
        assert answer.status_code == 502
        assert answer.text.startswith("<html>")
