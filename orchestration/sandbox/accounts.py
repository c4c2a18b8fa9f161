"""Accounts of the sandbox's platforms, as a tenant of the demonstration has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestration.deliveries.accounts.routes import install_account
from orchestration.sandbox.setting import mark_accounts
from orchestration.warehouse import Warehouse

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from orchestration.settings import Settings

_GOOGLE_CUSTOMER = "1234567890"
_GOOGLE_ACTIONS = {
    "qualified_lead": "900000001",
    "purchase": "900000002",
    "enrollment": "900000003",
    "appointment": "900000004",
}
_META_DATASET = "880000000000001"
_TIKTOK_PIXEL = "CPIXEL0001"
# Not secrets: the sandbox takes any token that is not empty.
_TOKEN = {"access_token": "sandbox-token"}
_OAUTH = {
    "client_id": "sandbox-client",
    "client_secret": "sandbox-secret",
    "refresh_token": "sandbox-refresh",
}


def install_sandbox_accounts(settings: Settings, tenants: Sequence[UUID]) -> None:
    """Give each tenant its three accounts, credentials and default routes. Safe to repeat."""
    with Warehouse(settings, "worker") as warehouse:
        for tenant_id in tenants:
            install_account(
                warehouse,
                tenant_id,
                "google",
                _GOOGLE_CUSTOMER,
                config={"ads_customer_id": _GOOGLE_CUSTOMER},
                credentials=_OAUTH,
                action_ids=_GOOGLE_ACTIONS,
            )
            install_account(
                warehouse,
                tenant_id,
                "meta",
                _META_DATASET,
                config={
                    "dataset_id": _META_DATASET,
                    "ad_account_id": "act_100000000000001",
                    "whatsapp_business_account_id": "102290129340398",
                },
                credentials=_TOKEN,
                action_ids={},
            )
            install_account(
                warehouse,
                tenant_id,
                "tiktok",
                _TIKTOK_PIXEL,
                config={
                    "pixel_code": _TIKTOK_PIXEL,
                    "offline_event_set_id": "7100000000000000001",
                    "advertiser_id": "7000000000000000001",
                },
                credentials=_TOKEN,
                action_ids={},
            )
            mark_accounts(warehouse, tenant_id)
