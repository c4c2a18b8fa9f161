"""Bodies: each profile's request, byte for byte, and what is refused before it leaves."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.deliveries.conversion import Conversion, EventRefused
from orchestration.deliveries.destinations import DESTINATIONS, google
from orchestration.deliveries.guard import Shape, refuse_unhashed

GOLDEN = Path(__file__).parent / "golden"
CLICK_AT = datetime(2026, 11, 18, 7, 15, 30, 250_000, tzinfo=UTC)

PROFILES: dict[str, tuple[str, dict[str, Any]]] = {
    "google_click": ("google", {"click_ids": {"gclid": "Cj0KCQiA_-Test.gclid"}}),
    "google_hashed": ("google", {"value": None, "consent": None}),
    "meta_system_generated": (
        "meta",
        {"click_ids": {"fbclid": "IwAR0aBcD"}, "click_at": CLICK_AT},
    ),
    "meta_crm": (
        "meta",
        {
            "kind": "qualified_lead",
            "action": "QualifiedLead",
            "value": None,
            "click_ids": {"meta_lead_id": "525645896321548", "fbclid": "IwAR0aBcD"},
            "click_at": CLICK_AT,
        },
    ),
    "meta_messaging": ("meta", {"click_ids": {"ctwa_clid": "ARAkLkA8rmlFeiCktEJQ"}}),
    "meta_physical_store": ("meta", {"config": {"action_source_purchase": "physical_store"}}),
    "meta_limited": (
        "meta",
        {
            "limited_data_use": True,
            "config": {
                "data_processing_country": "1",
                "data_processing_state": "1000",
                "test_event_code": "TEST123",
            },
        },
    ),
    "tiktok_offline": ("tiktok", {}),
    "tiktok_crm": (
        "tiktok",
        {
            "kind": "qualified_lead",
            "action": "Lead",
            "value": None,
            "click_ids": {"tiktok_lead_id": "7391234567890123456", "ttclid": "E.C.P.CsEB"},
            "config": {"crm_event_set_id": "7200000000000000001", "crm_name": "Akademi CRM"},
        },
    ),
    "tiktok_limited": (
        "tiktok",
        {
            "limited_data_use": True,
            "config": {"site_url": "https://akademi.example/", "test_event_code": "TEST123"},
        },
    ),
    "tiktok_web": (
        "tiktok",
        {
            "click_ids": {"ttclid": "E.C.P.CsEB"},
            "config": {"site_url": "https://akademi.example/"},
        },
    ),
}


def body_of(conversion: Conversion) -> bytes:
    destination = DESTINATIONS[conversion.account.platform]
    lane, event = destination.lane(conversion), destination.event(conversion)
    return destination.request([event], conversion.account, lane).body


@pytest.mark.parametrize("name", PROFILES)
def test_body_is_the_one_agreed_on(name: str, conversion: Callable[..., Conversion]) -> None:
    platform, changes = PROFILES[name]
    assert body_of(conversion(platform, **changes)) == (GOLDEN / f"{name}.json").read_bytes()


@pytest.mark.parametrize("name", PROFILES)
def test_same_conversion_is_worded_the_same_twice(
    name: str, conversion: Callable[..., Conversion]
) -> None:
    platform, changes = PROFILES[name]
    assert body_of(conversion(platform, **changes)) == body_of(conversion(platform, **changes))


@pytest.mark.parametrize("platform", DESTINATIONS)
def test_a_raw_address_never_leaves(platform: str, conversion: Callable[..., Conversion]) -> None:
    leaky = conversion(platform, hashes={"email": ("jane.doe@example.com",)})
    with pytest.raises(EventRefused, match="field_misshapen"):
        DESTINATIONS[platform].event(leaky)


@pytest.mark.parametrize(
    ("platform", "click"), [("google", "gclid"), ("meta", "fbclid"), ("tiktok", "ttclid")]
)
def test_an_address_in_place_of_a_click_never_leaves(
    platform: str, click: str, conversion: Callable[..., Conversion]
) -> None:
    leaky = conversion(
        platform,
        click_ids={click: "jane.doe@example.com"},
        click_at=CLICK_AT,
        config={"site_url": "https://akademi.example/"} if platform == "tiktok" else {},
    )
    with pytest.raises(EventRefused, match="field_misshapen"):
        DESTINATIONS[platform].event(leaky)


@given(value=st.text(max_size=80), key=st.sampled_from(["em", "other"]))
def test_guard_lets_hashes_through_and_nothing_else(value: str, key: str) -> None:
    is_hash = len(value) == 64 and set(value) <= set("0123456789abcdef")
    event = {"user": {key: [value]}}
    if key == "em" and is_hash:
        refuse_unhashed(event, {"user.em": Shape.HASH})
    else:
        with pytest.raises(EventRefused) as refusal:
            refuse_unhashed(event, {"user.em": Shape.HASH})
        # The path and never the value.
        assert refusal.value.code in {"field_misshapen:user.em", "field_undeclared:user.other"}


def test_guard_takes_no_truth_for_a_number() -> None:
    with pytest.raises(EventRefused):
        refuse_unhashed({"value": True}, {"value": Shape.AMOUNT})


@pytest.mark.parametrize("platform", DESTINATIONS)
def test_nobody_to_match_is_refused_before_it_leaves(
    platform: str, conversion: Callable[..., Conversion]
) -> None:
    with pytest.raises(EventRefused, match="no_identifiers"):
        DESTINATIONS[platform].event(conversion(platform, hashes={}))


def test_google_sends_the_best_click_alone(conversion: Callable[..., Conversion]) -> None:
    event = google.event(conversion("google", click_ids={"wbraid": "w1", "gbraid": "g1"}))
    assert event["adIdentifiers"] == {"gbraid": "g1"}


def test_google_without_an_action_id_is_refused(conversion: Callable[..., Conversion]) -> None:
    with pytest.raises(EventRefused, match="no_action_id"):
        google.lane(conversion("google", action_id=None))


def test_google_says_nothing_of_a_consent_nobody_gave(
    conversion: Callable[..., Conversion],
) -> None:
    assert "consent" not in google.event(conversion("google", consent=None))


@pytest.mark.parametrize("platform", DESTINATIONS)
def test_person_key_leaves_hashed_in_one_case(
    platform: str, conversion: Callable[..., Conversion]
) -> None:
    config = {"site_url": "https://akademi.example/"} if platform == "tiktok" else {}
    click_ids = {"ttclid": "E.C.P"} if platform == "tiktok" else {}
    upper, lower = (
        json.dumps(
            DESTINATIONS[platform].event(
                conversion(platform, person_key=key, config=config, click_ids=click_ids)
            )
        )
        for key in ("CRM-000123", "crm-000123")
    )
    assert upper == lower
    assert "000123" not in upper
    if platform != "google":
        assert "bb9edd468efd9eb23a23da18bbde007bbc1af81ca297634fdc29a616661bdb09" in upper


@pytest.mark.parametrize("platform", DESTINATIONS)
@given(cents=st.integers(min_value=0, max_value=10**14 - 1))
def test_money_keeps_its_cents(platform: str, cents: int) -> None:
    value = Decimal(cents).scaleb(-2)
    written = json.loads(json.dumps({"value": float(value)}), parse_float=Decimal)["value"]
    assert Decimal(written) == value
