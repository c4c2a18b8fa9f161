"""Conversions as the destinations' tests need them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from orchestration.deliveries.conversion import Account, Conversion

TENANT = UUID("0198c0de-0000-7000-8000-000000000001")
CONFIGS = {
    "google": ("1234567890", {"login_account": "9876543210"}),
    "meta": (
        "880000000000001",
        {"dataset_id": "880000000000001", "whatsapp_business_account_id": "102290129340398"},
    ),
    "tiktok": (
        "CPIXEL0001",
        {"pixel_code": "CPIXEL0001", "offline_event_set_id": "7100000000000000001"},
    ),
}
# E-mail and phone of the platform notes' test vectors, under each platform's own rules.
HASHES = {
    "google": {
        "email": ("d6117306485ed0e50afab3ac871e98f81699151f30281527d63ff5f233656c69",),
        "phone": ("57c4176feab36c8b2d9536954c377aee3fa760184cbdb9c3a431fbc707817386",),
    },
    "meta": {
        "email": ("de8875562f7248a5bbc99b26d972c36201f6836c397f86c9357609bf61039694",),
        "city": ("751c59fe1fa734e61bec7c142171bfcbca97ff8223171b4bd63d8165a67a4d74",),
    },
    "tiktok": {
        "email": ("de8875562f7248a5bbc99b26d972c36201f6836c397f86c9357609bf61039694",),
        "phone": ("57c4176feab36c8b2d9536954c377aee3fa760184cbdb9c3a431fbc707817386",),
    },
}


@pytest.fixture(scope="session")
def conversion() -> Callable[..., Conversion]:
    """Make a purchase for a platform; any field can be given, ``config`` on top of the account's."""

    def make(platform: str, **changes: Any) -> Conversion:
        account_id, config = CONFIGS[platform]
        fields: dict[str, Any] = {
            "event_id": "a" * 64,
            "kind": "purchase",
            "action": "PURCHASE" if platform == "google" else "Purchase",
            "action_id": "900000002" if platform == "google" else None,
            "converted_at": datetime(2026, 11, 20, 9, 30, tzinfo=UTC),
            "value": Decimal("1499.90"),
            "currency": "TRY",
            "consent": "granted",
            "click_ids": {},
            "click_at": None,
            "person_key": "CRM-000123",
            "hashes": HASHES[platform],
            "account": Account(TENANT, platform, account_id, config | changes.pop("config", {})),
        }
        return Conversion(**fields | changes)

    return make
