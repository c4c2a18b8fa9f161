"""Moves: what a step did to the ledger, in counts.

Belongs here: the shape. Lives elsewhere: the steps (``ledger.py``, ``adjustments.py``).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Count:
    """How many rows of a platform came to a state for a reason."""

    platform: str
    state: str
    reason: str
    row_count: int
