"""Reading Google Ads through Google's own client: campaigns and ad groups, page by page.

The client is built directly: its loaders would refresh the token over the network at once, and know one token
address only. Without a timeout of ours a call may wait for ever.

Belongs here: the client, the queries, what an error means. Lives elsewhere: how a row becomes a record
(``sources/google_ads.py``).
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from orchestration.vendors.answers import MAX_RETRY_AFTER
from orchestration.vendors.errors import (
    RequestRefused,
    RouteBlocked,
    Throttled,
    Unauthorized,
    Unclear,
    VendorError,
)
from orchestration.vendors.google_oauth import read_credentials, refresh

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SCOPE = "https://www.googleapis.com/auth/adwords"
CALL_SECONDS = 60.0

CAMPAIGNS = "SELECT campaign.id, campaign.name, campaign.status FROM campaign"
# For every client alike: which of them stands for the Data Manager API is not documented.
UPLOADS = (
    "SELECT offline_conversion_upload_conversion_action_summary.conversion_action_id, "
    "offline_conversion_upload_conversion_action_summary.client, "
    "offline_conversion_upload_conversion_action_summary.daily_summaries "
    "FROM offline_conversion_upload_conversion_action_summary"
)
AD_GROUPS = "SELECT ad_group.id, ad_group.name, ad_group.status, campaign.id FROM ad_group"

# Members of GoogleAdsFailure's one-of error code, by what they mean for a read (google-ads 34.0.0, v26).
_MEANING: dict[str, type[VendorError]] = {
    "authentication_error": Unauthorized,
    "authorization_error": RouteBlocked,
    "not_allowlisted_error": RouteBlocked,
    "quota_error": Throttled,
    "internal_error": Unclear,
}


class GoogleAds:
    """One credential's way to the Google Ads API.

    Args:
        endpoint: ``googleads.googleapis.com``, or a stand-in as ``localhost:PORT``, which must speak TLS.
        version: Such as ``v26``.
        token_url: Where an access token is refreshed.
        credentials: ``access_token``, or ``client_id``, ``client_secret`` and ``refresh_token``.
        login_account: The manager account through which the customer is reached, where there is one.

    Raises:
        Unauthorized: Neither set of credentials is complete.
    """

    def __init__(
        self,
        *,
        endpoint: str,
        version: str,
        token_url: str,
        credentials: Mapping[str, str],
        login_account: str | None = None,
    ) -> None:
        from google.ads.googleads.client import GoogleAdsClient

        # Google types its argument as a dict; it takes the credentials themselves.
        self._credentials: Any = read_credentials(credentials, token_url, SCOPE)
        client = GoogleAdsClient(
            self._credentials,
            endpoint=endpoint,
            version=version,
            login_customer_id=login_account,
            use_proto_plus=True,
        )
        self._service: Any = client.get_service("GoogleAdsService")

    def campaigns(self, customer_id: str) -> Iterator[list[dict[str, str]]]:
        """Every campaign, removed ones too: ``id``, ``name``, ``status``.

        Raises:
            VendorError: The list could not be read to its end.
        """
        for rows in self._pages(customer_id, CAMPAIGNS):
            yield [
                {
                    "id": str(row.campaign.id),
                    "name": row.campaign.name,
                    "status": row.campaign.status.name,
                }
                for row in rows
            ]

    def adgroups(self, customer_id: str) -> Iterator[list[dict[str, str]]]:
        """Every ad group, removed ones too: ``id``, ``name``, ``status``, ``campaign_id``.

        Raises:
            VendorError: The list could not be read to its end.
        """
        for rows in self._pages(customer_id, AD_GROUPS):
            yield [
                {
                    "id": str(row.ad_group.id),
                    "name": row.ad_group.name,
                    "status": row.ad_group.status.name,
                    "campaign_id": str(row.campaign.id),
                }
                for row in rows
            ]

    def upload_summaries(self, customer_id: str) -> Iterator[dict[str, Any]]:
        """What became of uploaded conversions, by action and day of the account's time zone.

        Returns:
            ``action_id``, ``client``, ``day``, and the counts ``successful``, ``failed`` and ``pending``.

        Raises:
            VendorError: The list could not be read to its end.
        """
        for rows in self._pages(customer_id, UPLOADS):
            for row in rows:
                summary = row.offline_conversion_upload_conversion_action_summary
                for day in summary.daily_summaries:
                    yield {
                        "action_id": str(summary.conversion_action_id),
                        "client": summary.client.name,
                        "day": date.fromisoformat(day.upload_date[:10]),
                        "successful": day.successful_count,
                        "failed": day.failed_count,
                        "pending": day.pending_count,
                    }

    def close(self) -> None:
        """Let go of the connection."""
        self._service.transport.close()

    def _pages(self, customer_id: str, query: str) -> Iterator[list[Any]]:
        from google.ads.googleads.errors import GoogleAdsException
        from google.api_core.exceptions import GoogleAPICallError

        # Inside the call a refused refresh token would surface as UNAVAILABLE (seen with grpcio 1.85.1), which reads
        # as "try again" where an operator must act.
        refresh(self._credentials)
        try:
            # The pager asks for each page anew; its size is Google's choice (10,000).
            pager = self._service.search(
                customer_id=customer_id, query=query, timeout=CALL_SECONDS, retry=None
            )
            for page in pager.pages:
                yield list(page.results)
        except GoogleAdsException as error:
            raise _failure(error) from None
        except GoogleAPICallError as error:
            raise _call_error(error) from None


def _failure(error: Any) -> VendorError:
    """What a GoogleAdsFailure means; its first error speaks for it."""
    first = error.failure.errors[0].error_code
    kind = type(first).pb(first).WhichOneof("error_code") or ""
    code = getattr(first, kind).name if kind else "UNKNOWN"
    return _MEANING.get(kind, RequestRefused)(code, request_id=error.request_id or None)


def _call_error(error: Any) -> VendorError:
    """What a gRPC status means that came without a failure; quota errors always do (seen with 34.0.0)."""
    from google.api_core import exceptions

    code = error.grpc_status_code.name if error.grpc_status_code else "UNKNOWN"
    match error:
        case exceptions.ResourceExhausted():
            return Throttled(code, retry_after=_retry_delay(error))
        case exceptions.Unauthenticated():
            return Unauthorized(code)
        case exceptions.PermissionDenied():
            return RouteBlocked(code)
        case exceptions.InvalidArgument() | exceptions.NotFound():
            return RequestRefused(code)
        case _:
            return Unclear(code)


def _retry_delay(error: Any) -> timedelta | None:
    """The delay that the quota error asks for: it is in the trailing metadata still."""
    from google.ads.googleads.v26.errors.types.errors import GoogleAdsFailure

    metadata = error.response.trailing_metadata() if error.response is not None else ()
    for key, value in metadata:
        if key.endswith("googleadsfailure-bin"):
            failure: Any = GoogleAdsFailure.deserialize(value)
            delay = failure.errors[0].details.quota_error_details.retry_delay
            return min(timedelta(seconds=delay.total_seconds()), MAX_RETRY_AFTER) or None
    return None
