"""What TikTok tells about event sources: an advertiser's CRM event sets, and how many events a pixel got.

The names of the calls are read in the notes and the SDK (DOC T2, LIB T5); the fields of their answers are not
documented where they could be read, so these are ours (UNSURE).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from starlette.requests import Request

from orchestration.sandbox.plumbing import Surroundings
from orchestration.sandbox.tiktok_checks import Refusal
from orchestration.sandbox.world import Account

READ = "ads"  # the permission that all reads need

Reading = Callable[[Request, Surroundings], dict[str, Any] | Refusal]


def find_advertiser(request: Request, around: Surroundings) -> Account | Refusal:
    """The account that a read is about, if it may be read."""
    number = request.query_params.get("advertiser_id", "")
    account = around.world.find_account("tiktok", number)
    if account is None:
        return Refusal(40300, "no such advertiser")
    if READ in account.missing_permissions:
        return Refusal(40001, "no permission")
    return account


def list_event_sets(request: Request, around: Surroundings) -> dict[str, Any] | Refusal:
    """``GET /open_api/v1.3/crm/list/``."""
    account = find_advertiser(request, around)
    if isinstance(account, Refusal):
        return account
    return {"list": [{"crm_event_set_id": account.crm_event_set_id, "name": "CRM"}]}


def read_pixel_stats(request: Request, around: Surroundings) -> dict[str, Any] | Refusal:
    """``GET /open_api/v1.3/pixel/event/stats/``: how many events came, by name."""
    account = find_advertiser(request, around)
    if isinstance(account, Refusal):
        return account
    counts: Counter[str] = Counter()
    for place, _, held in around.tally.each("tiktok"):
        if place.destination == f"web:{account.pixel_code}":
            counts[place.name] += held.times
    return {
        "pixel_code": account.pixel_code,
        "list": [{"event_type": name, "count": count} for name, count in counts.items()],
    }


READINGS: dict[str, tuple[str, Reading]] = {
    "crm_event_sets": ("crm/list/", list_event_sets),
    "pixel_stats": ("pixel/event/stats/", read_pixel_stats),
}
