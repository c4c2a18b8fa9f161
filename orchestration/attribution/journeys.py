"""Journeys: the touches that came before each conversion, and those of people who did not convert, as arrays.

A conversion's journey is its person's touches up to and including its instant, within the look-back window, in the
order of time; touches of the same instant keep the order in which they were given. A person without a conversion has
one journey that did not convert. A conversion without any touch is a journey of one direct touch: direct is a channel,
not a hole.

Belongs here: which touches count for which conversion. Lives elsewhere: what they earn (``rules``, ``markov``,
``shapley``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
DIRECT = "direct"


@dataclass(frozen=True)
class Journeys:
    """Journeys side by side; the touches of journey ``j`` lie at ``offsets[j]:offsets[j + 1]``.

    Attributes:
        channels: Names; the codes in ``channel`` are places here.
        channel: For each touch of each journey its channel's code.
        touch: For each touch of each journey its place among the touches that were given; -1 for the direct touch of
            a conversion without any.
        age: For each touch of each journey how long before the conversion it was, in microseconds; before the last
            touch, where the journey did not convert.
        offsets: Where each journey begins, and the end of the last.
        conversion: For each journey the place of its conversion among those given; -1 where it did not convert.
    """

    channels: tuple[str, ...]
    channel: Integers
    touch: Integers
    age: Integers
    offsets: Integers
    conversion: Integers

    @property
    def lengths(self) -> Integers:
        """Touches per journey; at least one."""
        return np.diff(self.offsets)

    @property
    def converted(self) -> NDArray[np.bool_]:
        """Whether each journey ended in a conversion."""
        return self.conversion >= 0

    @property
    def journey(self) -> Integers:
        """For each touch of each journey the journey's place."""
        return np.repeat(np.arange(len(self.conversion)), self.lengths)

    @property
    def position(self) -> Integers:
        """For each touch of each journey its place in it, from zero."""
        return np.arange(len(self.channel)) - np.repeat(self.offsets[:-1], self.lengths)


def arrange(
    person: Integers,
    touched_at: Integers,
    channel: Integers,
    channels: tuple[str, ...],
    *,
    conversion_person: Integers,
    converted_at: Integers,
    lookback: int | None = None,
) -> Journeys:
    """Find the touches of each conversion, and of each person without one.

    Args:
        person: For each touch a code of its person, from zero on.
        touched_at: For each touch its time in microseconds of any epoch.
        channel: For each touch its channel's code.
        channels: The channels' names, by code.
        conversion_person: For each conversion its person's code, on the same scale; it may be one without touches.
        converted_at: For each conversion its time, on the same scale.
        lookback: How far back touches count, in microseconds, the edge included; None: without end.

    Returns:
        The journeys of conversions in the order given, then those that did not convert in the order of their person.
    """
    if DIRECT not in channels:
        channels = (*channels, DIRECT)
    order = _order(person, touched_at)
    person, touched_at, channel = person[order], touched_at[order], channel[order]
    people = 1 + max(
        int(person[-1]) if len(person) else -1,
        int(conversion_person.max()) if len(conversion_person) else -1,
    )
    bounds = np.searchsorted(person, np.arange(people + 1))
    first, end = bounds[conversion_person], bounds[conversion_person + 1]
    stop = _search(touched_at, first, end, converted_at, is_after=True)
    start = (
        first
        if lookback is None
        else _search(touched_at, first, stop, converted_at - lookback, is_after=False)
    )
    has_touches = np.diff(bounds) > 0
    has_touches[conversion_person] = False
    quiet = np.flatnonzero(has_touches)
    starts = np.concatenate([start, bounds[quiet]])
    stops = np.concatenate([stop, bounds[quiet + 1]])
    conversion = np.concatenate([np.arange(len(start)), np.full(len(quiet), -1)])
    ends_at = np.concatenate([converted_at, touched_at[bounds[quiet + 1] - 1]])
    return _lay_out(
        channels, channel, touched_at, order, starts, stops, conversion=conversion, ends_at=ends_at
    )


def _lay_out(
    channels: tuple[str, ...],
    channel: Integers,
    touched_at: Integers,
    order: Integers,
    starts: Integers,
    stops: Integers,
    *,
    conversion: Integers,
    ends_at: Integers,
) -> Journeys:
    counts = stops - starts
    lengths = np.maximum(counts, 1)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    place = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths)
    lonely = offsets[:-1][counts == 0]
    # A place that is read and then replaced; without a single touch there is nothing to read.
    place[lonely] = 0
    ends = np.repeat(ends_at, lengths)
    if len(channel):
        laid, touch, age = channel[place], order[place], ends - touched_at[place]
    else:
        laid, touch, age = np.zeros_like(place), np.zeros_like(place), np.zeros_like(place)
    laid[lonely], touch[lonely], age[lonely] = channels.index(DIRECT), -1, 0
    return Journeys(channels, laid, touch, age, offsets, conversion)


def _order(person: Integers, touched_at: Integers) -> Integers:
    """The order by person and time; what is equal keeps its order, and what is in order costs one look."""
    rises = np.diff(person)
    if bool(np.all((rises > 0) | ((rises == 0) & (np.diff(touched_at) >= 0)))):
        return np.arange(len(person))
    from scipy.sparse import coo_array

    by_time = np.argsort(touched_at, kind="stable")
    # A sparse matrix brings its entries into the order of their rows by counting, and leaves those of a row alone:
    # twice as fast as sorting by two keys.
    people = int(person.max()) + 1
    entries = (by_time, (person[by_time], np.arange(len(person))))
    rows: Any = coo_array(entries, shape=(people, len(person))).tocsr()
    return rows.data


def _search(
    values: Integers, low: Integers, high: Integers, wanted: Integers, *, is_after: bool
) -> Integers:
    """For each of many sorted stretches the first place whose value is not below, or is above, what is wanted."""
    low, high = low.copy(), high.copy()
    open_ = np.flatnonzero(low < high)
    while len(open_):
        middle = (low[open_] + high[open_]) // 2
        found = values[middle]
        goes_right = found <= wanted[open_] if is_after else found < wanted[open_]
        low[open_[goes_right]] = middle[goes_right] + 1
        high[open_[~goes_right]] = middle[~goes_right]
        open_ = open_[low[open_] < high[open_]]
    return low
