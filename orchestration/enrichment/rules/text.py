"""Rules that hold for every kind of value: cleaning, hashes that arrive as values, words that stand for nothing.

The platforms document none of this; they hash bytes, so two spellings of one letter are two people to them.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata

from orchestration.enrichment.rules.rule import Reading, Rule, Settled, refusal

_INVISIBLE = frozenset({"Cc", "Cf"})
_DOTTED = re.compile("i\u0307+")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
# Unicode's Default_Ignorable_Code_Point without what TXT2 drops by its category: joiners and fillers that are letters
# or marks by category, variation selectors; and the keycap's enclosing mark.
_IGNORABLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u20e3\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
_DISGUISED = re.compile("[\uff01-\uffee\U0001d400-\U0001d7ff]")
_UNUSUAL = re.compile(f"{_SURROGATE.pattern}|{_IGNORABLE.pattern}|{_DISGUISED.pattern}")
_HEX = re.compile(r"[0-9A-Fa-f]+")
_DIGEST_LENGTHS = frozenset({32, 40, 64})
_REFUSED_DIGESTS = {32: "md5_not_accepted", 40: "sha1_not_accepted"}
_EMPTY_DIGEST = hashlib.sha256(b"").hexdigest()
_IDLE_WORDS = frozenset(
    {"undefined", "null", "none", "n/a", "unknown", "yok", "bilinmiyor", "[object object]"}
)
_LONGEST_IDLE_WORD = max(map(len, _IDLE_WORDS))


def is_unusual(value: str) -> bool:
    """Whether a value holds a character that TXT1, TXT4 or TXT5 is about; cleaning makes none."""
    return not value.isascii() and _UNUSUAL.search(value) is not None


def lower(text: str) -> str:
    """Lower-case, without the dot that Python leaves of a dotted capital I."""
    return text.lower() if text.isascii() else settle(text.replace("İ", "i").lower())


def settle(text: str) -> str:
    """Drop the dot that lower-casing leaves on ``i``, and compose what has moved together."""
    return text if text.isascii() else unicodedata.normalize("NFC", _DOTTED.sub("i", text))


def bare(text: str) -> str:
    """Drop punctuation and symbols; letters, marks and digits of every alphabet stay."""
    if text.replace(" ", "").isalpha():
        return settle(" ".join(text.split()))
    kept = (character for character in text if unicodedata.category(character)[0] not in "PS")
    return settle(" ".join("".join(kept).split()))


def join(text: str) -> str:
    """Lower-case without punctuation, symbols and spaces."""
    return settle(bare(lower(text)).replace(" ", ""))


def upper_ascii(text: str) -> str:
    """Upper-case, unless a letter is none of A to Z: a dotted I is no I."""
    return text.upper() if text.isascii() else text


def _refuse_surrogates(text: str, _region: str | None) -> str:
    if _SURROGATE.search(text):
        raise refusal("not_text")
    return text


def _clean(text: str, _region: str | None) -> str:
    if text.isprintable():
        return " ".join(text.split()) if text.isascii() else _tidy(text)
    visible = (
        character
        for character in text
        if character.isspace() or unicodedata.category(character) not in _INVISIBLE
    )
    return _tidy("".join(visible))


def _drop_ignorable(text: str, _region: str | None) -> str:
    return _tidy(_IGNORABLE.sub("", text))


def _unmask(text: str, _region: str | None) -> str:
    return _tidy(_DISGUISED.sub(lambda found: unicodedata.normalize("NFKC", found[0]), text))


def _tidy(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def _refuse_empty(text: str, _region: str | None) -> str:
    if not text:
        raise refusal("empty")
    return text


def _recognize_digest(text: str, _region: str | None) -> str:
    if len(text) not in _DIGEST_LENGTHS or not _HEX.fullmatch(text):
        return text
    if reason := _REFUSED_DIGESTS.get(len(text)):
        raise refusal(reason)
    digest = text.lower()
    raise refusal("hash_of_empty") if digest == _EMPTY_DIGEST else Settled(Reading(digest=digest))


def _refuse_idle_words(text: str, _region: str | None) -> str:
    if len(text) <= _LONGEST_IDLE_WORD and lower(text) in _IDLE_WORDS:
        raise refusal("placeholder")
    return text


TXT1 = Rule(
    "TXT1",
    "A text with a lone surrogate cannot be written as UTF-8 and is refused: `not_text`.",
    ("OURS",),
    _refuse_surrogates,
    is_for_unusual=True,
)
TXT2 = Rule(
    "TXT2",
    "Letters are composed (NFC), control and format characters dropped; white space, no-break spaces too, becomes"
    " single spaces between words.",
    ("OURS", "Gfmt", "Mcip"),
    _clean,
)
TXT3 = Rule(
    "TXT3",
    "What is empty then is refused: the hash of nothing is never made.",
    ("OURS",),
    _refuse_empty,
)
TXT4 = Rule(
    "TXT4",
    "Full-width, half-width and mathematical letters and digits become the ordinary ones.",
    ("OURS", "UAX15"),
    _unmask,
    is_for_unusual=True,
)
TXT5 = Rule(
    "TXT5",
    "Characters that Unicode says to ignore are dropped: variation selectors and keycaps of emoji, invisible fillers.",
    ("OURS", "UCD"),
    _drop_ignorable,
    is_for_unusual=True,
)
DIG1 = Rule(
    "DIG1",
    "A SHA-256 in hexadecimal is taken as a hash, in lower case, and never hashed again; MD5, SHA-1 and the hash of"
    " nothing are refused.",
    ("OURS", "Lsv"),
    _recognize_digest,
)
IDL1 = Rule(
    "IDL1",
    "A word that people or programs write where nothing is known (`null`, `undefined`, `n/a`, `yok` …) is refused:"
    " `placeholder`.",
    ("OURS",),
    _refuse_idle_words,
)
