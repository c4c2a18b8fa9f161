"""Runs: one account in one run of the sender: what may be sent, a batch of it, and what was answered.

What stops the account (gate, stop, throttle, breaker) is reported and stops nobody else.

Belongs here: the order of things for one account. Lives elsewhere: whose turn it is (``sender.py``), the transactions
(``leases.py``, ``ledger.py``), bodies and answers (``destinations``), whether anything may leave (``gate.py``,
``stops.py``, ``capabilities.py``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from orchestration.deliveries.conversion import Account, Conversion, Request
from orchestration.deliveries.destinations import destination_of
from orchestration.deliveries.ledger import leases, ledger, submissions
from orchestration.deliveries.ledger.leases import Leased, Opened
from orchestration.deliveries.ledger.outcomes import (
    BLOCKED_WAIT,
    THROTTLE_WAIT,
    Outcome,
    of_error,
    rejected,
)
from orchestration.deliveries.ledger.states import State
from orchestration.deliveries.ledger.timing import Breaker, backoff
from orchestration.deliveries.sending import gate, stops
from orchestration.deliveries.sending.outside import Tools
from orchestration.deliveries.sending.splitting import Splitter
from orchestration.vendors.errors import (
    RequestRefused,
    RouteBlocked,
    Throttled,
    Unauthorized,
    Unclear,
    Unreachable,
    VendorError,
)
from orchestration.warehouse.secrets import SecretUnreadable

if TYPE_CHECKING:
    from orchestration.warehouse import Warehouse


@dataclass
class Report:
    """What one run did for one account; codes and counts only.

    Attributes:
        account: Which.
        requests: How many requests left.
        moves: How many rows came to each state.
        codes: How often each code of the platform's or ours was the answer.
        stopped_by: ``gate_closed``, ``stopped``, ``credential_refused``, ``throttled``, ``breaker_open``,
            ``refuses_everything`` or ``bug``; None when all that was due has been sent.
        details: The rules that keep the gate closed, or the code behind the stop.
        closed: Lanes and actions that are stopped, each with the kind and the code of its stop.
        bugs: Kinds of our own errors.
    """

    account: Account
    requests: int = 0
    moves: Counter[str] = field(default_factory=Counter[str])
    codes: Counter[str] = field(default_factory=Counter[str])
    stopped_by: str | None = None
    details: tuple[str, ...] = ()
    closed: dict[str, str] = field(default_factory=dict[str, str])
    bugs: Counter[str] = field(default_factory=Counter[str])


class Run:
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
        self._is_probed = False
        # Lanes (and the account itself) of which a small request is asking, and those that gave no clear answer.
        self._on_trial: set[str] = set()
        self._unproven: set[str] = set()

    def guarded(self, act: Callable[[Run], bool]) -> bool:
        """Do something for this account; an error of ours ends its run and leaves the others alone."""
        if self.report.stopped_by == "bug":
            return False
        try:
            return act(self)
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
            with self._warehouse.tenant(self._account.tenant_id) as connection:
                stops.forget_throttle(connection, self._account)
            self._is_tidy = True
        doors = self._open_doors()
        if doors is None:
            return False
        size = self._destination.batch_size(
            submissions.count_unresolved(self._warehouse, self._account)
        )
        if stops.WHOLE_ACCOUNT in self._on_trial:
            size = min(size, stops.TRIAL_ROWS)
        lease = leases.lease_rows(
            self._warehouse,
            self._account,
            self._word,
            self._repeats,
            token=self._tools.new_token(),
            limit=size,
            chance=self._tools.chance,
            doors=doors,
            make=self._make,
        )
        self._note_lease(lease)
        opened = lease.opened
        for lane, rows in lease.lanes.items():
            self._deliver(lease.token, lane, rows, size, opened)
            opened = None
        self._unproven |= self._on_trial
        return self.report.stopped_by is None and not lease.is_empty

    def poll_once(self) -> bool:
        """Ask what became of requests that were taken earlier; there is no more to do in this run."""
        self._poll()
        return False

    def _poll(self) -> None:
        due = submissions.list_submitted(self._warehouse, self._account)
        if not due or self._is_throttled() or not self._is_connected():
            return
        for request in due:
            try:
                answer = self._destination.retrieve(
                    self._client, request.platform_request_id, request.event_count
                )
            except RequestRefused as error:
                # Google does not know the request, or no longer.
                answer = Outcome(State.IN_DOUBT, error.code, is_failure=True)
            except VendorError as error:
                self.report.codes[error.code] += 1
                if isinstance(error, Throttled):
                    self._hold(error)
                return
            if answer is None and not request.is_overdue:
                submissions.postpone_submitted(self._warehouse, self._account, request)
                continue
            moved = submissions.settle_submitted(
                self._warehouse,
                self._account,
                request,
                answer or submissions.UNANSWERED,
                self._tools.chance,
            )
            for (state, code), count in moved.items():
                self.report.moves[state] += count
                if code:
                    self.report.codes[code] += count

    def _open_doors(self) -> leases.Doors | None:
        """What may be sent now; None when nothing may."""
        if self.report.stopped_by is not None:
            return None
        if rules := gate.ask(self._warehouse, self._account.tenant_id):
            self._stop("gate_closed", *rules)
            return None
        closed = self._closed_targets()
        if closed is None or not self._is_connected():
            return None
        if not self._is_probed:
            self._is_probed = True
            if self._tools.ensure_probed(self._warehouse, self._account, self._client):
                closed = self._closed_targets()
        if closed is None:
            return None
        if not self._breaker.allows(self._tools.clock()):
            self._stop("breaker_open")
            return None
        return leases.Doors(closed, frozenset(self._on_trial), stops.TRIAL_ROWS)

    def _closed_targets(self) -> frozenset[str] | None:
        """The lanes and actions that are stopped; None when the whole account is."""
        with self._warehouse.tenant(self._account.tenant_id) as connection:
            standing = stops.list_stops(connection, self._account)
        self._on_trial = {s.target for s in standing if s.is_due} - self._unproven
        closed = {
            s.target: f"{s.kind}:{s.code}" for s in standing if s.target not in self._on_trial
        }
        if reason := closed.pop(stops.WHOLE_ACCOUNT, None):
            kind, _, code = reason.partition(":")
            self._stop(*(("throttled", code) if kind == "throttle" else ("stopped", reason)))
            return None
        self.report.closed |= closed
        return frozenset(closed)

    def _is_connected(self) -> bool:
        if self._client is None:
            try:
                self._client = self._tools.connect(self._warehouse, self._account)
            except VendorError as error:
                self._close("credential", error.code)
                return self._stop("credential_refused", error.code)
            except SecretUnreadable:
                return self._stop("credential_refused", "credential_unreadable")
        return True

    def _word(self, conversion: Conversion) -> tuple[str, Mapping[str, Any]]:
        return self._destination.lane(conversion), self._destination.event(conversion)

    def _make(self, lane: str, rows: Sequence[Leased]) -> Request:
        return self._destination.request([row.event for row in rows], self._account, lane)

    def _note_lease(self, lease: leases.Lease) -> None:
        self.report.moves.update([State.REJECTED] * len(lease.refused))
        self.report.moves.update([State.NOTED] * len(lease.noted))
        self.report.codes.update(lease.refused + lease.noted)
        self.report.bugs.update(lease.bugs)

    def _deliver(
        self, token: UUID, lane: str, rows: Sequence[Leased], size: int, opened: Opened | None
    ) -> None:
        splitter = Splitter(rows, size)
        is_open = self.report.stopped_by is None
        while is_open and (batch := splitter.take()):
            if opened is None and not self._breaker.allows(self._tools.clock()):
                splitter.put_back(batch)
                is_open = self._stop("breaker_open")
                continue
            is_open = self._send_batch(token, lane, batch, splitter, opened)
            opened = None
        if splitter.rest:
            self._release(token, splitter)

    def _send_batch(
        self,
        token: UUID,
        lane: str,
        batch: list[Leased],
        splitter: Splitter[Leased],
        opened: Opened | None,
    ) -> bool:
        """Send rows together.

        Returns:
            Whether the lane may go on.
        """
        try:
            opened = opened or leases.open_request(
                self._warehouse, self._account, token, lane, batch, self._make
            )
        except RouteBlocked as error:
            self._settle(token, batch, of_error(error))
            return self._react(error, lane)
        if opened is None:
            return True
        key, ours, request = opened.key, opened.rows, opened.request
        self.report.requests += 1
        try:
            outcomes = self._destination.send(self._client, request)
            if len(outcomes) != len(ours):
                raise Unclear("count_differs")
        except RequestRefused as error:
            self._prove(lane, ours)
            return self._take_refusal(token, key, ours, error, splitter)
        except VendorError as error:
            self._settle(token, ours, of_error(error), key=key)
            return self._react(error, lane)
        splitter.note_taken()
        self._prove(lane, ours)
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

    def _react(self, error: VendorError, lane: str) -> bool:
        match error:
            case Throttled():
                self._hold(error)
                return self._stop("throttled", error.code)
            case Unauthorized():
                self._close("credential", error.code)
                return self._stop("credential_refused", error.code)
            case RouteBlocked():
                self._close("route", error.code, lane)
                return False
            case Unclear() | Unreachable():
                self._breaker.record(self._tools.clock(), succeeded=False)
                return True
            case _:
                return True

    def _hold(self, error: Throttled) -> None:
        """Leave the account alone, for whatever is planned meanwhile too."""
        with self._warehouse.tenant(self._account.tenant_id) as connection:
            wait = error.retry_after or THROTTLE_WAIT
            stops.hold_account(connection, self._account, error.code, wait)

    def _is_throttled(self) -> bool:
        with self._warehouse.tenant(self._account.tenant_id) as connection:
            standing = stops.list_stops(connection, self._account)
        return any(stop.kind == "throttle" for stop in standing)

    def _close(self, kind: stops.Kind, code: str, lane: str = stops.WHOLE_ACCOUNT) -> None:
        """Let nothing more leave until a small request, or a person, says that it goes again."""
        with self._warehouse.tenant(self._account.tenant_id) as connection:
            stops.stop_for_a_while(connection, self._account, kind, code, lane)
        if lane:
            self.report.closed[lane] = f"{kind}:{code}"

    def _prove(self, lane: str, rows: Sequence[Leased]) -> None:
        """Note that the platform answers for a lane, its rows' actions and its account: those on trial go again."""
        if not self._on_trial:
            return
        proven = {lane, stops.WHOLE_ACCOUNT, *(row.action for row in rows)}
        for target in self._on_trial & proven:
            with self._warehouse.tenant(self._account.tenant_id) as connection:
                stops.resume(connection, self._account, stops.BY_SENDER, target)
            self._on_trial.discard(target)

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
        self._settle_each(token, dict.fromkeys(rows, outcome), key=key, code=outcome.code or "ok")

    def _settle_each(
        self,
        token: UUID,
        outcomes: Mapping[Leased, Outcome],
        *,
        key: str | None = None,
        code: str = "ok",
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
        self.report.codes.update(o.code for o in told.values() if o.code)

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
