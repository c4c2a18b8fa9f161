"""Rules for telephone numbers."""

from __future__ import annotations

import functools
import re

import phonenumbers

from orchestration.enrichment import numbering
from orchestration.enrichment.rules.rule import Rule, refusal
from orchestration.enrichment.rules.text import upper_ascii

# No number of digits has a bar: one search goes through all rows.
_IDLE_ROWS = "01234567890|09876543210|12345678901|98765432109"
_IDLE_LENGTH = 9
_OTHER_THAN_DIGITS = re.compile(r"\D+")
_OTHER_THAN_ASCII_DIGITS = {code: None for code in range(128) if not chr(code).isdecimal()}
_BRAZILIAN_OF_EIGHT = re.compile(r"\+55([1-9][1-9])([6-9][0-9]{7})")
_MEXICAN_OF_ELEVEN = re.compile(r"\+521([0-9]{10})")


@functools.lru_cache(maxsize=512)
def _country(region: str | None) -> str | None:
    country = upper_ascii(region or "")
    return country if country in phonenumbers.SUPPORTED_REGIONS else None


def _is_idle(digits: str) -> bool:
    if len(digits) < _IDLE_LENGTH:
        return bool(digits) and not digits.strip("0")
    return digits in _IDLE_ROWS or not digits.strip(digits[0])


def _refuse_idle(text: str, _region: str | None) -> str:
    digits = (
        text.translate(_OTHER_THAN_ASCII_DIGITS)
        if text.isascii()
        else _OTHER_THAN_DIGITS.sub("", text)
    )
    if _is_idle(digits):
        raise refusal("placeholder")
    return text


def _read_00_without_region(text: str, region: str | None) -> str:
    return f"+{text[2:]}" if text.startswith("00") and _country(region) is None else text


def _read_00(text: str, region: str | None) -> str:
    if not text.startswith("00"):
        return text
    abroad = f"+{text[2:]}"
    country = _country(region)
    if country is None or (not _is_readable(text, country) and _is_readable(abroad, None)):
        return abroad
    return text


def _is_readable(text: str, country: str | None) -> bool:
    try:
        return numbering.is_valid(numbering.to_e164(text, country))
    except phonenumbers.NumberParseException:
        return False


def _to_e164(text: str, region: str | None) -> str:
    country = _country(region)
    try:
        return numbering.to_e164(text, country)
    except phonenumbers.NumberParseException:
        is_local = country is None and "+" not in text
        raise refusal("no_region" if is_local else "invalid_number") from None


def _add_ninth_digit(number: str, _region: str | None) -> str:
    old = _BRAZILIAN_OF_EIGHT.fullmatch(number) if number.startswith("+55") else None
    return _replaced(number, f"+55{old[1]}9{old[2]}") if old else number


def _drop_mexican_one(number: str, _region: str | None) -> str:
    old = _MEXICAN_OF_ELEVEN.fullmatch(number) if number.startswith("+521") else None
    return _replaced(number, f"+52{old[1]}") if old else number


def _replaced(number: str, newer: str) -> str:
    return newer if numbering.is_valid(newer) and not numbering.is_valid(number) else number


def _refuse_invalid(number: str, _region: str | None) -> str:
    code, national = numbering.split(number)
    if _is_idle(national.lstrip("0") or "0"):
        raise refusal("placeholder")
    if not numbering.is_in_plan(code, national):
        raise refusal("invalid_number")
    return number


def _drop_plus(number: str, _region: str | None) -> str:
    return number.removeprefix("+")


PHN1 = Rule(
    "PHN1",
    "One key held down, or nine and more keys in a row, is refused: `placeholder`.",
    ("OURS",),
    _refuse_idle,
)
PHN2 = Rule(
    "PHN2",
    "`00` is read as `+` where no region is known; with a region its own prefix for calls abroad holds.",
    ("E164", "Lphone"),
    _read_00_without_region,
)
PHN3 = Rule(
    "PHN3",
    "The number is read as one dialled in its region and brought to E.164: prefixes, `(0)`, extensions and the digits"
    " of other scripts included. Without a region a national number is refused: `no_region`.",
    ("Gfmt", "Mcip", "Ttrack", "Lphone"),
    _to_e164,
)
PHN4 = Rule(
    "PHN4",
    "`00` is read as `+` also where it is no prefix of the region and the number could not be valid otherwise.",
    ("E164", "OURS"),
    _read_00,
    replaces="PHN2",
)
PHN5 = Rule(
    "PHN5",
    "A Brazilian mobile number of eight digits, as WhatsApp still names many, gets the ninth that the numbering plan"
    " asks for, if that makes it valid.",
    ("Zoho", "Lphone"),
    _add_ninth_digit,
)
PHN6 = Rule(
    "PHN6",
    "A Mexican number loses the `1` after the country code, which WhatsApp keeps and the numbering plan has"
    " dropped, if that makes it valid.",
    ("Zoho", "Lphone"),
    _drop_mexican_one,
)
PHN7 = Rule(
    "PHN7",
    "A number that no plan has is refused, not guessed at: `invalid_number`; one key held down: `placeholder`.",
    ("OURS", "Lphone"),
    _refuse_invalid,
)
PHN8 = Rule("PHN8", "The plus sign is dropped.", ("Mcip",), _drop_plus)
