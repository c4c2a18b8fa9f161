"""The sandbox's world: which ad accounts exist, with their campaigns, conversion actions and pixels.

The facts are data (``campaigns.json``); ids that simulated traffic mentions are the ids listed there. A tenant of
the demo is told these account numbers when it is created.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
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

    ``conversion_actions`` is Google's (id to name), ``dataset_id`` Meta's; the pixel and the event set are TikTok's.
    """

    account_id: str
    campaigns: tuple[Campaign, ...]
    conversion_actions: dict[str, str] = field(default_factory=dict[str, str])
    dataset_id: str = ""
    pixel_code: str = ""
    offline_event_set_id: str = ""

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
    return Account(campaigns=campaigns, **rest)
