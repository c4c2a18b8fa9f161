"""The classic upload: each row's body, its lane, and what its errors make of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.deliveries.conversion import Account, Conversion, EventRefused
from orchestration.deliveries.destinations import destination_of, google, google_clicks
from orchestration.deliveries.ledger.states import State
from orchestration.vendors.codes import ERRORS, Action
from orchestration.vendors.errors import VendorError
from orchestration.vendors.google_click_codes import CLICK_UPLOAD
from orchestration.vendors.google_clicks import Uploaded
from tests.unit.deliveries.conftest import TENANT

GOLDEN = Path(__file__).parent / "golden"
CHANGED_AT = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
ACCOUNT = Account(TENANT, "google", "1234567890", {"api": "click_upload"})
ROWS: dict[str, dict[str, Any]] = {
    "google_clicks_sent": {"click_ids": {"gclid": "Cj0KCQiA_-Test.gclid", "wbraid": "w1"}},
    "google_clicks_adjusted": {"purpose": "adjust", "changed_at": CHANGED_AT},
    "google_clicks_retracted": {"purpose": "retract", "changed_at": CHANGED_AT},
}


def test_account_says_which_way_it_goes() -> None:
    assert destination_of(ACCOUNT) is google_clicks
    assert destination_of(Account(TENANT, "google", "1234567890")) is google


@pytest.mark.parametrize("name", ROWS)
def test_body_is_the_one_agreed_on(name: str, conversion: Callable[..., Conversion]) -> None:
    row = conversion("google", **ROWS[name])
    lane = google_clicks.lane(row)
    request = google_clicks.request([google_clicks.event(row)], ACCOUNT, lane)
    assert request.body == (GOLDEN / f"{name}.json").read_bytes()
    assert lane == ("900000002" if name.endswith("sent") else "900000002/adjust")


def test_google_reads_our_bytes_as_its_own_message(conversion: Callable[..., Conversion]) -> None:
    from google.ads.googleads.v26.services.types import conversion_upload_service as uploads

    row = google_clicks.event(conversion("google", click_ids={"gbraid": "g1"}))
    body = google_clicks.request([row], ACCOUNT, "900000002").body
    message = uploads.UploadClickConversionsRequest.from_json(body.decode())
    read = message.conversions[0]
    assert (message.customer_id, message.partial_failure) == ("1234567890", True)
    assert (read.gbraid, read.gclid, read.order_id) == ("g1", "", "a" * 64)
    assert read.conversion_action == "customers/1234567890/conversionActions/900000002"
    assert read.conversion_date_time == "2026-11-20 09:30:00+00:00"
    assert (read.conversion_value, read.currency_code) == (1499.9, "TRY")
    assert read.consent.ad_user_data.name == "GRANTED"
    assert read.consent.ad_personalization.name == "UNSPECIFIED"
    assert [bool(i.hashed_email) for i in read.user_identifiers] == [True, False]


@given(st.lists(st.text("0123456789abcdef", min_size=64, max_size=64), max_size=4))
def test_job_has_a_number_that_a_caller_may_choose_and_keeps_it(ids: list[str]) -> None:
    rows = [{"orderId": event_id} for event_id in ids]
    jobs = {json.loads(google_clicks.request(rows, ACCOUNT, "1").body)["jobId"] for _ in range(2)}
    assert len(jobs) == 1
    assert 0 <= jobs.pop() < 2**31


def test_time_is_told_with_its_offset(conversion: Callable[..., Conversion]) -> None:
    istanbul = timezone(timedelta(hours=3))
    row = conversion("google", converted_at=datetime(2026, 11, 20, 1, 5, 9, 999_999, istanbul))
    assert google_clicks.event(row)["conversionDateTime"] == "2026-11-19 22:05:09+00:00"


def test_at_most_five_identifiers_go(conversion: Callable[..., Conversion]) -> None:
    hashes = {"email": tuple(f"{n:064x}" for n in range(4)), "phone": ("a" * 64, "b" * 64)}
    event = google_clicks.event(conversion("google", hashes=hashes))
    assert len(event["userIdentifiers"]) == 5


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"hashes": {}}, "no_identifiers"),
        ({"purpose": "retract"}, "no_change_time"),
        ({"purpose": "adjust", "changed_at": CHANGED_AT, "value": None}, "cannot_adjust"),
        ({"hashes": {"email": ("jane@example.com",)}}, "field_misshapen"),
        ({"click_ids": {"gclid": "jane@example.com"}}, "field_misshapen"),
    ],
)
def test_row_that_cannot_be_worded_never_leaves(
    changes: dict[str, Any], code: str, conversion: Callable[..., Conversion]
) -> None:
    with pytest.raises(EventRefused, match=code):
        google_clicks.event(conversion("google", **changes))


def test_row_without_an_action_is_refused(conversion: Callable[..., Conversion]) -> None:
    with pytest.raises(EventRefused, match="no_action_id"):
        google_clicks.lane(conversion("google", action_id=None))


EXPECTED = {
    Action.DELIVERED: State.DUPLICATE,
    Action.UNMATCHED: State.ACCEPTED,
    Action.RETRY_AT: State.RETRY_WAIT,
    Action.IN_DOUBT: State.IN_DOUBT,
    Action.NOT_YET: State.RETRY_WAIT,
    Action.REFUSE_ROW: State.REJECTED,
    Action.STOP_DESTINATION: State.PENDING,
    Action.STOP_CREDENTIAL: State.PENDING,
}


@pytest.mark.parametrize("code", CLICK_UPLOAD)
def test_error_of_one_row_is_obeyed_for_that_row(code: str) -> None:
    outcomes = google_clicks.classify(Uploaded("7", {1: code}), [False, False])
    assert [o.state for o in outcomes] == [
        State.ACCEPTED,
        EXPECTED[CLICK_UPLOAD[code].action],
    ]
    assert outcomes[1].code == code


@pytest.mark.parametrize("code", CLICK_UPLOAD)
def test_error_of_every_row_that_is_of_no_row_stops_their_destination(code: str) -> None:
    action = CLICK_UPLOAD[code].action
    uploaded = Uploaded("7", {0: code, 1: code})
    if action in {Action.STOP_DESTINATION, Action.STOP_CREDENTIAL}:
        with pytest.raises(VendorError) as failure:
            google_clicks.classify(uploaded, [False, False])
        assert type(failure.value) is ERRORS[action]
    else:
        outcomes = google_clicks.classify(uploaded, [False, False])
        assert {o.state for o in outcomes} == {EXPECTED[action]}


def test_too_young_a_click_waits_six_hours() -> None:
    code = "ConversionUploadError.TOO_RECENT_EVENT"
    outcome = google_clicks.classify(Uploaded("7", {0: code}), [True])[0]
    assert (outcome.wait, outcome.is_failure) == (timedelta(hours=6), False)


def test_money_of_a_change_is_the_new_one(conversion: Callable[..., Conversion]) -> None:
    row = conversion("google", purpose="adjust", changed_at=CHANGED_AT, value=Decimal("12.50"))
    assert google_clicks.event(row)["restatementValue"] == {
        "adjustedValue": 12.5,
        "currencyCode": "TRY",
    }
