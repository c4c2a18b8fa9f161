"""Each kind of error has its outcome, and only what may have been applied is in doubt."""

from __future__ import annotations

from datetime import timedelta

import pytest

from orchestration.deliveries.ledger.outcomes import of_error
from orchestration.deliveries.ledger.states import TRANSITIONS, State
from orchestration.vendors import errors


@pytest.mark.parametrize(
    ("error", "state", "is_sent", "is_failure"),
    [
        (errors.Unreachable("connect_error"), State.RETRY_WAIT, False, True),
        (errors.Throttled("40100"), State.RETRY_WAIT, False, False),
        (errors.TooEarly("TOO_RECENT"), State.RETRY_WAIT, True, False),
        (errors.Unclear("http_502"), State.IN_DOUBT, True, True),
        (errors.RouteBlocked("PERMISSION_DENIED"), State.PENDING, False, False),
        (errors.Unauthorized("190"), State.PENDING, False, False),
        (errors.RequestRefused("100"), State.REJECTED, True, False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, errors.VendorError) else None,
)
def test_error_becomes(
    error: errors.VendorError, state: State, is_sent: bool, is_failure: bool
) -> None:
    outcome = of_error(error)
    assert (outcome.state, outcome.is_sent, outcome.is_failure) == (state, is_sent, is_failure)
    assert outcome.code == error.code
    assert outcome.state in TRANSITIONS[State.LEASED]


def test_a_platforms_own_wait_is_obeyed() -> None:
    throttled = errors.Throttled("http_429", retry_after=timedelta(seconds=30))
    assert of_error(throttled).wait == timedelta(seconds=30)
