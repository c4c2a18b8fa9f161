"""Identifiers: each platform's form of an e-mail, a phone, a name or an address, and its hash.

Pure: nothing here knows a database, and no string makes it raise. A value is read once, by the rules that the
platforms have in common, and then by those of each, so that three platforms cost little more than one.

Belongs here: hashing, what a caller gets, the token that models join by.
Lives elsewhere: the rules and their versions (``rules``), which values are new (``vault``), what is sent to whom
(``deliveries``), who is the same person (dbt).
"""

import functools
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, get_args

from orchestration.enrichment.rules.plan import Plan, make_plan
from orchestration.enrichment.rules.rule import Reading, Recipe
from orchestration.enrichment.rules.sets import FORMS, RULE_SETS, find_rule_set
from orchestration.enrichment.rules.text import is_unusual

Kind = Literal["email", "phone", "first_name", "last_name", "city", "zip", "country"]
Platform = Literal["google", "meta", "tiktok"]
KINDS: Final[tuple[str, ...]] = get_args(Kind)
PLATFORMS: Final[tuple[Platform, ...]] = get_args(Platform)

RULES_VERSION: Final[Mapping[Platform, int]] = {
    platform: RULE_SETS[platform][-1].version for platform in PLATFORMS
}
"""The current version of each platform's rules; the asset reads values of older versions again."""

_SHA256 = re.compile(r"[0-9a-f]{64}")


class NotAHash(ValueError):
    """A SHA-256 in lower-case hexadecimal was expected. The value is not repeated here."""


class Hashed(str):
    """A SHA-256 in lower-case hexadecimal: the only form in which personal data may leave."""

    __slots__ = ()

    def __new__(cls, digest: str) -> "Hashed":
        """Accept 64 lower-case hexadecimal digits.

        Raises:
            NotAHash: Anything else.
        """
        if not _SHA256.fullmatch(digest):
            raise NotAHash("expected 64 lower-case hexadecimal digits")
        return super().__new__(cls, digest)


class Identifier(NamedTuple):
    """One value in the form of one platform.

    ``normalized`` is what was hashed, or what is sent plain where the platform wants it plain:
    then ``sha256`` is null. A value that arrived as a hash has ``sha256`` alone. A refused value
    has neither, and the code of its ``reason``.
    """

    rules_version: int
    normalized: str | None = None
    sha256: Hashed | None = None
    reason: str | None = None
    is_prehashed: bool = False


class Everywhere(NamedTuple):
    """One value for all platforms, and the form that its token is made of (null if refused)."""

    platforms: Mapping[Platform, Identifier]
    internal_form: str | None


def normalize(
    kind: str, value: str, platform: Platform, region: str | None, version: int | None = None
) -> Identifier:
    """Bring a value into a platform's form and hash it.

    Args:
        kind: One of ``KINDS``.
        value: As received. Never part of an error or a reason.
        platform: Whose rules.
        region: ISO 3166 code of the country whose phone and postal habits the value follows, in
            any case. Null, or one that is no country, means that only a phone number with its
            country code can be read.
        version: The version of the rules; the current one if None.

    Returns:
        The identifier. Its reasons: ``unknown_kind``, ``not_text`` (lone surrogates), ``empty``,
        ``placeholder``, ``md5_not_accepted``, ``sha1_not_accepted``, ``hash_of_empty``,
        ``hash_in_plain_field``, ``not_an_address``, ``invalid_number``, ``no_region``,
        ``not_a_postal_code``, ``not_a_country_code``.

    Raises:
        UnknownRules: The platform has no such version.
    """
    if version is None:
        version = RULES_VERSION[platform]
    find_rule_set(platform, version)
    if kind not in KINDS:
        return Identifier(version, reason="unknown_kind")
    prepared = _prepare_one(kind, platform, version, is_unusual(value))
    return _identify(prepared.plan.run(value, region)[0], version, prepared.are_hashed[0])


def normalize_everywhere(
    kind: str,
    value: str,
    region: str | None,
    versions: Mapping[Platform, int] = RULES_VERSION,
) -> Everywhere:
    """Bring a value into the form of every platform, reading it once.

    Raises:
        UnknownRules: A platform has no such version.
    """
    google, meta, tiktok = versions["google"], versions["meta"], versions["tiktok"]
    if kind not in KINDS:
        refused: dict[Platform, Identifier] = {
            platform: Identifier(versions[platform], reason="unknown_kind")
            for platform in PLATFORMS
        }
        return Everywhere(refused, None)
    prepared = _prepare_all(kind, google, meta, tiktok, is_unusual(value))
    readings = prepared.plan.run(value, region)
    hashed = prepared.are_hashed
    return Everywhere(
        {
            "google": _identify(readings[0], google, hashed[0]),
            "meta": _identify(readings[1], meta, hashed[1]),
            "tiktok": _identify(readings[2], tiktok, hashed[2]),
        },
        _form(readings[3:]),
    )


def internal_form(kind: str, value: str, region: str | None) -> str | None:
    """Give the form by which two spellings of a value are one: Meta's, but phones keep their ``+``.

    What arrived as a hash is ``sha256:`` and its digits. A refused value has no form. A form is
    made by the first version of the rules that takes the value: a new version makes forms for
    values that had none, and changes none.
    """
    if kind not in KINDS:
        return None
    return _form(_prepare_forms(kind, is_unusual(value)).run(value, region))


def token(pepper: bytes, kind: str, internal_form: str) -> str:
    """Key a value with its tenant's pepper, for models that must join without seeing it.

    Returns:
        HMAC-SHA256 of ``kind``, the unit separator and the form, in lower-case hexadecimal.
    """
    message = f"{kind}\x1f{internal_form}".encode()
    return hmac.new(pepper, message, hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A plan, and which of its readings are hashed."""

    plan: Plan
    are_hashed: tuple[bool, ...]


@functools.cache
def _prepare_one(kind: str, platform: Platform, version: int, is_for_unusual: bool) -> _Prepared:
    recipe = find_rule_set(platform, version).recipes[kind]
    return _Prepared(make_plan([recipe], is_for_unusual=is_for_unusual), (recipe.is_hashed,))


@functools.cache
def _prepare_all(kind: str, google: int, meta: int, tiktok: int, is_for_unusual: bool) -> _Prepared:
    sets = [
        find_rule_set("google", google),
        find_rule_set("meta", meta),
        find_rule_set("tiktok", tiktok),
    ]
    recipes = [rule_set.recipes[kind] for rule_set in sets]
    plan = make_plan([*recipes, *_forms_of(kind)], is_for_unusual=is_for_unusual)
    return _Prepared(plan, tuple(recipe.is_hashed for recipe in recipes))


@functools.cache
def _prepare_forms(kind: str, is_for_unusual: bool) -> Plan:
    return make_plan(_forms_of(kind), is_for_unusual=is_for_unusual)


def _forms_of(kind: str) -> list[Recipe]:
    return [form[kind] for form in FORMS]


def _form(readings: list[Reading]) -> str | None:
    for reading in readings:
        if reading.digest:
            return f"sha256:{reading.digest}"
        if reading.reason is None:
            return reading.text
    return None


def _identify(reading: Reading, version: int, is_hashed: bool) -> Identifier:
    if reading.reason:
        return Identifier(version, None, None, reading.reason)
    if reading.digest:
        if is_hashed:
            return Identifier(version, None, Hashed(reading.digest), None, is_prehashed=True)
        return Identifier(version, None, None, "hash_in_plain_field", is_prehashed=True)
    text = reading.text
    return Identifier(version, text, _hash(text) if is_hashed else None)


# The platforms of one value often share a form; more than these few would keep people in memory.
@functools.lru_cache(maxsize=4)
def _hash(text: str) -> Hashed:
    # A digest of hashlib's own needs no checking.
    return str.__new__(Hashed, hashlib.sha256(text.encode()).hexdigest())
