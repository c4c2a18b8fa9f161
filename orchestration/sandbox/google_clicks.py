"""The Google Ads API's classic upload: clicks' conversions, and what has changed about them, answered row by row.

Closed to new users since 15 June 2026 (DOC Gupl). A conversion is known by its order id or, without one, by its click
and its time; what is held of it is the same as for the Data Manager API, whichever door it came through.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from orchestration.sandbox.counting import Arrival
from orchestration.sandbox.faults import Fault
from orchestration.sandbox.google_click_checks import (
    MAX_ROWS,
    RowError,
    action_of,
    check_row,
    read_moment,
)
from orchestration.sandbox.google_rpc import Door
from orchestration.sandbox.plumbing import Surroundings
from orchestration.sandbox.tally import Place
from orchestration.sandbox.world import Account

if TYPE_CHECKING:
    import grpc

UPLOADS = "google.ads.googleads.v26.services.ConversionUploadService"
ADJUSTMENTS = "google.ads.googleads.v26.services.ConversionAdjustmentUploadService"
FIRST_JOB = 2**31  # LIB Lcus: the server's own job ids begin here
_INVALID = 3  # google.rpc.Code
_FAILURE_TYPE = "type.googleapis.com/google.ads.googleads.v26.errors.GoogleAdsFailure"
_UPLOAD = "conversion_upload_error"
_ADJUSTMENT = "conversion_adjustment_upload_error"


class ClickUploads:
    """The two methods."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._door = Door(around, "google")
        self._jobs = 0

    def upload(self, request: Any, context: grpc.ServicerContext) -> Any:
        """``UploadClickConversions``: good rows are taken, bad ones are named."""
        from google.ads.googleads.v26.services.types.conversion_upload_service import (
            ClickConversionResult,
            UploadClickConversionsResponse,
        )

        rows = request.conversions
        account, fault = self._admit(request, context, "click_upload", [_id_of(r) for r in rows])
        if not account.may_upload_clicks:
            self._door.refuse(
                context,
                "PERMISSION_DENIED",
                not_allowlisted_error="CUSTOMER_NOT_ALLOWLISTED_FOR_THIS_FEATURE",
            )
        self._check_envelope(request, rows, context)
        with self._around.tally.lock:
            failed = self._judge(rows, account, fault)
            if not request.validate_only:
                self._take(rows, account, failed)
        return UploadClickConversionsResponse(
            partial_failure_error=_word_failure(failed, "conversions"),
            results=[
                ClickConversionResult(conversion_action=row.conversion_action, gclid=row.gclid)
                if place not in failed
                else ClickConversionResult()
                for place, row in enumerate(rows)
            ],
            job_id=self._job(request),
        )

    def adjust(self, request: Any, context: grpc.ServicerContext) -> Any:
        """``UploadConversionAdjustments``: restatements and retractions of what is known."""
        from google.ads.googleads.v26.services.types.conversion_adjustment_upload_service import (
            ConversionAdjustmentResult,
            UploadConversionAdjustmentsResponse,
        )

        rows = request.conversion_adjustments
        ids = [_adjusted_id(row) for row in rows]
        account, fault = self._admit(request, context, "click_adjustment", ids)
        self._check_envelope(request, rows, context)
        failed: dict[int, RowError] = {}
        with self._around.tally.lock:
            for place, (row, event_id) in enumerate(zip(rows, ids, strict=True)):
                error = _asked_for(fault, event_id, _ADJUSTMENT) or self._adjust_row(
                    row, event_id, account, is_real=not request.validate_only
                )
                if error:
                    failed[place] = error
        return UploadConversionAdjustmentsResponse(
            partial_failure_error=_word_failure(failed, "conversion_adjustments"),
            results=[
                ConversionAdjustmentResult(
                    conversion_action=row.conversion_action, order_id=row.order_id
                )
                if place not in failed
                else ConversionAdjustmentResult()
                for place, row in enumerate(rows)
            ],
            job_id=self._job(request),
        )

    def _admit(
        self, request: Any, context: grpc.ServicerContext, operation: str, ids: Sequence[str]
    ) -> tuple[Account, Fault | None]:
        return self._door.admit(
            context, operation, request.customer_id, " ".join(ids).encode(), lambda: ids
        )

    def _check_envelope(self, request: Any, rows: Any, context: grpc.ServicerContext) -> None:
        # LIB Lcus: partial failure is not a choice.
        if not request.partial_failure:
            self._door.refuse(
                context, "INVALID_ARGUMENT", partial_failure_error="PARTIAL_FAILURE_MODE_REQUIRED"
            )
        if len(rows) <= MAX_ROWS:
            return
        if hasattr(request, "conversion_adjustments"):
            self._door.refuse(
                context,
                "INVALID_ARGUMENT",
                conversion_adjustment_upload_error="TOO_MANY_ADJUSTMENTS_IN_REQUEST",
            )
        self._door.refuse(
            context,
            "INVALID_ARGUMENT",
            conversion_upload_error="TOO_MANY_CONVERSIONS_IN_REQUEST",
        )

    def _judge(self, rows: Any, account: Account, fault: Fault | None) -> dict[int, RowError]:
        now = self._around.now()
        failed: dict[int, RowError] = {}
        here: set[tuple[str, str]] = set()
        for place, row in enumerate(rows):
            key = (action_of(row), _id_of(row))
            error = _asked_for(fault, key[1], _UPLOAD) or check_row(row, account, now)
            error = error or self._repeat(row, account, key, is_here=key in here)
            if error:
                failed[place] = error
            else:
                here.add(key)
        return failed

    def _repeat(
        self, row: Any, account: Account, key: tuple[str, str], *, is_here: bool
    ) -> RowError | None:
        if is_here:
            code = "DUPLICATE_ORDER_ID" if row.order_id else "DUPLICATE_CLICK_CONVERSION_IN_REQUEST"
            return RowError(_UPLOAD, code)
        held = self._around.tally.find("google", Place(account.account_id, key[0]), key[1])
        if held is None or not held.counted:
            return None
        code = "ORDER_ID_ALREADY_IN_USE" if row.order_id else "CLICK_CONVERSION_ALREADY_EXISTS"
        return RowError(_UPLOAD, code)

    def _take(self, rows: Any, account: Account, failed: Mapping[int, RowError]) -> None:
        """Note what was taken; a repeat is noted as one, everything else that failed as refused."""
        refused = Counter(e.code for e in failed.values() if not _is_repeat(e))
        for code, count in refused.items():
            self._around.tally.note_refused("google", code, count)
        arrivals = [
            Arrival(
                action_of(row),
                _id_of(row),
                row.conversion_value if row.currency_code else None,
                row.currency_code,
                "failed" if place in failed else "",
            )
            for place, row in enumerate(rows)
            if place not in failed or _is_repeat(failed[place])
        ]
        if arrivals:
            self._around.tally.note_accepted(
                "google", account.account_id, arrivals, self._around.now(), "first_kept"
            )

    def _adjust_row(
        self, row: Any, event_id: str, account: Account, *, is_real: bool
    ) -> RowError | None:
        place = Place(account.account_id, action_of(row))
        held = self._around.tally.find("google", place, event_id)
        moment = read_moment(row.adjustment_date_time)
        if moment is None:
            return RowError("date_error", "INVALID_STRING_DATE_TIME_SECONDS_WITH_OFFSET")
        if place.name not in account.conversion_actions:
            return RowError(_ADJUSTMENT, "NO_CONVERSION_ACTION_FOUND")
        if held is None or not held.counted:
            return RowError(_ADJUSTMENT, "CONVERSION_NOT_FOUND")
        if held.is_retracted:
            return RowError(_ADJUSTMENT, "CONVERSION_ALREADY_RETRACTED")
        if moment.timestamp() < held.adjusted_at:
            return RowError(_ADJUSTMENT, "MORE_RECENT_RESTATEMENT_FOUND")
        if moment.timestamp() == held.adjusted_at:
            return RowError(_ADJUSTMENT, "RESTATEMENT_ALREADY_EXISTS")
        if is_real:
            self._around.tally.note_adjusted(
                "google",
                place,
                event_id,
                moment,
                value=row.restatement_value.adjusted_value,
                currency=row.restatement_value.currency_code,
                is_retracted=row.adjustment_type.name == "RETRACTION",
            )
        return None

    def _job(self, request: Any) -> int:
        self._jobs += 1
        return request.job_id or FIRST_JOB + self._jobs


def click_handlers(around: Surroundings) -> dict[str, dict[str, Any]]:
    """The gRPC handlers by service and method."""
    import grpc
    from google.ads.googleads.v26.services.types import (
        conversion_adjustment_upload_service as adjustments,
    )
    from google.ads.googleads.v26.services.types import conversion_upload_service as uploads

    doors = ClickUploads(around)
    return {
        UPLOADS: {
            "UploadClickConversions": grpc.unary_unary_rpc_method_handler(
                doors.upload,
                request_deserializer=uploads.UploadClickConversionsRequest.deserialize,
                response_serializer=uploads.UploadClickConversionsResponse.serialize,
            )
        },
        ADJUSTMENTS: {
            "UploadConversionAdjustments": grpc.unary_unary_rpc_method_handler(
                doors.adjust,
                request_deserializer=adjustments.UploadConversionAdjustmentsRequest.deserialize,
                response_serializer=adjustments.UploadConversionAdjustmentsResponse.serialize,
            )
        },
    }


def _id_of(row: Any) -> str:
    return row.order_id or f"{row.gclid or row.gbraid or row.wbraid}@{row.conversion_date_time}"


def _adjusted_id(row: Any) -> str:
    pair = row.gclid_date_time_pair
    return row.order_id or f"{pair.gclid}@{pair.conversion_date_time}"


def _asked_for(fault: Fault | None, event_id: str, member: str) -> RowError | None:
    if fault is None or (fault.event_ids and event_id not in fault.event_ids):
        return None
    return RowError(member, fault.fault.removeprefix("row_"))


def _is_repeat(error: RowError) -> bool:
    return "DUPLICATE" in error.code or "ALREADY" in error.code


def _word_failure(failed: Mapping[int, RowError], field: str) -> Any:
    """A ``google.rpc.Status`` with one ``GoogleAdsFailure`` (RAN G4); empty when nothing failed."""
    from google.ads.googleads.v26.errors.types.errors import GoogleAdsFailure
    from google.protobuf.any_pb2 import Any as Packed
    from google.rpc.status_pb2 import Status

    if not failed:
        return Status()
    failure = GoogleAdsFailure(
        errors=[
            {
                "error_code": {error.member: error.code},
                "message": error.code,
                "location": {"field_path_elements": [{"field_name": field, "index": place}]},
            }
            for place, error in failed.items()
        ]
    )
    packed = Packed(type_url=_FAILURE_TYPE, value=GoogleAdsFailure.serialize(failure))
    return Status(code=_INVALID, message="Some rows failed.", details=[packed])
