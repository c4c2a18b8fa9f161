"""Journeys per second, from rows in memory to totals per channel, beside two packages that do the same.

A million journeys with three million touches: ten channels, skewed, lengths geometric with a mean of three, every fifth
converting. Ours takes rows of touches, unsorted or sorted by person and time, and arranges them first. The packages are
not among our dependencies; where they are importable they run in the same process on the same journeys, and otherwise
the figure measured before is printed as such. Their input is made ready outside the clock: ChannelAttribution gets
journeys as strings, marketing-attribution-models rows in a polars frame. Medians of alternating rounds.

    python benchmarks/attribution.py [--journeys N] [--rounds N]
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import importlib
import importlib.util
import io
import itertools
import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from orchestration.attribution.credits import MODELS, Options, totals
from orchestration.attribution.journeys import Journeys, arrange

CHANNELS = tuple(f"channel {number}" for number in range(10))
# Measured on two cores with ChannelAttribution 2.2.5 and marketing-attribution-models, 1,000,000 journeys.
RECORDED = {"ChannelAttribution": 505_000, "marketing-attribution-models": 613_000}
_MODULES = {"ChannelAttribution": "ChannelAttribution", "marketing-attribution-models": "mam"}
_DAY = 86_400_000_000
_MOST_TOUCHES = 60


class Rows(NamedTuple):
    """Touches and conversions as columns."""

    person: Any
    touched_at: Any
    channel: Any
    buyer: Any
    converted_at: Any

    def arranged(self) -> Journeys:
        """The journeys of all people."""
        return arrange(
            self.person,
            self.touched_at,
            self.channel,
            CHANNELS,
            conversion_person=self.buyer,
            converted_at=self.converted_at,
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure attribution.")
    parser.add_argument("--journeys", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    rows_sorted = make_rows(arguments.journeys, seed=1)
    rows_unsorted = shuffled(rows_sorted, seed=2)
    cents = np.full(len(rows_sorted.buyer), 10_000)
    ways: dict[str, Callable[[], Any]] = {}
    for name, rows in {"unsorted rows": rows_unsorted, "sorted rows": rows_sorted}.items():
        ways[f"markov, {name}"] = lambda rows=rows: totals(rows.arranged(), "markov", cents)
        ways[f"shapley, {name}"] = lambda rows=rows: totals(rows.arranged(), "shapley", cents)
        ways[f"both, {name}"] = lambda rows=rows: [
            totals(journeys, model, cents)
            for journeys in [rows.arranged()]
            for model in ("markov", "shapley")
        ]
    ways["all eight, unsorted rows"] = lambda: [
        totals(journeys, model, cents)
        for journeys in [rows_unsorted.arranged()]
        for model in MODELS
    ]
    arranged = rows_sorted.arranged()
    for model in MODELS:
        ways[f"{model}, arranged"] = lambda model=model: totals(arranged, model, cents)
    for order in (2, 3):
        ways[f"markov order {order}, arranged"] = lambda order=order: totals(
            arranged, "markov", cents, Options(order=order)
        )
    theirs = comparisons(rows_unsorted, arranged)
    print(
        f"{arguments.journeys:,} journeys, {len(rows_sorted.person):,} touches, "
        f"{len(rows_sorted.buyer):,} conversions; {arguments.rounds} rounds"
    )
    seconds = measure({**ways, **theirs}, arguments.rounds)
    for name, median in seconds.items():
        print(f"{name:<46} {median:>8.3f} s {arguments.journeys / median:>14,.0f} journeys/s")
    for package, figure in RECORDED.items():
        if not any(name.startswith(package) for name in theirs):
            print(f"{package:<46} {'':>10} {figure:>14,.0f} journeys/s (recorded, not installed)")


def make_rows(journeys: int, seed: int) -> Rows:
    """Rows in the order of person and time."""
    chance = np.random.default_rng(seed)
    lengths = np.minimum(chance.geometric(1 / 3, journeys), _MOST_TOUCHES)
    person = np.repeat(np.arange(journeys), lengths)
    weights = 1 / np.arange(1, len(CHANNELS) + 1)
    channel = chance.choice(len(CHANNELS), len(person), p=weights / weights.sum())
    touched_at = chance.integers(0, 300 * _DAY, len(person))
    order = np.lexsort((touched_at, person))
    buyer = np.flatnonzero(chance.random(journeys) < 0.2)
    return Rows(person, touched_at[order], channel, buyer, np.full(len(buyer), 301 * _DAY))


def shuffled(rows: Rows, seed: int) -> Rows:
    """The same touches in an order that means nothing."""
    order = np.random.default_rng(seed).permutation(len(rows.person))
    return rows._replace(
        person=rows.person[order], touched_at=rows.touched_at[order], channel=rows.channel[order]
    )


def comparisons(rows: Rows, journeys: Journeys) -> dict[str, Callable[[], Any]]:
    """What can be run of the packages."""
    found: dict[str, Callable[[], Any]] = {}
    if _is_there("ChannelAttribution"):
        frame = paths_of(journeys)
        found["ChannelAttribution markov, journeys as text"] = lambda: channel_attribution(frame)
    if _is_there("marketing-attribution-models"):
        table = sessions_of(rows)
        found["marketing-attribution-models shapley, rows"] = lambda: marketing_attribution(
            table
        ).run_shapley()
        prepared = marketing_attribution(table)
        found["marketing-attribution-models shapley, arranged"] = prepared.run_shapley
    return found


def _is_there(package: str) -> bool:
    return importlib.util.find_spec(_MODULES[package]) is not None


def paths_of(journeys: Journeys) -> Any:
    """One row per journey, its channels as text."""
    import pandas as pd

    names = np.array(CHANNELS)[journeys.channel].tolist()
    offsets = journeys.offsets.tolist()
    paths = [" > ".join(names[start:stop]) for start, stop in itertools.pairwise(offsets)]
    converted = (journeys.conversion >= 0).astype(int)
    return pd.DataFrame({"path": paths, "conversions": converted, "null": 1 - converted})


def channel_attribution(frame: Any) -> Any:
    """ChannelAttribution's Markov of order 1, which walks at random until it is near enough."""
    package: Any = importlib.import_module(_MODULES["ChannelAttribution"])
    with contextlib.redirect_stdout(io.StringIO()):
        return package.markov_model(
            frame, "path", "conversions", var_null="null", order=1, verbose=False, flg_pro=False
        )


def sessions_of(rows: Rows) -> Any:
    """One row per touch, as marketing-attribution-models takes them."""
    polars: Any = importlib.import_module("polars")
    bought = np.zeros(int(rows.person.max()) + 1, dtype=bool)
    bought[rows.buyer] = True
    table = polars.DataFrame(
        {
            "person": rows.person,
            "at": rows.touched_at,
            "channel": np.array(CHANNELS)[rows.channel],
            "converted": bought[rows.person],
        }
    )
    return table.with_columns(polars.col("at").cast(polars.Datetime("us")))


def marketing_attribution(table: Any) -> Any:
    """Its journeys. Its Shapley's worth of a group is the conversion rate of exactly that group, of four at most."""
    package: Any = importlib.import_module(_MODULES["marketing-attribution-models"])
    return package.MAM(
        table,
        format_type="session",
        channels_colname="channel",
        journey_with_conv_colname="converted",
        datetime_colname="at",
        user_id_colname="person",
    )


def measure(ways: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """The median seconds of each way, one after the other in every round; a round before that does not count."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            gc.collect()
            began = time.perf_counter()
            way()
            if number:
                taken[name].append(time.perf_counter() - began)
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


if __name__ == "__main__":
    main()
