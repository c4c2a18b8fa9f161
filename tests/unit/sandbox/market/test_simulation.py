"""Simulated advertisers: what a campaign caused is what is missing without it."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from orchestration.cli import app
from orchestration.sandbox.market.advertisers import ADVERTISERS, Advertiser, Campaign
from orchestration.sandbox.market.simulation import DIRECT, Market, simulate

PEOPLE = 4_000


def small(*campaigns: Campaign, organic: float = 0.001, days: int = 30) -> Advertiser:
    return Advertiser("small", campaigns, organic=organic, visits=0.01, days=days)


def touches_of(market: Market, name: str) -> int:
    return int(np.count_nonzero(market.channel == market.channels.index(name)))


@pytest.mark.parametrize("kind", ADVERTISERS)
def test_the_same_seed_gives_the_same_market_and_another_one_another(kind: str) -> None:
    first, again, other = (simulate(ADVERTISERS[kind], seed, 500) for seed in (3, 3, 4))
    for name in ("person", "channel", "touched_at", "buyer", "converted_at", "cents", "caused"):
        assert np.array_equal(getattr(first, name), getattr(again, name))
    assert not np.array_equal(first.touched_at, other.touched_at)


@pytest.mark.parametrize("kind", ADVERTISERS)
def test_every_kind_has_a_campaign_that_works_and_one_that_hardly_does(kind: str) -> None:
    market = simulate(ADVERTISERS[kind], 1, PEOPLE)
    shares = market.caused / market.caused.sum()
    assert shares.max() > 0.3
    assert shares.min() < 0.1
    assert 0 < market.organic < len(market.buyer)
    assert len(market.channels) == len(set(market.channels))


def test_campaign_without_effect_causes_nothing_and_is_touched_all_the_same() -> None:
    market = simulate(
        small(Campaign("idle", reach=0.05, pull=1.5), Campaign("harvest", harvest=0.8)), 1, PEOPLE
    )
    assert list(market.caused) == [0, 0]
    assert market.organic == len(market.buyer)
    assert touches_of(market, "idle") > 1_000
    assert touches_of(market, "harvest") > 0.6 * len(market.buyer)


def test_only_advertising_causes_where_nothing_is_organic() -> None:
    market = simulate(small(Campaign("works", reach=0.05, effect=0.02), organic=0.0), 1, PEOPLE)
    assert market.organic == 0
    assert list(market.caused) == [len(market.buyer)]
    assert len(market.buyer) > 100


def test_counterfactual_is_the_market_without_the_campaign_under_the_same_chance() -> None:
    """A campaign that reaches nobody is one that is switched off: everybody lives again, not only who converted."""
    campaigns = (
        Campaign("film", reach=0.03, effect=0.01),
        Campaign("again", reach=0.2, effect=0.004, after_days=7),
    )
    market = simulate(small(*campaigns), 5, PEOPLE)
    without = simulate(small(replace(campaigns[0], reach=0.0), campaigns[1]), 5, PEOPLE)
    assert set(without.buyer) < set(market.buyer)
    assert market.caused[0] == len(market.buyer) - len(without.buyer)


def test_retargeting_reaches_only_people_with_a_fresh_touch() -> None:
    market = simulate(
        small(Campaign("film", reach=0.02), Campaign("again", reach=0.3, after_days=3)), 1, PEOPLE
    )
    days: dict[int, list[tuple[float, int]]] = {}
    for person, channel, at in zip(market.person, market.channel, market.touched_at, strict=True):
        days.setdefault(int(person), []).append((at // 86_400_000_000, int(channel)))
    for touches in days.values():
        for day, channel in touches:
            if market.channels[channel] == "again":
                assert any(0 < day - earlier <= 3 for earlier, _ in touches)


def test_people_of_intent_are_reached_more_and_buy_more() -> None:
    """The confounding: as long as they have not bought, buyers see a campaign that does nothing more than others."""
    market = simulate(small(Campaign("idle", reach=0.02, pull=1.0), organic=0.002), 1, PEOPLE)
    seen = np.bincount(market.person[market.channel == 0], minlength=PEOPLE)
    bought = np.zeros(PEOPLE, dtype=bool)
    bought[market.buyer] = True
    days = np.full(PEOPLE, 30)
    days[market.buyer] = market.converted_at // 86_400_000_000 + 1
    rates = [seen[some].sum() / days[some].sum() for some in (bought, ~bought)]
    assert rates[0] > 1.5 * rates[1]


def test_more_exposures_add_ever_less_and_the_effect_fades() -> None:
    def bought(**changes: float) -> int:
        campaign = replace(Campaign("film", reach=0.5, effect=0.004), **changes)
        return int(simulate(small(campaign, organic=0.0), 2, PEOPLE).caused[0])

    assert bought(saturation=0.5) < bought(saturation=3.0)
    assert bought(half_life_days=1.0) < bought(half_life_days=9.0)


def test_nobody_is_touched_after_the_conversion() -> None:
    market = simulate(ADVERTISERS["search_harvest"], 1, PEOPLE)
    bought_at = np.full(PEOPLE, np.iinfo(np.int64).max)
    bought_at[market.buyer] = market.converted_at
    assert np.all(market.touched_at <= bought_at[market.person])


def test_files_are_those_of_attribution_run_with_the_truth_beside_them(tmp_path: Path) -> None:
    asked = ["--out", str(tmp_path), "--kind", "whatsapp_first", "--people", "2000", "--seed", "7"]
    told = CliRunner().invoke(app, ["attribution", "simulate", *asked])
    assert told.exit_code == 0, told.output
    answer = tmp_path / "answer.csv"
    files = ["--touches", str(tmp_path / "touches.csv")]
    files += ["--conversions", str(tmp_path / "conversions.csv"), "--out", str(answer)]
    ran = CliRunner().invoke(app, ["attribution", "run", *files, "--by", "channel"])
    assert ran.exit_code == 0, ran.output
    market = simulate(ADVERTISERS["whatsapp_first"], 7, 2_000)
    with answer.open() as file:
        rows = list(csv.DictReader(file))
    last = sum(float(row["conversions"]) for row in rows if row["model"] == "last")
    assert last == pytest.approx(len(market.buyer))
    with (tmp_path / "truth.csv").open() as file:
        truth = {row["channel"]: int(row["caused"]) for row in csv.DictReader(file)}
    caused = dict(zip(market.channels, market.caused, strict=False))
    assert truth == {**caused, DIRECT: market.organic}


def test_kind_that_does_not_exist_is_refused_with_those_that_do(tmp_path: Path) -> None:
    told = CliRunner().invoke(
        app, ["attribution", "simulate", "--out", str(tmp_path), "--kind", "magic"]
    )
    assert told.exit_code == 2
    assert "whatsapp_first" in " ".join(told.output.split())
