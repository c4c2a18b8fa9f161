"""Markov removal effect: how many conversions would be lost without a channel.

Journeys are walks from *start* over channels to *conversion* or *null*. A channel is removed by sending its traffic to
null; its removal effect is the share of the conversion probability that is lost, and its credit the effect's share of
all effects. Order ``k`` remembers the last ``k`` channels: a state is that many of them, fewer at the beginning of a
journey, and a channel is removed by sending to null whoever is about to touch it.

By the strong Markov property a chain is not solved anew for each channel: a walk that converts without a channel is one
that converts, less those that reach the channel and convert from there. With N the fundamental matrix, S the states
whose newest channel it is, s the first steps and f = N b the probabilities to convert,

    effect = (s N)[S] · N[S, S]⁻¹ · f[S] / (s · f),

which for order 1 is P(reach c) · P(convert from c) / P(convert).

Sources: Anderl, Becker, von Wangenheim, Schumann, "Mapping the customer journey: Lessons learned from graph-based
online attribution modeling", International Journal of Research in Marketing 33 (2016); Kemeny and Snell, "Finite
Markov Chains" (1960), for N.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from orchestration.attribution.journeys import Integers, Journeys

MOST_ORDER = 3
# Up to this many states a dense inverse is the fastest: some seconds and half a gigabyte at most.
_DENSE_STATES = 4_000
# The share of the conversion probability that walkers still under way may make up.
_UNDER_WAY = 1e-14
# Up to this many possible states are told apart by counting, more by sorting.
_COUNTED_STATES = 1 << 23


def removal_effects(journeys: Journeys, order: int = 1) -> NDArray[np.float64]:
    """The share of conversions that would be lost without each channel, by channel code.

    Args:
        journeys: All of them; without a conversion every effect is zero.
        order: How many channels a state remembers, 1 to 3.

    Raises:
        ValueError: Another order.
    """
    if not 1 <= order <= MOST_ORDER:
        raise ValueError(f"a Markov order is 1 to {MOST_ORDER}")
    size = len(journeys.channels)
    if not np.any(journeys.conversion >= 0):
        return np.zeros(size)
    state, newest = _states(journeys, order)
    chain = _count_steps(journeys, state, len(newest))
    effects = np.zeros(size)
    for channel in np.unique(newest):
        effects[channel] = chain.effect_of(newest == channel)
    # Rounding alone can make the effect of a channel that loses nothing negative.
    return np.maximum(effects, 0.0)


def shares(effects: NDArray[np.float64]) -> NDArray[np.float64]:
    """Effects as shares of their sum; zero where there is none."""
    total = effects.sum()
    return effects / total if total > 0 else effects


def _states(journeys: Journeys, order: int) -> tuple[Integers, Integers]:
    """For each touch its state's code, and for each state its newest channel."""
    if order == 1:
        return journeys.channel, np.arange(len(journeys.channels))
    base = len(journeys.channels) + 1
    key = journeys.channel.astype(np.int64)
    position = journeys.position
    for back in range(1, order):
        earlier = np.zeros_like(key)
        earlier[back:] = journeys.channel[:-back] + 1 if back < len(key) else 0
        earlier[position < back] = 0
        key += earlier * base**back
    if base**order <= _COUNTED_STATES:
        is_known = np.bincount(key, minlength=base**order) > 0
        return (np.cumsum(is_known) - 1)[key], np.flatnonzero(is_known) % base
    known, state = np.unique(key, return_inverse=True)
    return state, known % base


class _Dense:
    """A chain of few states: all effects come from one inverse."""

    def __init__(self, start: Any, steps: Any, ends: Any, visits: Any) -> None:
        self._fundamental = np.linalg.inv(np.eye(len(start)) - steps / visits[:, None])
        self._converts = self._fundamental @ (ends / visits)
        self._visits = start @ self._fundamental
        self._whole = float(start @ self._converts)

    def effect_of(self, removed: NDArray[np.bool_]) -> float:
        """The share of the conversion probability that is lost when some states lead to null."""
        places = np.flatnonzero(removed)
        within = self._fundamental[np.ix_(places, places)]
        lost = self._visits[places] @ np.linalg.solve(within, self._converts[places])
        return float(lost) / self._whole


class _Sparse:
    """A chain of many states: walkers set out, and those still on their way are followed until they do not matter.

    Factors of so large a matrix fill up; walkers need a step for each touch of the longer journeys. Who stays in a
    state is not followed: it changes nothing about where the walk ends, and only takes time.
    """

    def __init__(self, start: Any, steps: Any, ends: Any, visits: Any) -> None:
        from scipy.sparse import diags_array

        leaves = visits - steps.diagonal()
        moves = (steps - diags_array(steps.diagonal())).T.tocsr()
        self._moves = moves.multiply(1 / leaves).tocsr()
        self._start = start
        self._convert = ends / leaves
        self._whole = self._walk(np.ones(len(start)), 0.0)

    def effect_of(self, removed: NDArray[np.bool_]) -> float:
        """The share of the conversion probability that is lost when some states lead to null."""
        return 1 - self._walk((~removed).astype(float), self._whole) / self._whole

    def _walk(self, kept: NDArray[np.float64], scale: float) -> float:
        """The probability to convert by the states that are kept; what is still under way bounds the error."""
        walkers = self._start * kept
        converted = 0.0
        while walkers.sum() > _UNDER_WAY * max(scale, converted):
            converted += float(walkers @ self._convert)
            walkers = (self._moves @ walkers) * kept
        return converted


def _count_steps(journeys: Journeys, state: Integers, count: int) -> _Dense | _Sparse:
    """The chain of all journeys' steps."""
    firsts, lasts = journeys.offsets[:-1], journeys.offsets[1:] - 1
    start = np.bincount(state[firsts], minlength=count) / len(firsts)
    ends = np.bincount(state[lasts[journeys.conversion >= 0]], minlength=count)
    visits = np.maximum(np.bincount(state, minlength=count), 1)
    if count <= _DENSE_STATES:
        steps = _count_pairs(state[:-1], state[1:], count)
        # Where one journey ends and the next begins nobody went.
        steps -= _count_pairs(state[lasts[:-1]], state[firsts[1:]], count)
        return _Dense(start, steps, ends, visits)
    from scipy.sparse import coo_array

    goes = np.ones(len(state), dtype=bool)
    goes[lasts] = False
    here = np.flatnonzero(goes)
    pairs = (state[here], state[here + 1])
    return _Sparse(
        start, coo_array((np.ones(len(here)), pairs), shape=(count, count)).tocsr(), ends, visits
    )


def _count_pairs(here: Integers, there: Integers, count: int) -> NDArray[np.int64]:
    pairs = here.astype(np.int64) * count + there
    return np.bincount(pairs, minlength=count * count).reshape(count, count)
