"""Which rules make which version of which platform.

A version is never edited once values were hashed by it: what changes becomes a rule with a new code in a new version.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from orchestration.enrichment.rules.emails import EML1, EML2, EML3, EML4
from orchestration.enrichment.rules.names import CTY1, NAM1, NAM2, NAM3, NAM4, NAM5, NAM6
from orchestration.enrichment.rules.phones import PHN1, PHN2, PHN3, PHN4, PHN5, PHN6, PHN7, PHN8
from orchestration.enrichment.rules.places import CTR1, CTR2, CTR3, ZIP1, ZIP2, ZIP3
from orchestration.enrichment.rules.rule import Recipe, Rule, RuleSet
from orchestration.enrichment.rules.text import DIG1, IDL1, TXT1, TXT2, TXT3, TXT4, TXT5

Rules = tuple[Rule, ...]

_READ_1: Rules = (TXT1, TXT2, TXT3, DIG1, IDL1)
_EMAIL_1: Rules = (*_READ_1, EML1, EML2, EML3)
_PHONE_1: Rules = (*_READ_1, PHN1, PHN2, PHN3, PHN7)
_NAME_1: Rules = (*_READ_1, NAM1)
_ZIP_1: Rules = (*_READ_1, ZIP1)
_COUNTRY_1: Rules = (*_READ_1, CTR1)

_READ_2: Rules = (TXT1, TXT2, TXT5, TXT4, TXT3, DIG1, IDL1)
_EMAIL_2: Rules = (*_READ_2, EML1, EML2, EML3)
_PHONE_2: Rules = (*_READ_2, PHN1, PHN4, PHN3, PHN5, PHN6, PHN7)
_NAME_2: Rules = (*_READ_2, NAM1)
_ZIP_2: Rules = (*_READ_2, ZIP1)
_COUNTRY_2: Rules = (*_READ_2, CTR3)

_FIRST = "The platform's documentation; where its helpers and samples disagree with it, the documentation wins."
_SECOND = (
    "Emoji leave nothing behind, letters in disguise are read, WhatsApp's old numbers of Brazil and Mexico and `00`"
    " anywhere become valid ones, countries are read by name."
)

_GOOGLE_1 = RuleSet(
    "google",
    1,
    _FIRST,
    {
        # City is no part of the address that Google Ads matches; its plain form is kept for reading.
        "email": Recipe((*_EMAIL_1, EML4)),
        "phone": Recipe(_PHONE_1),
        "first_name": Recipe((*_NAME_1, NAM2)),
        "last_name": Recipe((*_NAME_1, NAM2)),
        "city": Recipe(_NAME_1, is_hashed=False),
        "zip": Recipe(_ZIP_1, is_hashed=False),
        "country": Recipe(_COUNTRY_1, is_hashed=False),
    },
)
_GOOGLE_2 = RuleSet(
    "google",
    2,
    f"{_SECOND} More titles are dropped, tied ones too, and `Bey` and `Hanım`.",
    {
        "email": Recipe((*_EMAIL_2, EML4)),
        "phone": Recipe(_PHONE_2),
        "first_name": Recipe((*_NAME_2, NAM5, NAM6)),
        "last_name": Recipe((*_NAME_2, NAM5)),
        "city": Recipe(_NAME_2, is_hashed=False),
        "zip": Recipe(_ZIP_2, is_hashed=False),
        "country": Recipe(_COUNTRY_2, is_hashed=False),
    },
)
_META_1 = RuleSet(
    "meta",
    1,
    _FIRST,
    {
        "email": Recipe(_EMAIL_1),
        "phone": Recipe((*_PHONE_1, PHN8)),
        "first_name": Recipe((*_NAME_1, NAM3)),
        "last_name": Recipe((*_NAME_1, NAM3)),
        "city": Recipe((*_NAME_1, CTY1)),
        "zip": Recipe((*_ZIP_1, ZIP2)),
        "country": Recipe((*_COUNTRY_1, CTR2)),
    },
)
_META_2 = RuleSet(
    "meta",
    2,
    _SECOND,
    {
        "email": Recipe(_EMAIL_2),
        "phone": Recipe((*_PHONE_2, PHN8)),
        "first_name": Recipe((*_NAME_2, NAM3)),
        "last_name": Recipe((*_NAME_2, NAM3)),
        "city": Recipe((*_NAME_2, CTY1)),
        "zip": Recipe((*_ZIP_2, ZIP2)),
        "country": Recipe((*_COUNTRY_2, CTR2)),
    },
)
_TIKTOK_1 = RuleSet(
    "tiktok",
    1,
    f"{_FIRST} TikTok documents e-mail and phone only; the others are as Segment's public destination sends them.",
    {
        "email": Recipe(_EMAIL_1),
        "phone": Recipe(_PHONE_1),
        "first_name": Recipe((*_NAME_1, NAM4)),
        "last_name": Recipe((*_NAME_1, NAM4)),
        "city": Recipe((*_NAME_1, CTY1), is_hashed=False),
        "zip": Recipe((*_ZIP_1, ZIP3)),
        "country": Recipe((*_COUNTRY_1, CTR2), is_hashed=False),
    },
)
_TIKTOK_2 = RuleSet(
    "tiktok",
    2,
    _SECOND,
    {
        "email": Recipe(_EMAIL_2),
        "phone": Recipe(_PHONE_2),
        "first_name": Recipe((*_NAME_2, NAM4)),
        "last_name": Recipe((*_NAME_2, NAM4)),
        "city": Recipe((*_NAME_2, CTY1), is_hashed=False),
        "zip": Recipe((*_ZIP_2, ZIP3)),
        "country": Recipe((*_COUNTRY_2, CTR2), is_hashed=False),
    },
)

RULE_SETS: Final[Mapping[str, tuple[RuleSet, ...]]] = {
    "google": (_GOOGLE_1, _GOOGLE_2),
    "meta": (_META_1, _META_2),
    "tiktok": (_TIKTOK_1, _TIKTOK_2),
}
"""Every version of each platform, oldest first; the last is the current one."""

FORMS: Final[tuple[Mapping[str, Recipe], ...]] = (
    {
        **_META_1.recipes,
        "phone": Recipe((*_READ_1, *_PHONE_2[len(_READ_2) :])),
        "country": Recipe((*_READ_1, CTR3, CTR2)),
    },
    {**_META_2.recipes, "phone": Recipe(_PHONE_2)},
)
"""The form by which two spellings are one: Meta's, but phones keep their ``+``. The first that takes a value counts.

A value's form must never change once it had one, for tokens are made of it. So the first is version 1 of the rules with
those of later versions that only take what it refused, and the second takes what is readable since version 2."""


class UnknownRules(ValueError):
    """There is no such version of such a platform; the message says which there are."""

    is_refusal = True


def find_rule_set(platform: str, version: int) -> RuleSet:
    """Find a platform's rules at a version.

    Raises:
        UnknownRules: There are none.
    """
    versions = RULE_SETS.get(platform, ())
    for rule_set in versions:
        if rule_set.version == version:
            return rule_set
    known = ", ".join(each.name for sets in RULE_SETS.values() for each in sets)
    raise UnknownRules(f"no rules {platform}:{version}; there are {known}")


def list_introduced(older: RuleSet, newer: RuleSet, kind: str) -> tuple[Rule, ...]:
    """The rules of a kind that one set has and another lacks."""
    known = {rule.code for rule in older.recipes[kind].rules}
    return tuple(rule for rule in newer.recipes[kind].rules if rule.code not in known)


def without(recipe: Recipe, rule: Rule, older: RuleSet) -> Recipe:
    """A recipe as if one of its rules had not been made: dropped, or the one that it replaces in its place."""
    former = older.rules().get(rule.replaces or "")
    kept = ((former if each is rule else each) for each in recipe.rules)
    return Recipe(tuple(each for each in kept if each is not None), recipe.is_hashed)
