"""Which kinds of identifiers a worded event carries, in our names: what match rates are judged beside.

Belongs here: reading an event. Lives elsewhere: wording one (``destinations/<vendor>.py``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

# The platforms' field names, as they stand in the bodies, and ours.
_KINDS = {
    **dict.fromkeys(("gclid", "gbraid", "wbraid", "ctwa_clid", "ttclid", "external_id"), None),
    **dict.fromkeys(("emailAddress", "hashedEmail", "hashed_email", "em", "email"), "email"),
    **dict.fromkeys(
        ("phoneNumber", "hashedPhoneNumber", "hashed_phone_number", "ph", "phone"), "phone"
    ),
    "fbc": "fbclid",
    "lead_id": "lead_id",
    "fn": "first_name",
    "ln": "last_name",
    "ct": "city",
    "zp": "zip",
    "country": "country",
}


def carried_kinds(event: Mapping[str, Any]) -> list[str]:
    """The kinds that an event carries, sorted."""
    return sorted(set(_walk(event)))


def _walk(value: Mapping[str, Any]) -> Iterator[str]:
    for name, inner in value.items():
        if name in _KINDS:
            yield _KINDS[name] or name
        elif isinstance(inner, Mapping):
            yield from _walk(inner)
        elif isinstance(inner, Sequence) and not isinstance(inner, str):
            for one in inner:
                if isinstance(one, Mapping):
                    yield from _walk(one)
