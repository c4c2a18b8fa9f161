"""Every model: what its rule says, what was published, and what must hold of any journeys."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from orchestration.attribution import markov, rules, shapley
from orchestration.attribution.credits import MODELS, Options, share, totals
from orchestration.attribution.journeys import Journeys, arrange
from tests.unit.attribution.conftest import NAMES, Path, journeys_of, paths

DAY = 86_400_000_000
RULES = {name: model for name, model in MODELS.items() if name not in ("markov", "shapley")}


@pytest.mark.parametrize(
    ("model", "path", "weights"),
    [
        ("first", "mail search social", [1, 0, 0]),
        ("last", "mail search social", [0, 0, 1]),
        ("last_non_direct", "mail search direct direct", [0, 1, 0, 0]),
        ("last_non_direct", "direct direct", [0, 1]),
        ("linear", "mail search social direct", [0.25, 0.25, 0.25, 0.25]),
        ("position", "mail", [1]),
        ("position", "mail search", [0.5, 0.5]),
        ("position", "mail search social", [0.4, 0.2, 0.4]),
        ("position", "mail search social video", [0.4, 0.1, 0.1, 0.4]),
        ("shapley", "mail search mail", [0.25, 0.5, 0.25]),
    ],
)
def test_rule_weighs_a_journey_as_it_says(model: str, path: str, weights: list[float]) -> None:
    assert MODELS[model](journeys_of([(path, True)]), Options()) == pytest.approx(weights)


def aged(*ages: int) -> Journeys:
    """One conversion with touches of these ages, in microseconds, oldest first."""
    return arrange(
        np.zeros(len(ages), dtype=np.int64),
        np.array([-age for age in ages], dtype=np.int64),
        np.zeros(len(ages), dtype=np.int64),
        ("a",),
        conversion_person=np.array([0]),
        converted_at=np.array([0]),
    )


def test_decay_halves_by_the_half_life_and_counts_fractions_of_days() -> None:
    assert rules.time_decay(aged(7 * DAY, 0)) == pytest.approx([1 / 3, 2 / 3])
    halves = 2.0 ** -np.array([1.75, 0.25])
    assert rules.time_decay(aged(round(12.25 * DAY), round(1.75 * DAY))) == pytest.approx(
        halves / halves.sum()
    )
    assert rules.time_decay(aged(DAY, 0), half_life_days=1) == pytest.approx([1 / 3, 2 / 3])


def test_decay_of_ancient_touches_does_not_vanish() -> None:
    assert rules.time_decay(aged(90_007 * DAY, 90_000 * DAY)) == pytest.approx([1 / 3, 2 / 3])


def test_markov_agrees_with_the_published_example() -> None:
    """Three channels, three journeys, as it is worked through in tutorials of the removal effect.

    Bryl, "Attribution model in R, part 1" (AnalyzeCore, 2016): effects 0.5, 1 and 1, shares 0.2, 0.4 and 0.4.
    """
    journeys = journeys_of(
        [("search social mail", True), ("search", False), ("social mail", False)]
    )
    effects = markov.removal_effects(journeys)
    assert effects[:3] == pytest.approx([0.5, 1, 1])
    assert markov.shares(effects)[:3] == pytest.approx([0.2, 0.4, 0.4])


def test_shapley_of_the_glove_game_is_the_textbook_one() -> None:
    """One left glove and two right ones: 2/3, 1/6, 1/6 (Shapley and Shubik, 1969)."""

    def worth(group: frozenset[int]) -> float:
        return float(0 in group and bool(group & {1, 2}))

    assert shapley.value_of(worth, 3) == pytest.approx([2 / 3, 1 / 6, 1 / 6])


def test_many_players_are_sampled_and_need_somebody_to_draw() -> None:
    def worth(group: frozenset[int]) -> float:
        return float(len(group) ** 2)

    with pytest.raises(ValueError, match="random generator"):
        shapley.value_of(worth, 14)
    sampled = shapley.value_of(worth, 14, orders=400, chance=np.random.default_rng(1))
    assert sampled.sum() == pytest.approx(14**2)
    assert sampled == pytest.approx(np.full(14, 14.0), rel=0.2)


def removed(given_paths: Sequence[Path], channel: str | None, order: int) -> float:
    """The conversion probability when a channel's traffic goes to null, by walking the chain until it settles."""
    steps: dict[tuple[str, ...], list[tuple[str, ...] | str]] = {}
    for words, converted in given_paths:
        state: tuple[str, ...] = ()
        walk: list[tuple[str, ...] | str] = [state]
        for name in words.split():
            state = (*state, name)[-order:]
            walk.append(state)
        walk.append("conversion" if converted else "null")
        for here, there in pairwise(walk):
            steps.setdefault(here, []).append(there)  # type: ignore[arg-type]
    mass: dict[tuple[str, ...], float] = {(): 1.0}
    converts = 0.0
    for _ in range(3_000):
        after: dict[tuple[str, ...], float] = {}
        for here, weight in mass.items():
            for there in steps[here]:
                part = weight / len(steps[here])
                if there == "conversion":
                    converts += part
                elif isinstance(there, tuple) and there[-1] != channel:
                    after[there] = after.get(there, 0.0) + part
        mass = after
        if sum(mass.values()) < 1e-13:
            break
    return converts


@pytest.mark.parametrize("order", [1, 2, 3])
@given(given_paths=paths)
def test_markov_removes_as_the_walk_does(given_paths: list[Path], order: int) -> None:
    assume(any(converted for _, converted in given_paths))
    # A chain that hardly ever ends is not walked to its end here.
    assume(sum(len(words.split()) for words, _ in given_paths) < 60)
    effects = markov.removal_effects(journeys_of(given_paths), order)
    whole = removed(given_paths, None, order)
    expected = [1 - removed(given_paths, name, order) / whole for name in NAMES]
    assert effects == pytest.approx(expected, abs=1e-6)


def test_markov_without_a_conversion_has_no_effects() -> None:
    assert not markov.removal_effects(journeys_of([("mail", False)])).any()
    assert not markov.shares(np.zeros(3)).any()


@pytest.mark.parametrize("order", [0, 4])
def test_markov_of_another_order_is_refused(order: int) -> None:
    with pytest.raises(ValueError, match="1 to 3"):
        markov.removal_effects(journeys_of([("mail", True)]), order)


def test_markov_of_many_channels_agrees_with_the_sparse_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chance = np.random.default_rng(7)
    some = [
        (" ".join(chance.choice(NAMES, chance.integers(1, 6))), bool(chance.random() < 0.3))
        for _ in range(300)
    ]
    dense = markov.removal_effects(journeys_of(some))
    monkeypatch.setattr(markov, "_DENSE_STATES", 0)
    assert markov.removal_effects(journeys_of(some)) == pytest.approx(dense)


@given(given_paths=paths)
def test_shapley_is_the_value_of_conversions_within_a_group(given_paths: list[Path]) -> None:
    journeys = journeys_of(given_paths)

    def worth(group: frozenset[int]) -> float:
        names = {NAMES[player] for player in group}
        return float(
            sum(converted and set(words.split()) <= names for words, converted in given_paths)
        )

    cents = np.zeros(int(journeys.converted.sum()), dtype=np.int64)
    conversions, _ = totals(journeys, "shapley", cents)
    assert conversions == pytest.approx(shapley.value_of(worth, len(NAMES)))


@pytest.mark.parametrize("model", MODELS)
@given(given_paths=paths, value=st.integers(0, 10**9), half_life=st.floats(0.1, 100))
def test_credit_adds_up_to_one_and_money_to_the_value(
    model: str, given_paths: list[Path], value: int, half_life: float
) -> None:
    journeys = journeys_of(given_paths)
    count = int(journeys.converted.sum())
    cents = np.full(count, value, dtype=np.int64)
    shared = share(journeys, model, cents, Options(half_life_days=half_life))
    sums = np.bincount(shared.conversion, weights=shared.credit, minlength=count)
    money = np.bincount(shared.conversion, weights=shared.cents, minlength=count)
    assert np.all(np.abs(sums - 1) < 1e-9)
    assert np.array_equal(money, cents)
    conversions, value_of_channels = totals(journeys, model, cents)
    assert conversions.sum() == pytest.approx(count)
    assert value_of_channels.sum() == pytest.approx(value * count)


@pytest.mark.parametrize("model", MODELS)
@given(given_paths=paths, data=st.data())
def test_credit_is_the_same_under_other_names_and_another_order(
    model: str, given_paths: list[Path], data: st.DataObject
) -> None:
    order = data.draw(st.permutations(range(len(given_paths))))
    # Direct is the one name that means something.
    renamed = (*data.draw(st.permutations(NAMES[:-1])), "direct")
    names = dict(zip(NAMES, renamed, strict=True))
    other = [
        (" ".join(names[word] for word in given_paths[place][0].split()), given_paths[place][1])
        for place in order
    ]
    ours, theirs = journeys_of(given_paths), journeys_of(other, renamed)
    cents = np.full(int(ours.converted.sum()), 100, dtype=np.int64)
    before, _ = totals(ours, model, cents)
    after, _ = totals(theirs, model, cents)
    assert after == pytest.approx(before, abs=1e-9)
