"""Reading Google Ads through Google's own client: campaigns, what an account is set to, what became of uploads.

The client is built directly: its loaders would refresh the token over the network at once, and know one token
address only. Without a timeout of ours a call may wait for ever.

Belongs here: the client, the queries, what an error means. Lives elsewhere: how a row becomes a record
(``sources/google_ads.py``).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from orchestration.vendors.answers import MAX_RETRY_AFTER
from orchestration.vendors.codes import ERRORS, Action
from orchestration.vendors.errors import (
    RequestRefused,
    RouteBlocked,
    Throttled,
    Unauthorized,
    Unclear,
    Unreachable,
    VendorError,
)
from orchestration.vendors.google_click_codes import CLICK_UPLOAD
from orchestration.vendors.google_codes import action_of, gravest
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

# Never ``enhanced_conversions_for_leads_enabled``: v26 has dropped it.
SETTINGS = (
    "SELECT customer.id, customer.auto_tagging_enabled,"
    " customer.conversion_tracking_setting.google_ads_conversion_customer,"
    " customer.conversion_tracking_setting.accepted_customer_data_terms"
    " FROM customer"
)
ACTIONS = (
    "SELECT conversion_action.id, conversion_action.status, conversion_action.type,"
    " conversion_action.counting_type"
    " FROM conversion_action"
)
# How gRPC words a call that found nobody to talk to (seen with grpcio 1.85.1); the status alone says no more than that
# something broke.
_NEVER_CONNECTED = "failed to connect to all addresses"
# What an upload calls its rows.
_ROW_FIELDS = frozenset({"conversions", "conversion_adjustments"})


@dataclass(frozen=True, slots=True)
class AccountSettings:
    """What an account is set to, as far as uploads ask for it.

    Attributes:
        conversion_customer: The customer that owns the account's conversion actions, digits only.
        has_accepted_terms: Whether the customer data terms are accepted.
        is_auto_tagged: Whether its ads put a click id into their addresses.
    """

    conversion_customer: str
    has_accepted_terms: bool
    is_auto_tagged: bool


@dataclass(frozen=True, slots=True)
class ConversionAction:
    """A conversion action: its ``status``, ``kind`` and ``counting`` in Google's own words."""

    status: str
    kind: str
    counting: str


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
        self.client: Any = client
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

    def account_settings(self, customer_id: str) -> AccountSettings:
        """What the account is set to.

        Raises:
            VendorError: It could not be read.
        """
        for rows in self._pages(customer_id, SETTINGS):
            for row in rows:
                setting = row.customer.conversion_tracking_setting
                return AccountSettings(
                    # A resource name, ``customers/123``; empty where the account tracks nothing.
                    setting.google_ads_conversion_customer.rpartition("/")[2],
                    setting.accepted_customer_data_terms,
                    row.customer.auto_tagging_enabled,
                )
        raise Unclear("no_customer")

    def conversion_actions(self, customer_id: str) -> dict[str, ConversionAction]:
        """Every conversion action of the account by its number, removed ones too.

        Raises:
            VendorError: The list could not be read to its end.
        """
        return {
            str(row.conversion_action.id): ConversionAction(
                row.conversion_action.status.name,
                row.conversion_action.type_.name,
                row.conversion_action.counting_type.name,
            )
            for rows in self._pages(customer_id, ACTIONS)
            for row in rows
        }

    def prepare(self) -> None:
        """Get an access token where one is due, before a call.

        Inside the call a refused refresh token would surface as UNAVAILABLE (seen with grpcio 1.85.1), which reads as
        "try again" where an operator must act.

        Raises:
            VendorError: There is none to be had.
        """
        refresh(self._credentials)

    def close(self) -> None:
        """Let go of the connection."""
        self._service.transport.close()

    def _pages(self, customer_id: str, query: str) -> Iterator[list[Any]]:
        from google.ads.googleads.errors import GoogleAdsException
        from google.api_core.exceptions import GoogleAPICallError

        self.prepare()
        try:
            # The pager asks for each page anew; its size is Google's choice (10,000).
            pager = self._service.search(
                customer_id=customer_id, query=query, timeout=CALL_SECONDS, retry=None
            )
            for page in pager.pages:
                yield list(page.results)
        except (GoogleAdsException, GoogleAPICallError) as error:
            raise error_of(error) from None


def error_of(error: Any) -> VendorError:
    """What an exception of Google's client means: a ``GoogleAdsException`` or a ``GoogleAPICallError``."""
    from google.ads.googleads.errors import GoogleAdsException

    if isinstance(error, GoogleAdsException):
        return error_of_failure(error.failure, error.request_id or None)
    return _error_of_call(error)


def error_of_failure(failure: Any, request_id: str | None) -> VendorError:
    """What a ``GoogleAdsFailure`` of a whole request means: its gravest error, or the rows that are to blame."""
    codes = [code_of(error) for error in failure.errors]
    code = gravest(CLICK_UPLOAD, codes)
    action = action_of(CLICK_UPLOAD, code)
    if action is not Action.REFUSE_ROW:
        return (ERRORS.get(action) or RequestRefused)(code, request_id=request_id)
    rows: dict[int, str] = {}
    for error, its_code in zip(failure.errors, codes, strict=True):
        if (place := place_of(error)) is not None:
            rows.setdefault(place, its_code)
    return RequestRefused(code, rows=rows, request_id=request_id)


def code_of(error: Any) -> str:
    """An error's code with its kind: ``ConversionUploadError.EXPIRED_EVENT``."""
    of = error.error_code
    kind = type(of).pb(of).WhichOneof("error_code")
    if not kind:
        return "UNKNOWN"
    name = getattr(getattr(of, kind), "name", "UNKNOWN")
    return f"{''.join(part.capitalize() for part in kind.split('_'))}.{name}"


def place_of(error: Any) -> int | None:
    """The position of the row that an error names, or None."""
    path = error.location.field_path_elements
    if path and path[0].field_name in _ROW_FIELDS and "index" in path[0]:
        return path[0].index
    return None


def _error_of_call(error: Any) -> VendorError:
    """What a gRPC status means that came without a failure; quota errors always do (seen with 34.0.0)."""
    from google.api_core import exceptions

    code = error.grpc_status_code.name if error.grpc_status_code else "UNKNOWN"
    match error:
        case exceptions.ResourceExhausted():
            return _quota_error(error)
        case exceptions.Unauthenticated():
            return Unauthorized(code)
        case exceptions.PermissionDenied():
            return RouteBlocked(code)
        case exceptions.InvalidArgument() | exceptions.NotFound():
            return RequestRefused(code)
        case exceptions.ServiceUnavailable() if _NEVER_CONNECTED in (error.message or ""):
            return Unreachable("connect_error")
        case _:
            return Unclear(code)


def _quota_error(error: Any) -> VendorError:
    """The quota error with the delay that it asks for: both are in the trailing metadata still."""
    metadata = error.response.trailing_metadata() if error.response is not None else ()
    for key, value in metadata:
        if key.endswith("googleadsfailure-bin"):
            first = read_failure(value).errors[0]
            delay = first.details.quota_error_details.retry_delay
            wait = min(timedelta(seconds=delay.total_seconds()), MAX_RETRY_AFTER) or None
            code = code_of(first)
            if action_of(CLICK_UPLOAD, code) is Action.STOP_DESTINATION:
                return RouteBlocked(code)
            return Throttled(code, retry_after=wait)
    return Throttled("RESOURCE_EXHAUSTED")


def read_failure(value: bytes) -> Any:
    """A ``GoogleAdsFailure`` of any version: they have the same shape on the wire."""
    from google.ads.googleads.v26.errors.types.errors import GoogleAdsFailure

    return GoogleAdsFailure.deserialize(value)
