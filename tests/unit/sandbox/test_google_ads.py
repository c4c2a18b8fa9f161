"""The Google Ads stand-in over gRPC: what can be queried, and the classic upload with its adjustments."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from google.ads.googleads.v26.errors.types.errors import GoogleAdsFailure
from google.ads.googleads.v26.services.types import (
    conversion_adjustment_upload_service as adjusting,
)
from google.ads.googleads.v26.services.types import conversion_upload_service as uploading
from google.ads.googleads.v26.services.types import google_ads_service as reading

from orchestration.sandbox.google_ads import SERVICE
from orchestration.sandbox.google_clicks import ADJUSTMENTS, UPLOADS
from orchestration.sandbox.google_rpc import FAILURE_KEY
from orchestration.sandbox.plumbing import Surroundings
from orchestration.sandbox.server import Sandbox, running_sandbox
from orchestration.sandbox.tally import Tally

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
CUSTOMER = "1234567890"
HASH = "a" * 64


class Caller:
    """A bare client: the methods by name, with a bearer."""

    def __init__(self, sandbox: Sandbox) -> None:
        roots = sandbox.grpc_roots_path.read_bytes()
        self._channel = grpc.secure_channel(
            sandbox.google_ads_endpoint, grpc.ssl_channel_credentials(roots)
        )

    def call(self, service: str, method: str, request: Any, response: Any) -> Any:
        invoke = self._channel.unary_unary(
            f"/{service}/{method}",
            request_serializer=type(request).serialize,
            response_deserializer=response.deserialize,
        )
        return invoke(request, timeout=10, metadata=(("authorization", "Bearer token"),))

    def search(self, query: str) -> list[Any]:
        request = reading.SearchGoogleAdsRequest(customer_id=CUSTOMER, query=query)
        return list(self.call(SERVICE, "Search", request, reading.SearchGoogleAdsResponse).results)

    def upload(self, *rows: dict[str, Any], **changes: Any) -> Any:
        request = uploading.UploadClickConversionsRequest(
            {"customer_id": CUSTOMER, "conversions": rows, "partial_failure": True, **changes}
        )
        return self.call(
            UPLOADS, "UploadClickConversions", request, uploading.UploadClickConversionsResponse
        )

    def adjust(self, *rows: dict[str, Any]) -> Any:
        request = adjusting.UploadConversionAdjustmentsRequest(
            {"customer_id": CUSTOMER, "conversion_adjustments": rows, "partial_failure": True}
        )
        return self.call(
            ADJUSTMENTS,
            "UploadConversionAdjustments",
            request,
            adjusting.UploadConversionAdjustmentsResponse,
        )

    def close(self) -> None:
        self._channel.close()


@pytest.fixture
def caller(sandbox: Sandbox) -> Iterator[Caller]:
    made = Caller(sandbox)
    yield made
    made.close()


def row(**changes: Any) -> dict[str, Any]:
    return {
        "gclid": "Cj0KCQ_abc-1",
        "conversion_action": f"customers/{CUSTOMER}/conversionActions/900000002",
        "conversion_date_time": "2026-11-19 15:00:00+03:00",
        "conversion_value": 100.0,
        "currency_code": "TRY",
        "order_id": "o-1",
        **changes,
    }


def change(kind: str, order_id: str = "o-1", **changes: Any) -> dict[str, Any]:
    return {
        "order_id": order_id,
        "conversion_action": f"customers/{CUSTOMER}/conversionActions/900000002",
        "adjustment_type": kind,
        "adjustment_date_time": "2026-11-20 15:00:00+03:00",
        **changes,
    }


def failures(answer: Any) -> dict[int, str]:
    """Error code by position."""
    found: dict[int, str] = {}
    for detail in answer.partial_failure_error.details:
        for error in GoogleAdsFailure.deserialize(detail.value).errors:
            code = type(error.error_code).pb(error.error_code)
            member = code.WhichOneof("error_code")
            place = error.location.field_path_elements[0].index
            found[place] = getattr(error.error_code, member).name
    return found


def refusal(error: grpc.RpcError) -> str:
    """The status, and the code of the failure behind it."""
    trailing = dict(error.trailing_metadata() or ())  # pyright: ignore[reportAttributeAccessIssue]
    failure = GoogleAdsFailure.deserialize(trailing[FAILURE_KEY])
    code = failure.errors[0].error_code
    return getattr(code, type(code).pb(code).WhichOneof("error_code")).name


def held(sandbox: Sandbox) -> dict[str, tuple[int, float | None, bool]]:
    """Counted, value and retraction by order."""
    return {
        event["event_id"]: (event["counted"], event["value"], event["retracted"])
        for event in sandbox.around.tally.events()
    }


class TestUpload:
    def test_good_rows_are_taken_and_bad_ones_named(self, sandbox, caller):
        answer = caller.upload(row(), row(order_id="o-2", gclid="no click"), row(order_id="o-3"))
        assert failures(answer) == {1: "UNPARSEABLE_GCLID"}
        assert [bool(result.conversion_action) for result in answer.results] == [True, False, True]
        assert answer.job_id >= 2**31
        assert held(sandbox) == {"o-1": (1, 100.0, False), "o-3": (1, 100.0, False)}

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"gbraid": "a", "wbraid": "b"}, "GBRAID_WBRAID_BOTH_SET"),
            ({"conversion_date_time": "2026-11-19 15:00:00"}, "INVALID_STRING_DATE_TIME_SECONDS_WITH_OFFSET"),
            ({"conversion_date_time": "2026-08-01 15:00:00+03:00"}, "EXPIRED_EVENT"),
            ({"conversion_action": "customers/1/conversionActions/1"}, "NO_CONVERSION_ACTION_FOUND"),
            ({"user_identifiers": [{"hashed_email": "A" * 64}]}, "INVALID_USER_IDENTIFIER"),
            ({"user_identifiers": [{"mobile_id": "x"}]}, "UNSUPPORTED_USER_IDENTIFIER"),
            ({"user_identifiers": [{"hashed_email": HASH}] * 6}, "TOO_MANY"),
            ({"gclid": ""}, "REQUIRED"),
            ({"order_id": "ayse@example.com"}, "ORDER_ID_CONTAINS_PII"),
        ],
    )  # fmt: skip
    def test_a_bad_row_has_its_code(self, caller, changes, code):
        assert failures(caller.upload(row(**changes))) == {0: code}

    def test_a_repeat_is_named_and_counts_once(self, sandbox, caller):
        first = caller.upload(row(), row())
        later = caller.upload(row(conversion_value=5.0))
        assert failures(first) == {1: "DUPLICATE_ORDER_ID"}
        assert failures(later) == {0: "ORDER_ID_ALREADY_IN_USE"}
        assert held(sandbox) == {"o-1": (1, 100.0, False)}

    def test_without_an_order_the_click_and_its_time_are_the_conversion(self, caller):
        caller.upload(row(order_id=""))
        again = caller.upload(row(order_id=""))
        assert failures(again) == {0: "CLICK_CONVERSION_ALREADY_EXISTS"}

    def test_a_validated_upload_leaves_nothing(self, sandbox, caller):
        caller.upload(row(), validate_only=True)
        assert held(sandbox) == {}

    def test_partial_failure_is_no_choice(self, caller):
        with pytest.raises(grpc.RpcError) as error:
            caller.upload(row(), partial_failure=False)
        assert refusal(error.value) == "PARTIAL_FAILURE_MODE_REQUIRED"

    def test_2001_rows_are_too_many(self, caller):
        with pytest.raises(grpc.RpcError) as error:
            caller.upload(*[row()] * 2001)
        assert refusal(error.value) == "TOO_MANY_CONVERSIONS_IN_REQUEST"

    def test_a_row_can_be_made_to_fail(self, sandbox, caller):
        sandbox.arm("google", "row_CLICK_NOT_FOUND", event_id="o-2")
        assert failures(caller.upload(row(), row(order_id="o-2"))) == {1: "CLICK_NOT_FOUND"}

    @pytest.mark.parametrize(
        ("fault", "code"),
        [
            ("reason_NOT_ALLOWLISTED", "CUSTOMER_NOT_ALLOWLISTED_FOR_THIS_FEATURE"),
            ("reason_PERMISSION_DENIED", "USER_PERMISSION_DENIED"),
            ("reason_RESOURCE_EXHAUSTED", "RESOURCE_EXHAUSTED"),
            ("429", "RESOURCE_TEMPORARILY_EXHAUSTED"),
            ("expired_token", "OAUTH_TOKEN_EXPIRED"),
        ],
    )
    def test_a_whole_call_can_be_refused(self, sandbox, caller, fault, code):
        sandbox.arm("google", fault)
        with pytest.raises(grpc.RpcError) as error:
            caller.upload(row())
        assert refusal(error.value) == code
        assert failures(caller.upload(row())) == {}


class TestAdjustments:
    def test_a_value_is_restated_and_a_conversion_taken_back(self, sandbox, caller):
        caller.upload(row(), row(order_id="o-2"))
        restated = change("RESTATEMENT", restatement_value={"adjusted_value": 60.0})
        assert failures(caller.adjust(restated, change("RETRACTION", "o-2"))) == {}
        assert held(sandbox) == {"o-1": (1, 60.0, False), "o-2": (0, 0, True)}

    def test_what_is_not_known_cannot_be_adjusted(self, caller):
        assert failures(caller.adjust(change("RETRACTION"))) == {0: "CONVERSION_NOT_FOUND"}

    def test_what_was_taken_back_stays_so(self, caller):
        caller.upload(row())
        caller.adjust(change("RETRACTION"))
        assert failures(caller.adjust(change("RETRACTION"))) == {0: "CONVERSION_ALREADY_RETRACTED"}

    @pytest.mark.parametrize(
        ("moment", "code"),
        [
            ("2026-11-20 15:00:00+03:00", "RESTATEMENT_ALREADY_EXISTS"),
            ("2026-11-20 14:59:59+03:00", "MORE_RECENT_RESTATEMENT_FOUND"),
            ("yesterday", "INVALID_STRING_DATE_TIME_SECONDS_WITH_OFFSET"),
        ],
    )
    def test_a_restatement_must_be_newer_than_the_last(self, caller, moment, code):
        caller.upload(row())
        caller.adjust(change("RESTATEMENT"))
        again = change("RESTATEMENT", adjustment_date_time=moment)
        assert failures(caller.adjust(again)) == {0: code}

    def test_what_was_restated_is_known_over_a_restart(self, tmp_path):
        around = Surroundings(tally=Tally(tmp_path), now=lambda: NOW)
        with running_sandbox(tmp_path, around=around) as sandbox:
            made = Caller(sandbox)
            made.upload(row())
            made.adjust(change("RESTATEMENT", restatement_value={"adjusted_value": 60.0}))
            made.close()
        events = Tally(tmp_path).events()
        assert [(event["counted"], event["value"]) for event in events] == [(1, 60.0)]


class TestAccounts:
    @pytest.mark.parametrize(
        ("fact", "identifiers", "code"),
        [
            ({"accepted_terms": False}, True, "CUSTOMER_NOT_ACCEPTED_CUSTOMER_DATA_TERMS"),
            ({"is_leads_enabled": False}, True, "CUSTOMER_NOT_ENABLED_ENHANCED_CONVERSIONS_FOR_LEADS"),
            ({"action_facts": {"900000002": {"type": "WEBPAGE"}}}, False, "INVALID_CONVERSION_ACTION_TYPE"),
        ],
    )  # fmt: skip
    def test_what_is_wrong_with_an_account_refuses_the_row(
        self, sandbox, caller, fact, identifiers, code
    ):
        with_world(sandbox, **fact)
        people = {"user_identifiers": [{"hashed_email": HASH}]} if identifiers else {}
        assert failures(caller.upload(row(**people))) == {0: code}

    def test_a_project_that_never_uploaded_may_not_begin(self, sandbox, caller):
        with_world(sandbox, may_upload_clicks=False)
        with pytest.raises(grpc.RpcError) as error:
            caller.upload(row())
        assert refusal(error.value) == "CUSTOMER_NOT_ALLOWLISTED_FOR_THIS_FEATURE"

    @pytest.fixture(autouse=True)
    def _same_world_afterwards(self, sandbox: Sandbox) -> Iterator[None]:
        world = sandbox.around.world
        yield
        sandbox.around.world = world


def with_world(sandbox: Sandbox, **facts: Any) -> None:
    """Let something be wrong with every Google account."""
    sandbox.around.world = sandbox.around.world.changed("google", facts)


class TestQueries:
    def test_the_settings_of_an_account_can_be_read(self, sandbox, caller):
        accounts = sandbox.around.world.accounts["google"]
        (found,) = caller.search(
            "SELECT customer.id, customer.conversion_tracking_setting.accepted_customer_data_terms,"
            " customer.conversion_tracking_setting.google_ads_conversion_customer,"
            " customer.conversion_tracking_setting.effective_enablement_setting FROM customer"
        )
        setting = found.customer.conversion_tracking_setting
        assert found.customer.id == int(accounts[0].account_id)
        assert setting.accepted_customer_data_terms
        assert setting.google_ads_conversion_customer == f"customers/{CUSTOMER}"
        assert setting.effective_enablement_setting.name == "ON"

    def test_actions_are_listed_with_type_and_category(self, caller):
        actions = caller.search(
            "SELECT conversion_action.id, conversion_action.type, conversion_action.category"
            " FROM conversion_action"
        )
        first = actions[0].conversion_action
        assert (first.id, first.type_.name, first.category.name) == (
            900000001,
            "UPLOAD_CLICKS",
            "QUALIFIED_LEAD",
        )

    @pytest.mark.parametrize(
        "resource",
        [
            "offline_conversion_upload_client_summary",
            "offline_conversion_upload_conversion_action_summary",
        ],
    )
    def test_summaries_count_what_really_came(self, sandbox, caller, resource):
        query = (
            f"SELECT {resource}.total_event_count, {resource}.successful_event_count,"
            f" {resource}.status, {resource}.daily_summaries FROM {resource}"
        )
        assert caller.search(query) == []
        caller.upload(row(), row(order_id="o-2"))
        (found,) = caller.search(query)
        summary = getattr(found, resource)
        assert (summary.total_event_count, summary.successful_event_count) == (2, 2)
        assert summary.status.name == "EXCELLENT"
        assert [(day.upload_date, day.successful_count) for day in summary.daily_summaries] == [
            ("2026-11-20", 2)
        ]

    @pytest.mark.parametrize(
        "query",
        [
            "SELECT customer.conversion_tracking_setting.enhanced_conversions_for_leads_enabled FROM customer",
            "SELECT ad.id FROM ad",
            "nonsense",
        ],
    )
    def test_an_unknown_field_is_refused(self, caller, query):
        with pytest.raises(grpc.RpcError) as error:
            caller.search(query)
        assert refusal(error.value) == "UNRECOGNIZED_FIELD"
