"""The last look at an event before it is frozen: what nobody declared, or is not of its shape, does not leave.

Personal data reaches a platform as SHA-256 or not at all. So each destination declares every field that it sends
and the shape of its values; a raw e-mail address fits none of them.

An event is looked at twice only when the quick look finds something: that one walks a plan made once for each
``FIELDS`` and lets pass nothing that the slow one would stop.

Belongs here: shapes. Lives elsewhere: which field has which (each destination's ``FIELDS``), hashing (enrichment).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from orchestration.deliveries.conversion import EventRefused


class Shape(Enum):
    """What a value may look like."""

    HASH = re.compile(r"[0-9a-f]{64}")
    NAME = re.compile(r"[A-Za-z][A-Za-z0-9_ ]{0,99}")
    NUMBER_ID = re.compile(r"[0-9]{1,32}")
    # Click ids and what is built from them: printable ASCII without what an address or a telephone number needs.
    CLICK = re.compile(r"[A-Za-z0-9._:~=%-]{1,600}")
    CURRENCY = re.compile(r"[A-Z]{3}")
    TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z")
    # The same with its offset, as the classic upload to Google Ads wants it.
    OFFSET_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d\d:\d\d")
    # A page of a site, without the query, where forms leave what people typed.
    PAGE = re.compile(r"https?://[A-Za-z0-9.-]+(:\d+)?(/[A-Za-z0-9._~/%-]*)?")
    # Numbers and truth: values that differ, as names that share one would be one shape.
    AMOUNT = "a number"
    SECONDS = "whole seconds"
    WHOLE = "a whole number"
    FLAG = "true or false"


def refuse_unhashed(event: Mapping[str, object], fields: Mapping[str, Shape]) -> None:
    """Check every value of an event against its declared shape.

    Args:
        event: The body of one conversion; nested mappings and lists of them.
        fields: Dotted path to shape; the items of a list share the list's path. Not changed afterwards.

    Raises:
        EventRefused: ``field_undeclared`` or ``field_misshapen``, with the path and never the value.
    """
    if _is_plain(event, _plan_of(fields)):
        return
    for path, value in _walk(event, ""):
        shape = fields.get(path)
        if shape is None:
            raise EventRefused(f"field_undeclared:{path}")
        if not _fits(value, shape):
            raise EventRefused(f"field_misshapen:{path}")


def _fits(value: object, shape: Shape) -> bool:
    match shape:
        case Shape.AMOUNT:
            return isinstance(value, int | float) and not isinstance(value, bool)
        case Shape.SECONDS | Shape.WHOLE:
            return isinstance(value, int) and not isinstance(value, bool)
        case Shape.FLAG:
            return isinstance(value, bool)
        case _:
            pattern: re.Pattern[str] = shape.value
            return isinstance(value, str) and pattern.fullmatch(value) is not None


def _walk(value: object, path: str) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _walk(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _walk(inner, path)
    else:
        yield path, value


# --- The quick look ------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Place:
    """One path of an event: which values it may hold, and what lies below it."""

    types: frozenset[type] = frozenset()
    matches: Callable[[Any], object] | None = None
    below: dict[str, _Place] = field(default_factory=dict[str, "_Place"])


_TYPES = {
    Shape.AMOUNT: frozenset[type]({int, float}),
    Shape.SECONDS: frozenset[type]({int}),
    Shape.WHOLE: frozenset[type]({int}),
    Shape.FLAG: frozenset[type]({bool}),
}
_MOST_PLANS = 64
# By identity, for a mapping has no hash; the mapping is kept, so that its identity is not given to another.
_plans: dict[int, tuple[Mapping[str, Shape], _Place]] = {}


def _plan_of(fields: Mapping[str, Shape]) -> _Place:
    known = _plans.get(id(fields))
    if known is not None and known[0] is fields:
        return known[1]
    if len(_plans) >= _MOST_PLANS:
        _plans.clear()
    plan = _Place()
    for path, shape in fields.items():
        place = plan
        for key in path.split("."):
            place = place.below.setdefault(key, _Place())
        place.types = _TYPES.get(shape, frozenset({str}))
        if isinstance(pattern := shape.value, re.Pattern):
            place.matches = pattern.fullmatch
    _plans[id(fields)] = (fields, plan)
    return plan


def _is_plain(value: Any, place: _Place) -> bool:
    """Whether a value, of JSON's own types, is declared and of its shape, with all that lies below it.

    Types are exact, but for text: a driver's or an enumeration's is written as text, and judged as text.
    """
    kind = type(value)
    if kind in place.types:
        return place.matches is None or place.matches(value) is not None
    if kind is dict:
        below = place.below
        for key, inner in value.items():
            inside = below.get(key)
            if inside is None or not _is_plain(inner, inside):
                return False
        return True
    if kind is list or kind is tuple:
        return all(_is_plain(item, place) for item in value)
    return (
        str in place.types
        and isinstance(value, str)
        and (place.matches is None or place.matches(value) is not None)
    )
