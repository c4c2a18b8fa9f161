"""Finding bad rows: the others are sent, the requests are bounded."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orchestration.deliveries.sending.splitting import MOST_REQUESTS, Splitter
from orchestration.vendors.errors import RequestRefused


def send_all(rows: list[int], bad: set[int], size: int = 1_000) -> tuple[list[int], list[int], int]:
    """Send until nothing is left to try: what was taken, what was refused, and how many requests it cost."""
    splitter = Splitter(rows, size)
    taken: list[int] = []
    refused: list[int] = []
    requests = 0
    while batch := splitter.take():
        requests += 1
        if bad & set(batch):
            refused += [row for row, _ in splitter.split(batch, RequestRefused("100"))]
        else:
            taken += batch
            splitter.note_taken()
    return taken, refused, requests


def test_one_bad_row_among_a_thousand_is_found_in_two_requests_per_halving() -> None:
    taken, refused, requests = send_all(list(range(1_000)), {617})
    assert refused == [617]
    assert len(taken) == 999
    assert requests <= 2 * 10 + 1


@given(
    count=st.integers(1, 300),
    bad=st.sets(st.integers(0, 299), max_size=40),
    size=st.integers(1, 300),
)
def test_no_good_row_is_refused_and_no_row_is_lost(count: int, bad: set[int], size: int) -> None:
    rows = list(range(count))
    splitter = Splitter(rows, size)
    seen: list[int] = []
    requests = 0
    while batch := splitter.take():
        requests += 1
        if bad & set(batch):
            refused = [row for row, _ in splitter.split(batch, RequestRefused("100"))]
            assert set(refused) <= bad
            seen += refused
        else:
            seen += batch
    assert sorted(seen + splitter.rest) == rows
    assert requests <= MOST_REQUESTS + -(-count // size)


def test_named_rows_are_dropped_and_the_others_go_again_together() -> None:
    splitter = Splitter([10, 11, 12, 13], 4)
    batch = splitter.take()
    refusal = RequestRefused("INVALID", rows={1: "INVALID_GCLID", 3: "EVENT_TIME_INVALID"})
    assert splitter.split(batch, refusal) == [(11, "INVALID_GCLID"), (13, "EVENT_TIME_INVALID")]
    assert splitter.take() == [10, 12]


def test_a_platform_that_refuses_whatever_comes_is_not_fed_row_by_row() -> None:
    splitter = Splitter(list(range(64)), 64)
    while (batch := splitter.take()) and not splitter.is_systematic:
        splitter.split(batch, RequestRefused("100"))
    assert splitter.is_systematic
    assert len(splitter.rest) > 50


def test_rows_of_a_batch_are_tried_in_their_order() -> None:
    splitter = Splitter([1, 2, 3, 4, 5], 2)
    assert [splitter.take(), splitter.take(), splitter.take(), splitter.take()] == [
        [1, 2],
        [3, 4],
        [5],
        [],
    ]
