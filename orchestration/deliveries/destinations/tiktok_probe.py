"""What can be known of a TikTok account before the first event: whether the token opens the advertiser.

Of pixels and event sets no read is documented that an events token surely may do, so these stay unknown.

Belongs here: the question. Lives elsewhere: events (``tiktok.py``), what a finding leads to (``capabilities.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from orchestration.deliveries.accounts.findings import Finding
from orchestration.deliveries.destinations.tiktok_sources import SOURCE_FIELDS, STANDARD_NAMES
from orchestration.vendors import tiktok_codes, tiktok_events
from orchestration.vendors.errors import Unauthorized, VendorError

if TYPE_CHECKING:
    from orchestration.deliveries.conversion import Account

# The trailing slash matters: without it TikTok answers 404.
_CAMPAIGNS_PATH = "/open_api/v1.3/campaign/get/"


def probe(
    client: tiktok_events.TikTokEvents, account: Account, actions: Sequence[str]
) -> list[Finding]:
    """Ask for one campaign, and look at the account's own settings.

    Args:
        client: Under the account's own token.
        account: Whose advertiser and event sources.
        actions: The event names of its routes.
    """
    findings = [_probe_advertiser(client, account)]
    if findings[0].result != "failed":
        findings += [_unknown_source(account, field) for field in _sources(account)]
        findings += _foreign_names(account, actions)
    return findings


def _probe_advertiser(client: tiktok_events.TikTokEvents, account: Account) -> Finding:
    advertiser = account.config.get("advertiser_id")
    if not advertiser:
        sentence = "Nothing was asked: name the advertiser (--set advertiser_id=…) to have the token tried."
        return Finding("token", "unknown", "no_advertiser_id", sentence)
    error = _read_campaign(client, advertiser)
    if error is None:
        return Finding("token", "ok", None, f"The token reads advertiser {advertiser}.")
    row = tiktok_codes.CODES.get(error.code)
    told = f"{error.code}: {row.meaning}" if row else f"The code is {error.code}."
    if isinstance(error, Unauthorized):
        return Finding("token", "failed", error.code, f"TikTok refuses the token. {told}")
    # A token for events need not be one for campaigns.
    sentence = (
        f"Advertiser {advertiser} could not be read. {told} Events may be taken all the same."
    )
    return Finding("token", "unknown", error.code, sentence)


def _read_campaign(client: tiktok_events.TikTokEvents, advertiser: str) -> VendorError | None:
    try:
        answer = client.read(_CAMPAIGNS_PATH, {"advertiser_id": advertiser, "page_size": "1"})
    except VendorError as error:
        return error
    return tiktok_events.read_error(answer)


def _sources(account: Account) -> list[str]:
    return [field for field in SOURCE_FIELDS.values() if account.config.get(field)]


def _unknown_source(account: Account, field: str) -> Finding:
    sentence = f"Whether {field} {account.config[field]} takes events is known with the first one."
    if account.config.get("test_event_code"):
        sentence += " A test event code is set; whether such events count is not sure."
    return Finding(field, "unknown", "known_with_first_event", sentence)


def _foreign_names(account: Account, actions: Sequence[str]) -> list[Finding]:
    if not account.config.get("offline_event_set_id"):
        return []
    return [
        Finding(
            f"action:{action}",
            "unknown",
            "action_not_standard",
            f"Offline events have no name {action!r}: under it only a TikTok click or lead id gets through.",
        )
        for action in sorted(set(actions) - STANDARD_NAMES)
    ]
