"""Finding raw personal data in what was sent: the sandbox's watch on our own promises.

Platforms get hashes only. A request that still carries an e-mail address or a telephone number in any string,
percent-encoded ones included, is refused and counted. Only counts leave this module, never what was found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")
# "+90 532 123 45 67", "+1 (800) 555-0100": ten digits or more after a plus sign. A time zone offset is far shorter.
PHONE_WITH_PLUS = re.compile(r"(?<![0-9A-Za-z])\+(?:[\s().-]*\d){10,15}(?!\d)")
# Turkish mobile numbers as people and WhatsApp write them: 0532…, 532…, 90532…
TURKISH_MOBILE = re.compile(
    r"(?<![0-9A-Za-z])(?:90|0)?5\d{2}[\s.-]?\d{3}[\s.-]?\d{2}[\s.-]?\d{2}(?![0-9A-Za-z])"
)
SHA256_HEX = re.compile(r"[0-9a-f]{64}")


def is_sha256(value: object) -> bool:
    """Tell whether ``value`` is 64 lower-case hexadecimal digits, the only form platforms match on."""
    return isinstance(value, str) and SHA256_HEX.fullmatch(value) is not None


def count_personal_data(payload: Any) -> int:
    """Count the strings of a decoded body that hold an e-mail address or a telephone number."""
    return sum(_is_personal(key, text) for key, text in _walk(payload, ""))


def _is_personal(key: str, text: str) -> bool:
    text = unquote(text)
    if EMAIL.search(text) or PHONE_WITH_PLUS.search(text):
        return True
    # Account, pixel and order ids are runs of digits that may look like a mobile number.
    is_an_id = key.lower().endswith(("id", "ids"))
    return not is_an_id and TURKISH_MOBILE.search(text) is not None


def _walk(value: Any, key: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _walk(inner, str(name))
    elif isinstance(value, Sequence):
        for inner in value:
            yield from _walk(inner, key)
