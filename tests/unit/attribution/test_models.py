"""Every model: what its rule says, what was published, and what must hold of any journeys."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from orchestration.attribution import markov, rules, shapley
from orchestration.attribution.credits import MODELS, Options, share, share_money, totals
from orchestration.attribution.journeys import Journeys, arrange
from tests.unit.attribution.conftest import NAMES, Path, journeys_of, paths, patient

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


def test_many_players_are_sampled_and_need_somebody_to_draw() -> None:
    def worth(group: frozenset[int]) -> float:
        return float(len(group) ** 2)

    with pytest.raises(ValueError, match="random generator"):
        shapley.value_of(worth, 14)
    sampled = shapley.value_of(worth, 14, orders=400, chance=np.random.default_rng(1))
    assert sampled.sum() == pytest.approx(14**2)
    assert sampled == pytest.approx(np.full(14, 14.0), rel=0.2)


def walk_of(words: str, order: int, *, converted: bool) -> list[tuple[str, ...]]:
    """The states of a journey."""
    names = words.split()
    states = [tuple(names[max(0, step + 1 - order) : step + 1]) for step in range(len(names))]
    return [("start",), *states, ("conversion",) if converted else ("null",)]


def converting(given_paths: Sequence[Path], removed: str | None, order: int) -> float:
    """The conversion probability when a channel's traffic goes to null, by walking the chain to its end."""
    walks = [walk_of(words, order, converted=converted) for words, converted in given_paths]
    states = sorted({state for walk in walks for state in walk} | {("conversion",), ("null",)})
    place = {state: number for number, state in enumerate(states)}
    steps = np.zeros((len(states), len(states)))
    for here, there in (pair for walk in walks for pair in pairwise(walk)):
        steps[place[here], place[there if there[-1] != removed else ("null",)]] += 1
    for end in ("conversion",), ("null",):
        steps[place[end], place[end]] = 1
    counts = steps.sum(axis=1, keepdims=True)
    walked = np.divide(steps, counts, out=np.zeros_like(steps), where=counts > 0)
    # 2^40 steps.
    for _ in range(40):
        walked = walked @ walked
    return float(walked[place["start",], place["conversion",]])


@pytest.mark.parametrize("order", [1, 2, 3])
@patient
@given(given_paths=paths)
def test_markov_removes_as_the_walk_does(given_paths: list[Path], order: int) -> None:
    assume(any(converted for _, converted in given_paths))
    effects = markov.removal_effects(journeys_of(given_paths), order)
    whole = converting(given_paths, None, order)
    expected = [1 - converting(given_paths, name, order) / whole for name in NAMES]
    assert effects == pytest.approx(expected, abs=1e-9)


def test_markov_without_a_conversion_has_no_effects() -> None:
    assert not markov.removal_effects(journeys_of([("mail", False)])).any()
    assert not markov.shares(np.zeros(3)).any()


@pytest.mark.parametrize("order", [0, 4])
def test_markov_of_another_order_is_refused(order: int) -> None:
    with pytest.raises(ValueError, match="1 to 3"):
        markov.removal_effects(journeys_of([("mail", True)]), order)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_markov_of_many_states_is_walked_to_the_same_effects(
    monkeypatch: pytest.MonkeyPatch, order: int
) -> None:
    chance = np.random.default_rng(7)
    some = [
        (" ".join(chance.choice(NAMES, chance.integers(1, 6))), bool(chance.random() < 0.3))
        for _ in range(300)
    ]
    dense = markov.removal_effects(journeys_of(some), order)
    monkeypatch.setattr(markov, "_DENSE_STATES", 0)
    monkeypatch.setattr(markov, "_COUNTED_STATES", 0)
    assert markov.removal_effects(journeys_of(some), order) == pytest.approx(dense, abs=1e-11)


def test_markov_of_one_channel_alone_loses_everything() -> None:
    for limit in (2_000, 0):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(markov, "_DENSE_STATES", limit)
            effects = markov.removal_effects(journeys_of([("mail", True)], ("mail",)))
        assert effects == pytest.approx([1, 0])


@patient
@given(given_paths=paths)
def test_shapley_is_the_value_of_conversions_within_a_group(given_paths: list[Path]) -> None:
    journeys = journeys_of(given_paths)

    def worth(group: frozenset[int]) -> float:
        names = {NAMES[player] for player in group}
        return float(
            sum(converted and set(words.split()) <= names for words, converted in given_paths)
        )

    cents = np.zeros(int(np.count_nonzero(journeys.conversion >= 0)), dtype=np.int64)
    conversions, _ = totals(journeys, "shapley", cents)
    assert conversions == pytest.approx(shapley.value_of(worth, len(NAMES)))


@pytest.mark.parametrize("model", MODELS)
@patient
@given(given_paths=paths, value=st.integers(0, 10**9), half_life=st.floats(0.1, 100))
def test_credit_adds_up_to_one_and_money_to_the_value(
    model: str, given_paths: list[Path], value: int, half_life: float
) -> None:
    journeys = journeys_of(given_paths)
    count = int((journeys.conversion >= 0).sum())
    cents = np.full(count, value, dtype=np.int64)
    shared = share(journeys, model, cents, Options(half_life_days=half_life))
    sums = np.bincount(shared.conversion, weights=shared.credit, minlength=count)
    money = np.bincount(shared.conversion, weights=shared.cents, minlength=count)
    assert np.all(np.abs(sums - 1) < 1e-9)
    assert np.array_equal(money, cents)
    assert np.all(np.abs(shared.cents - shared.credit * value) < 1 + 1e-6)
    conversions, value_of_channels = totals(journeys, model, cents)
    assert conversions.sum() == pytest.approx(count)
    assert value_of_channels.sum() == pytest.approx(value * count)


def test_money_that_is_left_goes_to_the_greatest_fractions_and_then_to_the_latest() -> None:
    offsets = np.array([0, 3, 5, 105])
    credit = np.array([1 / 3, 1 / 3, 1 / 3, 0.8, 0.2, *[0.01] * 100])
    money = share_money(credit, np.array([10_001, 7, 60]), offsets)
    assert list(money[:5]) == [3_333, 3_334, 3_334, 6, 1]
    assert list(money[5:]) == [0] * 40 + [1] * 60


def credit_by_step(
    given_paths: Sequence[Path], order: Sequence[int], names: dict[str, str], model: str
) -> dict[tuple[int, int], tuple[float, int]]:
    """Credit and money by person and step, of persons given in some order and channels under some names."""
    some = [
        (" ".join(names[w] for w in given_paths[p][0].split()), given_paths[p][1]) for p in order
    ]
    journeys = journeys_of(some, tuple(names.values()))
    buyers = [place for place in order if given_paths[place][1]]
    steps = [(place, step) for place in order for step in range(len(given_paths[place][0].split()))]
    cents = np.array([101 + place for place in buyers], dtype=np.int64)
    shared = share(journeys, model, cents)
    return {
        steps[touch]: (credit, money)
        for touch, credit, money in zip(shared.touch, shared.credit, shared.cents, strict=True)
    }


@pytest.mark.parametrize("model", MODELS)
@patient
@given(given_paths=paths, data=st.data())
def test_credit_is_the_same_under_other_names_and_another_order(
    model: str, given_paths: list[Path], data: st.DataObject
) -> None:
    order = data.draw(st.permutations(range(len(given_paths))))
    # Direct is the one name that means something.
    renamed = dict(zip(NAMES, (*data.draw(st.permutations(NAMES[:-1])), "direct"), strict=True))
    listed = dict(sorted(renamed.items(), key=lambda pair: pair[1]))
    before = credit_by_step(
        given_paths, range(len(given_paths)), dict(zip(NAMES, NAMES, strict=True)), model
    )
    after = credit_by_step(given_paths, order, listed, model)
    assert after.keys() == before.keys()
    for step, (credit, money) in before.items():
        assert after[step][0] == pytest.approx(credit, abs=1e-9)
        assert after[step][1] == money


def test_markov_totals_are_shares_of_effects_and_touches_divide_their_own_journey() -> None:
    """A conversion whose channels lose little still has one conversion to give: the two need not add up alike."""
    journeys = journeys_of(
        [("search mail", True), ("search", True), ("mail", False), ("social", True)]
    )
    cents = np.full(3, 100, dtype=np.int64)
    conversions, _ = totals(journeys, "markov", cents)
    effects = markov.removal_effects(journeys)
    assert conversions == pytest.approx(3 * effects / effects.sum())
    shared = share(journeys, "markov", cents)
    ratio = effects[0] / (effects[0] + effects[2])
    assert shared.credit == pytest.approx([ratio, 1 - ratio, 1, 1])


@pytest.mark.parametrize("model", MODELS)
def test_direct_may_have_another_name(model: str) -> None:
    """A conversion without a touch joins the channel that the file already calls its own."""
    ours = arrange(
        np.array([0, 1]),
        np.array([0, 0]),
        np.array([0, 1]),
        ("mail", "(none)"),
        conversion_person=np.array([0, 1, 2]),
        converted_at=np.array([9, 9, 9]),
        direct="(none)",
    )
    conversions, _ = totals(ours, model, np.zeros(3, dtype=np.int64))
    assert ours.channels == ("mail", "(none)")
    assert conversions == pytest.approx([1, 2])


@pytest.mark.parametrize("model", MODELS)
def test_nothing_at_all_earns_nothing(model: str) -> None:
    for given_paths in ([], [("mail", False)]):
        journeys = journeys_of(given_paths)
        conversions, money = totals(journeys, model, np.zeros(0, dtype=np.int64))
        assert not conversions.any()
        assert not money.any()


def test_fractions_that_differ_only_by_rounding_are_equal() -> None:
    for noise in (1e-13, -1e-13):
        money = share_money(np.array([0.5 + noise, 0.5 - noise]), np.array([1]), np.array([0, 2]))
        assert list(money) == [0, 1]
