"""Meta: campaigns and ad sets of an ad account → records."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from orchestration.sources.loader import Record
from orchestration.vendors.errors import Unauthorized
from orchestration.vendors.meta_ads import MetaAds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestration.settings import Settings
    from orchestration.sources.accounts import Account

PLATFORM = "meta"
SYSTEM = "meta_ads"


def find_account_id(account: Account) -> str | None:
    """The ad account whose lists are read; none where only a dataset is known, to which conversions go."""
    return account.config.get("ad_account_id")


def open_client(settings: Settings, account: Account, credentials: Mapping[str, str]) -> MetaAds:
    """A client for one account.

    Raises:
        Unauthorized: There is no token.
    """
    if not credentials.get("access_token"):
        raise Unauthorized("credential_missing")
    return MetaAds(
        graph_url=settings.meta_graph_url,
        version=settings.meta_graph_version,
        access_token=credentials["access_token"],
        app_secret=credentials.get("app_secret"),
    )


def read_campaign(row: Mapping[str, Any], account_id: str) -> Record:
    """A campaign; archived ones may come back, deleted ones do not."""
    return Record(
        record_id=row["id"],
        payload={
            "id": row["id"],
            "name": row["name"],
            "status": row["effective_status"],
            "account_id": account_id,
        },
        updated_at=_read_time(row.get("updated_time")),
        is_deleted=row["effective_status"] == "DELETED",
    )


def read_adgroup(row: Mapping[str, Any], account_id: str) -> Record:
    """An ad set, with its campaign."""
    campaign = read_campaign(row, account_id)
    return Record(
        record_id=campaign.record_id,
        payload={**campaign.payload, "campaign_id": row["campaign_id"]},
        updated_at=campaign.updated_at,
        is_deleted=campaign.is_deleted,
    )


def _read_time(value: str | None) -> datetime | None:
    # Meta writes the offset without a colon: 2026-11-01T09:00:00+0300.
    return datetime.strptime(value, "%Y-%m-%dT%H:%M:%S%z") if value else None
