"""The Data Manager stand-in, through Google's own client where the wire matters."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from orchestration.sandbox.server import Sandbox

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HASH = "a" * 64
TOKEN = "token"
ACCOUNT = {"account_id": "1234567890", "account_type": "GOOGLE_ADS"}


def event(**changes: Any) -> dict[str, Any]:
    return {
        "transactionId": "t-1",
        "eventTimestamp": "2026-11-19T12:00:00Z",
        "eventSource": "WEB",
        "adIdentifiers": {"gclid": "Cj0KCQ_abc-1"},
        "conversionValue": 10.5,
        "currency": "TRY",
        **changes,
    }


def body(*events: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "destinations": [{"operatingAccount": ACCOUNT, "productDestinationId": "900000001"}],
        "events": list(events or [event()]),
        "encoding": "HEX",
        **changes,
    }


def ingest(sandbox: Sandbox, request: dict[str, Any], token: str = TOKEN) -> httpx.Response:
    return httpx.post(
        f"{sandbox.google_url}/v1/events:ingest",
        json=request,
        headers={"Authorization": f"Bearer {token}"} if token else {},
    )


def status(sandbox: Sandbox, request_id: str) -> dict[str, Any]:
    answer = httpx.get(
        f"{sandbox.google_url}/v1/requestStatus:retrieve",
        params={"requestId": request_id},
        headers={"Authorization": "Bearer token"},
    )
    return answer.json()


def outcome(sandbox: Sandbox, request: dict[str, Any]) -> dict[str, Any]:
    """The final status of a request: the first look only finds it in processing."""
    request_id = ingest(sandbox, request).json()["requestId"]
    status(sandbox, request_id)
    return status(sandbox, request_id)["requestStatusPerDestination"][0]


def reasons(answer: httpx.Response) -> list[tuple[str, str]]:
    """The named fields with their reasons."""
    details = answer.json()["error"]["details"]
    return [
        (violation["field"], violation["reason"])
        for detail in details
        for violation in detail.get("fieldViolations", [])
    ]


@pytest.mark.parametrize(
    ("changed", "field", "reason"),
    [
        ({"eventTimestamp": None}, ".event_timestamp", "REQUIRED_FIELD_MISSING"),
        ({"eventTimestamp": "2026-08-22T11:59:59Z"}, ".event_timestamp", "EVENT_TIME_INVALID"),
        ({"eventTimestamp": "2026-11-20T12:02:00Z"}, ".event_timestamp", "EVENT_TIME_INVALID"),
        ({"transactionId": ""}, ".transaction_id", "REQUIRED_FIELD_MISSING"),
        ({"eventSource": None}, ".event_source", "REQUIRED_FIELD_MISSING"),
        ({"adIdentifiers": None}, "", "NO_IDENTIFIERS_PROVIDED"),
        ({"currency": "lira"}, ".currency", "INVALID_CURRENCY_CODE"),
        (
            {"userData": {"userIdentifiers": [{"emailAddress": "A" * 64}]}},
            ".user_data.user_identifiers[0].email_address",
            "INVALID_SHA256_FORMAT",
        ),
        (
            {"userData": {"userIdentifiers": [{"phoneNumber": HASH}] * 11}},
            ".user_data.user_identifiers",
            "TOO_MANY_USER_IDENTIFIERS",
        ),
        (
            {
                "userData": {
                    "userIdentifiers": [
                        {"address": {"givenName": HASH, "familyName": HASH, "regionCode": "TR"}}
                    ]
                }
            },
            ".user_data.user_identifiers[0].address.postal_code",
            "REQUIRED_FIELD_MISSING",
        ),
    ],
    ids=[
        "no time",
        "older than 90 days",
        "ahead",
        "no transaction id",
        "no source",
        "no identifier",
        "currency",
        "not a hash",
        "eleven identifiers",
        "half an address",
    ],
)
def test_one_bad_event_refuses_the_request_and_is_named(sandbox, changed, field, reason):
    answer = ingest(sandbox, body(event(), event(**changed)))
    assert answer.status_code == 400
    assert (f"events.events[1]{field}", reason) in reasons(answer)
    counts = sandbox.counts()["google"]
    assert (counts["events_received"], counts["events_accepted"]) == (2, 0)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"destinations": [{"operatingAccount": ACCOUNT, "productDestinationId": "9"}]},
            "INVALID_CONVERSION_ACTION_ID",
        ),
        (
            {"destinations": [{"operatingAccount": {"accountId": "1"}}]},
            "INVALID_DESTINATION",
        ),
        ({"events": []}, "REQUIRED_FIELD_MISSING"),
        ({"events": [event()] * 2001}, "TOO_MANY_EVENTS"),
        ({"encoding": None, "events": [event(userData={"userIdentifiers": [{"emailAddress": HASH}]})]},
         "REQUIRED_FIELD_MISSING"),
    ],
    ids=["action", "account", "no events", "2001 events", "no encoding"],
)  # fmt: skip
def test_a_bad_request_is_refused_with_its_reason(sandbox, changes, reason):
    answer = ingest(sandbox, body(**changes))
    assert answer.status_code == 400
    assert reason in [found for _, found in reasons(answer)]


def test_an_unknown_field_and_broken_json_are_refused_without_an_echo(sandbox):
    for content in (b'{"evnts": ["secret"]}', b'{"events": [secret', b"\xff"):
        answer = httpx.post(
            f"{sandbox.google_url}/v1/events:ingest",
            content=content,
            headers={"Authorization": "Bearer token"},
        )
        assert answer.status_code == 400
        assert "secret" not in answer.text


@pytest.mark.parametrize("token", ["", "expired-1"])
def test_nobody_is_served_without_a_good_bearer(sandbox, token):
    answer = ingest(sandbox, body(), token)
    assert answer.status_code == 401
    assert answer.json()["error"]["status"] == "UNAUTHENTICATED"


def test_the_outcome_comes_later_and_per_destination(sandbox):
    request_id = ingest(sandbox, body(event(), event(transactionId="t-2"))).json()["requestId"]
    first, second = (status(sandbox, request_id) for _ in range(2))
    assert first["requestStatusPerDestination"][0]["requestStatus"] == "PROCESSING"
    assert second["requestStatusPerDestination"][0]["requestStatus"] == "SUCCESS"
    assert second["requestStatusPerDestination"][0]["eventsIngestionStatus"]["recordCount"] == "2"


def test_later_failures_are_counts_without_a_row(sandbox):
    denied = event(transactionId="t-2", consent={"adUserData": "CONSENT_DENIED"})
    altered = event(transactionId="t-3", adIdentifiers={"gclid": "Cj0 KCQ%"})
    final = outcome(sandbox, body(event(), denied, altered))
    assert final["requestStatus"] == "PARTIAL_SUCCESS"
    assert sorted((c["reason"], c["recordCount"]) for c in final["errorInfo"]["errorCounts"]) == [
        ("PROCESSING_ERROR_REASON_DENIED_CONSENT", "1"),
        ("PROCESSING_ERROR_REASON_INVALID_GCLID", "1"),
    ]


def test_the_same_transaction_again_is_a_duplicate_and_another_value_a_restatement(sandbox):
    ingest(sandbox, body(event()))
    repeat = outcome(sandbox, body(event()))
    restated = outcome(sandbox, body(event(conversionValue=20)))
    counts = sandbox.counts()["google"]
    assert repeat["requestStatus"] == "FAILED"
    assert repeat["errorInfo"]["errorCounts"] == [
        {"reason": "PROCESSING_ERROR_REASON_DUPLICATE_TRANSACTION_ID", "recordCount": "1"}
    ]
    assert restated["requestStatus"] == "SUCCESS"
    assert (counts["distinct_ids"], counts["seen_twice"]) == (1, 2)


def test_validating_records_nothing(sandbox):
    assert ingest(sandbox, body(validateOnly=True)).status_code == 200
    assert sandbox.counts()["google"]["events_accepted"] == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"customVariables": [{"variable": "note", "value": "ayse@example.com"}]},
        {"transactionId": "order-ayse@example.com"},
        {"userData": {"userIdentifiers": [{"phoneNumber": "+905321234567"}]}},
        {"customVariables": [{"variable": "url", "value": "https://x.example/?e=ayse%40example.com"}]},
    ],
    ids=["variable", "transaction id", "phone", "encoded"],
)  # fmt: skip
def test_raw_personal_data_is_refused_and_counted(sandbox, changes):
    answer = ingest(sandbox, body(event(**changes)))
    assert answer.status_code == 400
    assert "ayse" not in answer.text
    assert sandbox.counts()["google"]["raw_personal_data"] == 1


def test_an_unknown_request_id_is_refused(sandbox):
    assert status(sandbox, "nope")["error"]["details"][0]["reason"] == "INVALID_REQUEST_ID"


def test_googles_own_client_sends_and_reads(sandbox):
    from google.ads import datamanager_v1 as api
    from google.ads.datamanager_v1.services.ingestion_service.transports import (
        IngestionServiceRestTransport,
    )
    from google.oauth2.credentials import Credentials

    transport = IngestionServiceRestTransport(
        host=sandbox.google_url.removeprefix("http://"),
        url_scheme="http",
        credentials=Credentials("token"),
    )
    client = api.IngestionServiceClient(transport=transport)
    request = api.IngestEventsRequest(
        destinations=[{"operating_account": ACCOUNT, "product_destination_id": "900000002"}],
        encoding=api.Encoding.HEX,
        events=[
            {
                "transaction_id": "t-9",
                "event_timestamp": NOW - timedelta(days=1),
                "event_source": api.EventSource.OTHER,
                "user_data": {"user_identifiers": [{"email_address": HASH}]},
            }
        ],
    )
    request_id = client.ingest_events(request=request).request_id
    answers = [client.retrieve_request_status(request={"request_id": request_id}) for _ in range(2)]
    transport.close()
    names = [a.request_status_per_destination[0].request_status.name for a in answers]
    assert names == ["PROCESSING", "SUCCESS"]


class TestFaults:
    def test_too_many_requests_tell_when_to_come_back(self, sandbox):
        sandbox.arm("google", "429", retry_after=7)
        answer = ingest(sandbox, body())
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
        assert answer.json()["error"]["status"] == "RESOURCE_EXHAUSTED"
        assert ingest(sandbox, body()).status_code == 200

    def test_one_event_can_be_made_to_sink_its_request(self, sandbox):
        sandbox.arm("google", "whole_request_refusal", event_id="t-2", times=5)
        answer = ingest(sandbox, body(event(), event(transactionId="t-2")))
        assert reasons(answer) == [("events.events[1].event_timestamp", "EVENT_TIME_INVALID")]
        assert ingest(sandbox, body(event())).status_code == 200

    def test_one_event_can_be_made_to_fail_later(self, sandbox):
        sandbox.arm("google", "later_CLICK_NOT_FOUND", event_id="t-2")
        final = outcome(sandbox, body(event(), event(transactionId="t-2")))
        assert final["errorInfo"]["errorCounts"] == [
            {"reason": "PROCESSING_ERROR_REASON_CLICK_NOT_FOUND", "recordCount": "1"}
        ]

    def test_processing_can_take_longer(self, sandbox):
        request_id = ingest(sandbox, body()).json()["requestId"]
        sandbox.arm("google", "processing", times=2)
        names = [
            status(sandbox, request_id)["requestStatusPerDestination"][0]["requestStatus"]
            for _ in range(4)
        ]
        assert names == ["PROCESSING", "PROCESSING", "PROCESSING", "SUCCESS"]

    @pytest.mark.parametrize(
        ("fault", "code"),
        [
            ("reason_NOT_ALLOWLISTED", 403),
            ("reason_INVALID_EVENT", 400),
            ("500", 500),
            ("503", 503),
        ],
    )
    def test_any_reason_of_the_tables_can_be_had(self, sandbox, fault, code):
        sandbox.arm("google", fault)
        assert ingest(sandbox, body()).status_code == code


class TestTheTokenEndpoint:
    FORM = {  # noqa: RUF012
        "grant_type": "refresh_token",
        "client_id": "id",
        "client_secret": "secret",
        "refresh_token": "refresh",
    }

    def test_a_refresh_token_gets_an_access_token_that_works(self, sandbox):
        answer = httpx.post(f"{sandbox.google_url}/token", data=self.FORM)
        assert ingest(sandbox, body(), answer.json()["access_token"]).status_code == 200

    @pytest.mark.parametrize(
        ("changes", "error"),
        [
            ({"refresh_token": "revoked"}, "invalid_grant"),
            ({"grant_type": "password"}, "invalid_request"),
            ({"client_secret": ""}, "invalid_request"),
        ],
    )
    def test_anything_else_gets_none(self, sandbox, changes, error):
        answer = httpx.post(f"{sandbox.google_url}/token", data={**self.FORM, **changes})
        assert (answer.status_code, answer.json()) == (400, {"error": error})
