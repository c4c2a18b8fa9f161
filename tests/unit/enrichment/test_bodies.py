"""The benchmark of bodies measures what it says: complete bodies of every platform, fresh values, hashes only."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

FILE = Path(__file__).resolve().parents[3] / "benchmarks" / "bodies.py"


@pytest.fixture(scope="module")
def bodies() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bodies", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def worded(bodies: ModuleType, platform: str, outcomes: list[Any]) -> str:
    hashes = [bodies.hash_all(outcome, bodies.PLATFORMS) for outcome in outcomes]
    return "".join(
        request.body.decode() for request in bodies._word_batch(platform, outcomes, hashes)
    )


def test_every_outcome_is_worded_for_every_platform_with_hashes_only(bodies: ModuleType):
    outcomes = bodies.make_outcomes(30, 1)

    for platform in bodies.PLATFORMS:
        text = worded(bodies, platform, outcomes)
        for outcome in outcomes:
            assert outcome.event_id in text
            assert outcome.email not in text
            assert outcome.phone not in text
        known = bodies.hash_all(outcomes[0], bodies.PLATFORMS)[platform]
        assert known["email"][0] in text
        assert known["phone"][0] in text


def test_no_value_comes_twice(bodies: ModuleType):
    first, second = bodies.make_outcomes(200, 1), bodies.make_outcomes(200, 2)

    emails = {outcome.email for outcome in (*first, *second)}
    assert len(emails) == 400
    assert len({outcome.event_id for outcome in (*first, *second)}) == 400


@pytest.mark.parametrize("is_raw", [True, False])
def test_figure_is_of_both_ways(bodies: ModuleType, is_raw: bool):
    figure = bodies.measure(bodies.make_outcomes(50, 3), bodies.PLATFORMS, is_raw=is_raw)

    assert 0 < figure.per_second < figure.limit


def test_table_names_targets(
    bodies: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr("sys.argv", ["bodies", "--conversions", "20", "--rounds", "1"])

    bodies.main()

    shown = capsys.readouterr().out
    assert re.search(r"all three, from hashes +[\d,]+ +10,000 +[\d,]+", shown)
    assert re.search(r"Meta alone, from raw values +[\d,]+ +20,000 +[\d,]+", shown)
    assert re.search(r"telephone, by phonenumbers +[\d.]+ µs", shown)
