"""Backoff and breaker."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from orchestration.deliveries.ledger.timing import BACKOFF_CAP, Breaker, backoff


@given(failures=st.integers(0, 10_000), chance=st.floats(0, 1, exclude_max=True))
def test_wait_stays_under_its_cap(failures: int, chance: float) -> None:
    wait = backoff(failures, lambda: chance)
    assert timedelta(0) <= wait <= min(BACKOFF_CAP, timedelta(seconds=10 * 2 ** min(failures, 9)))


def test_waits_spread_over_the_whole_span() -> None:
    assert backoff(3, lambda: 0.0) == timedelta(0)
    assert backoff(3, lambda: 0.5) == timedelta(seconds=40)


def test_breaker_opens_after_five_failures_in_a_row_and_half_opens_after_a_minute() -> None:
    breaker = Breaker()
    for now in range(5):
        assert breaker.allows(now)
        breaker.record(now, succeeded=False)
    assert not breaker.allows(63.9)
    assert breaker.allows(64)
    breaker.record(64, succeeded=False)
    assert not breaker.allows(100)
    breaker.record(124, succeeded=True)
    assert breaker.allows(124)


def test_breaker_opens_when_most_of_twenty_calls_failed() -> None:
    breaker = Breaker()
    for now in range(20):
        breaker.record(now, succeeded=now % 5 in {0, 1})
    assert not breaker.allows(20)
