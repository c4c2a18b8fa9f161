"""Credit: what each touch of a conversion earned under a model, and what each channel did in all.

Credits of a conversion add up to one, and its money to its value, to the cent. A channel's total is the sum of its
touches' credit for every model but Markov, whose credit belongs to channels first: there a total is the channel's share
of all removal effects, and a touch's credit divides one conversion by the effects of its own journey's channels.

Belongs here: models by name, credit, money. Lives elsewhere: the models themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from orchestration.attribution import markov, rules, shapley

if TYPE_CHECKING:
    from orchestration.attribution.journeys import Integers, Journeys

Weights = NDArray[np.float64]
# Parts of a cent that differ by less are the same part, computed along two ways.
_FRACTION_DECIMALS = 6


@dataclass(frozen=True, slots=True)
class Options:
    """What a model may be told.

    Attributes:
        half_life_days: Of ``time_decay``.
        order: Of ``markov``.
    """

    half_life_days: float = 7.0
    order: int = 1


def _markov(journeys: Journeys, options: Options) -> Weights:
    converted = journeys.converted()
    effects = markov.removal_effects(journeys, options.order)[converted.channel]
    starts, lengths = converted.offsets[:-1], converted.lengths
    # A journey of channels that nothing is lost without is shared equally.
    raw = np.where(np.repeat(np.add.reduceat(effects, starts), lengths) > 0, effects, 1.0)
    return raw / np.repeat(np.add.reduceat(raw, starts), lengths)


MODELS: Mapping[str, Callable[[Journeys, Options], Weights]] = {
    "first": lambda journeys, _: rules.first(journeys.converted()),
    "last": lambda journeys, _: rules.last(journeys.converted()),
    "last_non_direct": lambda journeys, _: rules.last_non_direct(journeys.converted()),
    "linear": lambda journeys, _: rules.linear(journeys.converted()),
    "position": lambda journeys, _: rules.position(journeys.converted()),
    "time_decay": lambda journeys, options: rules.time_decay(
        journeys.converted(), options.half_life_days
    ),
    "markov": _markov,
    "shapley": lambda journeys, _: shapley.touch_weights(journeys.converted()),
}
"""Each gives the weight of every touch of the journeys that converted, and learns from all."""


@dataclass(frozen=True)
class Credits:
    """The credit of every touch of every conversion.

    Attributes:
        conversion: For each row the place of its conversion.
        touch: For each row the place of its touch; -1 for none.
        channel: For each row its channel's code.
        credit: Adds up to one per conversion.
        cents: Adds up to the conversion's value in hundredths; never below zero.
    """

    conversion: Integers
    touch: Integers
    channel: Integers
    credit: Weights
    cents: Integers


def share(
    journeys: Journeys, model: str, cents: Integers, options: Options | None = None
) -> Credits:
    """Share every conversion over its touches.

    Args:
        journeys: All of them: models that learn need those that did not convert.
        model: A name of ``MODELS``.
        cents: For each conversion its value in hundredths, zero or more.
        options: What the model is told.

    Raises:
        KeyError: There is no such model.
    """
    converted = journeys.converted()
    credit = MODELS[model](journeys, options or Options())
    return Credits(
        conversion=np.repeat(converted.conversion, converted.lengths),
        touch=converted.touch,
        channel=converted.channel,
        credit=credit,
        cents=share_money(credit, cents[converted.conversion], converted.offsets),
    )


def share_money(credit: Weights, values: Integers, offsets: Integers) -> Integers:
    """Share values by credit, each part rounded up or down so that they add up.

    Every touch gets its part without the fraction; the cents that are left go one by one to the touches with the
    greatest fractions, and of equal ones to the latest.

    Args:
        credit: For each touch; adds up to one per journey.
        values: For each journey, in hundredths.
        offsets: Where each journey's touches begin, and the end of the last.
    """
    lengths = np.diff(offsets)
    exact = credit * np.repeat(values, lengths)
    money = np.floor(exact).astype(np.int64)
    if not len(values):
        return money
    left = values - np.add.reduceat(money, offsets[:-1])
    journey = np.repeat(np.arange(len(values)), lengths)
    open_ = np.flatnonzero(np.repeat(left > 0, lengths))
    fraction = (exact[open_] - money[open_]).round(_FRACTION_DECIMALS)
    # A row's rank among its journey's is its distance from the first of them.
    ranked = open_[np.lexsort((-open_, -fraction, journey[open_]))]
    begins = np.concatenate([[0], np.cumsum(lengths * (left > 0))[:-1]])
    rank = np.arange(len(ranked)) - begins[journey[ranked]]
    money[ranked[rank < left[journey[ranked]]]] += 1
    return money


def totals(
    journeys: Journeys, model: str, cents: Integers, options: Options | None = None
) -> tuple[Weights, Weights]:
    """What each channel did in all.

    Args:
        journeys: All of them.
        model: A name of ``MODELS``.
        cents: For each conversion its value in hundredths, zero or more.
        options: What the model is told.

    Returns:
        By channel code: conversions, and hundredths of value. Money is whole hundredths for every model but Markov.

    Raises:
        KeyError: There is no such model.
    """
    size = len(journeys.channels)
    if model == "markov":
        effects = markov.removal_effects(journeys, (options or Options()).order)
        shares = markov.shares(effects)
        return shares * np.count_nonzero(journeys.conversion >= 0), shares * cents.sum()
    shared = share(journeys, model, cents, options)
    conversions = np.bincount(shared.channel, weights=shared.credit, minlength=size)
    value = np.bincount(shared.channel, weights=shared.cents, minlength=size)
    return conversions.astype(float), value.astype(float)
