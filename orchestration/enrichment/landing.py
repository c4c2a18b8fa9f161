"""Landing URLs: from what a form or a message carried to the parameters of the click.

Pure text work: nothing here knows a database, and no string makes it raise. Whatever is
returned can be stored as Postgres text: it holds no NUL, no lone surrogate, and of the
control characters at most tab and line ends inside a value.

Belongs here: finding a URL in a text, unwrapping link shims, splitting and decoding a query.
Lives elsewhere: what the parameters mean (dbt), which URLs are new (``vault``).

Rules that the design leaves open, as decided here:

* Escapes that are not UTF-8 (``%E7``, overlong or surrogate forms) stay as they are, byte by
  byte, beside the valid ones around them: guessing a legacy code page would lose the original.
* A control character, escaped or not, is written as its escape (``%00``, ``%1B``), as a browser
  writes it; around a value it is trimmed like white space. Raw tabs and line ends inside a URL
  are dropped, as browsers drop them. Lone surrogates become the escapes of their three bytes.
* Parameter names are decoded as values are (``utm%5Fsource`` counts); they are not trimmed.
* An empty query (``?`` or ``?#``) is no query. A fragment holds the query either directly
  (``#gclid=…``) or behind its own question mark (``#/path?gclid=…``).
* A value that has no host to read (``undefined``, ``http://``, a broken IPv6 address) gives no
  ``landing_url``; parameters behind its question mark are read all the same.
* In a text, ``http://``, ``https://`` and ``www.`` start a URL. A bare host with a path or query
  (``ornek.com/?gclid=…``) counts only if it is a link shim or carries a tracking parameter, because
  Turkish writing is full of ``a.b/c``. Turkish case endings after an apostrophe (``…/'den``) are
  dropped: a browser never leaves a raw apostrophe in the query that people copy.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from urllib.parse import urlsplit

PARSER_VERSION = 1
"""Raised with every change that can alter a result; the asset then parses old values again."""


@dataclass(frozen=True, slots=True)
class Landing:
    """What one URL said. Each field is null or a string that is not blank.

    ``landing_url`` is the URL behind a shim, otherwise the URL itself. The other fields are
    the parameters of the same name, spelled as received.
    """

    landing_url: str | None = None
    utm_source: str | None = None
    utm_medium: str | None = None
    utm_campaign: str | None = None
    utm_term: str | None = None
    utm_content: str | None = None
    campaign_id: str | None = None
    gad_campaignid: str | None = None
    campaign_name: str | None = None
    adgroup_id: str | None = None
    gclid: str | None = None
    gbraid: str | None = None
    wbraid: str | None = None
    fbclid: str | None = None
    ttclid: str | None = None
    msclkid: str | None = None
    twclid: str | None = None
    li_fat_id: str | None = None
    ctwa_clid: str | None = None
    kcid: str | None = None
    kpv: str | None = None

    @property
    def is_tracked(self) -> bool:
        """Whether any parameter was there."""
        return any(getattr(self, name) is not None for name in PARAMETERS)


FIELDS = tuple(field.name for field in fields(Landing))
PARAMETERS = FIELDS[1:]
_PARAMETER_NAMES = frozenset(PARAMETERS)

_PRINTED = (
    *("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"),
    *("campaign_id", "campaign_name", "adgroup_id"),
    *("gclid", "gbraid", "wbraid", "fbclid", "ttclid", "msclkid", "twclid", "li_fat_id"),
    *("ctwa_clid", "kcid", "kpv", "gad_campaignid", "landing_url"),
)

_ASCII_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")
_BLANK = "".join(
    map(
        chr,
        (
            *range(0x21),
            *range(0x7F, 0xA1),
            0x1680,
            *range(0x2000, 0x200B),
            *(0x2028, 0x2029, 0x202F, 0x205F, 0x3000),
        ),
    )
)
_INVISIBLE = "\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff"
_URL_BLANK = _BLANK + "\u200b\u200e\u200f\u2060\ufeff"
_LINE_WRAPS = str.maketrans("", "", "\t\r\n")

_ESCAPES = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_UNSTORABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")

_PLACE = re.compile(
    r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?//[^/?#\s]|/(?!/)"
    r"|(?:[\w-]{1,63}\.)+[^\W\d_][\w-]{1,62}\.?(?::\d{1,5})?(?:[/?#]|$)"
)
_WEB = re.compile(r"[Hh][Tt]{2}[Pp][Ss]?://[^/?#\s]")
_SHIM_PARTS = re.compile(r"(?:(?:[Hh][Tt]{2}[Pp][Ss]?:)?//)?([^/?#\\]*)([^?#]*)")
_GOOGLE_HOST = re.compile(r"(?:www\.)?google\.(?:com?\.)?[a-z]{2,3}")

# Hosts whose every link is a shim, and paths that are one on a host with other pages. Meta has used
# them for years; Google shows `q` in mail and `url` in results, where `q` is the search instead.
_SHIM_HOSTS = frozenset(
    {
        *("l.facebook.com", "lm.facebook.com", "l.instagram.com", "l.messenger.com"),
        *("l.threads.net", "l.threads.com", "l.wl.co", "l.workplace.com"),
    }
)
_SHIM_PAGES: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("facebook.com", "/l.php"): ("u",),
    ("www.facebook.com", "/l.php"): ("u",),
    ("m.facebook.com", "/l.php"): ("u",),
    ("youtube.com", "/redirect"): ("q",),
    ("www.youtube.com", "/redirect"): ("q",),
    ("m.youtube.com", "/redirect"): ("q",),
}

_START = re.compile(
    r"(?P<sure>[Hh][Tt]{2}[Pp][Ss]?://|(?<![^\W_])(?<![.@-])[Ww]{3}\.(?=\w))"
    r"|(?<![\w.@/-])(?:[\w-]{1,63}\.)+[^\W\d_]{2,63}(?::\d{1,5})?(?=[/?])"
)
_END = re.compile(rf"[\s\x00-\x1f\x7f-\x9f<>\"{_INVISIBLE}]")
_PAIRS: Mapping[str, str] = {
    **{"(": ")", "[": "]", "{": "}"},
    **{"“": "”", "„": "“", "«": "»", "»": "«", "‘": "’", "‹": "›"},
}
_STOPS = {
    opener: re.compile(rf"{_END.pattern}|[{re.escape(opener + closer)}]")
    for opener, closer in _PAIRS.items()
}
_TWIN_MARKS = "'’`*_~"
_KEPT_AT_END = "/-_%&#*@"
_BRACKETS: Mapping[str, str] = {")": "(", "]": "[", "}": "{"}
_CASE_ENDING = re.compile(
    r"['’](?:[yn]?[aeıiuü]|n?[dt][ae]n?|[dt]aki|[dt]eki|n?[ıiuü]n|y?l[ae]|l[ıiuü]|c[ae]|s)$"
)


def parse(kind: str, raw: str) -> Landing:
    """Read a value of ``staging.stg_landings__values``: a ``url``, or any other kind as a text."""
    return parse_url(raw) if kind == "url" else parse_text(raw)


def parse_url(url: str) -> Landing:
    """Read the parameters of one URL, behind its link shim if it has one.

    Works for absolute, scheme-less and relative URLs. The query is what stands between the
    first ``?`` and the ``#``; ``&`` alone separates; escapes are decoded exactly once.
    """
    landing_url = _unwrap(_clean_url(url))
    return Landing(
        landing_url=landing_url if _has_place(landing_url) else None,
        **_read_parameters(_query_of(landing_url)),
    )


def parse_text(text: str) -> Landing:
    """Find the landing URL in a message and read it.

    Of several URLs the first one with a tracking parameter counts, else the first. A text
    without a URL gives a landing with nothing in it.
    """
    first = Landing()
    for url, is_sure in _find_urls(text):
        landing = parse_url(url)
        if landing.landing_url is None:
            continue
        if landing.is_tracked:
            return landing
        if first.landing_url is None and (is_sure or landing.landing_url != url):
            first = landing
    return first


def resolved_fields(landing: Landing) -> dict[str, str | None]:
    """Name the fields that ``leadloop landing parse`` prints, in its order.

    ``campaign_id`` is the parameter, else ``gad_campaignid``. All other meaning stays in dbt.
    """
    printed: dict[str, str | None] = {name: getattr(landing, name) for name in _PRINTED}
    printed["campaign_id"] = landing.campaign_id or landing.gad_campaignid
    return printed


def _clean_url(raw: str) -> str:
    # Almost every URL is printable and needs none of the rest; millions of them go through here.
    url = raw.strip(_URL_BLANK)
    return url if url.isprintable() else _escape_unstorable(url.translate(_LINE_WRAPS))


def _escape_unstorable(text: str) -> str:
    return text if text.isprintable() else _UNSTORABLE.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode("utf-8", "surrogatepass"))


def _decode(text: str) -> str:
    """Turn ``+`` into a space and decode the UTF-8 escapes of a query once."""
    text = text.replace("+", " ")
    return _ESCAPES.sub(_decode_run, text) if "%" in text else text


def _decode_run(match: re.Match[str]) -> str:
    """Decode neighbouring escapes together; a byte that is no UTF-8 keeps its escape."""
    run = match[0]
    text = bytes.fromhex(run.replace("%", "")).decode("utf-8", "surrogateescape")
    if not _SURROGATE.search(text):
        return text
    pieces: list[str] = []
    at = 0
    for character in text:
        width = len(character.encode("utf-8", "surrogateescape"))
        is_broken = "\ud800" <= character <= "\udfff"
        pieces.append(run[3 * at : 3 * (at + width)] if is_broken else character)
        at += width
    return "".join(pieces)


def _query_of(url: str) -> str:
    before, _, fragment = url.partition("#")
    query = before.partition("?")[2]
    if query.strip(_BLANK):
        return query
    path, question_mark, behind = fragment.partition("?")
    return behind if question_mark and "=" not in path else fragment


def _pairs(query: str) -> Iterator[tuple[str, str]]:
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        if name not in _PARAMETER_NAMES:
            name = _decode(name).translate(_ASCII_LOWER)
        yield name, value


def _read_parameters(query: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in _pairs(query):
        if name in _PARAMETER_NAMES and name not in found:
            text = _escape_unstorable(_decode(value).strip(_BLANK))
            if text:
                found[name] = text
    return found


def _has_place(url: str) -> bool:
    """Whether a URL says where the person landed: a host, or a path on the form's own site."""
    if not _PLACE.match(url):
        return False
    if url.isascii() and "[" not in url and "]" not in url:
        return True
    try:
        urlsplit(url)
    except ValueError:  # a broken IPv6 address, or a host that Unicode would turn into another one
        return False
    return True


def _unwrap(url: str) -> str:
    """Follow one link shim, if the URL is one and names a web address."""
    names = _target_names(url)
    if not names:
        return url
    pairs = list(_pairs(_query_of(url)))
    for wanted in names:
        for name, value in pairs:
            if name == wanted:
                target = _clean_url(_decode(value))
                if _WEB.match(target) and _has_place(target):
                    return target
    return url


def _target_names(url: str) -> tuple[str, ...]:
    parts = _SHIM_PARTS.match(url)
    if parts is None:
        return ()
    authority = parts[1].rpartition("@")[2].partition(":")[0]
    host = authority.rstrip(".").translate(_ASCII_LOWER)
    path = parts[2].rstrip("/")
    if host in _SHIM_HOSTS:
        return ("u",)
    if path == "/url" and _GOOGLE_HOST.fullmatch(host):
        return ("url", "q")
    return _SHIM_PAGES.get((host, path), ())


def _find_urls(text: str) -> Iterator[tuple[str, bool]]:
    """Yield each URL of a text, and whether it is one for sure (a scheme or ``www.``)."""
    at = 0
    while start := _START.search(text, at):
        before = text[start.start() - 1] if start.start() else ""
        end = _end_of_url(text, start.start(), before)
        at = max(end, start.end())
        yield _drop_ending(text[start.start() : end], before), start["sure"] is not None


def _end_of_url(text: str, start: int, before: str) -> int:
    """Find where a URL stops: at a delimiter, or where the bracket around it closes."""
    stops = _STOPS.get(before)
    if stops is None:
        end = _END.search(text, start)
        return end.start() if end else len(text)
    depth = 0
    for stop in stops.finditer(text, start):
        if stop[0] == before:
            depth += 1
        elif depth and stop[0] == _PAIRS[before]:
            depth -= 1
        else:
            return stop.start()
    return len(text)


def _drop_ending(url: str, before: str) -> str:
    """Drop what the sentence, not the URL, put at the end."""
    url = _drop_punctuation(url, before)
    ending = _CASE_ENDING.search(url[-8:])
    return _drop_punctuation(url[: -len(ending[0])], before) if ending else url


def _drop_punctuation(url: str, before: str) -> str:
    counts = {mark: url.count(mark) for mark in (*_BRACKETS, *_BRACKETS.values())}
    end = len(url)
    while end and _is_dropped(url[end - 1], before, counts):
        if url[end - 1] in counts:
            counts[url[end - 1]] -= 1
        end -= 1
    return url[:end]


def _is_dropped(last: str, before: str, counts: Mapping[str, int]) -> bool:
    if last in _BRACKETS:
        return counts[last] > counts[_BRACKETS[last]]
    if last in _TWIN_MARKS and last == before:
        return True
    return last == "`" or (last not in _KEPT_AT_END and unicodedata.category(last)[0] == "P")
