"""Rules for postal codes and countries."""

from __future__ import annotations

import functools
import json
import re
import unicodedata
from pathlib import Path

from orchestration.enrichment.rules.rule import Rule, refusal
from orchestration.enrichment.rules.text import join, lower, settle, upper_ascii

_LONG_ZIP = re.compile(r"([0-9]{5})-?[0-9]{4}")
_LONGEST_ZIP = 10
_NAMES = Path(__file__).with_name("countries.json")

COUNTRIES = frozenset(
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


def _refuse_misshapen(text: str, _region: str | None) -> str:
    code = join(text)
    if not code:
        raise refusal("empty")
    # Every postal code of the world has a digit, and none more than ten characters.
    if len(code) > _LONGEST_ZIP or not any(character.isdecimal() for character in code):
        raise refusal("not_a_postal_code")
    if not code.strip("0"):
        raise refusal("placeholder")
    return text


def _shorten(text: str, _region: str | None) -> str:
    long = _LONG_ZIP.fullmatch(text)
    return long[1] if long else join(text)


def _drop_spaces(text: str, _region: str | None) -> str:
    return settle(lower(text).replace(" ", ""))


def _refuse_unknown(text: str, _region: str | None) -> str:
    code = upper_ascii(text)
    if code not in COUNTRIES:
        raise refusal("not_a_country_code")
    return code


def _read_country(text: str, _region: str | None) -> str:
    code = upper_ascii(text)
    if code in COUNTRIES:
        return code
    found = country_names().get(fold(text))
    if found is None:
        raise refusal("not_a_country_code")
    return found


@functools.cache
def country_names() -> dict[str, str]:
    """Folded name to code, for every name that is one country's alone."""
    entries: dict[str, list[str]] = json.loads(_NAMES.read_text(encoding="utf-8"))
    return {fold(name): code for code, names in entries.items() for name in names}


def fold(name: str) -> str:
    """A name without case, spaces, punctuation and accents, so that one typed without them is found."""
    letters = unicodedata.normalize("NFKD", join(name)).replace("ı", "i")
    return "".join(letter for letter in letters if unicodedata.category(letter)[0] != "M")


def _lower(code: str, _region: str | None) -> str:
    return lower(code)


ZIP1 = Rule(
    "ZIP1",
    "What has no digit or more than ten characters is refused: `not_a_postal_code`; zeros alone: `placeholder`.",
    ("OURS",),
    _refuse_misshapen,
)
ZIP2 = Rule(
    "ZIP2",
    "Of nine digits the first five, of any other code all, in lower case without spaces and dashes.",
    ("Mcip",),
    _shorten,
)
ZIP3 = Rule("ZIP3", "Lower case without spaces.", ("Rseg",), _drop_spaces)
CTR1 = Rule(
    "CTR1",
    "The two letters of ISO 3166 in upper case; anything else is refused: `not_a_country_code`.",
    ("Gfmt", "Mcip", "ISO3166"),
    _refuse_unknown,
)
CTR2 = Rule("CTR2", "Lower case.", ("Mcip", "Rseg"), _lower)
CTR3 = Rule(
    "CTR3",
    "A country's three letters, its name in English, Turkish or its own language, and `UK` are read as its two letters;"
    " a name that is not one country's alone is refused.",
    ("ISO3166", "CLDR", "OURS"),
    _read_country,
    replaces="CTR1",
)
