"""The one way in which JSON is written here: what is hashed, chained or made again must come out byte for byte.

Belongs here: writing. Lives elsewhere: what is written (``destinations``, ``ledger``, ``journal``).
"""

from __future__ import annotations

import json
from typing import Any

# One encoder for all: ``json.dumps`` with options makes a new one each time.
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


def canonical(value: Any) -> bytes:
    """A value as JSON: sorted keys, no spaces, UTF-8."""
    return _encode(value).encode()
