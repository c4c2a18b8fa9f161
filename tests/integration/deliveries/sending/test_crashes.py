"""Killed anywhere: nothing is counted twice, and nothing that can be repeated stays uncounted."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
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
from orchestration.deliveries.sending.sender import connect, send_due
from orchestration.sandbox.server import Sandbox
from orchestration.warehouse import Warehouse
from tests.integration.deliveries.sending.mortals import MortalClient

DeskMaker = Callable[..., Any]
PLATFORMS = tuple(DESTINATIONS)
MORTALS = Path(__file__).with_name("mortals.py")
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
    def tenant(self, tenant_id: UUID) -> Generator[Connection]:
        with super().tenant(tenant_id) as connection:
            yield connection
            self._killer.strike("before commit")
        self._killer.strike("after commit")


def send_and_die(desk: Any, moment: int) -> str | None:
    """Send until the moment strikes; tells where, or None when the run came to its end first."""
    killer = Killer(moment)
    with MortalWarehouse(desk.warehouse, killer) as mortal:
        tools = type(desk.tools)(
            connect=lambda _warehouse, account: MortalClient(
                connect(desk.warehouse, account),
                answered=lambda: killer.strike("after sending"),
                leaving=lambda: killer.strike("before sending"),
            ),
            ensure_probed=desk.tools.ensure_probed,
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


@pytest.mark.parametrize(
    ("platform", "config"),
    [*((platform, {}) for platform in PLATFORMS), ("google", {"api": "click_upload"})],
    ids=[*PLATFORMS, "google_clicks"],
)
def test_killed_at_every_moment_counts_once(
    make_desk: DeskMaker,
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    platform: str,
    config: dict[str, str],
) -> None:
    # The classic upload's own client speaks gRPC, and must trust the stand-in.
    monkeypatch.setenv("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", str(sandbox.grpc_roots_path))
    desk = make_desk()
    desk.install(platform, **config)
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


KILLS = int(os.environ.get("LEADLOOP_KILLS", "200"))
# Places where a sender can die, and how many moments of that name each run has at least.
PLACES = {
    "before commit of tidy": 3,
    "before commit of lease_rows": 3,
    "after commit of lease_rows": 3,
    "before commit of open_request": 1,
    "after commit of open_request": 1,
    "half a request": 3,
    "answered": 3,
    "before commit of settle": 3,
    "after commit of settle": 3,
    "before commit of settle_submitted": 1,
    "after commit of settle_submitted": 1,
}


class Mortals:
    """Senders to be killed: a warm process that forks one per order."""

    def __init__(self, desk: Any) -> None:
        given = desk.warehouse.settings
        # The master key lies in the state folder, as it does for a service.
        plain = desk.sandbox.settings_overrides() | {
            "home": str(given.home),
            "database_url": given.database_url.get_secret_value(),
        }
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter, our own file
            [sys.executable, MORTALS, json.dumps(plain), str(desk.tenant_id)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._read()

    def send(self, **order: Any) -> bool:
        """Let one live and send; tells whether it was killed."""
        assert self._process.stdin
        given = {"place": None, "skip": 0, "seed": 0, "random_ids": False} | order
        self._process.stdin.write(json.dumps(given) + "\n")
        self._process.stdin.flush()
        return self._read()["killed"]

    def close(self) -> None:
        """Let the process end."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(10)

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        assert line, "the process that forks senders has ended"
        return json.loads(line)


def plan_some(desk: Any, number: int) -> None:
    """Plan a conversion for each platform, and one at Google under another action, in a lane of its own."""
    desk.plan(f"k{number:05}-m", "meta")
    desk.plan(f"k{number:05}-t", "tiktok")
    desk.plan(f"k{number:05}-g", "google")
    other = {"kind": "appointment", "action": "BOOK_APPOINTMENT", "action_id": "900000004"}
    desk.plan(f"k{number:05}-a", "google", **other)
    desk.enroll()


def kill_often(desk: Any, kills: int, **order: Any) -> Counter[str]:
    """Let senders be killed at every place in turn, with something new to do for each; then let one live.

    Returns:
        How often one was killed at which place.
    """
    deaths: Counter[str] = Counter()
    chance = random.Random(7)  # noqa: S311 - no secret
    with closing(Mortals(desk)) as mortals:
        for number in range(kills * 3):
            if deaths.total() == kills:
                break
            plan_some(desk, number)
            place = tuple(PLACES)[number % len(PLACES)]
            skip = chance.randrange(PLACES[place])
            if mortals.send(place=place, skip=skip, seed=number, **order):
                deaths[place] += 1
            # More than a lease, so that what the dead one held is taken back.
            desk.pass_time(0.05)
        for number in range(4):
            assert not mortals.send(seed=-number - 1, **order)
            desk.pass_time(1)
    return deaths


def test_senders_killed_for_good_at_every_step_lose_nothing_and_count_nothing_twice(
    make_desk: DeskMaker,
) -> None:
    desk = make_desk(*PLATFORMS)
    deaths = kill_often(desk, KILLS)
    assert deaths.total() == KILLS
    assert set(deaths) == set(PLACES)
    planned = {event_id for (event_id,) in desk.rows("event_id")}
    assert set(counted(desk)) == planned
    assert sum(desk.received(platform)["distinct_ids"] for platform in PLATFORMS) == len(planned)
    assert sum(desk.received(platform)["without_id"] for platform in PLATFORMS) == 0
    assert {state for _, state in desk.rows()} <= {"accepted", "duplicate"}
    # The platforms did see repeats, and knew them: the kills were real.
    assert max(counted(desk).values()) > 1


def test_control_with_an_id_for_each_attempt_counts_some_twice(make_desk: DeskMaker) -> None:
    desk = make_desk("meta", "tiktok")
    kill_often(desk, 20, random_ids=True)
    platforms = ("meta", "tiktok")
    sent = sum(platform in platforms for (platform,) in desk.rows("platform"))
    assert sum(desk.received(platform)["distinct_ids"] for platform in platforms) > sent


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
