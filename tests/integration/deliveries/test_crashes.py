"""Killed anywhere: nothing is counted twice, and nothing that can be repeated stays uncounted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Connection

from orchestration.deliveries.destinations import DESTINATIONS
from orchestration.deliveries.sender import connect, send_due
from orchestration.sandbox.server import Sandbox
from orchestration.warehouse import Warehouse

DeskMaker = Callable[..., Any]
PLATFORMS = tuple(DESTINATIONS)
NOT_COUNTED = {"held", "pending", "retry_wait", "rejected", "expired", "cancelled"}


class Killed(BaseException):
    """The process is gone; nothing of ours may catch this."""


class Killer:
    """Counts the moments at which a sender can die, and strikes at one of them."""

    def __init__(self, moment: int) -> None:
        self._left = moment
        self.struck_at: str | None = None

    def strike(self, where: str) -> None:
        """Die here, if this is the moment."""
        if self.struck_at is None:
            self._left -= 1
            if self._left < 0:
                self.struck_at = where
                raise Killed(where)


class MortalWarehouse(Warehouse):
    """A pool whose user can die before and after each commit."""

    def __init__(self, healthy: Warehouse, killer: Killer) -> None:
        super().__init__(healthy.settings, healthy.role)
        self._killer = killer

    @contextmanager
    def tenant(self, tenant_id: UUID) -> Iterator[Connection]:
        with super().tenant(tenant_id) as connection:
            yield connection
            self._killer.strike("before commit")
        self._killer.strike("after commit")


class MortalClient:
    """A client whose user can die before a request leaves, and when the platform has taken it."""

    def __init__(self, client: Any, killer: Killer) -> None:
        self._client = client
        self._killer = killer

    def __getattr__(self, name: str) -> Any:
        act = getattr(self._client, name)
        if name not in {"ingest", "send_events"}:
            return act

        def send(*arguments: Any) -> Any:
            self._killer.strike("before sending")
            answer = act(*arguments)
            self._killer.strike("after sending")
            return answer

        return send


def send_and_die(desk: Any, moment: int) -> str | None:
    """Send until the moment strikes; tells where, or None when the run came to its end first."""
    killer = Killer(moment)
    with MortalWarehouse(desk.warehouse, killer) as mortal:
        tools = type(desk.tools)(
            connect=lambda _warehouse, account: MortalClient(
                connect(desk.warehouse, account), killer
            ),
            chance=lambda: 0.0,
        )
        with suppress(Killed):
            send_due(mortal, [desk.tenant_id], tools)
    return killer.struck_at


def recover(desk: Any) -> None:
    """Let leases run out and send again, as the next hours' runs would."""
    for _ in range(4):
        desk.pass_time(1)
        desk.send()


def counted(desk: Any) -> dict[str, int]:
    """How often each event id came, of this tenant."""
    ours = {row[0] for row in desk.rows("event_id")}
    events = desk.sandbox.around.tally.events()
    return {e["event_id"]: e["times"] for e in events if e["event_id"] in ours}


@pytest.mark.parametrize("platform", PLATFORMS)
def test_killed_at_every_moment_counts_once(make_desk: DeskMaker, platform: str) -> None:
    desk = make_desk(platform)
    places: set[str] = set()
    moment = 0
    while True:
        desk.plan(f"c{moment:03}-a", platform)
        desk.plan(f"c{moment:03}-b", platform)
        desk.enroll()
        place = send_and_die(desk, moment)
        if place is None:
            break
        places.add(place)
        recover(desk)
        moment += 1
    recover(desk)
    assert places == {"before commit", "after commit", "before sending", "after sending"}
    assert moment >= 12
    assert set(desk.states().values()) <= {"accepted", "duplicate"}
    assert set(counted(desk)) == {row[0] for row in desk.rows("event_id")}
    assert len(counted(desk)) == 2 * (moment + 1)


def test_killed_at_every_moment_never_sends_a_message_twice(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    moment = 0
    while True:
        desk.plan(f"c{moment:03}", "meta", ctwa_clid="ARAkLkA8rmlFeiCktEJQ")
        desk.enroll()
        if send_and_die(desk, moment) is None:
            break
        recover(desk)
        moment += 1
    assert set(counted(desk).values()) == {1}
    # Only what had left, or was about to, is given up; the rest arrived.
    given_up = [state for state in desk.states().values() if state == "dead"]
    assert len(given_up) <= 4
    assert len(counted(desk)) >= len(desk.states()) - 2


def _wait_until(is_true: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + 30
    while not is_true():
        if time.monotonic() > ends_at:
            raise TimeoutError("the platform was never reached")
        os.sched_yield()


SENDER = """
import sys
from pathlib import Path
from uuid import UUID
from pydantic import SecretStr
from orchestration.deliveries.sender import send_due
from orchestration.settings import Settings
from orchestration.warehouse import Warehouse

settings = Settings.model_validate_json(sys.argv[1])
with Warehouse(settings, "worker") as warehouse:
    send_due(warehouse, [UUID(sys.argv[2])])
"""


@pytest.mark.parametrize("platform", PLATFORMS)
def test_process_killed_between_sending_and_commit_counts_once(
    make_desk: DeskMaker, platform: str
) -> None:
    desk = make_desk(platform)
    for number in range(5):
        desk.plan(f"c{number}", platform)
    desk.enroll()
    # The platform takes everything and never says so.
    desk.sandbox.arm(platform, "timeout_after", hold_seconds=30)
    given = desk.warehouse.settings
    # The master key lies in the state folder, as it does for a service.
    plain = desk.sandbox.settings_overrides() | {
        "home": str(given.home),
        "database_url": given.database_url.get_secret_value(),
    }
    process = subprocess.Popen(  # noqa: S603 - our own interpreter, our own text
        [sys.executable, "-c", SENDER, json.dumps(plain), str(desk.tenant_id)], env=dict(os.environ)
    )
    try:
        _wait_until(lambda: len(counted(desk)) == 5)
        process.send_signal(signal.SIGKILL)
    finally:
        process.kill()
        process.wait(10)
    assert set(desk.states().values()) == {"leased"}
    recover(desk)
    assert set(desk.states().values()) <= {"accepted", "duplicate"}
    assert len(counted(desk)) == 5


class Deliveries(RuleBasedStateMachine):
    """Random plans, faults, kills, changes of mind and hours: the ledger never claims what the platform denies."""

    make_desk: DeskMaker

    def __init__(self) -> None:
        super().__init__()
        self.desk = type(self).make_desk("meta")
        self.count = 0

    @rule(is_message=st.booleans(), decision=st.sampled_from(["send", "send", "hold"]))
    def plan(self, is_message: bool, decision: str) -> None:
        self.count += 1
        self.desk.plan(
            f"c{self.count:03}",
            "meta",
            decision=decision,
            reason="eligible" if decision == "send" else "consent_unknown",
            ctwa_clid="ARAkLkA8rmlFeiCktEJQ" if is_message else None,
        )
        self.desk.enroll()

    @rule(number=st.integers(1, 12), is_willing=st.booleans())
    def change_mind(self, number: int, is_willing: bool) -> None:
        decision, reason, consent = (
            ("send", "eligible", "granted") if is_willing else ("never", "consent_denied", "denied")
        )
        self.desk.change_plan(f"c{number:03}", decision=decision, reason=reason)
        self.desk.change_conversion(f"c{number:03}", consent=consent)
        self.desk.enroll()

    @rule(
        fault=st.sampled_from(
            [
                *("429", "503", "502_html", "reset", "reset_after", "code_1"),
                *("expired_token", "whole_request_refusal"),
            ]
        ),
        times=st.integers(1, 3),
    )
    def arm(self, fault: str, times: int) -> None:
        self.desk.sandbox.arm("meta", fault, times=times)

    @rule(chance=st.floats(0, 0.99))
    def send(self, chance: float) -> None:
        self.desk.send(chance=lambda: chance)

    @rule(moment=st.integers(0, 30))
    def send_and_die(self, moment: int) -> None:
        send_and_die(self.desk, moment)

    @rule(hours=st.sampled_from([0.1, 1, 13, 50]))
    def pass_time(self, hours: float) -> None:
        self.desk.pass_time(hours)

    @invariant()
    def platform_has_what_the_ledger_says(self) -> None:
        seen = counted(self.desk)
        # The newest version speaks for its event.
        newest = dict(self.desk.rows("event_id, state"))
        lanes = dict(self.desk.rows("event_id, lane"))
        for event_id, state in newest.items():
            if state in {"accepted", "duplicate"}:
                assert event_id in seen
            if state in NOT_COUNTED:
                assert event_id not in seen
            if lanes[event_id] == "messaging":
                assert seen.get(event_id, 0) <= 1

    def teardown(self) -> None:
        self.desk.sandbox.around.faults.clear()
        recover(self.desk)
        self.desk.pass_time(50)
        self.desk.send()
        self.platform_has_what_the_ledger_says()
        assert set(self.desk.states().values()) <= {
            *("accepted", "duplicate", "rejected", "dead"),
            *("cancelled", "held", "expired"),
        }


def test_ledger_and_platform_agree_whatever_happens(make_desk: DeskMaker) -> None:
    machine = type("Deliveries", (Deliveries,), {"make_desk": staticmethod(make_desk)})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=15,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_sandbox_repeats_are_told_from_conversions(make_desk: DeskMaker, sandbox: Sandbox) -> None:
    desk = make_desk("tiktok")
    desk.plan("c1", "tiktok")
    desk.enroll()
    sandbox.arm("tiktok", "reset_after")
    desk.send()
    recover(desk)
    assert counted(desk) == {desk.rows("event_id")[0][0]: 2}
    assert desk.received("tiktok")["distinct_ids"] == 1
