"""TikTok: campaigns and ad groups of an advertiser → records."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from orchestration.sources.loader import Record
from orchestration.vendors.errors import Unauthorized
from orchestration.vendors.tiktok_ads import TikTokAds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestration.settings import Settings
    from orchestration.sources.accounts import Account

PLATFORM = "tiktok"
SYSTEM = "tiktok_ads"


def find_account_id(account: Account) -> str | None:
    """The advertiser whose lists are read; none where only a pixel is known, to which conversions go."""
    return account.config.get("advertiser_id")


def open_client(settings: Settings, account: Account, credentials: Mapping[str, str]) -> TikTokAds:
    """A client for one account.

    Raises:
        Unauthorized: There is no token.
    """
    if not credentials.get("access_token"):
        raise Unauthorized("credential_missing")
    return TikTokAds(api_url=settings.tiktok_api_url, access_token=credentials["access_token"])


def read_campaign(row: Mapping[str, Any], account_id: str) -> Record:
    """A campaign."""
    return _read(row, account_id, "campaign")


def read_adgroup(row: Mapping[str, Any], account_id: str) -> Record:
    """An ad group, with its campaign."""
    record = _read(row, account_id, "adgroup")
    return Record(
        record_id=record.record_id,
        payload={**record.payload, "campaign_id": row["campaign_id"]},
        updated_at=record.updated_at,
        is_deleted=record.is_deleted,
    )


def _read(row: Mapping[str, Any], account_id: str, kind: str) -> Record:
    # The operation status is what a person switched; only the secondary one tells deleted.
    status = row.get("secondary_status") or row.get("operation_status") or ""
    return Record(
        record_id=row[f"{kind}_id"],
        payload={
            "id": row[f"{kind}_id"],
            "name": row[f"{kind}_name"],
            "status": status,
            "account_id": account_id,
        },
        updated_at=_read_time(row.get("modify_time")),
        is_deleted=status.endswith("_DELETE"),
    )


def _read_time(value: str | None) -> datetime | None:
    # TikTok writes UTC without saying so.
    return datetime.strptime(value, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC) if value else None
