"""How many leads may lack a campaign field: a share per field and source, each with its reason.

The shares describe a campaign that works: they are for finding the day on which a site drops its parameters, not for
grading a channel. A tenant whose traffic differs is a reason to change a number here, with the reason beside it.
"""

from __future__ import annotations

from expectations.rule import Limit

# Below this many leads of a source, in a day or in all the days looked at, a share says nothing: two leads without a
# parameter are no outage.
_ENOUGH = Limit(
    "min_leads", 20, "a share of fewer leads jumps by more than five points for one of them"
)
_DAYS = Limit("days", 7, "a broken day is still found on the next working day after a holiday")

_DIRECT = "visitors who type the address or find it unpaid carry no parameters: up to half of a site's forms"
_CHAT = "most chats begin without an ad: a saved number, a sign, a friend's advice"
_FILE = "a file has only the columns that its system exports, and few systems export this one"


def limits_of(field: str) -> tuple[Limit, ...]:
    """The limits of one of the four campaign fields.

    Args:
        field: ``utm_source``, ``campaign_id``, ``campaign_name`` or ``adgroup_id``.
    """
    return (*_SHARES[field], _ENOUGH, _DAYS)


_EXEMPTS_GOOGLE = Limit("exempts_google", 1, "auto-tagged clicks carry a click id instead of a UTM")

_SHARES: dict[str, tuple[Limit, ...]] = {
    "utm_source": (
        Limit("form", 0.60, f"{_DIRECT}, and a margin"),
        Limit("whatsapp", 0.90, f"{_CHAT}; a referral names its source, a link in the text may"),
        Limit(
            "csv",
            0.60,
            "systems that export leads export their origin, but leave it open for walk-ins",
        ),
        _EXEMPTS_GOOGLE,
    ),
    "campaign_id": (
        Limit(
            "form",
            0.65,
            f"{_DIRECT}; besides, e-mail and unpaid posts have a source and no campaign",
        ),
        Limit("whatsapp", 0.95, f"{_CHAT}; a referral names the ad and not its campaign"),
        Limit("csv", 1.00, _FILE),
    ),
    "campaign_name": (
        Limit(
            "form", 0.65, f"{_DIRECT}; a campaign that is not in the map yet has an id and no name"
        ),
        Limit("whatsapp", 0.95, f"{_CHAT}; a referral names the ad and not its campaign"),
        Limit("csv", 1.00, _FILE),
    ),
    "adgroup_id": (
        Limit("form", 0.70, f"{_DIRECT}; automatic campaign types have no ad groups"),
        Limit("whatsapp", 0.95, f"{_CHAT}; only a link in the text can carry it"),
        Limit("csv", 1.00, _FILE),
    ),
}
