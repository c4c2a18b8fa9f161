"""Finding raw personal data in what was sent: the sandbox's watch on our own promises.

Platforms get hashes only. A request that still carries an e-mail address or a telephone number in any string,
percent-encoded ones included, is refused and counted. Only counts leave this module, never what was found.

A body is first looked at as a whole (``may_hold_personal_data``), which costs about a microsecond per event; only
where that raises a suspicion is each string judged by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")
# "+90 532 123 45 67", "+1 (800) 555-0100": ten digits or more after a plus sign. A time zone offset is far shorter.
# The look back comes behind the plus sign, so that the search can skip to the plus signs.
PHONE_WITH_PLUS = re.compile(r"\+(?<![0-9A-Za-z]\+)(?:[\s().-]*\d){10,15}(?!\d)")
# Turkish mobile numbers as people and WhatsApp write them: 0532…, 532…, 90532…
TURKISH_MOBILE = re.compile(
    r"(?<![0-9A-Za-z])(?:90|0)?5\d{2}[\s.-]?\d{3}[\s.-]?\d{2}[\s.-]?\d{2}(?![0-9A-Za-z])"
)
# The same from its 5 onwards: a search that begins with a letter of the text skips through it at memory speed.
_MOBILE_FROM_ITS_5 = re.compile(r"5\d{2}[\s.-]?\d{3}[\s.-]?\d{2}[\s.-]?\d{2}(?![0-9A-Za-z])")
_BEFORE_ITS_5 = 3
# Escapes of JSON and of URLs may hide an address or a digit.
_SUSPICIOUS = ("@", "%", "\\u")
SHA256_HEX = re.compile(r"[0-9a-f]{64}")
_SHA256_LENGTH = 64


def is_sha256(value: object) -> bool:
    """Tell whether ``value`` is 64 lower-case hexadecimal digits, the only form platforms match on."""
    return isinstance(value, str) and SHA256_HEX.fullmatch(value) is not None


def may_hold_personal_data(text: str) -> bool:
    """Look at a whole JSON body; False means that ``count_personal_data`` would find nothing in it."""
    return (
        any(mark in text for mark in _SUSPICIOUS)
        or PHONE_WITH_PLUS.search(text) is not None
        or _holds_mobile(text)
    )


def count_personal_data(payload: Any) -> int:
    """Count the strings of a decoded body that hold an e-mail address or a telephone number."""
    return sum(_is_personal(key, text) for key, text in _walk(payload, ""))


def _holds_mobile(text: str) -> bool:
    return any(
        TURKISH_MOBILE.search(text[max(0, found.start() - _BEFORE_ITS_5) : found.end() + 1])
        for found in _MOBILE_FROM_ITS_5.finditer(text)
    )


def _is_personal(key: str, text: str) -> bool:
    if len(text) == _SHA256_LENGTH and is_sha256(text):
        return False
    text = unquote(text)
    if ("@" in text and EMAIL.search(text)) or PHONE_WITH_PLUS.search(text):
        return True
    # Account, pixel and order ids are runs of digits that may look like a mobile number.
    is_an_id = key.lower().endswith(("id", "ids"))
    return not is_an_id and _holds_mobile(text)


def _walk(value: Any, key: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _walk(inner, str(name))
    elif isinstance(value, Sequence):
        for inner in value:
            yield from _walk(inner, key)
