"""Quota: a token bucket per tenant and kind of sender, so that one cannot take what is everybody's.

Forms and the CRM of a tenant have buckets of their own: a form's key is public, and whoever abuses it must not
hold up the CRM.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID


class Quota:
    """Requests per tenant and kind: a burst, refilled at a steady pace."""

    def __init__(self, per_second: float, burst: int, monotonic: Callable[[], float]) -> None:
        """Start with full buckets.

        Args:
            per_second: Tokens that come back in a second.
            burst: Tokens that a bucket holds.
            monotonic: Seconds that only grow.
        """
        self._per_second = per_second
        self._burst = burst
        self._monotonic = monotonic
        self._buckets: dict[tuple[UUID, str], tuple[float, float]] = {}

    def take(self, tenant_id: UUID, kind: str) -> bool:
        """Take a token, if there is one.

        Args:
            tenant_id: Whose.
            kind: For which kind of key.
        """
        now = self._monotonic()
        tokens, at = self._buckets.get((tenant_id, kind), (float(self._burst), now))
        tokens = min(self._burst, tokens + (now - at) * self._per_second)
        has_token = tokens >= 1
        self._buckets[tenant_id, kind] = (tokens - has_token, now)
        return has_token
