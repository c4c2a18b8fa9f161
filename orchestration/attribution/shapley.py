"""Shapley value: what a channel adds on average to every group of others.

The worth of a group of channels is the number of conversions whose journeys lie wholly within it. That game is a sum of
one game per conversion, in which only the whole set of its channels is worth anything, and whose Shapley value shares
one equally among that set. The Shapley value is additive, so a channel's value is

    sum over conversions whose journey has it: 1 / number of distinct channels of the journey

which is exact for any number of channels, with nothing enumerated and nothing sampled. ``value_of`` computes the value
of any worth by its definition, for worths that are not of this kind, and to prove the above in tests.

Sources: Shapley, "A value for n-person games" (1953); Zhao, Mahboobi, Bagheri, "Shapley Value Methods for Attribution
Modeling in Online Advertising" (2018), for the simplification.
"""

from __future__ import annotations

from collections.abc import Callable
from math import factorial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from orchestration.attribution.journeys import Journeys

# Of 2^n groups, so 4,096 here; beyond, orders are drawn.
MOST_EXACT = 12
# A table of all journeys and channels is faster than sorting, as long as it is not much larger than the touches.
_MOST_CELLS_A_TOUCH = 16


def touch_weights(journeys: Journeys) -> NDArray[np.float64]:
    """For each touch its credit: its channel's equal share of the journey, split over that channel's touches in it."""
    size = len(journeys.channels)
    key = journeys.journey * size + journeys.channel
    cells = len(journeys.conversion) * size
    if cells <= _MOST_CELLS_A_TOUCH * len(key):
        times = np.bincount(key, minlength=cells)
        distinct = np.count_nonzero(times.reshape(-1, size), axis=1)
        return 1.0 / (times[key] * np.repeat(distinct, journeys.lengths))
    known, place, times = np.unique(key, return_inverse=True, return_counts=True)
    distinct = np.bincount(known // size, minlength=len(journeys.conversion))
    return 1.0 / (times[place] * np.repeat(distinct, journeys.lengths))


def value_of(
    worth: Callable[[frozenset[int]], float],
    size: int,
    *,
    orders: int = 2_000,
    chance: np.random.Generator | None = None,
) -> NDArray[np.float64]:
    """The Shapley value of any worth.

    Args:
        worth: Of a group of players 0 to ``size`` - 1; of the empty group too.
        size: Number of players.
        orders: Orders to draw where there are more than ``MOST_EXACT`` players.
        chance: Where they are drawn from; needed then.

    Raises:
        ValueError: Orders must be drawn, and nothing was given to draw from.
    """
    if size <= MOST_EXACT:
        return _exact(worth, size)
    if chance is None:
        raise ValueError("name the random generator: so many players are sampled")
    value = np.zeros(size)
    for _ in range(orders):
        before, group = worth(frozenset()), frozenset[int]()
        for player in chance.permutation(size):
            group = group | {int(player)}
            after = worth(group)
            value[player] += after - before
            before = after
    return value / orders


def _exact(worth: Callable[[frozenset[int]], float], size: int) -> NDArray[np.float64]:
    groups = [frozenset(p for p in range(size) if mask >> p & 1) for mask in range(1 << size)]
    worths = [worth(group) for group in groups]
    share = [factorial(n) * factorial(size - n - 1) / factorial(size) for n in range(size)]
    value = np.zeros(size)
    for mask, group in enumerate(groups):
        for player in range(size):
            if player not in group:
                value[player] += share[len(group)] * (worths[mask | 1 << player] - worths[mask])
    return value
