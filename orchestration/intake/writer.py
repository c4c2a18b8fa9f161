"""Writer: many requests share one commit.

Whoever comes while a commit is under way waits, and all who waited go together with the next: under load the
batches grow by themselves, and a lone request waits for nobody. The queue is bounded; when it is full the answer is
"later".

Belongs here: queueing and waking. Lives elsewhere: the transaction (``store``).
"""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Protocol

from orchestration.intake.problems import Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestration.intake.limits import Limits
    from orchestration.intake.store import Outcome, Parcel


class Committer(Protocol):
    """What stores a batch."""

    def commit(self, parcels: Sequence[Parcel]) -> list[list[Outcome]]:
        """Commit all of it, or raise."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class _Request:
    """One request's parcels, which no commit may tear apart, and who waits for them."""

    parcels: Sequence[Parcel]
    done: asyncio.Future[list[list[Outcome]]]

    @property
    def rows(self) -> int:
        return sum(parcel.rows for parcel in self.parcels)


class Writer:
    """Queues parcels and commits them in batches. Lives on one event loop; commits in one thread of its own."""

    def __init__(self, store: Committer, limits: Limits) -> None:
        self._store = store
        self._limits = limits
        self._queue: deque[_Request] = deque()
        self._waiting_rows = 0
        self._wake = asyncio.Event()
        self._is_closing = False
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="intake-writer")
        self._pump: asyncio.Task[None] | None = None

    @property
    def waiting_rows(self) -> int:
        """Rows that wait for a commit, the one under way included."""
        return self._waiting_rows

    @property
    def is_full(self) -> bool:
        """Whether the next request would be sent away."""
        return self._waiting_rows >= self._limits.queued_rows

    def start(self) -> None:
        """Begin to commit; needs a running event loop."""
        self._pump = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Commit what waits, then stop."""
        self._is_closing = True
        self._wake.set()
        if self._pump is not None:
            await self._pump
        self._thread.shutdown()

    async def write(self, parcel: Parcel) -> list[Outcome]:
        """Store a parcel durably; as ``write_together``, for one."""
        (outcomes,) = await self.write_together([parcel])
        return outcomes

    async def write_together(self, parcels: Sequence[Parcel]) -> list[list[Outcome]]:
        """Store the parcels of one request durably, all in one transaction.

        Returns:
            For each parcel what became of each of its events, after the commit.

        Raises:
            Unavailable: The queue is full, the database cannot take it, or it took too long; whether it is stored
                is then unknown, and the dedupe key decides when the sender repeats.
        """
        if self._is_closing or self.is_full:
            raise Unavailable("queue_full", "Too many requests wait for the database.")
        request = _Request(parcels, asyncio.get_running_loop().create_future())
        self._waiting_rows += request.rows
        self._queue.append(request)
        self._wake.set()
        try:
            async with asyncio.timeout(self._limits.ack_seconds):
                return await request.done
        except TimeoutError:
            raise Unavailable("commit_too_slow", "The database takes too long.") from None

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._wake.wait()
            batch = self._take_batch()
            if not batch:
                if self._is_closing:
                    return
                self._wake.clear()
                continue
            parcels = [parcel for request in batch for parcel in request.parcels]
            commit = loop.run_in_executor(self._thread, self._store.commit, parcels)
            await asyncio.wait({commit})
            self._waiting_rows -= sum(parcel.rows for parcel in parcels)
            _wake_up(batch, commit)

    def _take_batch(self) -> list[_Request]:
        """Requests up to the limit of rows; a larger one goes alone, because a request is stored whole."""
        batch: list[_Request] = []
        rows = 0
        while self._queue:
            rows += self._queue[0].rows
            if batch and rows > self._limits.rows_per_commit:
                break
            batch.append(self._queue.popleft())
        return batch


def _wake_up(batch: Sequence[_Request], commit: asyncio.Future[list[list[Outcome]]]) -> None:
    """Hand each waiter its outcomes, or all of them what went wrong; who left meanwhile is passed over."""
    error = commit.exception()
    results = iter([] if error is not None else commit.result())
    for request in batch:
        own = list(islice(results, len(request.parcels)))
        if request.done.done():
            continue
        if error is not None:
            request.done.set_exception(error)
        else:
            request.done.set_result(own)
