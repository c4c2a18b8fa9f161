"""People live through an advertiser's campaigns, and again without each of them, with the same chance.

Every person has an intent that nobody sees. Campaigns reach people by it, people convert by it without any campaign,
and so touches and conversions go together even where nothing was caused. An exposure adds to the probability to
convert; the addition fades with time and grows ever less with more exposures. Some campaigns add nothing.

A campaign's truth is counted, not computed: the conversions that do not happen when it is switched off and every other
number that chance gave stays. What is switched off can only take conversions away, so only those who converted live
again. Retargeting that follows a campaign's touches ends with it, and belongs to its effect.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from orchestration.sandbox.market.advertisers import Advertiser

DIRECT = "direct"
_DAY = 86_400_000_000
# Touches of a day happen before its conversions, and a harvested click within minutes of one.
_TOUCHES_END = 0.8
_HARVEST_WITHIN = 0.01
_MOST_REACH = 0.95
_MEAN_CENTS = 250_000

Numbers = NDArray[Any]


@dataclass(frozen=True)
class Market:
    """What an advertiser sees, and what it does not.

    Attributes:
        channels: The campaigns' names, then direct.
        person: For each touch its person.
        channel: For each touch the place of its name.
        touched_at: For each touch microseconds from the beginning.
        buyer: For each conversion its person.
        converted_at: For each conversion microseconds from the beginning.
        cents: For each conversion its value in hundredths.
        caused: For each campaign the conversions that would not have happened without it.
        organic: Conversions that happen without any campaign.
    """

    channels: tuple[str, ...]
    person: Numbers
    channel: Numbers
    touched_at: Numbers
    buyer: Numbers
    converted_at: Numbers
    cents: Numbers
    caused: Numbers
    organic: int


class _Lives(NamedTuple):
    """``exposed`` by person, day and channel (direct is last); ``bought_on`` the day by person, -1 for never."""

    exposed: NDArray[np.bool_]
    bought_on: Numbers


def simulate(advertiser: Advertiser, seed: int, people: int = 20_000) -> Market:
    """Let people live through an advertiser's campaigns.

    Args:
        advertiser: What is run.
        seed: Decides everything that chance decides.
        people: How many there are, reached or not.
    """
    chance = np.random.default_rng(seed)
    count = len(advertiser.campaigns)
    intent = chance.standard_normal(people)
    # By person and day: an exposure to each campaign, a direct visit, the conversion.
    draws = chance.random((people, advertiser.days, count + 2), dtype=np.float32)
    lives = _live(advertiser, intent, draws)
    buyers = np.flatnonzero(lives.bought_on >= 0)
    caused = np.zeros(count, dtype=np.int64)
    for campaign in range(count):
        without = _live(advertiser, intent[buyers], draws[buyers], off=[campaign])
        caused[campaign] = np.count_nonzero(without.bought_on < 0)
    organic = _live(advertiser, intent[buyers], draws[buyers], off=range(count))
    person, channel, touched_at = _touches(lives, chance)
    bought_at = (lives.bought_on[buyers] + 0.9 + 0.1 * chance.random(len(buyers))) * _DAY
    harvested = _harvest(advertiser, buyers, bought_at, chance)
    return Market(
        channels=(*(campaign.name for campaign in advertiser.campaigns), DIRECT),
        person=np.concatenate([person, harvested[0]]),
        channel=np.concatenate([channel, harvested[1]]),
        touched_at=np.concatenate([touched_at, harvested[2]]).astype(np.int64),
        buyer=buyers,
        converted_at=bought_at.astype(np.int64),
        cents=np.rint(_MEAN_CENTS * chance.lognormal(0.0, 0.5, len(buyers))).astype(np.int64),
        caused=caused,
        organic=int(np.count_nonzero(organic.bought_on >= 0)),
    )


def _live(advertiser: Advertiser, intent: Numbers, draws: Numbers, off: Any = ()) -> _Lives:
    """Day by day: who is reached, what it adds up to, who converts; a person converts once and is then left alone."""
    campaigns, days = advertiser.campaigns, advertiser.days
    reach = _by_intent([c.reach for c in campaigns], [c.pull for c in campaigns], intent)
    reach[:, list(off)] = 0.0
    visits = _by_intent([advertiser.visits], [advertiser.visits_pull], intent)
    organic = _by_intent([advertiser.organic], [advertiser.organic_pull], intent)[:, 0]
    effect = np.array([c.effect for c in campaigns])
    kept = 0.5 ** (1 / np.array([c.half_life_days for c in campaigns]))
    saturation = np.array([c.saturation for c in campaigns])
    window = np.array([np.inf if c.after_days is None else c.after_days for c in campaigns])
    exposed = np.zeros((len(intent), days, len(campaigns) + 1), dtype=bool)
    bought_on = np.full(len(intent), -1)
    stock = np.zeros((len(intent), len(campaigns)))
    touched_on = np.full(len(intent), -np.inf)
    for day in range(days):
        is_open = bought_on < 0
        since = day - touched_on
        today = exposed[:, day]
        today[:, :-1] = (draws[:, day, :-2] < reach) & (since[:, None] <= window)
        today[:, -1] = draws[:, day, -2] < visits[:, 0]
        today &= is_open[:, None]
        touched_on[today.any(axis=1)] = day
        stock = stock * kept + today[:, :-1]
        added = (saturation * -np.expm1(-stock / saturation)) @ effect
        bought_on[is_open & (draws[:, day, -1] < -np.expm1(-(organic + added)))] = day
    return _Lives(exposed, bought_on)


def _by_intent(averages: list[float], pulls: list[float], intent: Numbers) -> Numbers:
    """Probabilities by person: averages over all people of standard normal intent, tilted by it."""
    pull = np.array(pulls)
    tilt = np.exp(np.outer(intent, pull) - pull**2 / 2)
    return np.minimum(np.array(averages) * tilt, _MOST_REACH)


def _touches(lives: _Lives, chance: np.random.Generator) -> tuple[Numbers, Numbers, Numbers]:
    person, day, channel = np.nonzero(lives.exposed)
    at = (day + _TOUCHES_END * chance.random(len(person))) * _DAY
    return person, channel, at.astype(np.int64)


def _harvest(
    advertiser: Advertiser, buyers: Numbers, bought_at: Numbers, chance: np.random.Generator
) -> tuple[Numbers, Numbers, Numbers]:
    """The clicks on the way to conversions that come anyway."""
    rates = np.array([campaign.harvest for campaign in advertiser.campaigns])
    drawn = chance.random((len(buyers), len(rates))) < rates
    before = _HARVEST_WITHIN * chance.random(drawn.shape) * _DAY
    place, channel = np.nonzero(drawn)
    return buyers[place], channel, (bought_at[place] - before[place, channel]).astype(np.int64)
