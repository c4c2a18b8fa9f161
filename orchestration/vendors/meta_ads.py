"""Reading Meta's campaigns and ad sets through ``facebook-business``, page by page.

Nothing of the process is touched: no default API, no crash reporter (which would send stack traces to Meta), no
debug output (which prints the token). The text of the SDK's errors holds the request, so only codes are taken from
it. What an error means is one table for all of Meta (``meta_conversions.read_error``).

Lives elsewhere: how a row becomes a record (``sources/meta_ads.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestration.vendors.answers import CONNECT_SECONDS, READ_SECONDS, Answer
from orchestration.vendors.errors import Unclear, Unreachable, VendorError
from orchestration.vendors.meta_conversions import read_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PAGE_SIZE = 200
FIELDS = ("id", "name", "status", "effective_status", "updated_time")
# Deleted and archived ones are left out unless asked for by status.
_STATUSES = ("ACTIVE", "PAUSED", "DELETED", "ARCHIVED", "IN_PROCESS", "WITH_ISSUES")


class MetaAds:
    """One credential's way to the Marketing API.

    Args:
        graph_url: ``https://graph.facebook.com``, or a stand-in.
        version: Such as ``v26.0``.
        access_token: The system user's token.
        app_secret: Adds ``appsecret_proof``, which apps may require.
        page_size: Rows asked for per page.
    """

    def __init__(
        self,
        *,
        graph_url: str,
        version: str,
        access_token: str,
        app_secret: str | None = None,
        page_size: int = PAGE_SIZE,
    ) -> None:
        from facebook_business.api import FacebookAdsApi
        from facebook_business.session import FacebookSession

        session: Any = FacebookSession(
            app_secret=app_secret,
            access_token=access_token,
            timeout=(CONNECT_SECONDS, READ_SECONDS),
        )
        # On the instance: the class attribute would lead every other session of the process there too.
        session.GRAPH = graph_url.rstrip("/")
        self._session = session
        self._api = FacebookAdsApi(session, api_version=version)
        self._page_size = page_size

    def campaigns(self, ad_account_id: str) -> Iterator[list[dict[str, Any]]]:
        """Every campaign, deleted ones too, with ``FIELDS``.

        Raises:
            VendorError: The list could not be read to its end.
        """
        account = self._account(ad_account_id)
        params = {"limit": self._page_size, "effective_status": list(_STATUSES)}
        return _pages(lambda: account.get_campaigns(fields=list(FIELDS), params=params))

    def adgroups(self, ad_account_id: str) -> Iterator[list[dict[str, Any]]]:
        """Every ad set, deleted ones too, with ``FIELDS`` and ``campaign_id``.

        Raises:
            VendorError: The list could not be read to its end.
        """
        account = self._account(ad_account_id)
        params = {"limit": self._page_size, "effective_status": [*_STATUSES, "CAMPAIGN_PAUSED"]}
        fields = [*FIELDS, "campaign_id"]
        return _pages(lambda: account.get_ad_sets(fields=fields, params=params))

    def close(self) -> None:
        """Let go of the connections."""
        self._session.requests.close()

    def _account(self, ad_account_id: str) -> Any:
        from facebook_business.adobjects.adaccount import AdAccount

        return AdAccount(ad_account_id, api=self._api)


def _pages(start: Callable[[], Any]) -> Iterator[list[dict[str, Any]]]:
    cursor = _call(start)
    while True:
        page = [cursor[place].export_all_data() for place in range(len(cursor))]
        # An edge failure with an HTML body passes for a row without an id (seen with 26.0.3).
        if any(not row.get("id") for row in page):
            raise Unclear("unreadable_answer")
        yield page
        if not _call(cursor.load_next_page):
            return


def _call(call: Callable[[], Any]) -> Any:
    import requests
    from facebook_business.exceptions import FacebookError, FacebookRequestError

    try:
        return call()
    except FacebookRequestError as error:
        raise _request_error(error) from None
    except requests.exceptions.ConnectTimeout:
        raise Unreachable("connect_timeout") from None
    except requests.exceptions.Timeout:
        raise Unclear("read_timeout") from None
    except requests.exceptions.RequestException:
        raise Unclear("connection_lost") from None
    except (FacebookError, TypeError, KeyError, AttributeError, ValueError):
        # The SDK takes every 2xx and some 5xx for an answer of the shape it expects.
        raise Unclear("unreadable_answer") from None


def _request_error(error: Any) -> VendorError:
    body = error.body()
    answer = Answer(
        status=error.http_status(),
        body=body if isinstance(body, dict) else {},
        headers={name.lower(): value for name, value in (error.http_headers() or {}).items()},
    )
    return read_error(answer) or Unclear("unreadable_answer")
