"""The sandbox's world: which ad accounts exist, with their campaigns, conversion actions and pixels.

The facts are data (``campaigns.json``); ids that simulated traffic mentions are the ids listed there. A tenant of
the demo is told these account numbers when it is created.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

Platform = Literal["google", "meta", "tiktok"]


@dataclass(frozen=True)
class AdGroup:
    """An ad group, ad set or TikTok ad group, with its status in the platform's own word."""

    id: str
    name: str
    status: str
    campaign_id: str


@dataclass(frozen=True)
class Campaign:
    """A campaign with its ad groups, and its status in the platform's own word."""

    id: str
    name: str
    status: str
    groups: tuple[AdGroup, ...]


@dataclass(frozen=True)
class Account:
    """One ad account and where its conversions go.

    ``conversion_actions`` (id to name) is Google's, ``dataset_id`` and ``whatsapp_id`` are Meta's; pixel and event sets
    are TikTok's. The rest is what can be wrong with an account.

    Attributes:
        missing_permissions: What the token may not do. Meta: its permissions' own names; TikTok: ``events``,
            ``crm_events``, ``ads``.
        is_allowlisted: Google: whether the project may upload; TikTok: whether the app may.
        may_upload_clicks: Google: whether the project had uploaded clicks before June 2026 (DOC Gupl).
        accepted_terms: Google: whether the customer data terms are signed.
        is_leads_enabled: Google: whether enhanced conversions for leads are on.
        is_auto_tagged: Google: whether ads put a click id into their addresses.
        conversion_customer: Google: the customer that owns the actions; empty for this one.
        action_facts: Google: what is unusual about an action: ``type``, ``status``, ``category``, ``counting_type``.
        transaction_repeats: Google: what a repeated transaction id is taken for (DOC Gadj; UNSURE, X6.3).
    """

    account_id: str
    campaigns: tuple[Campaign, ...]
    conversion_actions: dict[str, str] = field(default_factory=dict[str, str])
    dataset_id: str = ""
    pixel_code: str = ""
    offline_event_set_id: str = ""
    crm_event_set_id: str = ""
    whatsapp_id: str = ""
    missing_permissions: frozenset[str] = frozenset()
    is_allowlisted: bool = True
    may_upload_clicks: bool = True
    accepted_terms: bool = True
    is_leads_enabled: bool = True
    is_auto_tagged: bool = True
    conversion_customer: str = ""
    action_facts: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    transaction_repeats: Literal["restated", "first_kept"] = "restated"

    @property
    def groups(self) -> tuple[AdGroup, ...]:
        """The ad groups of all campaigns, in order."""
        return tuple(group for campaign in self.campaigns for group in campaign.groups)


@dataclass(frozen=True)
class World:
    """Every account of every platform."""

    accounts: dict[Platform, tuple[Account, ...]]

    def find_account(self, platform: Platform, account_id: str) -> Account | None:
        """Return the account with this number, or None."""
        found = (a for a in self.accounts[platform] if a.account_id == account_id)
        return next(found, None)

    def changed(self, platform: Platform, changes: Mapping[str, Any]) -> World:
        """The same world with something else about every account of a platform.

        Raises:
            TypeError: An account has no such fact.
        """
        accounts = tuple(replace(account, **changes) for account in self.accounts[platform])
        return World({**self.accounts, platform: accounts})


def load_world(path: Path | None = None) -> World:
    """Read the world from ``path`` (default: the file beside this module)."""
    source = path or Path(__file__).with_name("campaigns.json")
    facts: dict[Platform, list[dict[str, Any]]] = json.loads(source.read_text("utf-8"))
    return World({p: tuple(_read_account(a) for a in accounts) for p, accounts in facts.items()})


def _read_account(facts: dict[str, Any]) -> Account:
    campaigns: tuple[Campaign, ...] = tuple(
        Campaign(
            id=c["id"],
            name=c["name"],
            status=c["status"],
            groups=tuple(AdGroup(**group, campaign_id=c["id"]) for group in c["groups"]),
        )
        for c in facts["campaigns"]
    )
    rest: dict[str, Any] = {name: fact for name, fact in facts.items() if name != "campaigns"}
    if "missing_permissions" in rest:
        rest["missing_permissions"] = frozenset(rest["missing_permissions"])
    return Account(campaigns=campaigns, **rest)
