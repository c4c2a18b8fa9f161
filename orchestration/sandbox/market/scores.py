"""Scores: how far each attribution model's credit is from what the campaigns caused.

Direct credit stands aside: campaigns' credit and campaigns' effects are compared as shares of their sums.
``distance`` is the total variation distance of the two, half the sum of the absolute differences: the share of the
credit that lies with the wrong campaign. ``misranked`` is the share of pairs of campaigns that the credit puts in the
wrong order, a tie being half wrong, among pairs whose effects differ. ``claimed`` is how many conversions the campaigns
are credited with for each one that advertising caused: above one, organic conversions are claimed.

The model ``even`` gives every campaign the same and looks at nothing: who is not better knows nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from orchestration.attribution.credits import MODELS, totals
from orchestration.attribution.journeys import Journeys, arrange
from orchestration.sandbox.market.advertisers import ADVERTISERS, Advertiser
from orchestration.sandbox.market.simulation import Market, simulate

EVEN = "even"
_DECIMALS = 6
_BAND = (10, 50, 90)


class Score(NamedTuple):
    """One model on one market."""

    distance: float
    misranked: float
    claimed: float


class Band(NamedTuple):
    """Over seeds: the tenth percentile, the median, the ninetieth."""

    low: float
    median: float
    high: float


Scores = Mapping[str, Mapping[str, Sequence[Score]]]
"""By kind of advertiser and model, one score per seed."""


def journeys_of(market: Market) -> Journeys:
    """What ``attribution run`` would make of the market's files."""
    return arrange(
        market.person,
        market.touched_at,
        market.channel,
        market.channels,
        conversion_person=market.buyer,
        converted_at=market.converted_at,
    )


def score_market(market: Market) -> dict[str, Score]:
    """Every model on one market."""
    journeys = journeys_of(market)
    count = len(market.caused)
    credited: dict[str, NDArray[np.float64]] = {
        model: totals(journeys, model, market.cents)[0][:count] for model in MODELS
    }
    bought = len(market.buyer)
    credited[EVEN] = np.full(count, bought / count)
    return {
        model: Score(
            distance=_round(_distance(credit, market.caused)),
            misranked=_round(_misranked(credit, market.caused)),
            claimed=_round(credit.sum() / max(bought - market.organic, 1)),
        )
        for model, credit in credited.items()
    }


def score_seeds(
    seeds: Iterable[int],
    *,
    advertisers: Mapping[str, Advertiser] = ADVERTISERS,
    people: int = 20_000,
    tell: Callable[[str], object] = lambda _: None,
) -> dict[str, dict[str, list[Score]]]:
    """Every model on every kind of advertiser, once for each seed.

    Args:
        seeds: What chance is made of.
        advertisers: The kinds.
        people: How many live in each market.
        tell: Hears what is being done.
    """
    scores: dict[str, dict[str, list[Score]]] = {kind: {} for kind in advertisers}
    for seed in seeds:
        for kind, advertiser in advertisers.items():
            tell(f"Seed {seed}: {kind}")
            for model, score in score_market(simulate(advertiser, seed, people)).items():
                scores[kind].setdefault(model, []).append(score)
    return scores


def band(values: Sequence[float]) -> Band:
    """The band of some seeds' values."""
    low, median, high = np.percentile(np.array(values), _BAND)
    return Band(_round(low), _round(median), _round(high))


def bands(scores: Scores) -> dict[str, dict[str, dict[str, Band]]]:
    """By kind and model the bands of each part of the score; the best median distance first."""
    found: dict[str, dict[str, dict[str, Band]]] = {}
    for kind, models in scores.items():
        parts = {
            model: {
                name: band([getattr(score, name) for score in of_model]) for name in Score._fields
            }
            for model, of_model in models.items()
        }
        found[kind] = dict(sorted(parts.items(), key=lambda item: item[1]["distance"].median))
    return found


def _distance(credit: NDArray[Any], caused: NDArray[Any]) -> float:
    return 0.5 * float(np.abs(_shares(credit) - _shares(caused)).sum())


def _misranked(credit: NDArray[Any], caused: NDArray[Any]) -> float:
    wrong = [
        0.5 * (1 - np.sign(credit[a] - credit[b]) * np.sign(caused[a] - caused[b]))
        for a, b in combinations(range(len(caused)), 2)
        if caused[a] != caused[b]
    ]
    return float(np.mean(wrong)) if wrong else 0.0


def _shares(values: NDArray[Any]) -> NDArray[np.float64]:
    total = values.sum()
    return values / total if total else np.zeros(len(values))


def _round(value: Any) -> float:
    return round(float(value), _DECIMALS)
