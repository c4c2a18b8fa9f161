"""What becomes of an answer on its way, and what an account's own troubles do at each door."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from orchestration.sandbox.plumbing import HUGE_BYTES
from orchestration.sandbox.server import Sandbox
from orchestration.sandbox.tally import Tally

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HASH = "a" * 64


@pytest.fixture(autouse=True)
def _same_world_afterwards(sandbox: Sandbox) -> Iterator[None]:
    world = sandbox.around.world
    yield
    sandbox.around.world = world


def to_meta(sandbox: Sandbox, *event_ids: str, **options: Any) -> httpx.Response:
    events = [
        {
            "event_name": "Lead",
            "event_time": int(NOW.timestamp()),
            "event_id": event_id,
            "action_source": "system_generated",
            "user_data": {"em": HASH},
        }
        for event_id in event_ids or ("e-1",)
    ]
    return httpx.post(
        f"{sandbox.meta_url}/v26.0/880000000000001/events",
        json={"data": events, "access_token": "token"},
        **options,
    )


def to_tiktok(sandbox: Sandbox, source: str = "web", **changes: Any) -> dict[str, Any]:
    sources = {
        "web": "CPIXEL0001",
        "offline": "7100000000000000001",
        "crm": "7200000000000000001",
    }
    event = {
        "event": "Lead",
        "event_time": int(NOW.timestamp()),
        "event_id": "e-1",
        "user": {"email": HASH},
        "page": {"url": "https://okul.example/"},
        **changes,
    }
    return httpx.post(
        f"{sandbox.tiktok_url}/open_api/v1.3/event/track/",
        json={"event_source": source, "event_source_id": sources[source], "data": [event]},
        headers={"Access-Token": "token"},
    ).json()


def to_google(sandbox: Sandbox, value: float = 10.0, **changes: Any) -> dict[str, Any]:
    event = {
        "transactionId": "t-1",
        "eventTimestamp": NOW.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "eventSource": "OTHER",
        "userData": {"userIdentifiers": [{"emailAddress": HASH}]},
        "conversionValue": value,
        "currency": "TRY",
    }
    destination = {
        "operatingAccount": {"accountId": "1234567890"},
        "productDestinationId": "900000001",
    }
    request = {"destinations": [destination], "events": [event], "encoding": "HEX", **changes}
    return httpx.post(
        f"{sandbox.google_url}/v1/events:ingest",
        json=request,
        headers={"Authorization": "Bearer token"},
    ).json()


def change(sandbox: Sandbox, platform: Any, **facts: Any) -> None:
    """Let something be wrong with every account of a platform."""
    sandbox.around.world = sandbox.around.world.changed(platform, facts)


def counted(sandbox: Sandbox) -> dict[str, tuple[int, float | None]]:
    """How often each event counts, and its value."""
    return {e["event_id"]: (e["counted"], e["value"]) for e in sandbox.around.tally.events()}


class TestAnswersOnTheirWay:
    @pytest.mark.parametrize(
        ("fault", "taken"), [("truncated", 0), ("truncated_after", 1)], ids=["before", "after"]
    )
    def test_half_an_answer_arrives(self, sandbox, fault, taken):
        sandbox.arm("meta", fault)
        answer = to_meta(sandbox)
        assert answer.status_code == 200
        with pytest.raises(json.JSONDecodeError):
            answer.json()
        assert len(counted(sandbox)) == taken

    def test_a_huge_answer_is_still_the_answer(self, sandbox):
        sandbox.arm("meta", "huge_after")
        answer = to_meta(sandbox)
        assert len(answer.content) > HUGE_BYTES
        assert answer.json()["events_received"] == 1

    def test_a_web_page_arrives_and_nothing_was_taken(self, sandbox):
        sandbox.arm("meta", "200_html")
        answer = to_meta(sandbox)
        assert (answer.status_code, answer.text[:6]) == (200, "<html>")
        assert counted(sandbox) == {}

    def test_a_slow_answer_is_the_right_one(self, sandbox):
        sandbox.arm("meta", "slow", hold_seconds=0.2)
        answer = to_meta(sandbox)
        assert answer.json()["events_received"] == 1
        assert answer.elapsed.total_seconds() >= 0.2

    def test_a_followed_redirect_is_counted(self, sandbox):
        sandbox.arm("meta", "redirect", times=2)
        assert to_meta(sandbox).status_code == 307
        assert to_meta(sandbox, follow_redirects=True).json() == {}
        operations = sandbox.counts()["meta"]["requests_by_operation"]
        assert operations == {"events": 2, "elsewhere": 1}

    def test_the_last_event_gets_lost(self, sandbox):
        sandbox.arm("meta", "fewer_received")
        assert to_meta(sandbox, "e-1", "e-2").json()["events_received"] == 1
        assert set(counted(sandbox)) == {"e-1"}

    def test_the_wait_is_in_metas_own_header(self, sandbox):
        sandbox.arm("meta", "usage", retry_after=300)
        answer = to_meta(sandbox)
        usage = json.loads(answer.headers["x-business-use-case-usage"])
        assert answer.json()["error"]["code"] == 80004
        assert usage["1"][0]["estimated_time_to_regain_access"] == 5
        assert "retry-after" not in answer.headers


class TestTikTokAccounts:
    @pytest.mark.parametrize(
        ("facts", "code"),
        [
            ({"is_allowlisted": False}, 40118),
            ({"missing_permissions": frozenset({"events"})}, 40001),
        ],
    )
    def test_what_is_wrong_with_an_account_refuses_its_events(self, sandbox, facts, code):
        change(sandbox, "tiktok", **facts)
        assert to_tiktok(sandbox)["code"] == code

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"event": "qualified_lead", "lead": {"lead_id": "7"}}, 0),
            ({"event": "qualified_lead", "lead": {"lead_id": "7"}, "user": {}}, 0),
            ({"event": "qualified_lead"}, 40002),
            ({"lead": {"lead_id": "7"}}, 40002),
        ],
        ids=["right", "no user", "no lead", "a standard name"],
    )
    def test_crm_events_are_about_tiktoks_own_lead(self, sandbox, changes, code):
        assert to_tiktok(sandbox, "crm", **changes)["code"] == code

    @pytest.mark.parametrize(
        "changes",
        [
            {"event": ["Lead"]},
            {"event_id": 7},
            {"user": "me"},
            {"page": "https://okul.example/"},
            {"properties": {"value": "5", "currency": "TRY"}},
        ],
    )
    def test_a_value_of_another_type_is_refused(self, sandbox, changes):
        assert to_tiktok(sandbox, **changes)["code"] == 40002


class TestGoogleAccounts:
    @pytest.mark.parametrize(
        ("facts", "reason"),
        [
            ({"accepted_terms": False}, "DESTINATION_ACCOUNT_ENHANCED_CONVERSIONS_TERMS_NOT_SIGNED"),
            ({"is_leads_enabled": False}, "DESTINATION_ACCOUNT_NOT_ENABLED_ENHANCED_CONVERSIONS_FOR_LEADS"),
            ({"is_allowlisted": False}, "NOT_ALLOWLISTED"),
            ({"conversion_customer": "99"}, "INVALID_CONVERSION_ACTION_ID"),
            ({"action_facts": {"900000001": {"status": "REMOVED"}}}, "INVALID_CONVERSION_ACTION_ID"),
            ({"action_facts": {"900000001": {"type": "WEBPAGE"}}}, "INVALID_CONVERSION_ACTION_TYPE"),
        ],
    )  # fmt: skip
    def test_what_is_wrong_with_an_account_refuses_its_events(self, sandbox, facts, reason):
        change(sandbox, "google", **facts)
        assert to_google(sandbox)["error"]["details"][0]["reason"] == reason
        assert counted(sandbox) == {}

    @pytest.mark.parametrize(
        ("repeats", "expected"), [("restated", (1, 25.0)), ("first_kept", (1, 10.0))]
    )
    def test_a_repeated_transaction_is_what_the_world_says(self, sandbox, repeats, expected):
        change(sandbox, "google", transaction_repeats=repeats)
        to_google(sandbox)
        to_google(sandbox, 25.0)
        assert counted(sandbox) == {"t-1": expected}

    def test_two_reasons_can_share_a_request(self, sandbox):
        sandbox.arm("google", "later_CLICK_NOT_FOUND+INVALID_GCLID", picks=2)
        event = {
            "eventTimestamp": NOW.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "eventSource": "WEB",
            "adIdentifiers": {"gclid": "abc"},
        }
        events = [{**event, "transactionId": f"t-{number}"} for number in range(3)]
        to_google(sandbox, events=events)
        assert sandbox.counts()["google"]["failed_later"] == {
            "CLICK_NOT_FOUND": 1,
            "INVALID_GCLID": 1,
        }
        assert sandbox.around.tally.condemned()["google"] == ["t-0", "t-1"]

    def test_the_requests_consent_holds_for_events_without_their_own(self, sandbox):
        to_google(sandbox, consent={"adUserData": "CONSENT_DENIED"})
        assert sandbox.counts()["google"]["failed_later"] == {"DENIED_CONSENT": 1}


def test_moments_tell_which_request_met_which_fault(sandbox):
    sandbox.arm("meta", "429", retry_after=60)
    to_meta(sandbox)
    to_meta(sandbox)
    moments = httpx.get(f"{sandbox.control_url}/_sandbox/moments").json()["meta"]
    assert moments == [
        {"at": NOW.timestamp(), "operation": "events", "fault": "429", "retry_after": 60},
        {"at": NOW.timestamp(), "operation": "events", "fault": None, "retry_after": None},
    ]


def test_armed_faults_tell_how_often_they_struck(sandbox):
    sandbox.arm("meta", "503", times=5)
    to_meta(sandbox)
    (fault,) = httpx.get(f"{sandbox.control_url}/_sandbox/faults").json()
    assert (fault["fault"], fault["strikes"]) == ("503", 1)


def test_what_follows_a_torn_line_is_kept(tmp_path):
    first = Tally(tmp_path)
    first.note_refused("meta", "100", 1)
    first.close()
    with (tmp_path / "received.jsonl").open("a", encoding="utf-8") as journal:
        journal.write('{"what": "acc')
    second = Tally(tmp_path)
    second.note_refused("meta", "100", 1)
    second.close()
    assert Tally(tmp_path).counts()["meta"]["refused"] == {"100": 2}
