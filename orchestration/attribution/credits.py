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
    effects = markov.removal_effects(journeys, options.order)[journeys.channel]
    sums = np.add.reduceat(effects, journeys.offsets[:-1])
    # A journey of channels that nothing is lost without is shared equally.
    raw = np.where(np.repeat(sums, journeys.lengths) > 0, effects, 1.0)
    return raw / np.repeat(np.add.reduceat(raw, journeys.offsets[:-1]), journeys.lengths)


MODELS: Mapping[str, Callable[[Journeys, Options], Weights]] = {
    "first": lambda journeys, _: rules.first(journeys),
    "last": lambda journeys, _: rules.last(journeys),
    "last_non_direct": lambda journeys, _: rules.last_non_direct(journeys),
    "linear": lambda journeys, _: rules.linear(journeys),
    "position": lambda journeys, _: rules.position(journeys),
    "time_decay": lambda journeys, options: rules.time_decay(journeys, options.half_life_days),
    "markov": _markov,
    "shapley": lambda journeys, _: shapley.touch_weights(journeys),
}


@dataclass(frozen=True)
class Credits:
    """The credit of every touch of every conversion.

    Attributes:
        conversion: For each row the place of its conversion.
        touch: For each row the place of its touch; -1 for none.
        channel: For each row its channel's code.
        credit: Adds up to one per conversion.
        cents: Adds up to the conversion's value in hundredths; zero where it has none.
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
        cents: For each conversion its value in hundredths.
        options: What the model is told.

    Raises:
        KeyError: There is no such model.
    """
    weights = MODELS[model](journeys, options or Options())
    is_credited = np.repeat(journeys.converted, journeys.lengths)
    converted = journeys.converted
    lengths = journeys.lengths[converted]
    conversion = np.repeat(journeys.conversion[converted], lengths)
    credit = weights[is_credited]
    money = np.rint(credit * cents[conversion]).astype(np.int64)
    if len(lengths):
        # What rounding left over goes to the last touch.
        ends = np.cumsum(lengths) - 1
        money[ends] += cents[journeys.conversion[converted]] - np.add.reduceat(
            money, ends - lengths + 1
        )
    return Credits(
        conversion, journeys.touch[is_credited], journeys.channel[is_credited], credit, money
    )


def totals(
    journeys: Journeys, model: str, cents: Integers, options: Options | None = None
) -> tuple[Weights, Weights]:
    """What each channel did in all.

    Args:
        journeys: All of them.
        model: A name of ``MODELS``.
        cents: For each conversion its value in hundredths.
        options: What the model is told.

    Returns:
        By channel code: conversions, and hundredths of value.
    """
    size = len(journeys.channels)
    if model == "markov":
        effects = markov.removal_effects(journeys, (options or Options()).order)
        shares = markov.shares(effects)
        return shares * journeys.converted.sum(), shares * cents.sum()
    shared = share(journeys, model, cents, options)
    return (
        np.bincount(shared.channel, weights=shared.credit, minlength=size).astype(float),
        np.bincount(shared.channel, weights=shared.cents.astype(float), minlength=size).astype(
            float
        ),
    )
