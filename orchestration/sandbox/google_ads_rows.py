"""The rows of a Google Ads query: campaigns, what an account is set to, and summaries of what was uploaded.

A query's fields and resource are read; conditions are not, for the product asks for everything. Summaries are computed
from what the sandbox holds (LIB Lres); how Google grades a success rate is not published, so the grades are ours.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from orchestration.sandbox.plumbing import Surroundings
from orchestration.sandbox.tally import Place
from orchestration.sandbox.world import Account, AdGroup

QUERY = re.compile(r"\s*select\s+(?P<fields>.+?)\s+from\s+(?P<resource>\w+)", re.I | re.S)
_NO_RECENT_UPLOAD = timedelta(days=28)  # LIB Lres
_EXCELLENT, _GOOD = 0.95, 0.8
_CATEGORIES = {
    "qualified_lead": "QUALIFIED_LEAD",
    "purchase": "PURCHASE",
    "enrollment": "CONVERTED_LEAD",
    "appointment": "BOOK_APPOINTMENT",
}
# UNSURE (X6.2): which client Data Manager uploads fall under.
_CLIENT = "GOOGLE_ADS_API"
_BY_CLIENT = "offline_conversion_upload_client_summary"
_BY_ACTION = "offline_conversion_upload_conversion_action_summary"

Row = dict[str, Any]


class UnknownField(Exception):
    """The resource, or a field of it, is none that the sandbox knows."""


def read_rows(query: str, account: Account, around: Surroundings) -> list[Any]:
    """Answer a query.

    Raises:
        UnknownField: It asks for something else.
    """
    from google.ads.googleads.v26.services.types.google_ads_service import GoogleAdsRow

    found = QUERY.match(query)
    resource = found["resource"].lower() if found else ""
    if found is None or resource not in RESOURCES:
        raise UnknownField
    fields = [field.strip().lower() for field in found["fields"].split(",")]
    return [
        GoogleAdsRow(_select(row, fields)) for row in RESOURCES[resource](account, around)
    ] or _check_empty(fields, resource)


def _select(row: Row, fields: list[str]) -> Row:
    """The fields asked for, as a nested mapping."""
    chosen: Row = {}
    for field in fields:
        if field not in row:
            raise UnknownField
        *path, last = field.split(".")
        inner = chosen
        for name in path:
            inner = inner.setdefault(name, {})
        inner["type_" if last == "type" else last] = row[field]
    return chosen


def _check_empty(fields: list[str], resource: str) -> list[Any]:
    if not all(field.startswith((f"{resource}.", "campaign.")) for field in fields):
        raise UnknownField
    return []


def _campaigns(account: Account, _around: Surroundings) -> Iterator[Row]:
    # DOC G6: removed ones are listed like the others unless a condition leaves them out.
    for campaign in account.campaigns:
        yield {
            "campaign.id": int(campaign.id),
            "campaign.name": campaign.name,
            "campaign.status": campaign.status,
        }


def _ad_groups(account: Account, _around: Surroundings) -> Iterator[Row]:
    for group in account.groups:
        yield {**_of_group(group), "campaign.id": int(group.campaign_id)}


def _of_group(group: AdGroup) -> Row:
    return {
        "ad_group.id": int(group.id),
        "ad_group.name": group.name,
        "ad_group.status": group.status,
    }


def _customer(account: Account, _around: Surroundings) -> Iterator[Row]:
    setting = "customer.conversion_tracking_setting"
    owner = account.conversion_customer or account.account_id
    enabled = "ON" if account.is_leads_enabled else "OFF"
    yield {
        "customer.id": int(account.account_id),
        "customer.currency_code": "TRY",
        "customer.time_zone": "Europe/Istanbul",
        "customer.auto_tagging_enabled": account.is_auto_tagged,
        f"{setting}.google_ads_conversion_customer": f"customers/{owner}",
        f"{setting}.accepted_customer_data_terms": account.accepted_terms,
        f"{setting}.conversion_tracking_status": "CONVERSION_TRACKING_MANAGED_BY_SELF"
        if owner == account.account_id
        else "CONVERSION_TRACKING_MANAGED_BY_ANOTHER_MANAGER",
        # LIB: v26 has these instead of enhanced_conversions_for_leads_enabled.
        f"{setting}.enablement_setting": enabled,
        f"{setting}.effective_enablement_setting": enabled,
    }


def _actions(account: Account, _around: Surroundings) -> Iterator[Row]:
    for action_id, name in account.conversion_actions.items():
        facts = account.action_facts.get(action_id, {})
        yield {
            "conversion_action.id": int(action_id),
            "conversion_action.name": name,
            "conversion_action.status": facts.get("status", "ENABLED"),
            "conversion_action.type": facts.get("type", "UPLOAD_CLICKS"),
            "conversion_action.category": facts.get("category", _CATEGORIES.get(name, "DEFAULT")),
            "conversion_action.counting_type": facts.get("counting_type", "MANY_PER_CLICK"),
            "conversion_action.owner_customer": f"customers/{account.account_id}",
            "conversion_action.click_through_lookback_window_days": 90,
        }


def _summary_by_action(account: Account, around: Surroundings) -> Iterator[Row]:
    for action_id, name in account.conversion_actions.items():
        days = _count_days(account, around, [action_id])
        if days:
            summary = _summarize(_BY_ACTION, days, around)
            del summary[f"{_BY_ACTION}.success_rate"], summary[f"{_BY_ACTION}.pending_rate"]
            yield {
                **summary,
                f"{_BY_ACTION}.conversion_action_id": int(action_id),
                f"{_BY_ACTION}.conversion_action_name": name,
            }


def _summary_by_client(account: Account, around: Surroundings) -> Iterator[Row]:
    if days := _count_days(account, around, list(account.conversion_actions)):
        yield _summarize(_BY_CLIENT, days, around)


def _count_days(
    account: Account, around: Surroundings, action_ids: list[str]
) -> dict[str, Counter[str]]:
    """Successful and failed conversions by day, in the sandbox's UTC."""
    days: dict[str, Counter[str]] = {}
    for action_id in action_ids:
        for held in around.tally.held("google", Place(account.account_id, action_id)).values():
            day = datetime.fromtimestamp(held.first_at, UTC).date().isoformat()
            outcome = "successful_count" if held.counted else "failed_count"
            days.setdefault(day, Counter())[outcome] += 1
    return days


def _summarize(resource: str, days: dict[str, Counter[str]], around: Surroundings) -> Row:
    sums: Counter[str] = Counter()
    for counts in days.values():
        sums.update(counts)
    total = sums.total()
    rate = sums["successful_count"] / total
    latest = max(days)
    is_recent = latest >= (around.now() - _NO_RECENT_UPLOAD).date().isoformat()
    return {
        f"{resource}.client": _CLIENT,
        f"{resource}.status": _grade(rate) if is_recent else "NO_RECENT_UPLOAD",
        f"{resource}.total_event_count": total,
        f"{resource}.successful_event_count": sums["successful_count"],
        f"{resource}.success_rate": rate,
        f"{resource}.pending_event_count": 0,
        f"{resource}.pending_rate": 0.0,
        f"{resource}.last_upload_date_time": f"{latest} 00:00:00",
        f"{resource}.daily_summaries": [
            {"upload_date": day, "pending_count": 0, **counts} for day, counts in days.items()
        ],
        f"{resource}.job_summaries": [],
        f"{resource}.alerts": [],
    }


def _grade(rate: float) -> str:
    if rate >= _EXCELLENT:
        return "EXCELLENT"
    return "GOOD" if rate >= _GOOD else "NEEDS_ATTENTION"


RESOURCES: dict[str, Callable[[Account, Surroundings], Iterator[Row]]] = {
    "campaign": _campaigns,
    "ad_group": _ad_groups,
    "customer": _customer,
    "conversion_action": _actions,
    _BY_CLIENT: _summary_by_client,
    _BY_ACTION: _summary_by_action,
}
