"""Reading TikTok's campaigns and ad groups over httpx, page by page.

TikTok answers HTTP 200 for errors too; what a code means is one table for all of TikTok
(``tiktok_events.read_error``).

Lives elsewhere: how a row becomes a record (``sources/tiktok_ads.py``).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from orchestration.vendors.answers import get, open_http
from orchestration.vendors.errors import Unclear
from orchestration.vendors.tiktok_events import read_error

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE_SIZE = 1_000
# The trailing slashes matter: without them TikTok answers 404.
CAMPAIGNS_PATH = "/open_api/v1.3/campaign/get/"
ADGROUPS_PATH = "/open_api/v1.3/adgroup/get/"
CAMPAIGN_FIELDS = (
    "campaign_id",
    "campaign_name",
    "operation_status",
    "secondary_status",
    "modify_time",
)
ADGROUP_FIELDS = (
    "adgroup_id",
    "adgroup_name",
    "campaign_id",
    "operation_status",
    "secondary_status",
    "modify_time",
)


class TikTokAds:
    """One credential's way to the Marketing API.

    Args:
        api_url: ``https://business-api.tiktok.com``, or a stand-in.
        access_token: The long-lived token.
        page_size: Rows asked for per page, at most 1,000.
    """

    def __init__(self, *, api_url: str, access_token: str, page_size: int = PAGE_SIZE) -> None:
        self._http = open_http()
        self._url = api_url.rstrip("/")
        self._headers = {"Access-Token": access_token}
        self._page_size = page_size

    def campaigns(self, advertiser_id: str) -> Iterator[list[dict[str, Any]]]:
        """Every campaign, deleted ones too, with ``CAMPAIGN_FIELDS``; ids are strings.

        Raises:
            VendorError: The list could not be read to its end.
        """
        return self._pages(CAMPAIGNS_PATH, advertiser_id, CAMPAIGN_FIELDS)

    def adgroups(self, advertiser_id: str) -> Iterator[list[dict[str, Any]]]:
        """Every ad group, deleted ones too, with ``ADGROUP_FIELDS``; ids are strings.

        Raises:
            VendorError: The list could not be read to its end.
        """
        return self._pages(ADGROUPS_PATH, advertiser_id, ADGROUP_FIELDS)

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def _pages(
        self, path: str, advertiser_id: str, fields: tuple[str, ...]
    ) -> Iterator[list[dict[str, Any]]]:
        page, last = 1, 1
        while page <= last:
            # Parameters that are no scalars travel as JSON inside the query.
            answer = get(
                self._http,
                self._url + path,
                headers=self._headers,
                params={
                    "advertiser_id": advertiser_id,
                    "fields": json.dumps(fields),
                    "filtering": json.dumps({"primary_status": "STATUS_ALL"}),
                    "page": str(page),
                    "page_size": str(self._page_size),
                },
            )
            if error := read_error(answer):
                raise error
            try:
                rows: list[dict[str, Any]] = list(answer.body["data"]["list"])
                last = int(answer.body["data"]["page_info"]["total_page"])
            except (KeyError, TypeError, ValueError):
                raise Unclear("unreadable_answer") from None
            yield rows
            page += 1
