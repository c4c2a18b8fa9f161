"""Words for people: platforms by their names, spans of time as one says them, and a destination as one types it.

Belongs here: the words that several answers share. Lives elsewhere: the sentences of reasons (``reasons.py``).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from orchestration.deliveries.answers.meanings import find_meaning
from orchestration.deliveries.destinations import DESTINATIONS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestration.deliveries.conversion import Account
    from orchestration.deliveries.sending.stops import Stop

NAMES = {"google": "Google", "meta": "Meta", "tiktok": "TikTok"}
_HOUR = timedelta(hours=1)
# Up to two days hours are counted: the platforms' own windows are.
_HOURS_UP_TO = timedelta(hours=48)


class DestinationUnknown(Exception):
    """There is no such destination; the message lists those that are there."""

    is_refusal = True


@dataclass(frozen=True, slots=True)
class Target:
    """A destination as one types it: ``meta``, or ``meta:880000000000001`` for one account.

    Attributes:
        platform: None for every platform.
        account_id: None for every account of the platform.
    """

    platform: str | None = None
    account_id: str | None = None

    def covers(self, account: Account) -> bool:
        """Whether an account is meant."""
        return self.platform in {None, account.platform} and self.account_id in {
            None,
            account.account_id,
        }


def read_target(text: str | None) -> Target:
    """Read what was typed; nothing means everything.

    Raises:
        DestinationUnknown: There is no such platform.
    """
    if text is None:
        return Target()
    platform, _, account_id = text.partition(":")
    if platform not in DESTINATIONS:
        known = ", ".join(DESTINATIONS)
        raise DestinationUnknown(
            f"no destination {text!r}; name a platform ({known}) or one account, as meta:880000000000001"
        )
    return Target(platform, account_id or None)


def choose_accounts(accounts: Iterable[Account], target: Target) -> list[Account]:
    """The accounts that are meant.

    Raises:
        DestinationUnknown: None of them is.
    """
    present = list(accounts)
    chosen = [account for account in present if target.covers(account)]
    if not chosen and target.platform is not None:
        known = ", ".join(f"{a.platform}:{a.account_id}" for a in present) or "none yet"
        raise DestinationUnknown(f"the tenant has no such account; there are: {known}")
    return chosen


def say_span(span: timedelta) -> str:
    """A span of time as one says it: ``40 min``, ``19 h``, ``5 days``; nothing is rounded up."""
    if span < _HOUR:
        return f"{max(0, int(span.total_seconds() // 60))} min"
    if span <= _HOURS_UP_TO:
        return f"{span // _HOUR} h"
    return f"{span.days} days"


def say_expiry(platform: str, left: timedelta) -> str:
    """The clock of a platform's age limit: ``expires at Meta in 19 h``."""
    if left <= timedelta(0):
        return f"its time at {NAMES[platform]} is over since {say_span(-left)}"
    return f"expires at {NAMES[platform]} in {say_span(left)}"


def say_stop(platform: str, stop: Stop) -> str:
    """A stop in words: what, by whom, since when, and when it is tried again."""
    meaning = find_meaning(platform, stop.code)
    why = f"{stop.code}: {meaning.sentence}" if meaning else stop.code
    if stop.kind == "throttle":
        return f"throttled until {stop.next_try_at:%Y-%m-%d %H:%M} UTC ({why})"
    who = f"paused by {stop.stopped_by}" if stop.kind == "person" else f"{stop.kind} refused"
    what = f" for {stop.target}" if stop.target else ""
    again = f", tried again at {stop.next_try_at:%Y-%m-%d %H:%M} UTC" if stop.next_try_at else ""
    return f"{who}{what} since {stop.stopped_at:%Y-%m-%d %H:%M} UTC ({why}){again}"
