"""What an account was found able to do: one finding for each thing that a destination needs of it.

Belongs here: the shape. Lives elsewhere: asking a platform (``destinations/<vendor>.py``), keeping and showing what
was found (``capabilities.py``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that an account can do, cannot do, or that could not be found out.

    Attributes:
        capability: What was asked: ``token``, ``dataset``, ``action:Purchase`` …
        result: ``ok``, ``failed`` or ``unknown``.
        code: The platform's code or ours, for what is not ok.
        sentence: The same for a person who has to act on it.
    """

    capability: str
    result: Literal["ok", "failed", "unknown"]
    code: str | None
    sentence: str
