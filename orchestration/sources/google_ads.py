"""Google Ads: campaigns and ad groups of a customer → records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestration.sources.loader import Record
from orchestration.vendors.google_ads import GoogleAds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestration.settings import Settings
    from orchestration.sources.accounts import Account

PLATFORM = "google"
SYSTEM = "google_ads"


def find_account_id(account: Account) -> str | None:
    """The customer whose lists are read; the account's own number unless it names another."""
    return account.config.get("ads_customer_id") or account.account_id


def open_client(settings: Settings, account: Account, credentials: Mapping[str, str]) -> GoogleAds:
    """A client for one account.

    Raises:
        Unauthorized: The credentials are incomplete.
    """
    return GoogleAds(
        endpoint=settings.google_ads_endpoint,
        version=settings.google_ads_version,
        token_url=settings.google_oauth_token_url,
        credentials=credentials,
        login_account=account.config.get("login_account"),
    )


def read_campaign(row: Mapping[str, Any], account_id: str) -> Record:
    """A campaign; removed ones stay in Google's lists for good."""
    return Record(
        record_id=row["id"],
        payload={
            "id": row["id"],
            "name": row["name"],
            "status": row["status"],
            "account_id": account_id,
        },
        is_deleted=row["status"] == "REMOVED",
    )


def read_adgroup(row: Mapping[str, Any], account_id: str) -> Record:
    """An ad group, with its campaign."""
    campaign = read_campaign(row, account_id)
    return Record(
        record_id=campaign.record_id,
        payload={**campaign.payload, "campaign_id": row["campaign_id"]},
        is_deleted=campaign.is_deleted,
    )
