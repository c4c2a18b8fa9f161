"""Identifiers: each platform's form of an e-mail, a phone, a name or an address, and its hash.

Pure: nothing here knows a database, and no string makes it raise. A value is read once into a
form of our own and then rendered by the rule table of each platform, so that three platforms
cost one parse and cannot disagree about what a person typed.

Belongs here: cleaning, validity, the rule tables, hashing, the token that models join by.
Lives elsewhere: which values are new (``vault``), what is sent to whom (``deliveries``), who is
the same person (later, ``people``).

Rules of our own, because the platforms document none (they are ``ad-platforms.md`` X2):

* Unicode is composed (NFC), invisible format characters are dropped, any run of white space
  (no-break spaces too) is one space. ``İ`` becomes ``i`` before lower-casing and a combining dot
  after ``i`` is dropped; all other Turkish letters stay. ``I`` becomes ``i``: without knowing the
  language of a name nothing better can be done.
* A SHA-256 in hexadecimal where a raw value belongs is taken as a hash, in lower case, and never
  hashed again. MD5 and SHA-1 match nothing anywhere and are refused.
* The hash of nothing is never made: what is empty after cleaning is refused.
"""

import functools
import hashlib
import hmac
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

import phonenumbers

Kind = Literal["email", "phone", "first_name", "last_name", "city", "zip", "country"]
Platform = Literal["google", "meta", "tiktok"]
KINDS: Final[tuple[str, ...]] = get_args(Kind)
PLATFORMS: Final[tuple[Platform, ...]] = get_args(Platform)

GOOGLE_RULES_VERSION = 1
"""support.google.com "Format your customer data" and the field comments of google-ads-datamanager
0.9.4, read in November 2026. Where Google's own samples disagree the documentation wins."""

META_RULES_VERSION = 1
"""developers.facebook.com "Customer information parameters", read in November 2026, and the
``Normalize`` class of facebook-business 26.0.3 where it follows them."""

TIKTOK_RULES_VERSION = 1
"""business-api.tiktok.com Events API parameters for e-mail and phone, read in November 2026; names,
city, zip and country as Segment's public destination sends them, TikTok documenting none."""

RULES_VERSION: Final[Mapping[Platform, int]] = {
    "google": GOOGLE_RULES_VERSION,
    "meta": META_RULES_VERSION,
    "tiktok": TIKTOK_RULES_VERSION,
}
"""A platform's number is raised with every change that can alter one of its results; the asset
then normalizes the old values again."""


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


@dataclass(frozen=True, slots=True)
class Identifier:
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


@dataclass(frozen=True, slots=True)
class _Reading:
    """A value as we understand it, before any platform's rule: text, hash or refusal."""

    text: str = ""
    digest: Hashed | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class _Rule:
    """How a platform wants one kind of value."""

    render: Callable[[str], str]
    is_hashed: bool = True


def normalize(kind: str, value: str, platform: Platform, region: str | None) -> Identifier:
    """Bring a value into a platform's form and hash it.

    Args:
        kind: One of ``KINDS``.
        value: As received. Never part of an error or a reason.
        platform: Whose rules.
        region: ISO 3166 code of the country whose phone and postal habits the value follows, in
            any case. Null, or one that is no country, means that only a phone number with its
            country code can be read.

    Returns:
        The identifier. Its reasons: ``unknown_kind``, ``not_text`` (lone surrogates), ``empty``,
        ``placeholder``, ``md5_not_accepted``, ``sha1_not_accepted``, ``hash_of_empty``,
        ``hash_in_plain_field``, ``not_an_address``, ``invalid_number``, ``no_region``,
        ``not_a_postal_code``, ``not_a_country_code``.
    """
    return _render(_read(kind, value, region), kind, platform)


@dataclass(frozen=True, slots=True)
class Everywhere:
    """One value for all platforms, and the form that its token is made of (null if refused)."""

    platforms: Mapping[Platform, Identifier]
    internal_form: str | None


def normalize_everywhere(kind: str, value: str, region: str | None) -> Everywhere:
    """Bring a value into the form of every platform, reading it once."""
    reading = _read(kind, value, region)
    platforms: dict[Platform, Identifier] = {
        platform: _render(reading, kind, platform) for platform in PLATFORMS
    }
    return Everywhere(platforms, _internal_form(reading, kind))


def internal_form(kind: str, value: str, region: str | None) -> str | None:
    """Give the form by which two spellings of a value are one: Meta's, but phones keep their ``+``.

    What arrived as a hash is ``sha256:`` and its digits. A refused value has no form.
    """
    return _internal_form(_read(kind, value, region), kind)


def token(pepper: bytes, kind: str, internal_form: str) -> str:
    """Key a value with its tenant's pepper, for models that must join without seeing it.

    Returns:
        HMAC-SHA256 of ``kind``, the unit separator and the form, in lower-case hexadecimal.
    """
    message = f"{kind}\x1f{internal_form}".encode()
    return hmac.new(pepper, message, hashlib.sha256).hexdigest()


# Text: the same treatment for every kind.

_INVISIBLE = frozenset({"Cc", "Cf"})
_DOTTED = re.compile("i\u0307+")


def _clean(value: str) -> str:
    """Compose, drop control and format characters, and leave single spaces between words."""
    if value.isascii() and value.isprintable():
        return " ".join(value.split())
    visible = (
        character
        for character in value
        if character.isspace() or unicodedata.category(character) not in _INVISIBLE
    )
    return " ".join(unicodedata.normalize("NFC", "".join(visible)).split())


def _lower(text: str) -> str:
    return _settle(text.replace("İ", "i").lower())


def _settle(text: str) -> str:
    """Drop the dot that lower-casing leaves on ``i``, and compose what has moved together."""
    return text if text.isascii() else unicodedata.normalize("NFC", _DOTTED.sub("i", text))


def _bare(text: str) -> str:
    """Drop punctuation and symbols; letters, marks and digits of every alphabet stay."""
    kept = (character for character in text if unicodedata.category(character)[0] not in "PS")
    return _settle(" ".join("".join(kept).split()))


def _upper_ascii(text: str) -> str:
    return text.upper() if text.isascii() else text


# Reading: what did the person mean?

_SHA256 = re.compile(r"[0-9a-f]{64}")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_HEX = re.compile(r"[0-9A-Fa-f]+")
_REFUSED_DIGESTS: Mapping[int, str] = {32: "md5_not_accepted", 40: "sha1_not_accepted"}
_EMPTY_DIGEST = hashlib.sha256(b"").hexdigest()

_LABEL = r"[^\W_](?:(?:[^\W_]|-){0,61}[^\W_])?"
_ADDRESS = re.compile(
    rf"""[^\s@()<>\[\]:;,\\"]{{1,64}}@(?:{_LABEL}\.)+(?=.*[^\W\d_])(?=..){_LABEL}"""
)
_ADDRESS_LENGTH = 254
_IDLE_MAILBOXES = frozenset(
    {
        *("noemail", "no-email", "no.email", "no_email", "nomail", "no-mail", "no.mail", "no_mail"),
        *("noreply", "no-reply", "no.reply", "no_reply", "donotreply", "do-not-reply"),
        *("none", "null", "undefined", "unknown", "yok", "emailyok", "mailyok", "bilinmiyor"),
    }
)
_IDLE_ADDRESSES = frozenset(
    {
        *("test@test.com", "a@a.com", "aa@aa.com", "aaa@aaa.com", "abc@abc.com", "asd@asd.com"),
        *("x@x.com", "xx@xx.com", "xxx@xxx.com", "email@email.com", "mail@mail.com"),
    }
)
_IDLE_WORDS = frozenset(
    {"undefined", "null", "none", "n/a", "unknown", "yok", "bilinmiyor", "[object object]"}
)
_IDLE_RUNS = ("01234567890", "09876543210", "12345678901", "98765432109")

_COUNTRIES = frozenset(
    """
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS
    BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE
    EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM
    HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC
    LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA
    NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW
    SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO
    TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW
    """.split()  # noqa: SIM905 (249 quoted codes say less than this block)
)


def _read(kind: str, value: str, region: str | None) -> _Reading:
    reader = _READERS.get(kind)
    if reader is None:
        return _Reading(reason="unknown_kind")
    if _SURROGATE.search(value):
        return _Reading(reason="not_text")
    text = _clean(value)
    if not text:
        return _Reading(reason="empty")
    if _HEX.fullmatch(text) and len(text) in (32, 40, 64):
        return _read_digest(text.lower())
    if _lower(text) in _IDLE_WORDS:
        return _Reading(reason="placeholder")
    return reader(text, region)


def _read_digest(digest: str) -> _Reading:
    if reason := _REFUSED_DIGESTS.get(len(digest)):
        return _Reading(reason=reason)
    if digest == _EMPTY_DIGEST:
        return _Reading(reason="hash_of_empty")
    return _Reading(digest=Hashed(digest))


def _read_email(text: str, _region: str | None) -> _Reading:
    address = _lower(text)
    if len(address) > _ADDRESS_LENGTH or not _ADDRESS.fullmatch(address):
        return _Reading(reason="not_an_address")
    mailbox, _, domain = address.partition("@")
    is_idle = mailbox in _IDLE_MAILBOXES or domain.partition(".")[0] in _IDLE_MAILBOXES
    if is_idle or address in _IDLE_ADDRESSES:
        return _Reading(reason="placeholder")
    return _Reading(address)


def _read_phone(text: str, region: str | None) -> _Reading:
    if _is_idle_number("".join(character for character in text if character.isdecimal())):
        return _Reading(reason="placeholder")
    country = _upper_ascii(region or "")
    if country not in phonenumbers.SUPPORTED_REGIONS:
        country = None
        # The international prefix that the ITU recommends. With a region, that region's rules hold.
        text = re.sub(r"^00", "+", text)
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        is_local = country is None and "+" not in text
        return _Reading(reason="no_region" if is_local else "invalid_number")
    if _is_idle_number(str(number.national_number)):
        return _Reading(reason="placeholder")
    if not phonenumbers.is_valid_number(number):
        return _Reading(reason="invalid_number")
    return _Reading(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _is_idle_number(digits: str) -> bool:
    """Whether a number is one key held down or a row of keys, as people fill required fields."""
    if not digits.strip("0"):
        return bool(digits)
    return len(digits) >= 9 and (len(set(digits)) == 1 or any(digits in run for run in _IDLE_RUNS))


def _read_name(text: str, _region: str | None) -> _Reading:
    return _Reading(_lower(text)) if _bare(text) else _Reading(reason="empty")


def _read_zip(text: str, _region: str | None) -> _Reading:
    code = _joined(text)
    if not code:
        return _Reading(reason="empty")
    # Every postal code of the world has a digit, and none more than ten characters.
    if len(code) > 10 or not any(character.isdecimal() for character in code):
        return _Reading(reason="not_a_postal_code")
    return _Reading(text) if code.strip("0") else _Reading(reason="placeholder")


def _read_country(text: str, _region: str | None) -> _Reading:
    code = _upper_ascii(text)
    return _Reading(code) if code in _COUNTRIES else _Reading(reason="not_a_country_code")


_READERS: Mapping[str, Callable[[str, str | None], _Reading]] = {
    "email": _read_email,
    "phone": _read_phone,
    "first_name": _read_name,
    "last_name": _read_name,
    "city": _read_name,
    "zip": _read_zip,
    "country": _read_country,
}


# Rendering: how does this platform want it?

_GMAIL = frozenset({"gmail.com", "googlemail.com"})
_TITLES = frozenset(
    {"mr", "mrs", "ms", "miss", "mx", "dr", "prof", "bay", "bayan", "sn", "sayın", "sayin"}
)
_SUFFIXES = frozenset({"jr", "sr", "ii", "iii", "iv", "phd", "esq"})
_LONG_ZIP = re.compile(r"([0-9]{5})-?[0-9]{4}")


def _render(reading: _Reading, kind: str, platform: Platform) -> Identifier:
    version = RULES_VERSION[platform]
    if reading.reason:
        return Identifier(version, reason=reading.reason)
    rule = _RULES[platform][kind]
    if reading.digest:
        if rule.is_hashed:
            return Identifier(version, sha256=reading.digest, is_prehashed=True)
        return Identifier(version, reason="hash_in_plain_field", is_prehashed=True)
    text = rule.render(reading.text)
    if not text:
        return Identifier(version, reason="empty")
    return Identifier(version, normalized=text, sha256=_hash(text) if rule.is_hashed else None)


def _internal_form(reading: _Reading, kind: str) -> str | None:
    if reading.reason:
        return None
    if reading.digest:
        return f"sha256:{reading.digest}"
    return reading.text if kind == "phone" else _RULES["meta"][kind].render(reading.text)


# The platforms of one value often share a form; more than these few would keep people in memory.
@functools.lru_cache(maxsize=4)
def _hash(text: str) -> Hashed:
    return Hashed(hashlib.sha256(text.encode()).hexdigest())


def _as_read(text: str) -> str:
    return text


def _drop_gmail_variants(address: str) -> str:
    """Drop what Gmail ignores: dots, and a plus sign with all behind it. Other hosts keep both."""
    mailbox, _, domain = address.partition("@")
    if domain not in _GMAIL:
        return address
    mailbox = mailbox.partition("+")[0].replace(".", "")
    return f"{mailbox}@{domain}" if mailbox else ""


def _drop_plus(number: str) -> str:
    return number.removeprefix("+")


def _drop_titles(name: str) -> str:
    """Drop punctuation, and titles and suffixes as long as a name is left."""
    words = _bare(name).split(" ")
    while len(words) > 1 and words[0] in _TITLES:
        del words[0]
    while len(words) > 1 and words[-1] in _SUFFIXES:
        del words[-1]
    return " ".join(words)


def _drop_spaces(text: str) -> str:
    return _settle(_lower(text).replace(" ", ""))


def _joined(text: str) -> str:
    return _settle(_bare(_lower(text)).replace(" ", ""))


def _short_zip(text: str) -> str:
    """Keep the first five digits of a nine-digit code; drop spaces and dashes of any other."""
    long = _LONG_ZIP.fullmatch(text)
    return long[1] if long else _joined(text)


_RULES: Mapping[Platform, Mapping[str, _Rule]] = {
    # City is no part of the address that Google Ads matches; its plain form is kept for reading.
    "google": {
        "email": _Rule(_drop_gmail_variants),
        "phone": _Rule(_as_read),
        "first_name": _Rule(_drop_titles),
        "last_name": _Rule(_drop_titles),
        "city": _Rule(_as_read, is_hashed=False),
        "zip": _Rule(_as_read, is_hashed=False),
        "country": _Rule(_as_read, is_hashed=False),
    },
    "meta": {
        "email": _Rule(_as_read),
        "phone": _Rule(_drop_plus),
        "first_name": _Rule(_bare),
        "last_name": _Rule(_bare),
        "city": _Rule(_joined),
        "zip": _Rule(_short_zip),
        "country": _Rule(_lower),
    },
    "tiktok": {
        "email": _Rule(_as_read),
        "phone": _Rule(_as_read),
        "first_name": _Rule(_drop_spaces),
        "last_name": _Rule(_drop_spaces),
        "city": _Rule(_joined, is_hashed=False),
        "zip": _Rule(_drop_spaces),
        "country": _Rule(_lower, is_hashed=False),
    },
}
