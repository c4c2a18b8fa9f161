"""Strict JSON: bytes into values, or a refusal with a code. Nothing in between.

What other parsers repair or let pass is refused, because it would be read differently further down: duplicate keys,
``NaN``, a byte-order mark, lone surrogates, NUL (Postgres cannot store it), numbers that lose digits. Numbers with a
fraction are ``Decimal``.

Belongs here: text and numbers. Lives elsewhere: what the values mean (``payloads``).
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NoReturn

from orchestration.intake.limits import JsonLimits
from orchestration.intake.problems import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFAULT_LIMITS = JsonLimits()
_BOM = b"\xef\xbb\xbf"
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
# Postgres writes a number out in full: without a bound, eight bytes of exponent become 100 KB on disk.
_MAX_EXPONENT = 40
_BETWEEN_ELEMENTS = re.compile(r"[\s,]*")


def parse(body: bytes, limits: JsonLimits = DEFAULT_LIMITS) -> Any:
    """Parse a body.

    Args:
        body: The exact bytes that came.
        limits: How much of everything is allowed.

    Returns:
        ``dict``, ``list``, ``str``, ``int``, ``Decimal``, ``bool`` or ``None``.

    Raises:
        Unreadable: Not JSON, or JSON that is refused; ``code`` says which rule.
    """
    text = decode(body)
    try:
        value = json.loads(
            text,
            parse_float=_Numbers(limits).fraction,
            parse_int=_Numbers(limits).integer,
            parse_constant=_refuse_constant,
            object_pairs_hook=_Objects(limits).build,
        )
    except RecursionError as error:
        raise _too_deep(limits) from error
    except json.JSONDecodeError as error:
        raise Unreadable("not_json", "The body is not JSON.") from error
    _walk(value, limits)
    return value


def decode(body: bytes) -> str:
    """UTF-8 without a byte-order mark, strictly.

    Raises:
        Unreadable: ``not_utf8`` or ``byte_order_mark``.
    """
    if body.startswith(_BOM):
        raise Unreadable("byte_order_mark", "The body begins with a byte-order mark.")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Unreadable("not_utf8", "The body is not UTF-8.") from error


def split_array(text: str) -> list[str]:
    """The elements of a JSON array as they were written.

    Args:
        text: An array that ``parse`` has taken.
    """
    decoder = json.JSONDecoder()
    position = text.index("[") + 1
    elements: list[str] = []
    while True:
        between = _BETWEEN_ELEMENTS.match(text, position)
        position = between.end() if between else position
        if text[position] == "]":
            return elements
        _, end = decoder.raw_decode(text, position)
        elements.append(text[position:end])
        position = end


def dump(value: Any, *, sort_keys: bool = False) -> str:
    """Write values that ``parse`` gave, every digit kept (the standard encoder knows no ``Decimal``)."""
    if isinstance(value, dict):
        pairs = sorted(value.items()) if sort_keys else value.items()
        return "{" + ",".join(f"{_quote(k)}:{dump(v, sort_keys=sort_keys)}" for k, v in pairs) + "}"
    if isinstance(value, list):
        return "[" + ",".join(dump(item, sort_keys=sort_keys) for item in value) + "]"
    if isinstance(value, Decimal):
        return str(value)
    return _quote(value)


def require_storable(text: str) -> None:
    """Refuse text that Postgres cannot hold.

    Raises:
        Unreadable: ``unstorable_text``.
    """
    if _UNSTORABLE.search(text):
        raise Unreadable("unstorable_text", "A text holds NUL or half a surrogate pair.")


def _quote(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


class _Numbers:
    """Reads numbers without losing a digit."""

    def __init__(self, limits: JsonLimits) -> None:
        self._digits = limits.integer_digits

    def integer(self, text: str) -> int:
        if len(text.lstrip("-")) > self._digits:
            raise Unreadable("number_too_long", f"A number has over {self._digits} digits.")
        return int(text)

    def fraction(self, text: str) -> Decimal:
        if len(text) > _MAX_EXPONENT:
            raise Unreadable("number_too_long", "A number is written with too many characters.")
        number = Decimal(text)
        exponent = number.as_tuple().exponent
        if not isinstance(exponent, int) or not -_MAX_EXPONENT <= exponent <= _MAX_EXPONENT:
            raise Unreadable("number_too_long", "A number has an exponent beyond reason.")
        if number.adjusted() >= self._digits:
            raise Unreadable("number_too_long", f"A number has over {self._digits} digits.")
        return number


class _Objects:
    """Builds objects, refusing what a plain ``dict`` would hide."""

    def __init__(self, limits: JsonLimits) -> None:
        self._limits = limits

    def build(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(pairs) > self._limits.keys_per_object:
            raise Unreadable("too_many_keys", "An object has too many keys.")
        built = dict(pairs)
        if len(built) != len(pairs):
            raise Unreadable("duplicate_key", "An object has the same key twice.")
        for key in built:
            if len(key) > self._limits.key_characters:
                raise Unreadable("key_too_long", "A key is too long.")
            require_storable(key)
        return built


def _refuse_constant(_: str) -> NoReturn:
    raise Unreadable("not_a_number", "NaN and Infinity are not JSON.")


def _too_deep(limits: JsonLimits) -> Unreadable:
    return Unreadable("too_deep", f"The body is nested over {limits.depth} levels deep.")


def _walk(value: Any, limits: JsonLimits) -> None:
    """Count nodes and levels, and look at every string."""
    left = limits.nodes
    level: list[Any] = [value]
    depth = 0
    while level:
        depth += 1
        if depth > limits.depth:
            raise _too_deep(limits)
        left -= len(level)
        if left < 0:
            raise Unreadable("too_many_nodes", "The body holds too many values.")
        for item in level:
            if isinstance(item, str):
                _check_string(item, limits)
        level = list(_children(level))


def _children(level: list[Any]) -> Iterator[Any]:
    for item in level:
        if isinstance(item, dict):
            yield from item.values()
        elif isinstance(item, list):
            yield from item


def _check_string(text: str, limits: JsonLimits) -> None:
    if len(text) > limits.string_characters:
        raise Unreadable("string_too_long", "A text is too long.")
    require_storable(text)
