"""Meta's bodies: which profile a conversion takes, what each carries, and what is refused before it leaves."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.deliveries.conversion import Conversion, EventRefused
from orchestration.deliveries.destinations import meta

CLICK_AT = datetime(2026, 11, 18, 7, 15, 30, 250_000, tzinfo=UTC)
LEAD = {"meta_lead_id": "525645896321548"}
THREAD = {"ctwa_clid": "ARAkLkA8rmlFeiCktEJQ"}
HASH = "a" * 64

Make = Callable[..., Conversion]


def test_lead_of_an_instant_form_goes_as_its_stage(conversion: Make) -> None:
    made = conversion("meta", kind="appointment", action="Schedule", click_ids=LEAD)
    assert meta.lane(made) == "crm"
    event = meta.event(made)
    assert event["event_name"] == "Appointment"
    assert event["action_source"] == "system_generated"
    assert event["user_data"]["lead_id"] == 525645896321548
    assert event["custom_data"]["event_source"] == "crm"
    assert event["custom_data"]["lead_event_source"] == "Leadloop"


@pytest.mark.parametrize(
    ("kind", "stage"),
    [
        ("qualified_lead", "Marketing Qualified Lead"),
        ("appointment", "Appointment"),
        ("enrollment", "Enrolled"),
        ("purchase", "Customer"),
    ],
)
def test_each_outcome_is_a_stage_of_its_own(conversion: Make, kind: str, stage: str) -> None:
    assert meta.event(conversion("meta", kind=kind, click_ids=LEAD))["event_name"] == stage


def test_account_names_its_stages_and_its_crm(conversion: Make) -> None:
    config = {"stage_purchase": "Closed Won", "crm_name": "Akademi CRM"}
    event = meta.event(conversion("meta", click_ids=LEAD, config=config))
    assert event["event_name"] == "Closed Won"
    assert event["custom_data"]["lead_event_source"] == "Akademi CRM"


def test_stage_needs_nothing_beside_the_lead_id_and_no_value(conversion: Make) -> None:
    event = meta.event(conversion("meta", click_ids=LEAD, hashes={}, value=None, person_key=None))
    assert event["user_data"] == {"lead_id": 525645896321548}


@pytest.mark.parametrize("lead_id", ["1" * 14, "1" * 18, "52564589632154x", "٥" * 15, ""])
def test_lead_id_of_another_shape_is_not_sent_and_the_next_profile_is_taken(
    conversion: Make, lead_id: str
) -> None:
    made = conversion("meta", click_ids={"meta_lead_id": lead_id})
    assert meta.lane(made) == "system_generated"
    assert "lead_id" not in meta.event(made)["user_data"]


def test_lead_id_comes_before_the_thread(conversion: Make) -> None:
    assert meta.lane(conversion("meta", click_ids=LEAD | THREAD)) == "crm"


def test_thread_is_told_only_names_that_it_knows(conversion: Make) -> None:
    assert meta.lane(conversion("meta", click_ids=THREAD)) == "messaging"
    assert meta.lane(conversion("meta", action="QualifiedLead", click_ids=THREAD)) == "messaging"
    assert meta.lane(conversion("meta", action="Schedule", click_ids=THREAD)) == "system_generated"


def test_thread_without_the_whatsapp_account_goes_by_hashes(conversion: Make) -> None:
    made = conversion("meta", click_ids=THREAD, config={"whatsapp_business_account_id": ""})
    assert meta.lane(made) == "system_generated"
    assert "ctwa_clid" not in meta.event(made)["user_data"]


def test_messaging_is_the_one_lane_without_repeats() -> None:
    assert meta.ONCE_LANES == ("messaging",)


@pytest.mark.parametrize("source", sorted(meta.ACTION_SOURCES))
def test_account_chooses_where_its_conversions_happen(conversion: Make, source: str) -> None:
    made = conversion("meta", config={"action_source": source})
    assert meta.lane(made) == source
    assert meta.event(made)["action_source"] == source


def test_outcome_may_happen_elsewhere_than_the_others(conversion: Make) -> None:
    config = {"action_source": "phone_call", "action_source_purchase": "physical_store"}
    assert meta.lane(conversion("meta", config=config)) == "physical_store"
    assert meta.lane(conversion("meta", kind="appointment", config=config)) == "phone_call"


def test_sale_in_a_store_carries_its_order(conversion: Make) -> None:
    event = meta.event(conversion("meta", config={"action_source": "physical_store"}))
    assert event["custom_data"]["order_id"] == event["event_id"]


def test_sale_in_a_store_without_email_and_phone_is_none(conversion: Make) -> None:
    made = conversion(
        "meta",
        config={"action_source": "physical_store"},
        hashes={},
        click_ids={"fbclid": "IwAR"},
        click_at=CLICK_AT,
    )
    assert meta.lane(made) == "system_generated"


def test_click_carries_the_time_of_the_click_in_milliseconds(conversion: Make) -> None:
    event = meta.event(conversion("meta", click_ids={"fbclid": "IwAR_aB"}, click_at=CLICK_AT))
    assert event["user_data"]["fbc"] == "fb.1.1794986130250.IwAR_aB"


@given(milliseconds=st.integers(min_value=0, max_value=4 * 10**12))
def test_milliseconds_of_a_click_are_exact(conversion: Make, milliseconds: int) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    made = conversion("meta", click_ids={"fbclid": "IwAR"}, click_at=moment)
    assert meta.event(made)["user_data"]["fbc"] == f"fb.1.{milliseconds}.IwAR"


def test_click_without_its_time_is_left_out(conversion: Make) -> None:
    click = {"click_ids": {"fbclid": "IwAR"}}
    assert "fbc" not in meta.event(conversion("meta", **click))["user_data"]
    with pytest.raises(EventRefused, match="no_click_time"):
        meta.event(conversion("meta", hashes={}, **click))


def test_purchase_without_its_value_is_refused(conversion: Make) -> None:
    with pytest.raises(EventRefused, match="purchase_without_value"):
        meta.event(conversion("meta", value=None))
    with pytest.raises(EventRefused, match="purchase_without_value"):
        meta.event(conversion("meta", currency=None))


@pytest.mark.parametrize(
    "kinds",
    [
        ("city", "country", "zip"),
        ("country",),
        ("first_name",),
        ("last_name",),
        ("first_name", "last_name", "city"),
    ],
    ids="+".join,
)
def test_person_made_of_place_and_name_alone_is_refused(
    conversion: Make, kinds: tuple[str, ...]
) -> None:
    with pytest.raises(EventRefused, match="no_identifiers"):
        meta.event(conversion("meta", hashes=dict.fromkeys(kinds, (HASH,))))


def test_both_spellings_of_a_name_go(conversion: Make) -> None:
    hashes = {"email": (HASH,), "first_name": ("b" * 64, "c" * 64)}
    event = meta.event(conversion("meta", hashes=hashes))
    assert event["user_data"]["fn"] == ["b" * 64, "c" * 64]


def test_limited_use_is_told_with_the_place_left_to_meta(conversion: Make) -> None:
    event = meta.event(conversion("meta", limited_data_use=True))
    assert event["data_processing_options"] == ["LDU"]
    assert event["data_processing_options_country"] == 0
    assert event["data_processing_options_state"] == 0


@pytest.mark.parametrize("clicks", [LEAD, THREAD, {}], ids=["crm", "messaging", "other"])
def test_limited_use_is_told_in_every_profile(conversion: Make, clicks: dict[str, str]) -> None:
    event = meta.event(conversion("meta", click_ids=clicks, limited_data_use=True))
    assert event["data_processing_options"] == ["LDU"]


def test_nothing_is_said_of_limits_where_there_are_none(conversion: Make) -> None:
    assert not [key for key in meta.event(conversion("meta")) if key.startswith("data_processing")]


def test_purchase_taken_back_in_a_thread_is_a_returned_order(conversion: Make) -> None:
    bought, returned = (
        meta.event(conversion("meta", purpose=purpose, click_ids=THREAD))
        for purpose in ("send", "retract")
    )
    assert (bought["event_name"], returned["event_name"]) == ("Purchase", "OrderReturned")
    assert bought["custom_data"] == returned["custom_data"]
    assert returned["custom_data"]["order_id"] == returned["event_id"]


@pytest.mark.parametrize(
    ("purpose", "changes"),
    [
        ("retract", {}),
        ("retract", {"click_ids": LEAD}),
        ("retract", {"click_ids": THREAD, "action": "QualifiedLead", "kind": "qualified_lead"}),
        ("adjust", {"click_ids": THREAD}),
        ("adjust", {}),
    ],
)
def test_change_that_meta_has_no_word_for_is_refused(
    conversion: Make, purpose: str, changes: dict[str, Any]
) -> None:
    with pytest.raises(EventRefused, match="cannot_adjust"):
        meta.event(conversion("meta", purpose=purpose, **changes))


def test_test_code_stands_beside_the_events(conversion: Make) -> None:
    made = conversion("meta", config={"test_event_code": "TEST123"})
    body = json.loads(meta.request([meta.event(made)], made.account, meta.lane(made)).body)
    assert body["test_event_code"] == "TEST123"
    assert "test_event_code" not in body["data"][0]
