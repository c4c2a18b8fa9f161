"""What a rule is, and a rule set: one platform's rules at one version, as data.

Belongs here: the shapes. Lives elsewhere: what the rules do (``text``, ``emails``, ``phones``, ``names``,
``places``), which sets there are (``sets``), running some of them at once (``plan``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

Apply = Callable[[str, str | None], str]


class Reading(NamedTuple):
    """What became of a value under some rules: a text, a hash that it was already, or the reason of its refusal."""

    text: str = ""
    digest: str | None = None
    reason: str | None = None


class Settled(Exception):
    """No further rule applies: the value is refused, or it is a hash already. Holds the reading, says nothing."""

    def __init__(self, reading: Reading) -> None:
        super().__init__()
        self.reading = reading


def refusal(reason: str) -> Settled:
    """Refuse a value for a reason, which is a code."""
    return Settled(Reading(reason=reason))


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of one kind of value.

    Attributes:
        code: Three letters and a number; never used again for another rule.
        sentence: What it does.
        sources: Keys of ``sources.SOURCES``.
        apply: The text so far and the region to the text after it. Raises ``Settled``, and nothing else.
        replaces: The code of the rule of an older version whose place it takes.
        is_for_unusual: It changes only values that ``text.is_unusual`` tells of; plans for others leave it out.
    """

    code: str
    sentence: str
    sources: tuple[str, ...]
    apply: Apply
    replaces: str | None = None
    is_for_unusual: bool = False


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a platform wants one kind of value: its rules in order, and whether the result is hashed or sent plain."""

    rules: tuple[Rule, ...]
    is_hashed: bool = True


@dataclass(frozen=True, slots=True)
class RuleSet:
    """One platform's rules at one version.

    Attributes:
        platform: Whose.
        version: Counts from 1; raised with every change that can alter one result.
        why: What this version does otherwise than the one before.
        recipes: A recipe per kind.
    """

    platform: str
    version: int
    why: str
    recipes: Mapping[str, Recipe]

    @property
    def name(self) -> str:
        """``platform:version``, as the command line takes it."""
        return f"{self.platform}:{self.version}"

    def rules(self) -> dict[str, Rule]:
        """Its rules by code, each once, in the order of the codes."""
        found = {rule.code: rule for recipe in self.recipes.values() for rule in recipe.rules}
        return dict(sorted(found.items()))

    def kinds_of(self, rule: Rule) -> list[str]:
        """The kinds that a rule of it is for."""
        return [kind for kind, recipe in self.recipes.items() if rule in recipe.rules]

    def is_for_all(self, rule: Rule) -> bool:
        """Whether a rule of it is for every kind."""
        return len(self.kinds_of(rule)) == len(self.recipes)

    def as_json(self) -> dict[str, Any]:
        """The set for a program, rules in the order in which each kind has them."""
        return {
            "rules": self.name,
            "why": self.why,
            "kinds": {
                kind: {"is_hashed": recipe.is_hashed, "rules": [rule.code for rule in recipe.rules]}
                for kind, recipe in self.recipes.items()
            },
            "sentences": {
                code: {"sentence": rule.sentence, "sources": list(rule.sources)}
                for code, rule in self.rules().items()
            },
        }
