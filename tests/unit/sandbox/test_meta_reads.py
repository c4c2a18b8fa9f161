"""What Meta tells about datasets, from what really came, and what is refused where a permission is missing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from orchestration.sandbox.server import Sandbox

NOW = int(datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp())
HASH = "a" * 64
DATASET = "880000000000001"
WHATSAPP = "102290129340398"


@pytest.fixture(autouse=True)
def _same_world_afterwards(sandbox: Sandbox) -> Iterator[None]:
    world = sandbox.around.world
    yield
    sandbox.around.world = world


def read(sandbox: Sandbox, path: str, **params: str) -> dict[str, Any]:
    return httpx.get(
        f"{sandbox.meta_url}/v26.0/{path}",
        params=params,
        headers={"Authorization": "Bearer token"},
    ).json()


def send(sandbox: Sandbox, event_id: Any = "e-1", **changes: Any) -> httpx.Response:
    event = {
        "event_name": "Lead",
        "event_time": NOW - 60,
        "event_id": event_id,
        "action_source": "website",
        "event_source_url": "https://okul.example/",
        "user_data": {"em": HASH, "client_user_agent": "a browser"},
        **changes,
    }
    return httpx.post(
        f"{sandbox.meta_url}/v26.0/{DATASET}/events",
        json={"data": [event], "access_token": "token"},
    )


def message(name: str, event_id: str, **custom: Any) -> dict[str, Any]:
    """What makes an event one of a WhatsApp thread."""
    return {
        "event_name": name,
        "event_id": event_id,
        "action_source": "business_messaging",
        "messaging_channel": "whatsapp",
        "user_data": {"whatsapp_business_account_id": WHATSAPP, "ctwa_clid": "ARAk"},
        "custom_data": {"value": 10, "currency": "TRY", **custom},
    }


def code(answer: dict[str, Any]) -> int:
    return answer["error"]["code"]


def test_a_dataset_tells_when_it_last_got_something(sandbox):
    assert "last_fired_time" not in read(sandbox, DATASET)
    send(sandbox, "e-1")
    assert read(sandbox, DATASET)["last_fired_time"] == "2026-11-20T12:00:00+0000"


def test_a_whatsapp_account_has_a_dataset(sandbox):
    assert read(sandbox, f"{WHATSAPP}/dataset") == {"id": DATASET}


def test_quality_is_of_web_events_and_their_keys(sandbox):
    send(sandbox, "e-1")
    send(sandbox, "e-2", user_data={"ph": HASH, "client_user_agent": "a browser"})
    send(sandbox, "e-3", action_source="system_generated")
    answer = read(sandbox, "dataset_quality", dataset_id=DATASET, fields="web{event_match_quality}")
    (web,) = answer["web"]
    coverage = {
        key["identifier"]: key["coverage"]["percentage"]
        for key in web["event_match_quality"]["match_key_feedback"]
    }
    assert web["event_name"] == "Lead"
    assert coverage == {"em": 50.0, "ph": 50.0, "client_user_agent": 100.0}
    assert web["event_match_quality"]["composite_score"] == 3.5


def test_offline_quality_is_asked_for_by_its_own_name(sandbox):
    send(sandbox, "e-1", action_source="physical_store")
    answer = read(sandbox, "dataset_quality", dataset_id=DATASET, fields="offline{composite}")
    assert [row["event_name"] for row in answer["offline"]] == ["Lead"]


def test_stats_count_what_came_by_name(sandbox):
    send(sandbox, "e-1")
    send(sandbox, "e-1")
    (bucket,) = read(sandbox, f"{DATASET}/stats")["data"]
    assert bucket["data"] == [{"value": "Lead", "count": 2}]


@pytest.mark.parametrize(
    ("path", "expected"),
    [("1", 100), ("1/dataset", 100), ("1/stats", 100), ("dataset_quality", 2044055)],
)
def test_what_does_not_exist_is_told(sandbox, path, expected):
    assert code(read(sandbox, path)) == expected


@pytest.mark.parametrize(
    ("permission", "path"),
    [("ads_read", "dataset_quality"), ("whatsapp_business_management", f"{WHATSAPP}/dataset")],
)
def test_a_missing_permission_closes_a_door(sandbox, permission, path):
    lose(sandbox, permission)
    assert code(read(sandbox, path, dataset_id=DATASET, fields="web{event_name}")) == 200


@pytest.mark.parametrize("permission", ["ads_management", "whatsapp_business_manage_events"])
def test_a_missing_permission_refuses_events(sandbox, permission):
    lose(sandbox, permission)
    assert code(send(sandbox, **message("Purchase", "e-1")).json()) == 200
    assert sandbox.counts()["meta"]["events_accepted"] == 0


def test_a_message_counts_each_time_and_its_return_takes_it_back(sandbox):
    for event in (
        message("Purchase", "e-1", order_id="o-1"),
        message("Purchase", "e-1", order_id="o-1"),
        message("OrderReturned", "e-2", order_id="o-1"),
    ):
        assert send(sandbox, **event).status_code == 200
    purchase = next(e for e in sandbox.around.tally.events() if e["name"] == "Purchase")
    assert (purchase["times"], purchase["counted"], purchase["retracted"]) == (2, 0, True)


@pytest.mark.parametrize(
    ("lead_id", "custom", "is_taken"),
    [
        (123456789012345, {"event_source": "crm", "lead_event_source": "Our CRM"}, True),
        (12345, {"event_source": "crm", "lead_event_source": "Our CRM"}, False),
        (123456789012345, {"event_source": "crm"}, False),
        (123456789012345, {"lead_event_source": "Our CRM"}, False),
    ],
    ids=["right", "a short id", "no CRM named", "not said to be a CRM's"],
)
def test_a_leads_stage_names_lead_and_crm(sandbox, lead_id, custom, is_taken):
    answer = send(
        sandbox,
        "e-1",
        action_source="system_generated",
        user_data={"lead_id": lead_id},
        custom_data=custom,
    )
    assert (answer.status_code == 200) is is_taken


@pytest.mark.parametrize(
    "changes",
    [
        {"event_id": 7},
        {"action_source": ["website"]},
        {"custom_data": {"value": "12", "currency": "TRY"}},
        {"custom_data": {"value": 12, "currency": ["TRY"]}},
        {"user_data": ["em"]},
    ],
)
def test_a_value_of_another_type_is_refused_and_not_a_fault(sandbox, changes):
    assert send(sandbox, **changes).status_code == 400


def lose(sandbox: Sandbox, permission: str) -> None:
    """Take a permission from every account."""
    sandbox.around.world = sandbox.around.world.changed(
        "meta", {"missing_permissions": frozenset({permission})}
    )
