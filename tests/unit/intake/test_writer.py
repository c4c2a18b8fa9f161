"""Many requests, one commit; and what each of them is told."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

import pytest

from orchestration.intake.limits import Limits
from orchestration.intake.payloads.events import Event
from orchestration.intake.problems import Unavailable
from orchestration.intake.store import Outcome, Parcel
from orchestration.intake.writer import Writer


class Gate:
    """A store whose commits wait until the gate is opened."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.opened = threading.Event()
        self.error: Exception | None = None

    def commit(self, parcels: Sequence[Parcel]) -> list[list[Outcome]]:
        self.batches.append(sum(parcel.rows for parcel in parcels))
        self.opened.wait(5)
        if self.error is not None:
            raise self.error
        return [[Outcome.STORED] * len(parcel.events) for parcel in parcels]


def _parcel(rows: int = 1) -> Parcel:
    event = Event(source="crm", dedupe_key="k", payload="{}", body_sha256="")
    return Parcel(UUID(int=1), "key", "request", events=[event] * rows)


def _run(scenario: Callable[[Writer, Gate], Awaitable[None]], limits: Limits | None = None) -> Gate:
    gate = Gate()

    async def whole() -> None:
        writer = Writer(gate, limits or Limits())
        writer.start()
        await scenario(writer, gate)
        gate.opened.set()
        await writer.close()

    asyncio.run(whole())
    return gate


async def _begin(writer: Writer, *parcels: Parcel) -> list[asyncio.Task[list[Outcome]]]:
    tasks = [asyncio.create_task(writer.write(parcel)) for parcel in parcels]
    # One turn to queue them, one for the writer to take the first batch.
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


def test_who_comes_during_a_commit_shares_the_next() -> None:
    async def scenario(writer: Writer, gate: Gate) -> None:
        first = await _begin(writer, _parcel())
        others = await _begin(writer, *[_parcel()] * 30)
        assert not any(task.done() for task in first + others)
        gate.opened.set()
        assert await asyncio.gather(*first, *others) == [[Outcome.STORED]] * 31

    assert _run(scenario).batches == [1, 30]


def test_a_batch_ends_at_its_limit_and_a_request_is_never_torn() -> None:
    async def scenario(writer: Writer, gate: Gate) -> None:
        tasks = await _begin(writer, _parcel())
        tasks += await _begin(writer, *[_parcel(4)] * 3, _parcel(25), _parcel(1))
        gate.opened.set()
        await asyncio.gather(*tasks)

    assert _run(scenario, Limits(rows_per_commit=10)).batches == [1, 8, 4, 25, 1]


def test_a_full_queue_sends_the_next_one_away() -> None:
    async def scenario(writer: Writer, gate: Gate) -> None:
        tasks = await _begin(writer, *[_parcel()] * 3)
        assert writer.is_full
        with pytest.raises(Unavailable) as refusal:
            await writer.write(_parcel())
        assert refusal.value.code == "queue_full"
        gate.opened.set()
        await asyncio.gather(*tasks)
        assert writer.waiting_rows == 0
        assert await writer.write(_parcel()) == [Outcome.STORED]

    _run(scenario, Limits(queued_rows=3))


def test_a_commit_that_takes_too_long_is_answered_later() -> None:
    async def scenario(writer: Writer, _: Gate) -> None:
        with pytest.raises(Unavailable) as refusal:
            await writer.write(_parcel())
        assert refusal.value.code == "commit_too_slow"

    _run(scenario, Limits(ack_seconds=0.01))


@pytest.mark.parametrize("error", [Unavailable("database_unavailable", "down"), KeyError("bug")])
def test_what_goes_wrong_reaches_everybody_who_waits_and_nobody_else(error: Exception) -> None:
    async def scenario(writer: Writer, gate: Gate) -> None:
        gate.error = error
        tasks = await _begin(writer, *[_parcel()] * 3)
        gate.opened.set()
        assert await asyncio.gather(*tasks, return_exceptions=True) == [error] * 3
        gate.error = None
        assert await writer.write(_parcel()) == [Outcome.STORED]

    _run(scenario)


def test_closing_commits_what_waits() -> None:
    async def scenario(writer: Writer, gate: Gate) -> None:
        tasks = await _begin(writer, *[_parcel()] * 5)
        gate.opened.set()
        await writer.close()
        assert await asyncio.gather(*tasks) == [[Outcome.STORED]] * 5
        with pytest.raises(Unavailable):
            await writer.write(_parcel())

    _run(scenario)


def test_who_leaves_does_not_disturb_the_others() -> None:
    async def scenario(writer: Writer, gate: Gate) -> None:
        leaver, stayer = await _begin(writer, _parcel(), _parcel())
        leaver.cancel()
        await asyncio.sleep(0)
        gate.opened.set()
        assert await stayer == [Outcome.STORED]

    _run(scenario)


def test_the_parcels_of_one_request_go_together_and_come_back_apart() -> None:
    async def scenario(writer: Writer, gate: Gate) -> None:
        before = await _begin(writer, _parcel())
        alone = await _begin(writer, _parcel(8))
        together = asyncio.create_task(writer.write_together([_parcel(2), _parcel(3)]))
        after = await _begin(writer, _parcel())
        assert writer.waiting_rows == 15
        gate.opened.set()
        assert await together == [[Outcome.STORED] * 2, [Outcome.STORED] * 3]
        assert await asyncio.gather(*before, *alone, *after) == [
            [Outcome.STORED],
            [Outcome.STORED] * 8,
            [Outcome.STORED],
        ]

    assert _run(scenario, Limits(rows_per_commit=10)).batches == [1, 8, 6]
