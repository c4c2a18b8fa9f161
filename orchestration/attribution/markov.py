r"""Markov removal effect: how many conversions would be lost without a channel.

Journeys are walks from *start* over channels to *conversion* or *null*. A channel is removed by sending its traffic to
null; its removal effect is the share of the conversion probability that is lost, and its credit the effect's share of
all effects. Order ``k`` remembers the last ``k`` channels.

By the strong Markov property nothing has to be solved anew for each channel of an order-1 chain: a walk that converts
without channel c is one that converts, less those that reach c and convert from there, so with N the fundamental matrix

    effect(c) = P(reach c) · P(convert from c) / P(convert),   P(reach c) = N[start, c] / N[c, c].

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
# Beyond this many states the matrix is not laid out densely any more.
_DENSE_STATES = 2_000


def removal_effects(journeys: Journeys, order: int = 1) -> NDArray[np.float64]:
    """The share of conversions that would be lost without each channel, by channel code.

    Args:
        journeys: At least one; without a conversion every effect is zero.
        order: How many channels a state remembers, 1 to 3.

    Raises:
        ValueError: Another order.
    """
    if not 1 <= order <= MOST_ORDER:
        raise ValueError(f"a Markov order is 1 to {MOST_ORDER}")
    size = len(journeys.channels)
    if not len(journeys.conversion) or not journeys.converted.any():
        return np.zeros(size)
    state, newest = _states(journeys, order)
    chain = _Chain.of(journeys, state, len(newest))
    # A state of order 1 is its channel, so that one inverse tells all.
    if order == 1 and len(newest) <= _DENSE_STATES:
        return chain.effects_by_reach()
    return chain.effects_by_removal(newest, size)


def shares(effects: NDArray[np.float64]) -> NDArray[np.float64]:
    """Effects as shares of their sum; zero where there is none."""
    total = effects.sum()
    return effects / total if total > 0 else effects


def _states(journeys: Journeys, order: int) -> tuple[Integers, Integers]:
    """For each touch its state's code, and for each state its newest channel.

    A state is the last ``order`` channels; fewer at the beginning of a journey.
    """
    if order == 1:
        return journeys.channel, np.arange(len(journeys.channels))
    base = len(journeys.channels) + 1
    key = journeys.channel.copy()
    position = journeys.position
    for back in range(1, order):
        earlier = np.zeros_like(key)
        earlier[back:] = journeys.channel[:-back] + 1 if back < len(key) else 0
        earlier[position < back] = 0
        key = key + earlier * base**back
    known, state = np.unique(key, return_inverse=True)
    return state, known % base


class _Chain:
    """The absorbing chain: transition probabilities between states, and into conversion."""

    def __init__(self, start: Any, between: Any, convert: Any) -> None:
        self._start = start
        self._between = between
        self._convert = convert

    @classmethod
    def of(cls, journeys: Journeys, state: Integers, count: int) -> _Chain:
        """Count the steps of all journeys."""
        from scipy.sparse import coo_array

        firsts, lasts = journeys.offsets[:-1], journeys.offsets[1:] - 1
        start = np.bincount(state[firsts], minlength=count) / len(firsts)
        leaves = np.ones(len(state), dtype=bool)
        leaves[lasts] = False
        goes = np.flatnonzero(leaves)
        here, there = state[goes], state[goes + 1]
        out = np.bincount(state, minlength=count).astype(float)
        out[out == 0] = 1.0
        convert = np.bincount(state[lasts[journeys.converted]], minlength=count) / out
        if count <= _DENSE_STATES:
            steps = np.bincount(here * count + there, minlength=count * count)
            return cls(start, steps.reshape(count, count) / out[:, None], convert)
        steps = coo_array((np.ones(len(here)), (here, there)), shape=(count, count)).tocsr()
        return cls(start, steps.multiply(1 / out[:, None]).tocsr(), convert)

    def effects_by_removal(self, newest: Integers, channels: int) -> NDArray[np.float64]:
        """The removal effect of each channel: without all states whose newest channel it is, solved anew."""
        whole = self._conversion(np.ones(len(newest), dtype=bool))
        effects = np.zeros(channels)
        for channel in np.unique(newest):
            effects[channel] = 1 - self._conversion(newest != channel) / whole
        return np.maximum(effects, 0.0)

    def effects_by_reach(self) -> NDArray[np.float64]:
        """The removal effect of each state, for a chain that is laid out densely."""
        fundamental = np.linalg.inv(np.eye(len(self._start)) - self._between)
        converts = fundamental @ self._convert
        reached = (self._start @ fundamental) / np.diag(fundamental)
        return reached * converts / (self._start @ converts)

    def _conversion(self, kept: NDArray[np.bool_]) -> float:
        """The probability to convert when only some states are left."""
        from scipy.sparse import csr_array, eye_array
        from scipy.sparse.linalg import spsolve

        inner = csr_array(self._between)[kept][:, kept]
        system = (eye_array(inner.shape[0]) - inner).tocsc()
        converts = spsolve(system, self._convert[kept])
        return float(self._start[kept] @ converts)
