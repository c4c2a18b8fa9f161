"""What a frozen event carries and why it goes through its door, told without personal data.

Hashes are shown as hashes, and what the event says of the outcome (name, time, money, source) as it is. Of everything
else, click ids above all, only that it is there.

Belongs here: showing a body. Lives elsewhere: wording it (``destinations/<vendor>.py``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

CARRIED = "carried"
_HASH = re.compile(r"[0-9a-f]{64}")
# The last part of a field's path, of those whose values say nothing of a person.
_OPEN = frozenset(
    {
        "event_name",
        "event",
        "event_time",
        "eventTimestamp",
        "conversionDateTime",
        "adjustmentDateTime",
        "lastUpdatedTimestamp",
        "action_source",
        "eventSource",
        "messaging_channel",
        "event_source",
        "lead_event_source",
        "lead_event_type",
        "currency",
        "currencyCode",
        "value",
        "conversionValue",
        "adjustedValue",
        "adUserData",
        "adPersonalization",
        "adjustmentType",
        "data_processing_options",
        "data_processing_options_country",
        "data_processing_options_state",
        "limited_data_use",
    }
)
_DOORS: Mapping[str, Mapping[str, str]] = {
    "meta": {
        "crm": "the lead came from an instant form of Meta's, whose lead id is known",
        "messaging": "the person wrote on WhatsApp after an ad, and Meta knows this name in a thread",
    },
    "tiktok": {
        "crm": "the lead came from a form of TikTok's, whose lead id is known",
        "web": "the click and the page that it led to are known, or the use of data is limited",
        "offline": "no page goes with it: TikTok matches it by hashes alone",
    },
}
_OTHER_DOORS = {
    "google": "a request carries one conversion action, so that Google's counts speak of one",
    "meta": "no lead id and no message: it goes under the source that the account names",
    "tiktok": "the account has one event source",
}


def show_fields(event: Mapping[str, Any]) -> dict[str, Any]:
    """Every field of an event by its path: its value, its hash, or that it is carried.

    Args:
        event: A frozen body.

    Returns:
        In the order of the paths; fields that are lists hold lists.
    """
    return {path: _show_all(path, values) for path, values in sorted(_values(event).items())}


def compare_events(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """The fields in which two events differ, each with what it was and what it is, shown as ``show_fields`` does.

    A field that is missing on one side is None there; a click id that became another is ``carried`` on both.
    """
    old, new = _values(before), _values(after)
    return {
        path: {"was": _show_all(path, old.get(path)), "is": _show_all(path, new.get(path))}
        for path in sorted(old.keys() | new.keys())
        if old.get(path) != new.get(path)
    }


def say_door(platform: str, lane: str) -> str:
    """Why an event goes through its lane."""
    return _DOORS.get(platform, {}).get(lane, _OTHER_DOORS[platform])


def _values(event: Mapping[str, Any]) -> dict[str, list[object]]:
    found: dict[str, list[object]] = {}
    for path, value in _walk(event, ""):
        found.setdefault(path, []).append(value)
    return found


def _show_all(path: str, values: list[object] | None) -> object:
    if not values:
        return None
    shown = [_show(path, value) for value in values]
    return shown[0] if len(shown) == 1 else shown


def _show(path: str, value: object) -> object:
    is_open = path.rpartition(".")[2] in _OPEN
    return value if is_open or _HASH.fullmatch(str(value)) else CARRIED


def _walk(value: object, path: str) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _walk(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _walk(inner, path)
    else:
        yield path, value
