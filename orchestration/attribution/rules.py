"""Rule-based models: each journey by itself, by the place and the age of its touches.

Belongs here: weights that add up to one per journey. Lives elsewhere: the same rules over the warehouse (dbt's
``fct_attribution``; a test compares the two), models that learn (``markov``, ``shapley``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from orchestration.attribution.journeys import Journeys

Weights = NDArray[np.float64]
_DAY = 86_400_000_000
# Of position: the first and the last touch earn this each, those between share the rest.
_END = 0.4


def first(journeys: Journeys) -> Weights:
    """All to the first touch."""
    weights = np.zeros(len(journeys.channel))
    weights[journeys.offsets[:-1]] = 1.0
    return weights


def last(journeys: Journeys) -> Weights:
    """All to the last touch."""
    weights = np.zeros(len(journeys.channel))
    weights[journeys.offsets[1:] - 1] = 1.0
    return weights


def last_non_direct(journeys: Journeys) -> Weights:
    """All to the last touch that is not direct; to the last, where all are."""
    place = np.where(journeys.channel != journeys.direct, np.arange(len(journeys.channel)), -1)
    newest = np.maximum.reduceat(place, journeys.offsets[:-1])
    weights = np.zeros(len(journeys.channel))
    weights[np.where(newest >= 0, newest, journeys.offsets[1:] - 1)] = 1.0
    return weights


def linear(journeys: Journeys) -> Weights:
    """The same to each touch."""
    lengths = journeys.lengths
    return np.repeat(1.0 / lengths, lengths)


def position(journeys: Journeys) -> Weights:
    """40 % to the first and to the last touch, 20 % shared by those between; a half each to two, all to one."""
    lengths = journeys.lengths
    middle = (1 - 2 * _END) / np.maximum(lengths - 2, 1)
    weights = np.repeat(middle, lengths)
    ends = np.select([lengths == 1, lengths == 2], [1.0, 0.5], _END)
    weights[journeys.offsets[:-1]] = ends
    weights[journeys.offsets[1:] - 1] = ends
    return weights


def time_decay(journeys: Journeys, half_life_days: float = 7.0) -> Weights:
    """Half as much for each half-life before the conversion, in fractional days."""
    # Counted from the journey's newest touch: the shares are the same, and nothing underflows to zero.
    age = journeys.age
    youngest = np.repeat(age[journeys.offsets[1:] - 1], journeys.lengths)
    halves = (age - youngest) / (_DAY * half_life_days)
    raw = np.exp2(-halves)
    sums = np.add.reduceat(raw, journeys.offsets[:-1])
    return raw / np.repeat(sums, journeys.lengths)
