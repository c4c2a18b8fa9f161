"""What was published with its answer: the models must give it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given

from orchestration.attribution import markov, shapley
from orchestration.attribution.credits import totals
from tests.unit.attribution.conftest import NAMES, Path, journeys_of, paths, patient

Worth = Callable[[frozenset[int]], float]


def test_markov_of_three_channels_and_three_journeys() -> None:
    """Effects 0.5, 1 and 1, shares 0.2, 0.4 and 0.4.

    Bryl, "Marketing Multi-Channel Attribution model with R (part 1: Markov chains concept)", analyzecore.com, 2016.
    """
    journeys = journeys_of(
        [("search social mail", True), ("search", False), ("social mail", False)]
    )
    effects = markov.removal_effects(journeys)
    assert effects[:3] == pytest.approx([0.5, 1, 1])
    assert markov.shares(effects)[:3] == pytest.approx([0.2, 0.4, 0.4])


def test_markov_of_advertising_and_mailing() -> None:
    """The chain of the article: start goes to ads with 0.8; ads convert with 0.5 and lead to mailing with 0.25.

    By hand 0.8 convert in all, 0.2 without ads and 0.4 without mailing. The chain is that of Puzyrov, "Markov chain
    attribution: simple explanation of removal effect", serhiipuzyrov.com, 2019.
    """
    journeys = journeys_of(
        [
            ("search", True),
            ("search", True),
            ("mail", True),
            ("search mail", True),
            ("search", False),
        ]
    )
    effects = markov.removal_effects(journeys)
    assert effects[[0, 2]] == pytest.approx([1 - 0.2 / 0.8, 1 - 0.4 / 0.8])
    conversions, _ = totals(journeys, "markov", np.zeros(4, dtype=np.int64))
    assert conversions[[0, 2]] == pytest.approx([2.4, 1.6])


def test_markov_is_what_the_packages_sample() -> None:
    """1.991106 and 1.008894 by simulation; the exact answer is 2 and 1.

    README of jmwoloso/pychattr on GitHub, a port of Altomare and Loris's ChannelAttribution: 10,000 walks.
    """
    journeys = journeys_of(
        [
            ("search mail search mail mail search", True),
            ("search mail mail search search", True),
            ("search search", True),
        ]
    )
    conversions, _ = totals(journeys, "markov", np.zeros(3, dtype=np.int64))
    assert conversions[[0, 2]] == pytest.approx([2, 1])
    assert conversions[[0, 2]] == pytest.approx([1.991106, 1.008894], abs=0.01)


def glove(group: frozenset[int]) -> float:
    return float(0 in group and bool(group & {1, 2}))


def runway(group: frozenset[int]) -> float:
    return max((8, 11, 13, 18)[plane] for plane in group) if group else 0.0


def committee(group: frozenset[int]) -> float:
    return float(sum((3, 2, 1, 1)[member] for member in group) >= 4)


def council(group: frozenset[int]) -> float:
    """Seven votes of eleven, those of the five permanent members among them."""
    return float(group >= frozenset(range(5)) and len(group) >= 7)


@pytest.mark.parametrize(
    ("worth", "value"),
    [
        # Shapley and Shubik, "Pure competition, coalitional power, and fair division", 1969.
        pytest.param(glove, [2 / 3, 1 / 6, 1 / 6], id="a left glove and two right ones"),
        # Littlechild and Owen, "A simple expression for the Shapley value in a special case", 1973: each part of the
        # runway is shared by those who need it.
        pytest.param(runway, [2, 3, 4, 9], id="the airport"),
        # Shapley and Shubik, "A method for evaluating the distribution of power in a committee system", 1954; the
        # council of then: the permanent members hold 98.7 %.
        pytest.param(committee, [1 / 2, 1 / 6, 1 / 6, 1 / 6], id="votes of 3, 2, 1 and 1"),
        pytest.param(council, [76 / 385] * 5 + [1 / 462] * 6, id="the Security Council"),
    ],
)
def test_shapley_of_a_game(worth: Worth, value: list[float]) -> None:
    assert shapley.value_of(worth, len(value)) == pytest.approx(value)


def test_larger_council_is_sampled() -> None:
    """Nine votes of fifteen since 1965: 421/2145 for each permanent member."""

    def worth(group: frozenset[int]) -> float:
        return float(group >= frozenset(range(5)) and len(group) >= 9)

    value = shapley.value_of(worth, 15, orders=4_000, chance=np.random.default_rng(4))
    assert value[:5] == pytest.approx(np.full(5, 421 / 2145), abs=0.02)
    assert value.sum() == pytest.approx(1)


@patient
@given(given_paths=paths)
def test_shapley_is_the_simplified_formula(given_paths: list[Path]) -> None:
    """Sum over groups S without the channel of R(S + channel) / (|S| + 1), R the conversions of exactly that group.

    Zhao, Mahboobi, Bagheri, "Shapley value methods for attribution modeling in online advertising",
    arXiv:1804.05327, 2018.
    """
    exactly: dict[frozenset[str], int] = {}
    for words, converted in given_paths:
        group = frozenset(words.split())
        exactly[group] = exactly.get(group, 0) + converted
    expected = [
        sum(
            exactly.get(frozenset((*others, name)), 0) / (size + 1)
            for size in range(len(NAMES))
            for others in combinations([each for each in NAMES if each != name], size)
        )
        for name in NAMES
    ]
    journeys = journeys_of(given_paths)
    cents = np.zeros(int((journeys.conversion >= 0).sum()), dtype=np.int64)
    assert totals(journeys, "shapley", cents)[0] == pytest.approx(expected)
