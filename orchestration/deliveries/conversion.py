"""A conversion as a destination sees it, and the request that carries some of them.

Belongs here: the two shapes between the ledger and the destinations. Lives elsewhere: which conversions are sent
(dbt's ``delivery_plan``), what a platform's body looks like (``destinations/<vendor>.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID


class EventRefused(Exception):
    """This conversion cannot be worded for this platform; the text is a reason code. Never sent, never retried."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Account:
    """One account of one tenant at one platform.

    Attributes:
        tenant_id: Whose it is.
        platform: ``google``, ``meta`` or ``tiktok``.
        account_id: The platform's own number of it.
        config: What the platform needs to know beside it: dataset, pixel, login account.
    """

    tenant_id: UUID
    platform: str
    account_id: str
    config: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def key(self) -> dict[str, Any]:
        """Its place in the tables of ``ops``, as parameters."""
        return {
            "tenant_id": self.tenant_id,
            "platform": self.platform,
            "account_id": self.account_id,
        }


@dataclass(frozen=True, slots=True)
class Conversion:
    """One business outcome, owed to one account as one action.

    Attributes:
        event_id: Equal for every attempt; 64 hexadecimal digits, made from content.
        kind: Ours: ``qualified_lead``, ``appointment``, ``enrollment``, ``purchase``.
        action: The platform's name for it.
        action_id: The platform's number for it, where it has one (Google).
        converted_at: When it happened.
        value: Money, or None where the route sends none.
        currency: ISO 4217, with ``value``.
        consent: ``granted``, ``denied`` or None where nobody said.
        click_ids: ``gclid``, ``gbraid``, ``wbraid``, ``fbclid``, ``ttclid``, ``ctwa_clid``, and the ids that Meta
            and TikTok gave to a lead of their own forms, ``meta_lead_id`` and ``tiktok_lead_id``: those that are known.
        click_at: When that click was.
        person_key: A stable id of the person's record, ours or the CRM's; hashed before it leaves.
        hashes: For each kind of identifier the SHA-256 values under this platform's rules, sorted.
        account: Where it goes.
        purpose: ``send``; ``adjust``, where a value that the platform has already is told anew; ``retract``, where
            the outcome is taken back.
        limited_data_use: Whether the tenant's policy limits what the platform may do with it.
        changed_at: When the change became known that an ``adjust`` or a ``retract`` tells; None for a ``send``.
        parent_lane: The door that the row went through which an ``adjust`` or a ``retract`` changes: whatever was
            learned since, the platform knows that event by that door. None for a ``send``.
    """

    event_id: str
    kind: str
    action: str
    action_id: str | None
    converted_at: datetime
    value: Decimal | None
    currency: str | None
    consent: str | None
    click_ids: Mapping[str, str]
    click_at: datetime | None
    person_key: str | None
    hashes: Mapping[str, tuple[str, ...]]
    account: Account
    purpose: str = "send"
    limited_data_use: bool = False
    changed_at: datetime | None = None
    parent_lane: str | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """One request to a platform, ready to leave.

    Attributes:
        target: Where in the platform it goes: a dataset, an event source, an action.
        body: The exact bytes.
        size: How many events it carries.
    """

    target: str
    body: bytes
    size: int
