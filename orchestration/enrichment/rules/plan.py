"""Several recipes run as one: what they begin with in common is done once.

Three platforms share most of their rules, and one value goes to all of them. A plan is a tree of steps: a chain of
rules that some recipes share, then a branch for each way on.

Belongs here: merging and running. Lives elsewhere: the rules and their sets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestration.enrichment.rules.rule import Apply, Reading, Recipe, Rule, Settled

_UNREAD = Reading(reason="empty")


@dataclass(frozen=True, slots=True)
class Step:
    """Rules that the recipes below share, the recipes that end after them, and the ways on."""

    chain: tuple[Apply, ...]
    ending: tuple[int, ...]
    branches: tuple[Step, ...]
    below: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """Some recipes, ready to run."""

    step: Step
    size: int

    def run(self, value: str, region: str | None) -> list[Reading]:
        """Read a value by every recipe; no string makes it raise.

        Args:
            value: As received.
            region: ISO 3166 code of the country whose habits it follows, or None.

        Returns:
            A reading per recipe, in the order of the recipes. One that came to nothing is refused as ``empty``.
        """
        readings = [_UNREAD] * self.size
        _follow(self.step, value, region, readings)
        return readings


def make_plan(recipes: Sequence[Recipe], *, is_for_unusual: bool = True) -> Plan:
    """Merge recipes by the rules that they begin with in common.

    Args:
        recipes: In the order in which their readings are wanted.
        is_for_unusual: Whether values come that ``text.is_unusual`` tells of. Without them the versions that differ
            in how they read such values share all else.
    """
    ways = [
        (place, tuple(rule for rule in recipe.rules if is_for_unusual or not rule.is_for_unusual))
        for place, recipe in enumerate(recipes)
    ]
    return Plan(_merge(ways), len(recipes))


def _merge(ways: list[tuple[int, tuple[Rule, ...]]]) -> Step:
    chain: list[Apply] = []
    below = tuple(place for place, _ in ways)
    while all(rules for _, rules in ways) and len({rules[0].code for _, rules in ways}) == 1:
        chain.append(ways[0][1][0].apply)
        ways = [(place, rules[1:]) for place, rules in ways]
    onward: dict[str, list[tuple[int, tuple[Rule, ...]]]] = {}
    for place, rules in ways:
        if rules:
            onward.setdefault(rules[0].code, []).append((place, rules))
    return Step(
        chain=tuple(chain),
        ending=tuple(place for place, rules in ways if not rules),
        branches=tuple(_merge(group) for group in onward.values()),
        below=below,
    )


def _follow(step: Step, text: str, region: str | None, readings: list[Reading]) -> None:
    try:
        for apply in step.chain:
            text = apply(text, region)
    except Settled as settled:
        for place in step.below:
            readings[place] = settled.reading
        return
    if step.ending and text:
        reading = Reading(text)
        for place in step.ending:
            readings[place] = reading
    for branch in step.branches:
        _follow(branch, text, region, readings)
