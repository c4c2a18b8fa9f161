"""The classic upload of clicks to Google Ads, through Google's own client over gRPC.

Closed to new users since 15 June 2026: for accounts whose Cloud project uploaded before. A request is kept as the JSON
form of its message; on the wire it is protobuf. Every upload asks for answers by row (``partial_failure``).

Belongs here: the two calls and their answers by row. Lives elsewhere: the client and what its exceptions mean
(``google_ads.py``), what each error means (``google_codes.py``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from orchestration.vendors.errors import Unclear
from orchestration.vendors.google_ads import (
    CALL_SECONDS,
    code_of,
    error_of,
    error_of_failure,
    place_of,
    read_failure,
)
from orchestration.vendors.google_click_codes import CLICK_UPLOAD
from orchestration.vendors.google_codes import gravest

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestration.vendors.google_ads import GoogleAds


@dataclass(frozen=True, slots=True)
class Uploaded:
    """What became of an upload.

    Attributes:
        job_id: Google's name of it.
        failed: For each position that failed its code.
    """

    job_id: str
    failed: dict[int, str] = field(default_factory=dict[int, str])


class ClickUploads:
    """One credential's way to the upload of clicks and of what has changed about them.

    Args:
        open_ads: Makes a client of the Google Ads API; one is kept and closed with this.
    """

    def __init__(self, open_ads: Callable[[], GoogleAds]) -> None:
        self.open_ads = open_ads
        self._ads = ads = open_ads()
        self._clicks: Any = ads.client.get_service("ConversionUploadService")
        self._adjustments: Any = ads.client.get_service("ConversionAdjustmentUploadService")

    def upload(self, body: bytes) -> Uploaded:
        """Upload conversions: the JSON form of an ``UploadClickConversionsRequest``.

        Raises:
            VendorError: Nothing was taken, or what was taken is not known.
        """
        return self._call(
            self._clicks.upload_click_conversions, "UploadClickConversionsRequest", body
        )

    def adjust(self, body: bytes) -> Uploaded:
        """Upload changes: the JSON form of an ``UploadConversionAdjustmentsRequest``.

        Raises:
            VendorError: Nothing was taken, or what was taken is not known.
        """
        return self._call(
            self._adjustments.upload_conversion_adjustments,
            "UploadConversionAdjustmentsRequest",
            body,
        )

    def close(self) -> None:
        """Let go of the connections."""
        self._clicks.transport.close()
        self._adjustments.transport.close()
        self._ads.close()

    def _call(self, call: Any, kind: str, body: bytes) -> Uploaded:
        from google.ads.googleads.errors import GoogleAdsException
        from google.api_core.exceptions import GoogleAPICallError

        self._ads.prepare()
        request = type(self._ads.client.get_type(kind)).from_json(body.decode())
        try:
            # The client's own default is no limit of time at all; a repeat is the ledger's decision.
            response = call(request=request, timeout=CALL_SECONDS, retry=None)
        except (GoogleAdsException, GoogleAPICallError) as error:
            raise error_of(error) from None
        return read_response(response)


def read_response(response: Any) -> Uploaded:
    """Each failed row's gravest error.

    Raises:
        VendorError: An error names no row.
    """
    status = response.partial_failure_error
    codes: dict[int, list[str]] = {}
    for detail in status.details if status.code else ():
        failure = read_failure(detail.value)
        for error in failure.errors:
            place = place_of(error)
            if place is None:
                raise error_of_failure(failure, None)
            codes.setdefault(place, []).append(code_of(error))
    if status.code and not codes:
        raise Unclear("failure_without_errors")
    failed = {place: gravest(CLICK_UPLOAD, its) for place, its in codes.items()}
    return Uploaded(str(response.job_id), failed)
