"""Google's request as JSON of ours: Google's own message types read it as what was meant."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from google.ads.datamanager_v1 import (
    AdIdentifiers,
    Consent,
    Destination,
    Encoding,
    Event,
    IngestEventsRequest,
    ProductAccount,
    UserData,
    UserIdentifier,
)
from hypothesis import given
from hypothesis import strategies as st

from orchestration.deliveries.conversion import Account, Conversion, EventRefused
from orchestration.deliveries.destinations import google
from tests.unit.deliveries.conftest import TENANT

GOLDEN = Path(__file__).parent / "golden"
CHANGED_AT = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
CHANGES: dict[str, dict[str, Any]] = {
    "google_adjusted": {"purpose": "adjust", "value": Decimal("900.00"), "changed_at": CHANGED_AT},
    "google_retracted": {"purpose": "retract", "changed_at": CHANGED_AT},
    "google_limited": {"limited_data_use": True, "click_ids": {"wbraid": "w1"}},
}
ACCOUNT = Account(TENANT, "google", "1234567890", {"login_account": "9876543210"})


@pytest.mark.parametrize("name", CHANGES)
def test_body_is_the_one_agreed_on(name: str, conversion: Callable[..., Conversion]) -> None:
    event = google.event(conversion("google", **CHANGES[name]))
    body = google.request([event], ACCOUNT, "900000002").body
    assert body == (GOLDEN / f"{name}.json").read_bytes()


def test_retraction_restates_the_same_transaction_as_worth_nothing(
    conversion: Callable[..., Conversion],
) -> None:
    sent = google.event(conversion("google"))
    retracted = google.event(conversion("google", purpose="retract", changed_at=CHANGED_AT))
    assert retracted["transactionId"] == sent["transactionId"]
    assert (sent["conversionValue"], retracted["conversionValue"]) == (1499.9, 0.0)
    assert {"adjust", "retract", "restore"} == google.ADJUSTS


@pytest.mark.parametrize("changes", [{"currency": None}, {"value": None, "purpose": "adjust"}])
def test_change_that_has_no_money_to_restate_cannot_be_told(
    changes: dict[str, Any], conversion: Callable[..., Conversion]
) -> None:
    with pytest.raises(EventRefused, match="cannot_adjust"):
        google.event(conversion("google", **{"purpose": "retract"} | changes))


def test_limited_use_forbids_personalized_ads_and_nothing_else(
    conversion: Callable[..., Conversion],
) -> None:
    limited = google.event(conversion("google", limited_data_use=True))
    assert limited["consent"] == {
        "adUserData": "CONSENT_GRANTED",
        "adPersonalization": "CONSENT_DENIED",
    }


def test_hashes_go_beside_the_click(conversion: Callable[..., Conversion]) -> None:
    event = google.event(conversion("google", click_ids={"gclid": "g1", "wbraid": "w1"}))
    assert event["adIdentifiers"] == {"gclid": "g1"}
    kinds = [next(iter(i)) for i in event["userData"]["userIdentifiers"]]
    assert kinds == ["emailAddress", "phoneNumber"]
    assert event["eventSource"] == "WEB"


def test_a_body_made_from_what_was_kept_is_the_same_to_the_byte(
    conversion: Callable[..., Conversion],
) -> None:
    event = google.event(conversion("google", click_ids={"gclid": "g1"}))
    kept = json.loads(json.dumps(event, sort_keys=True))
    assert google.request([kept], ACCOUNT, "1").body == google.request([event], ACCOUNT, "1").body


# --- Google's own types as the oracle --------------------------------------------------------------------------------

CLICK = st.text("abcXYZ019_-.", min_size=1, max_size=40)
HASH = st.text("0123456789abcdef", min_size=64, max_size=64)
HASHES = st.lists(HASH, max_size=7).map(tuple)
MOMENTS = st.datetimes(
    # Hypothesis takes its bounds without a zone.
    min_value=datetime(2026, 1, 1),  # noqa: DTZ001
    max_value=datetime(2030, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


@st.composite
def conversions(draw: st.DrawFn) -> Conversion:
    click_ids = draw(st.dictionaries(st.sampled_from(["gclid", "gbraid", "wbraid"]), CLICK))
    hashes = {"email": draw(HASHES), "phone": draw(HASHES)}
    if not any((click_ids, *hashes.values())):
        click_ids = {"gclid": "g"}
    return Conversion(
        event_id=draw(HASH),
        kind="purchase",
        action="PURCHASE",
        action_id="900000002",
        converted_at=draw(MOMENTS),
        value=draw(st.none() | st.decimals(0, 10**9, places=2)),
        currency="TRY",
        consent=draw(st.sampled_from([None, "granted", "denied"])),
        click_ids=click_ids,
        click_at=None,
        person_key=None,
        hashes=hashes,
        account=ACCOUNT,
    )


def meant(conversion: Conversion) -> Event:
    """The event that Google's types would be filled with for a conversion."""
    event = Event(
        transaction_id=conversion.event_id,
        event_timestamp=conversion.converted_at,
        event_source="WEB" if conversion.click_ids else "OTHER",
    )
    for name in ("gclid", "gbraid", "wbraid"):
        if name in conversion.click_ids:
            event.ad_identifiers = AdIdentifiers({name: conversion.click_ids[name]})
            break
    identifiers = [UserIdentifier(email_address=value) for value in conversion.hashes["email"]]
    identifiers += [UserIdentifier(phone_number=value) for value in conversion.hashes["phone"]]
    if identifiers:
        event.user_data = UserData(user_identifiers=identifiers[:10])
    if conversion.value is not None:
        event.conversion_value = float(conversion.value)
        event.currency = "TRY"
    if conversion.consent:
        status = f"CONSENT_{conversion.consent.upper()}"
        event.consent = Consent(ad_user_data=status, ad_personalization=status)
    return event


@given(st.lists(conversions(), min_size=1, max_size=3))
def test_google_reads_our_bytes_as_the_message_that_was_meant(made: list[Conversion]) -> None:
    request = google.request([google.event(c) for c in made], ACCOUNT, "900000002")
    ads = ProductAccount.AccountType.GOOGLE_ADS
    expected = IngestEventsRequest(
        destinations=[
            Destination(
                operating_account=ProductAccount(account_type=ads, account_id="1234567890"),
                login_account=ProductAccount(account_type=ads, account_id="9876543210"),
                product_destination_id="900000002",
            )
        ],
        events=[meant(c) for c in made],
        encoding=Encoding.HEX,
    )
    assert IngestEventsRequest.from_json(request.body.decode()) == expected
    assert request.size == len(made)
