"""Journeys: the touches that came before each conversion, and those of people who did not convert, as arrays.

A conversion's journey is its person's touches up to and including its instant, within the look-back window, in the
order of time; touches of the same instant keep the order in which they were given. A person without a conversion has
one journey that did not convert. A conversion without any touch is a journey of one direct touch: direct is a channel,
not a hole. Conversions of one person share touches: each looks back on all of them. What a person did after the last
conversion belongs to no journey, as nobody can tell yet how it ends.

Belongs here: which touches count for which conversion. Lives elsewhere: what they earn (``rules``, ``markov``,
``shapley``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.integer[Any]]
DIRECT = "direct"
_DIGIT_BITS = 16


@dataclass(frozen=True)
class Journeys:
    """Journeys side by side; the touches of journey ``j`` lie at ``offsets[j]:offsets[j + 1]``.

    Attributes:
        channels: Names; the codes in ``channel`` are places here.
        direct: The code of the channel that is none.
        channel: For each touch of each journey its channel's code.
        touch: For each touch of each journey its place among the touches that were given; -1 for the direct touch of
            a conversion without any.
        offsets: Where each journey begins, and the end of the last.
        conversion: For each journey the place of its conversion among those given; -1 where it did not convert. Those
            that converted come first.
        ended_at: For each journey the time of its conversion, or of its last touch, in microseconds.
        touched_at: The time of each touch that was given, on the same scale.
    """

    channels: tuple[str, ...]
    direct: int
    channel: Integers
    touch: Integers
    offsets: Integers
    conversion: Integers
    ended_at: Integers
    touched_at: Integers

    @property
    def lengths(self) -> Integers:
        """Touches per journey; at least one."""
        return np.diff(self.offsets)

    @property
    def journey(self) -> Integers:
        """For each touch of each journey the journey's place."""
        return np.repeat(np.arange(len(self.conversion)), self.lengths)

    @property
    def position(self) -> Integers:
        """For each touch of each journey its place in it, from zero."""
        return np.arange(len(self.channel)) - np.repeat(self.offsets[:-1], self.lengths)

    @property
    def age(self) -> Integers:
        """For each touch of each journey how long before the journey's end it was, in microseconds."""
        ends = np.repeat(self.ended_at, self.lengths)
        if not len(self.touched_at):
            return np.zeros_like(ends)
        return np.where(self.touch < 0, 0, ends - self.touched_at[self.touch])

    def converted(self) -> Journeys:
        """Those that ended in a conversion, without copying anything."""
        count = int(np.count_nonzero(self.conversion >= 0))
        end = int(self.offsets[count])
        return replace(
            self,
            channel=self.channel[:end],
            touch=self.touch[:end],
            offsets=self.offsets[: count + 1],
            conversion=self.conversion[:count],
            ended_at=self.ended_at[:count],
        )


def arrange(
    person: Integers,
    touched_at: Integers,
    channel: Integers,
    channels: tuple[str, ...],
    *,
    conversion_person: Integers,
    converted_at: Integers,
    lookback: int | None = None,
    direct: str = DIRECT,
) -> Journeys:
    """Find the touches of each conversion, and of each person without one.

    Args:
        person: For each touch a code of its person, from zero on and without great gaps.
        touched_at: For each touch its time in microseconds of any epoch.
        channel: For each touch its channel's code.
        channels: The channels' names, by code.
        conversion_person: For each conversion its person's code, on the same scale; it may be one without touches.
        converted_at: For each conversion its time, on the same scale.
        lookback: How far back touches count before a conversion, in microseconds, the edge included; None: without
            end. Journeys that did not convert are always whole.
        direct: The name of the channel that is none; it joins ``channels`` where it is not there.

    Returns:
        The journeys of conversions in the order given, then those that did not convert in the order of their person.
    """
    if direct not in channels:
        channels = (*channels, direct)
    order = _order(person, touched_at)
    people = 1 + max(
        int(codes.max()) if len(codes) else -1 for codes in (person, conversion_person)
    )
    counts = np.bincount(person, minlength=people)
    bounds = np.concatenate([[0], np.cumsum(counts)])
    first, end = bounds[conversion_person], bounds[conversion_person + 1]
    stop = _search(touched_at, order, first, end, converted_at, is_after=True)
    start = (
        first
        if lookback is None
        else _search(touched_at, order, first, stop, converted_at - lookback, is_after=False)
    )
    is_quiet = counts > 0
    is_quiet[conversion_person] = False
    quiet = np.flatnonzero(is_quiet)
    starts = np.concatenate([start, bounds[quiet]])
    stops = np.concatenate([stop, bounds[quiet + 1]])
    channel, touch, offsets = _lay_out(channel, order, starts, stops, channels.index(direct))
    return Journeys(
        channels=channels,
        direct=channels.index(direct),
        channel=channel,
        touch=touch,
        offsets=offsets,
        conversion=np.concatenate([np.arange(len(start)), np.full(len(quiet), -1)]),
        ended_at=np.concatenate([converted_at, touched_at[order[bounds[quiet + 1] - 1]]]),
        touched_at=touched_at,
    )


def _lay_out(
    channel: Integers, order: Integers, starts: Integers, stops: Integers, direct: int
) -> tuple[Integers, Integers, Integers]:
    """Channels, touches and offsets of journeys that are stretches of ``order``; an empty one is a direct touch."""
    counts = stops - starts
    lengths = np.maximum(counts, 1)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    place = np.repeat((starts - offsets[:-1]).astype(order.dtype), lengths)
    place += np.arange(offsets[-1], dtype=order.dtype)
    lonely = offsets[:-1][counts == 0]
    if not len(order):
        return np.full(len(place), direct), np.full(len(place), -1), offsets
    # A place that is read and then replaced.
    place[lonely] = 0
    touch = order[place]
    laid = channel[touch]
    laid[lonely], touch[lonely] = direct, -1
    return laid, touch, offsets


def _order(person: Integers, touched_at: Integers) -> Integers:
    """The order by person and time; what is equal keeps its order, and what is in order costs one look."""
    kind = np.int32 if len(person) < np.iinfo(np.int32).max else np.int64
    rises, stays = person[1:] > person[:-1], person[1:] == person[:-1]
    if bool(np.all(rises | (stays & (touched_at[1:] >= touched_at[:-1])))):
        return np.arange(len(person), dtype=kind)
    order = np.arange(len(person), dtype=kind)
    for keys in (touched_at, person):
        order = _sort_by_digits(order, keys)
    return order


def _sort_by_digits(order: Integers, keys: Integers) -> Integers:
    """Bring an order into that of some keys, which leaves equal ones as they were: digit by digit, lowest first.

    Numpy sorts keys of sixteen bits by counting, so that a handful of passes take half as long as one sort of the
    whole keys.
    """
    keys = keys - keys.min()
    for shift in range(0, int(keys.max()).bit_length(), _DIGIT_BITS):
        digits = (keys >> shift).astype(np.uint16)
        order = order[np.argsort(digits[order], kind="stable")]
    return order


def _search(
    values: Integers,
    order: Integers,
    low: Integers,
    high: Integers,
    wanted: Integers,
    *,
    is_after: bool,
) -> Integers:
    """For each of many sorted stretches the first place whose value is not below, or is above, what is wanted.

    Args:
        values: Compared; ``values[order]`` is sorted within each stretch.
        order: Places in ``values``.
        low: Where each stretch begins in ``order``.
        high: Where each stretch ends.
        wanted: One for each stretch.
        is_after: Whether to pass over what is equal.
    """
    low, high = low.copy(), high.copy()
    open_ = np.flatnonzero(low < high)
    while len(open_):
        middle = (low[open_] + high[open_]) // 2
        found = values[order[middle]]
        goes_right = found <= wanted[open_] if is_after else found < wanted[open_]
        low[open_[goes_right]] = middle[goes_right] + 1
        high[open_[~goes_right]] = middle[~goes_right]
        open_ = open_[low[open_] < high[open_]]
    return low
