"""Rules for names of people and cities."""

from __future__ import annotations

import re

from orchestration.enrichment.rules.rule import Rule, refusal
from orchestration.enrichment.rules.text import bare, join, lower, settle

_TITLES = frozenset(
    {"mr", "mrs", "ms", "miss", "mx", "dr", "prof", "bay", "bayan", "sn", "sayın", "sayin"}
)
_MORE_TITLES = _TITLES | {
    *("doç", "yrd", "arş", "öğr", "gör", "uzm", "op", "av", "ecz"),
    *("herr", "frau", "mme", "mlle", "sr", "sra", "srta"),
}
_SUFFIXES = frozenset({"jr", "sr", "ii", "iii", "iv", "phd", "esq"})
_HONORIFICS = frozenset({"bey", "hanım", "hanim"})
_TITLE_WITH_DOT = re.compile(rf"(?:{'|'.join(sorted(_MORE_TITLES))})\.\s*")


def _lower(text: str, _region: str | None) -> str:
    if not bare(text):
        raise refusal("empty")
    return lower(text)


def _drop_titles(name: str, _region: str | None) -> str:
    return " ".join(_without(bare(name).split(" "), _TITLES, _SUFFIXES))


def _drop_more_titles(name: str, _region: str | None) -> str:
    while (title := _TITLE_WITH_DOT.match(name)) and bare(name[title.end() :]):
        name = name[title.end() :]
    return " ".join(_without(bare(name).split(" "), _MORE_TITLES, _SUFFIXES))


def _drop_honorifics(name: str, _region: str | None) -> str:
    return " ".join(_without(name.split(" "), frozenset(), _HONORIFICS))


def _without(words: list[str], before: frozenset[str], behind: frozenset[str]) -> list[str]:
    """Drop words at both ends as long as one is left."""
    while len(words) > 1 and words[0] in before:
        del words[0]
    while len(words) > 1 and words[-1] in behind:
        del words[-1]
    return words


def _bare(name: str, _region: str | None) -> str:
    return bare(name)


def _drop_spaces(name: str, _region: str | None) -> str:
    return settle(lower(name).replace(" ", ""))


def _join(name: str, _region: str | None) -> str:
    return join(name)


NAM1 = Rule(
    "NAM1",
    "Lower case; `İ` becomes `i` and no combining dot stays, all other letters stay, `I` becomes `i`. A name of"
    " punctuation alone is refused as empty.",
    ("Gfmt", "Mcip", "Rseg", "OURS"),
    _lower,
)
NAM2 = Rule(
    "NAM2",
    "Punctuation is dropped, then titles before and suffixes behind the name, as long as a word is left.",
    ("Gfmt", "Ldm"),
    _drop_titles,
)
NAM3 = Rule("NAM3", "Punctuation is dropped; words stay apart.", ("Mcip",), _bare)
NAM4 = Rule("NAM4", "Spaces are dropped, punctuation stays.", ("Rseg",), _drop_spaces)
NAM5 = Rule(
    "NAM5",
    "Titles are dropped also where a dot ties them to the name (`Dr.Ali`), and more of them: Turkish academic and"
    " professional, German, French, Spanish.",
    ("Gfmt", "Ldm", "OURS"),
    _drop_more_titles,
    replaces="NAM2",
)
NAM6 = Rule(
    "NAM6",
    "The Turkish forms of address behind a given name, `Bey` and `Hanım`, are dropped as long as a word is left.",
    ("Gfmt", "OURS"),
    _drop_honorifics,
)
CTY1 = Rule(
    "CTY1",
    "Punctuation and spaces are dropped; letters of every alphabet stay.",
    ("Mcip", "Rseg"),
    _join,
)
