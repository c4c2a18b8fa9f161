"""The sender: leases rows, sends them in the platforms' own batch sizes, settles one outcome per row.

One run goes round over all tenants' accounts, a batch each in turn, so that nobody waits for a large neighbour. What
stops an account (gate, credential, throttle, breaker) stops that account for this run and nothing else.

Belongs here: the order of things. Lives elsewhere: the transactions (``ledger.py``), bodies and answers
(``destinations``), whether anything may leave (``gate.py``).
"""

from __future__ import annotations

import random
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from orchestration.deliveries import accounts, gate, ledger, submissions
from orchestration.deliveries.conversion import Account, Conversion, Request
from orchestration.deliveries.counts import Counted
from orchestration.deliveries.destinations import destination_of
from orchestration.deliveries.ledger import Leased
from orchestration.deliveries.outcomes import BLOCKED_WAIT, Outcome, of_error, rejected
from orchestration.deliveries.splitting import Splitter
from orchestration.deliveries.states import State
from orchestration.deliveries.timing import Breaker, backoff
from orchestration.vendors.errors import (
    RequestRefused,
    RouteBlocked,
    Throttled,
    Unauthorized,
    Unclear,
    Unreachable,
    VendorError,
)
from orchestration.warehouse.secrets import SecretUnreadable, Vault

if TYPE_CHECKING:
    from orchestration.warehouse import Warehouse

Connect = Callable[["Warehouse", Account], Any]


def connect(warehouse: Warehouse, account: Account) -> Any:
    """The platform's client, under the account's own credentials.

    Raises:
        VendorError: The credentials are incomplete.
        SecretUnreadable: They do not open under this master key.
    """
    vault = Vault.of(warehouse.settings)
    credentials = accounts.read_credentials(warehouse, vault, account)
    if not credentials:
        raise Unauthorized("credential_missing")
    return destination_of(account).connect(warehouse.settings, credentials, account)


@dataclass(frozen=True)
class Tools:
    """What comes in from outside: clients, chance, the clock, ids."""

    connect: Connect = connect
    chance: Callable[[], float] = random.random
    clock: Callable[[], float] = time.monotonic
    new_token: Callable[[], UUID] = uuid4


@dataclass
class Report:
    """What one run did for one account; codes and counts only.

    Attributes:
        account: Which.
        requests: How many requests left.
        moves: How many rows came to each state.
        codes: How often each code of the platform's or ours was the answer.
        stopped_by: ``gate_closed``, ``credential_refused``, ``throttled``, ``breaker_open``, ``refuses_everything``
            or ``bug``; None when all that was due has been sent.
        details: The rules that keep the gate closed, or the code behind the stop.
        bugs: Kinds of our own errors.
    """

    account: Account
    requests: int = 0
    moves: Counter[str] = field(default_factory=Counter[str])
    codes: Counter[str] = field(default_factory=Counter[str])
    stopped_by: str | None = None
    details: tuple[str, ...] = ()
    bugs: Counter[str] = field(default_factory=Counter[str])


def send_due(
    warehouse: Warehouse, tenant_ids: Sequence[UUID] | None = None, tools: Tools | None = None
) -> list[Report]:
    """Send everything that is due, and ask what became of what was taken earlier.

    Args:
        warehouse: As role worker.
        tenant_ids: Whose; all active tenants by default.
        tools: Replacements for the outside.

    Returns:
        One report per account, whatever happened to the others.
    """
    with _routes(warehouse, tenant_ids, tools or Tools()) as routes:
        for route in routes:
            route.guarded(route.poll)
        waiting = deque(routes)
        while waiting:
            route = waiting.popleft()
            if route.guarded(route.step):
                waiting.append(route)
        for route in routes:
            route.guarded(route.poll)
    return [route.report for route in routes]


def poll_submitted(
    warehouse: Warehouse, tenant_ids: Sequence[UUID] | None = None, tools: Tools | None = None
) -> list[Report]:
    """Ask what became of what was taken earlier, and send nothing; arguments as for ``send_due``."""
    with _routes(warehouse, tenant_ids, tools or Tools()) as routes:
        for route in routes:
            route.guarded(route.poll)
    return [route.report for route in routes]


@contextmanager
def _routes(
    warehouse: Warehouse, tenant_ids: Sequence[UUID] | None, tools: Tools
) -> Generator[list[_Route]]:
    """The accounts of all tenants, one of each in turn; their clients are closed at the end."""
    if tenant_ids is None:
        tenant_ids = [tenant.tenant_id for tenant in warehouse.tenants()]
    routes = [
        _Route(warehouse, account, tools)
        for round_ in zip_longest(*(accounts.list_accounts(warehouse, t) for t in tenant_ids))
        for account in round_
        if account is not None and warehouse.settings.may_reach(account.config)
    ]
    try:
        yield routes
    finally:
        for route in routes:
            route.close()


class _Route:
    """One account in one run."""

    def __init__(self, warehouse: Warehouse, account: Account, tools: Tools) -> None:
        self.report = Report(account)
        self._warehouse = warehouse
        self._account = account
        self._tools = tools
        self._destination = destination_of(account)
        self._repeats = ledger.Repeats(
            self._destination.RESEND_WITHIN, self._destination.ONCE_LANES
        )
        self._breaker = Breaker()
        self._client: Any = None
        self._is_tidy = False

    def guarded(self, act: Callable[[], bool]) -> bool:
        """Do something for this account; an error of ours ends its run and leaves the others alone."""
        if self.report.stopped_by == "bug":
            return False
        try:
            return act()
        except Exception as bug:  # noqa: BLE001 - reported by kind; the asset raises when all are done
            self.report.bugs[type(bug).__name__] += 1
            return self._stop("bug", type(bug).__name__)

    def close(self) -> None:
        """Let go of the client."""
        if self._client is not None:
            self._client.close()

    def step(self) -> bool:
        """Send one batch.

        Returns:
            Whether there may be more.
        """
        if not self._is_tidy:
            ledger.tidy(self._warehouse, self._account, self._repeats)
            self._is_tidy = True
        if not self._may_send():
            return False
        size = self._destination.batch_size(
            submissions.count_unresolved(self._warehouse, self._account)
        )
        lease = ledger.lease_rows(
            self._warehouse,
            self._account,
            self._word,
            self._repeats,
            token=self._tools.new_token(),
            limit=size,
            chance=self._tools.chance,
        )
        self._note_lease(lease)
        lanes: dict[str, list[Leased]] = {}
        for row in lease.rows:
            lanes.setdefault(row.lane, []).append(row)
        for lane, rows in sorted(lanes.items()):
            self._deliver(lease.token, lane, rows, size)
        return self.report.stopped_by is None and not lease.is_empty

    def poll(self) -> bool:
        """Ask what became of requests that were taken earlier.

        Returns:
            Whether all could be asked.
        """
        due = submissions.list_submitted(self._warehouse, self._account)
        if not due or not self._is_connected():
            return False
        for request in due:
            try:
                outcome = self._destination.retrieve(
                    self._client, request.platform_request_id, request.event_count
                )
            except RequestRefused as error:
                # Google does not know the request, or no longer.
                outcome = Outcome(State.IN_DOUBT, error.code, is_failure=True)
            except VendorError as error:
                self.report.codes[error.code] += 1
                return False
            self._settle_later(request.platform_request_id, outcome)
        return True

    def _may_send(self) -> bool:
        if self.report.stopped_by is not None:
            return False
        if rules := gate.ask(self._warehouse, self._account.tenant_id):
            return self._stop("gate_closed", *rules)
        return self._is_connected()

    def _is_connected(self) -> bool:
        if self._client is None:
            try:
                self._client = self._tools.connect(self._warehouse, self._account)
            except VendorError as error:
                return self._stop("credential_refused", error.code)
            except SecretUnreadable:
                return self._stop("credential_refused", "credential_unreadable")
        return True

    def _word(self, conversion: Conversion) -> tuple[str, Mapping[str, Any]]:
        return self._destination.lane(conversion), self._destination.event(conversion)

    def _note_lease(self, lease: ledger.Lease) -> None:
        self.report.moves.update([State.REJECTED] * len(lease.refused))
        self.report.codes.update(lease.refused)
        self.report.bugs.update(lease.bugs)

    def _deliver(self, token: UUID, lane: str, rows: Sequence[Leased], size: int) -> None:
        splitter = Splitter(rows, size)
        is_open = self.report.stopped_by is None
        while is_open and (batch := splitter.take()):
            if not self._breaker.allows(self._tools.clock()):
                splitter.put_back(batch)
                is_open = self._stop("breaker_open")
                continue
            is_open = self._send_batch(token, lane, batch, splitter)
        if splitter.rest:
            self._release(token, splitter)

    def _send_batch(
        self, token: UUID, lane: str, batch: list[Leased], splitter: Splitter[Leased]
    ) -> bool:
        """Send rows together.

        Returns:
            Whether the lane may go on.
        """

        def make(rows: Sequence[Leased]) -> Request:
            return self._destination.request([row.event for row in rows], self._account, lane)

        try:
            opened = ledger.open_request(self._warehouse, self._account, token, batch, make)
        except RouteBlocked as error:
            self._settle(token, batch, of_error(error))
            return False
        if opened is None:
            return True
        key, ours, request = opened
        self.report.requests += 1
        try:
            outcomes = self._destination.send(self._client, request)
            if len(outcomes) != len(ours):
                raise Unclear("count_differs")
        except RequestRefused as error:
            return self._take_refusal(token, key, ours, error, splitter)
        except VendorError as error:
            self._settle(token, ours, of_error(error), key=key)
            return self._react(error)
        splitter.note_taken()
        self._breaker.record(self._tools.clock(), succeeded=True)
        self._settle_each(token, dict(zip(ours, outcomes, strict=True)), key=key, code="ok")
        return True

    def _take_refusal(
        self,
        token: UUID,
        key: str,
        rows: Sequence[Leased],
        error: RequestRefused,
        splitter: Splitter[Leased],
    ) -> bool:
        self._breaker.record(self._tools.clock(), succeeded=True)
        refused = {
            row: rejected(code, error.request_id) for row, code in splitter.split(rows, error)
        }
        self._settle_each(token, refused, key=key, code=error.code)
        if splitter.is_systematic:
            return self._stop("refuses_everything", error.code)
        return True

    def _react(self, error: VendorError) -> bool:
        match error:
            case Throttled():
                return self._stop("throttled", error.code)
            case Unauthorized():
                return self._stop("credential_refused", error.code)
            case RouteBlocked():
                return False
            case Unclear() | Unreachable():
                self._breaker.record(self._tools.clock(), succeeded=False)
                return True
            case _:
                return True

    def _release(self, token: UUID, splitter: Splitter[Leased]) -> None:
        """Give back rows that this run will not send any more."""
        if splitter.may_be_applied:
            outcome = Outcome(State.IN_DOUBT, "split_budget", is_failure=True)
        else:
            outcome = Outcome(State.PENDING, wait=BLOCKED_WAIT, is_sent=False)
        self._settle(token, splitter.rest, outcome)

    def _settle(
        self, token: UUID, rows: Sequence[Leased], outcome: Outcome, key: str | None = None
    ) -> None:
        self._settle_each(token, dict.fromkeys(rows, outcome), key=key, code=outcome.code)

    def _settle_each(
        self,
        token: UUID,
        outcomes: Mapping[Leased, Outcome],
        *,
        key: str | None = None,
        code: str | None = None,
    ) -> None:
        told = {row.delivery_id: self._timed(outcome, row) for row, outcome in outcomes.items()}
        moved = ledger.settle(
            self._warehouse,
            self._account,
            token,
            told,
            request_key=key,
            code=code,
            request_id=next((o.request_id for o in told.values() if o.request_id), None),
        )
        self.report.moves.update(moved.values())
        self.report.codes.update(code for o in told.values() if (code := o.code))

    def _settle_later(self, request_id: str, outcome: Outcome | Counted | None) -> None:
        if outcome is None:
            submissions.postpone_submitted(self._warehouse, self._account, request_id)
            return
        if isinstance(outcome, Counted):
            told = submissions.settle_counted(
                self._warehouse,
                self._account,
                request_id,
                outcome,
                lambda failures: backoff(failures, self._tools.chance),
            )
            self.report.moves.update(o.state for o in told)
            self.report.codes.update(o.code for o in told if o.code)
            return
        wait = outcome.wait or backoff(0, self._tools.chance)
        moved = submissions.settle_submitted(
            self._warehouse, self._account, request_id, outcome, wait
        )
        self.report.moves[outcome.state] += moved
        if outcome.code:
            self.report.codes[outcome.code] += moved

    def _timed(self, outcome: Outcome, row: Leased) -> Outcome:
        if outcome.wait is not None or outcome.state not in {State.RETRY_WAIT, State.IN_DOUBT}:
            return outcome
        return replace(outcome, wait=backoff(row.failures, self._tools.chance))

    def _stop(self, by: str, *details: str) -> bool:
        # The first stop is the reason; what follows from it is not.
        if self.report.stopped_by is None:
            self.report.stopped_by = by
            self.report.details = details
        return False
