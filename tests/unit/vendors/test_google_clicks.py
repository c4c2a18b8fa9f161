"""Answers of the classic upload: one code for each row that failed, or an error of the whole request."""

from __future__ import annotations

from typing import Any

import pytest
from google.ads.googleads.v26.errors.types.errors import GoogleAdsFailure
from google.ads.googleads.v26.services.types.conversion_upload_service import (
    UploadClickConversionsResponse,
)
from google.protobuf.any_pb2 import Any as Packed
from google.rpc.status_pb2 import Status

from orchestration.vendors.errors import RequestRefused, RouteBlocked, Unclear
from orchestration.vendors.google_clicks import read_response


def error(code: str, place: int | None, kind: str = "conversion_upload_error") -> dict[str, Any]:
    """One error as Google words it."""
    path = [] if place is None else [{"field_name": "conversions", "index": place}]
    return {"error_code": {kind: code}, "location": {"field_path_elements": path}}


def answer(*errors: dict[str, Any], code: int = 3) -> Any:
    """A response with these errors."""
    failure = GoogleAdsFailure(errors=errors)
    details = [Packed(value=GoogleAdsFailure.serialize(failure))] if errors else []
    return UploadClickConversionsResponse(
        partial_failure_error=Status(code=code, details=details), job_id=7
    )


def test_answer_without_errors_is_everybodys_success() -> None:
    told = read_response(answer(code=0))
    assert (told.job_id, told.failed) == ("7", {})


def test_row_with_several_errors_has_the_one_that_stops_most() -> None:
    told = read_response(
        answer(
            error("NO_CONVERSION_ACTION_FOUND", 1),
            error("DUPLICATE_ORDER_ID", 1),
            error("TOO_RECENT_EVENT", 4),
            error("CLICK_NOT_FOUND", 4),
        )
    )
    assert told.failed == {
        1: "ConversionUploadError.NO_CONVERSION_ACTION_FOUND",
        4: "ConversionUploadError.TOO_RECENT_EVENT",
    }


def test_error_that_names_no_row_is_the_requests() -> None:
    with pytest.raises(RouteBlocked, match=r"AuthorizationError\.CUSTOMER_NOT_ENABLED"):
        read_response(answer(error("CUSTOMER_NOT_ENABLED", None, "authorization_error")))
    with pytest.raises(RequestRefused) as refusal:
        read_response(
            answer(error("EXPIRED_EVENT", 0), error("INVALID_ENUM_VALUE", None, "request_error"))
        )
    assert refusal.value.rows == {0: "ConversionUploadError.EXPIRED_EVENT"}


def test_failure_without_errors_is_unclear() -> None:
    with pytest.raises(Unclear, match="failure_without_errors"):
        read_response(answer())
