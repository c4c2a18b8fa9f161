"""Scores: how far credit is from what was caused, and that the documents show what the code gives."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from orchestration.attribution.credits import MODELS
from orchestration.cli import app
from orchestration.sandbox.market.advertisers import ADVERTISERS, Advertiser, Campaign
from orchestration.sandbox.market.scores import Score, bands, score_market, score_seeds
from orchestration.sandbox.market.simulation import Market, simulate

ROOT = Path(__file__).resolve().parents[4]
STORED = ROOT / "tests" / "data" / "attribution" / "scores.json"
"""What ``leadloop bench attribution --json`` gave for the documents."""


def market_of(credited: list[int], caused: list[int], organic: int = 0) -> Market:
    """People with one touch each, who all converted: as many by each campaign as credited."""
    channel = np.repeat(np.arange(len(credited)), credited)
    people = np.arange(len(channel))
    return Market(
        channels=(*(f"campaign {number}" for number in range(len(credited))), "direct"),
        person=people,
        channel=channel,
        touched_at=np.zeros(len(people), dtype=np.int64),
        buyer=people,
        converted_at=np.ones(len(people), dtype=np.int64),
        cents=np.full(len(people), 100),
        caused=np.array(caused),
        organic=organic,
    )


@pytest.mark.parametrize(
    ("credited", "caused", "score"),
    [
        pytest.param([6, 3, 1], [6, 3, 1], Score(0, 0, 1), id="the truth"),
        pytest.param([5, 5], [5, 0], Score(0.5, 0.5, 1), id="half of it with the wrong campaign"),
        pytest.param([1, 3, 6], [6, 3, 1], Score(0.5, 1, 1), id="upside down"),
        pytest.param(
            [6, 3, 1], [3, 3, 4], Score(0.3, 1, 1), id="pairs without a difference do not count"
        ),
    ],
)
def test_score_is_as_it_says(credited: list[int], caused: list[int], score: Score) -> None:
    assert score_market(market_of(credited, caused))["last"] == pytest.approx(score)


def test_organic_conversions_that_are_credited_are_claimed() -> None:
    assert score_market(market_of([5, 5], [3, 2], organic=5))["linear"].claimed == 2


def test_nothing_caused_is_scored_without_a_division_by_it() -> None:
    assert score_market(market_of([2, 2], [0, 0], organic=4))["last"] == Score(0.5, 0, 4)


def test_one_campaign_that_causes_everything_is_found_by_every_model() -> None:
    alone = Advertiser("alone", (Campaign("works", reach=0.02, effect=0.05),), organic=0.0)
    for model, score in score_market(simulate(alone, 1, 1_000)).items():
        assert score == pytest.approx(Score(0, 0, 1)), model


def test_harvest_misleads_the_last_click_more_than_the_first() -> None:
    """What the simulator is for: naive credit goes to who stands nearest to the conversion."""
    scores = bands(score_seeds([1, 2, 3], people=5_000))["search_harvest"]
    assert scores["last"]["distance"].low > 1.5 * scores["first"]["distance"].high


def test_band_is_of_the_seeds() -> None:
    scores = {"kind": {"a": [Score(n / 10, 0, 1) for n in range(11)], "b": [Score(0.1, 0, 1)] * 11}}
    found = bands(scores)["kind"]
    assert list(found) == ["b", "a"]
    assert found["a"]["distance"] == pytest.approx((0.1, 0.5, 0.9))


def stored() -> dict[str, dict[str, list[Score]]]:
    told = json.loads(STORED.read_text())
    return {
        kind: {model: [Score(*each) for each in scores] for model, scores in models.items()}
        for kind, models in told["scores"].items()
    }


def test_stored_scores_are_what_the_code_gives() -> None:
    """Two of the seeds; mend it with ``leadloop bench attribution --json``."""
    for kind, models in score_seeds([1, 2]).items():
        for model, scores in models.items():
            for again, before in zip(scores, stored()[kind][model], strict=False):
                assert again == pytest.approx(before, abs=2e-6), (kind, model)


def as_markdown(scores: dict[str, dict[str, list[Score]]]) -> str:
    """The tables of the document."""
    lines: list[str] = []
    for kind, models in bands(scores).items():
        lines += [f"**{ADVERTISERS[kind].title}** (`{kind}`)", ""]
        lines += ["| model | distance | misranked | claimed |", "|---|---|---|---|"]
        for model, parts in models.items():
            cells = [f"{p.median:.2f} ({p.low:.2f}–{p.high:.2f})" for p in parts.values()]
            lines.append(f"| {model} | {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines)


def test_document_shows_the_stored_scores() -> None:
    page = (ROOT / "docs" / "attribution.md").read_text()
    assert as_markdown(stored()) in page, f"put these tables there:\n{as_markdown(stored())}"
    assert set(stored()) == set(ADVERTISERS)
    assert all(set(models) == {*MODELS, "even"} for models in stored().values())


def test_bench_prints_a_table_for_each_kind_and_json_for_programs() -> None:
    asked = ["bench", "attribution", "--seeds", "2", "--people", "400"]
    shown = CliRunner().invoke(app, asked)
    assert shown.exit_code == 0
    for advertiser in ADVERTISERS.values():
        assert advertiser.title in shown.output
    told = CliRunner().invoke(app, [*asked, "--json"])
    parsed = json.loads(told.stdout)
    assert len(parsed["scores"]["untargeted"]["markov"]) == 2
    assert set(parsed["bands"]["untargeted"]["markov"]["distance"]) == {"low", "median", "high"}
