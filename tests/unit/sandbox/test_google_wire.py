"""Reading a Data Manager request without Google's message type gives what the message type would give."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.ads.datamanager_v1 import IngestEventsRequest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st

from orchestration.sandbox.google_wire import Unreadable, read_request

HASH = "a" * 64
TEXT = st.text("abc019_-", min_size=1, max_size=8)
EVENTS = st.fixed_dictionaries(
    {},
    optional={
        "transactionId": TEXT,
        "eventTimestamp": st.sampled_from(["2026-11-19T12:00:00Z", "2026-11-19T12:00:00.500Z"]),
        "eventSource": st.sampled_from(["WEB", "OTHER", 1, 6]),
        "adIdentifiers": st.dictionaries(st.sampled_from(["gclid", "gbraid", "wbraid"]), TEXT),
        "userData": st.builds(
            lambda identifiers: {"userIdentifiers": identifiers},
            st.lists(st.sampled_from([{"emailAddress": HASH}, {"phoneNumber": HASH}]), max_size=3),
        ),
        "conversionValue": st.one_of(st.integers(0, 10**6), st.floats(0, 1e6)),
        "currency": st.sampled_from(["TRY", "EUR"]),
        "consent": st.dictionaries(
            st.sampled_from(["adUserData", "adPersonalization"]),
            st.sampled_from(["CONSENT_GRANTED", "CONSENT_DENIED", 1, 2]),
        ),
    },
)


def as_message(request: dict[str, Any]) -> dict[str, Any]:
    """What Google's message type reads."""
    message = IngestEventsRequest.pb(IngestEventsRequest())
    json_format.ParseDict(request, message)
    return json_format.MessageToDict(message, use_integers_for_enums=True)


@given(st.lists(EVENTS, max_size=3), st.sampled_from(["HEX", "BASE64", 1]))
def test_the_usual_request_means_the_same_to_both(events, encoding):
    request = {
        "destinations": [{"operatingAccount": {"accountId": "1"}, "productDestinationId": "2"}],
        "events": events,
        "encoding": encoding,
    }
    assert as_message(read_request(json.dumps(request))) == as_message(request)


@pytest.mark.parametrize(
    "event",
    [
        {"transaction_id": "t-1", "event_timestamp": "2026-11-19T12:00:00Z"},
        {"transactionId": "t-1", "eventTimestamp": "2026-11-19T15:00:00+03:00"},
        {"transactionId": "t-1", "conversionValue": "12.5"},
        {"transactionId": "t-1", "customVariables": [{"variable": "a", "value": "b"}]},
        {"transactionId": None},
    ],
    ids=["snake case", "offset", "a number as text", "a rare field", "null"],
)
def test_the_unusual_is_read_through_googles_message_type(event):
    assert read_request(json.dumps({"events": [event]})) == as_message({"events": [event]})


@pytest.mark.parametrize(
    "text",
    ["", '{"evnts": []}', '{"events": [{"eventSource": "SPACE"}]}', '{"events": [1]}'],
)
def test_what_the_message_type_refuses_is_unreadable(text):
    with pytest.raises(Unreadable):
        read_request(text)
